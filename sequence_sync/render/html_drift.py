"""What somebody changed in Saleshandy, on the HTML page. Pure: the drift of a plan in, HTML out."""

from __future__ import annotations

from collections.abc import Sequence

from sequence_sync.planning.plan import Drifted, FieldChange
from sequence_sync.render.drift import HEADING, KINDS, advice_on, drift_details
from sequence_sync.render.html_fields import IN_APP, field_lines
from sequence_sync.render.html_mail import frame, frame_height
from sequence_sync.render.html_text import hint, line

_TONES = {"~": "update", "-": "off", "+": "drift", "!": "blocked"}


def drift_section(found: Sequence[Drifted], is_open: bool) -> str:
    """Everything that differs in Saleshandy from what was last applied; empty where nothing does.

    Where not `is_open`, emails are folded, and wait in a `<template>` for the page's script.
    """
    if not found:
        return ""
    advice = "".join(f"<li>{hint(words)}</li>" for words in advice_on(found))
    rows = "".join(_row(drifted, is_open) for drifted in found)
    return f'<section id="drift"><h2>{line(HEADING)}</h2><ul class="why">{advice}</ul>{rows}</section>'


def _row(drifted: Drifted, is_open: bool) -> str:
    words = KINDS[drifted.kind]
    told = [f"id {drifted.remote_id}"] if drifted.remote_id else []
    about = " · ".join(map(line, [*told, *([drifted.detail] if drifted.detail else [])]))
    lines = field_lines(drift_details(drifted))
    frames = "".join(_bodies(drifted.address, field) for field in drifted.fields if _is_body(field))
    if frames and not is_open:
        frames = (
            f'<details class="quiet"><summary>As a prospect sees it</summary><template>{frames}</template></details>'
        )
    inside = f'<div class="inside"><dl class="fields">{lines}</dl>{frames}</div>' if lines else ""
    return (
        f'<article class="change {_TONES[words.mark]}"><div class="top">'
        f'<span class="badge"><b aria-hidden="true">{words.mark}</b> {line(words.what)}</span>'
        f'<h3>{line(drifted.address)}</h3><span class="about">{about}</span></div>{inside}</article>'
    )


def _is_body(field: FieldChange) -> bool:
    return field.field.endswith("payload.content")


def _bodies(address: str, field: FieldChange) -> str:
    bodies = [
        (title, body)
        for title, body in (("Last applied", field.before), (IN_APP, field.after))
        if isinstance(body, str) and body
    ]
    height = frame_height(*(body for _, body in bodies))
    shown = "".join(
        f'<div class="side"><p class="sidetitle">{title}</p>{frame(body, f"{title}: email {address}", height)}</div>'
        for title, body in bodies
    )
    return f'<div class="sides">{shown}</div>'
