"""What a prospect gets, before beside after: emails in frames, other texts as they stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sequence_sync.model.sequence import Variant
from sequence_sync.plan.model import CREATES, STATE_ONLY, Action, Change
from sequence_sync.render.escape import first_words
from sequence_sync.render.html.elements import IN_APP, counted, field_lines, hint, line, quoted, text
from sequence_sync.render.html.mail import frame_height, mail_card, mail_of
from sequence_sync.render.view import ViewRow, field_words, value_words, variants_of


class Side(NamedTuple):
    """One of the texts that stand side by side."""

    title: str
    variant: Variant
    is_email: bool


def sides(change: Change) -> Iterator[str]:
    """Each variant that `change` is about; one that says the same before and after is folded, or not shown."""
    old, new = variants_of(change, change.before), variants_of(change, change.after)
    letters = sorted(old.keys() | new.keys())
    for letter in letters:
        found = _found(change, letter, old.get(letter), new.get(letter))
        heading = f"<h4>Variant {line(letter)}</h4>" if len(letters) > 1 else ""
        folded = _folded(change, found)
        cards = _cards(change.address, letter, found) if found[-1].is_email or not folded else ""
        if cards and folded:
            yield f'<details class="quiet"><summary>{folded}</summary>{heading}{cards}</details>'
        elif cards:
            yield heading + cards


def _found(change: Change, letter: str, before: Variant | None, after: Variant | None) -> list[Side]:
    was, will = _titles(change, before is not None and after is not None)
    found = []
    if before is not None and change.before is not None:
        found.append(Side(was, before, change.before.is_email))
        app = _app_texts(change, letter)
        if app:
            payload = before.model_copy(update={"payload": {**before.payload, **app}})
            found.append(Side(IN_APP, payload, change.before.is_email))
    if after is not None and change.after is not None:
        found.append(Side(will, after, change.after.is_email))
    return found


def _titles(change: Change, both: bool) -> tuple[str, str]:
    if change.action is Action.BLOCKED:
        return ("Last applied", "The file") if both else ("Stays in Saleshandy", "The file")
    if both:
        return "Before", "After"
    was = "Switched off: nobody gets it any more" if change.action is Action.DEACTIVATE_VARIANT else "Stays as it is"
    return was, "In Saleshandy" if change.action in STATE_ONLY else "New"


def _app_texts(change: Change, letter: str) -> dict[str, str]:
    """What Saleshandy says in a conflict, by name of the payload's field."""
    start = f"variants.{letter}.payload."
    told = {field.field.removeprefix(start): field.app for field in change.fields if field.field.startswith(start)}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _folded(change: Change, found: list[Side]) -> str:
    """The words under which the texts are folded; none: they are shown."""
    if len(found) > 1 and all(side.variant.payload == found[0].variant.payload for side in found):
        return "The text stays as it is"
    return "The text" if change.action in STATE_ONLY else ""


def _cards(address: str, letter: str, found: list[Side]) -> str:
    same = len(found) > 1 and all(side.variant == found[0].variant for side in found)
    shown = [found[-1]._replace(title="Before and after")] if same else found
    height = frame_height(*(mail_of(side.variant).body for side in shown if side.is_email))
    cards = ""
    for side in shown:
        label = f"{side.title}: email {address}, variant {letter}"
        inside = mail_card(mail_of(side.variant), label, height) if side.is_email else _task(side.variant)
        if inside:
            cards += f'<div class="side"><p class="sidetitle">{line(side.title)}</p>{inside}</div>'
    return f'<div class="sides">{cards}</div>' if cards else ""


def _task(variant: Variant) -> str:
    said = [(field_words(name), value_words(value) or "") for name, value in variant.payload.items()]
    said += [("task note", variant.task_note)] if variant.task_note else []
    said += [("attachments", ", ".join(variant.attachments))] if variant.attachments else []
    return "".join(f'<p class="label">{line(name)}</p><blockquote>{text(value)}</blockquote>' for name, value in said)


KINDS = {"+": "create", "~": "update", "-": "off", ">": "record", "!": "blocked"}
HEADLINE_WIDTH = 80
_OPENING_WORDS = 12


def change_article(row: ViewRow, anchor: str, is_open: bool) -> str:
    """`row` as something that folds. `anchor` is its id on the page: ours, so it is safe. Where it is folded, its
    emails wait in a `<template>` for the page's script."""
    shown = "".join(sides(row.change))
    shown = f"<template>{shown}</template>" if shown and not is_open else shown
    impact = f'<span class="impact">{row.impact}</span>' if row.impact else ""
    return (
        f'<details class="change {KINDS[row.mark]}" id="{anchor}"{" open" if is_open else ""}>'
        f"<summary>{badge(row)}<h3>{line(row.address)}</h3>{_about(row)}{impact}</summary>"
        f'<div class="inside">{_why(row)}{_fields(row)}{shown}{_calls(row)}</div></details>'
    )


def badge(row: ViewRow) -> str:
    """Mark and verb of `row`; its color stands for nothing that its words do not say."""
    return f'<span class="badge"><b aria-hidden="true">{line(row.mark)}</b> {line(row.verb)}</span>'


def _about(row: ViewRow) -> str:
    words, said, markup, rest = row.headline
    if said:
        said = first_words(said, _OPENING_WORDS, True)[0] if markup else said
        said = f"“{line(said, HEADLINE_WIDTH)}”"
    told = " · ".join(part for part in (line(words), said, line(rest)) if part)
    return f'<span class="about">{told}</span>' if told else ""


def _why(row: ViewRow) -> str:
    told = f'<p class="why">Why: {hint(row.reason)}.</p>'
    return told + (f'<p class="todo"><b>What to do:</b> {hint(row.advice)}</p>' if row.advice else "")


def _fields(row: ViewRow) -> str:
    change = row.change
    lines = field_lines(row.details)
    if change.after is not None and (change.action in CREATES or change.wanted in CREATES):
        told = (("priority", change.after.priority), ("assignee", change.after.assignee))
        lines += "".join(f"<dt>{name}</dt><dd>{quoted(str(value))}</dd>" for name, value in told if value is not None)
    return f'<dl class="fields">{lines}</dl>' if lines else ""


def _calls(row: ViewRow) -> str:
    if not row.calls:
        return ""
    calls = "".join(f"<li><code>{line(call)}</code></li>" for call in row.calls)
    return f'<details class="quiet"><summary>{counted(len(row.calls), "call")}</summary><ul>{calls}</ul></details>'
