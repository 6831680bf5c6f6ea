"""One change on the page: verb, reason, fields, calls, and what a prospect gets, before beside after. Pure.

Emails are shown in frames (`mail`), other texts as quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sequence_sync.model.address import Address
from sequence_sync.model.sequence import Variant
from sequence_sync.model.steps import payload_name
from sequence_sync.plan.model import CREATES, STATE_ONLY, Action, Change
from sequence_sync.render.escape import first_words
from sequence_sync.render.html.elements import IN_SALESHANDY, field_lines, hint, line, quoted, text
from sequence_sync.render.html.mail import frame_height, mail_card, mail_of
from sequence_sync.render.view import ViewRow, variants_of
from sequence_sync.render.words import counted, field_words, value_words

KINDS = {"+": "create", "~": "update", "-": "off", ">": "record", "!": "blocked"}
HEADLINE_WIDTH = 80
_OPENING_WORDS = 12


class Side(NamedTuple):
    """One of the versions that are shown side by side."""

    title: str
    variant: Variant
    is_email: bool


def sides(change: Change) -> Iterator[str]:
    """Yield each variant that `change` is about. One whose text does not change is in a fold, or not shown."""
    old, new = variants_of(change, change.before), variants_of(change, change.after)
    letters = sorted(old.keys() | new.keys())
    for letter in letters:
        versions = _versions(change, letter, old.get(letter), new.get(letter))
        heading = f"<h4>Variant {line(letter)}</h4>" if len(letters) > 1 else ""
        fold = _fold_title(change, versions)
        cards = _cards(change.address, letter, versions) if versions[-1].is_email or not fold else ""
        if cards and fold:
            yield f'<details class="quiet"><summary>{fold}</summary>{heading}{cards}</details>'
        elif cards:
            yield heading + cards


def _versions(change: Change, letter: str, before: Variant | None, after: Variant | None) -> list[Side]:
    old_title, new_title = _titles(change, before is not None and after is not None)
    versions = []
    if before is not None and change.before is not None:
        versions.append(Side(old_title, before, change.before.is_email))
        remote = _remote_texts(change, letter)
        if remote:
            payload = before.model_copy(update={"payload": {**before.payload, **remote}})
            versions.append(Side(IN_SALESHANDY, payload, change.before.is_email))
    if after is not None and change.after is not None:
        versions.append(Side(new_title, after, change.after.is_email))
    return versions


def _titles(change: Change, both: bool) -> tuple[str, str]:
    if change.action is Action.BLOCKED:
        return ("Last applied", "In the file") if both else ("Stays in Saleshandy", "In the file")
    if both:
        return "Before", "After"
    deactivates = change.action is Action.DEACTIVATE_VARIANT
    old = "Deactivated: prospects no longer get it" if deactivates else "Does not change"
    return old, "In Saleshandy" if change.action in STATE_ONLY else "New"


def _remote_texts(change: Change, letter: str) -> dict[str, str]:
    """Return the texts in Saleshandy, for a conflict, by the name of the payload's field."""
    start = f"variants.{letter}.payload."
    remote = {field.field.removeprefix(start): field.app for field in change.fields if field.field.startswith(start)}
    return {payload_name(name): value for name, value in remote.items() if isinstance(value, str)}


def _fold_title(change: Change, versions: list[Side]) -> str:
    """Return the title of the fold that holds the texts; empty for texts that are shown."""
    if len(versions) > 1 and all(side.variant.payload == versions[0].variant.payload for side in versions):
        return "The text does not change"
    return "The text" if change.action in STATE_ONLY else ""


def _cards(address: Address, letter: str, versions: list[Side]) -> str:
    same = len(versions) > 1 and all(side.variant == versions[0].variant for side in versions)
    shown = [versions[-1]._replace(title="Before and after")] if same else versions
    height = frame_height(*(mail_of(side.variant).body for side in shown if side.is_email))
    cards = ""
    for side in shown:
        label = f"{side.title}: email {address}, variant {letter}"
        inside = mail_card(mail_of(side.variant), label, height) if side.is_email else _task(side.variant)
        if inside:
            cards += f'<div class="side"><p class="sidetitle">{line(side.title)}</p>{inside}</div>'
    return f'<div class="sides">{cards}</div>' if cards else ""


def _task(variant: Variant) -> str:
    texts = [(field_words(name), value_words(value) or "") for name, value in variant.payload.items()]
    texts += [("task note", variant.task_note)] if variant.task_note else []
    texts += [("attachments", ", ".join(variant.attachments))] if variant.attachments else []
    return "".join(f'<p class="label">{line(name)}</p><blockquote>{text(value)}</blockquote>' for name, value in texts)


def change_article(row: ViewRow, anchor: str, is_open: bool) -> str:
    """Return `row` as a fold. `anchor`: its id on the page, made by us and therefore safe.

    A closed fold keeps its emails in a `<template>` for the page's script.
    """
    shown = "".join(sides(row.change))
    shown = f"<template>{shown}</template>" if shown and not is_open else shown
    impact = f'<span class="impact">{row.impact}</span>' if row.impact else ""
    return (
        f'<details class="change {KINDS[row.mark]}" id="{anchor}"{" open" if is_open else ""}>'
        f"<summary>{badge(row)}<h3>{line(row.address)}</h3>{_about(row)}{impact}</summary>"
        f'<div class="inside">{_why(row)}{_fields(row)}{shown}{_calls(row)}</div></details>'
    )


def badge(row: ViewRow) -> str:
    """Return the mark and the verb of `row`. The verb says everything that the color shows."""
    return f'<span class="badge"><b aria-hidden="true">{line(row.mark)}</b> {line(row.verb)}</span>'


def _about(row: ViewRow) -> str:
    words, quote, markup, rest = row.headline
    if quote:
        quote = first_words(quote, _OPENING_WORDS, True)[0] if markup else quote
        quote = f"“{line(quote, HEADLINE_WIDTH)}”"
    about = " · ".join(part for part in (line(words), quote, line(rest)) if part)
    return f'<span class="about">{about}</span>' if about else ""


def _why(row: ViewRow) -> str:
    why = f'<p class="why">Why: {hint(row.reason)}.</p>'
    return why + (f'<p class="todo"><b>What to do:</b> {hint(row.advice)}</p>' if row.advice else "")


def _fields(row: ViewRow) -> str:
    change = row.change
    lines = field_lines(row.details)
    if change.after is not None and (change.action in CREATES or change.wanted in CREATES):
        values = (("priority", change.after.priority), ("assignee", change.after.assignee))
        lines += "".join(f"<dt>{name}</dt><dd>{quoted(str(value))}</dd>" for name, value in values if value is not None)
    return f'<dl class="fields">{lines}</dl>' if lines else ""


def _calls(row: ViewRow) -> str:
    if not row.calls:
        return ""
    calls = "".join(f"<li><code>{line(call)}</code></li>" for call in row.calls)
    return f'<details class="quiet"><summary>{counted(len(row.calls), "call")}</summary><ul>{calls}</ul></details>'
