"""An email as the prospect sees it, in a sandboxed frame. Pure; must not know plans.

Three defenses, so that an email of an untrusted author can do nothing:

1. The frame's sandbox allows no script, form, window or navigation.
2. The content policy of the page and of the frame forbids every request.
3. The email loses what a policy does not stop. Chromium opens a connection for `<link rel=preconnect>`, for a frame and
   for a clicked link before it applies the policy. A link shows its address as a tooltip. An image from a server is a
   box with its address: a reviewer sees a tracking pixel, and it is never loaded.

Merge tags and spintax stay as they are.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import NamedTuple

from sequence_sync.model.sequence import Variant
from sequence_sync.render.escape import one_line
from sequence_sync.render.html.elements import line, text
from sequence_sync.render.html.style import FRAME_STYLE, POLICY
from sequence_sync.render.words import counted

MOST_ADDRESSES = 8
LONGEST_ADDRESS = 120
LEAST_HEIGHT, MOST_HEIGHT = 110, 560  # of a frame, in pixels; the reader can drag it larger
_CHARACTERS_A_LINE = 66

# Tags that act on the document or embed another one. Renamed, they do nothing.
_DOCUMENT_TAG = re.compile(r"<(/?)(link|meta|base|i?frame|frameset|object|embed)\b", re.IGNORECASE)
# At most 100 parts: an email full of unclosed quotes must not take minutes.
_IMAGE = re.compile(r"""<img\b((?:[^>"']++|"[^"]*+"|'[^']*+'){0,100}+)>""", re.IGNORECASE)
_LINK = re.compile(r"""<(?:a|area)\b(?:[^>"']++|"[^"]*+"|'[^']*+'){0,100}+>""", re.IGNORECASE)
_HREF = re.compile(r"""(?<=[\s"'/:])href\s*=""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(src|alt)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_REMOTE = re.compile(
    r"""(?:\b(?:src|srcset|poster|background|data)\s*=\s*["']?|url\(\s*["']?|@import\s*["'])\s*((?:https?:)?//[^\s"'()<>]+)""",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"<!--.*?-->|<(style|script|head|title)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BLOCK_END = re.compile(r"<br\b[^<>]*>|</(?:p|div|li|h[1-6]|tr|table|blockquote)\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")

_HEAD = (
    f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    f'<base target="_blank"><style>{FRAME_STYLE}</style>'
)


class Mail(NamedTuple):
    """What a prospect gets: subject, preheader, body (HTML), and the ids of attachments."""

    subject: str
    preheader: str
    body: str
    attachments: tuple[str, ...] = ()


def mail_of(variant: Variant) -> Mail:
    """Return the email of `variant`, a variant of an email step."""
    subject, preheader, body = (str(variant.payload.get(name) or "") for name in ("subject", "preheader", "content"))
    return Mail(subject, preheader, body, variant.attachments)


def mail_card(mail: Mail, label: str, height: int) -> str:
    """Return subject, preheader and body of `mail`. `label`: the frame's name for screen readers, not escaped."""
    head = f'<p class="subject"><span class="label">Subject</span> <span>{_or_none(mail.subject)}</span></p>'
    if mail.preheader:
        head += f'<p class="preheader"><span class="label">Preheader</span> <span>{text(mail.preheader)}</span></p>'
    tail = ""
    if mail.attachments:
        attached = text(", ".join(mail.attachments))
        tail = f'<p class="preheader"><span class="label">Attached</span> <span>{attached}</span></p>'
    return f'<div class="mailhead">{head}</div>{frame(mail.body, label, height)}{tail}{_not_loaded(mail.body)}'


def frame(body: str, label: str, height: int) -> str:
    """Return `body` in a sandboxed frame, `height` pixels high. The browser loads it when it comes into view."""
    # UTF-8 has no lone surrogates.
    page = _HEAD + harmless(body).encode("utf-8", "replace").decode("utf-8")
    return (
        f'<iframe sandbox="" loading="lazy" style="--h:{height}px" title="{line(label)}" '
        f'srcdoc="{escape(page)}"></iframe>'
    )


def harmless(body: str) -> str:
    """Return `body` without tags that act on the document, with links that lead nowhere, and with boxes for images."""
    without_links = _LINK.sub(_unlinked, _DOCUMENT_TAG.sub(r"<\1x-\2", body))
    return _IMAGE.sub(_box, without_links)


def frame_height(*bodies: str) -> int:
    """Return the pixels that the longest of `bodies` needs, by its lines: a page without scripts cannot measure."""
    return max((_height(body) for body in bodies), default=LEAST_HEIGHT)


def remote_addresses(body: str) -> list[str]:
    """Return the addresses that an email program would load for `body` on its own, each once, in their order."""
    return list(dict.fromkeys(unescape(address) for address in _REMOTE.findall(body)))


def _or_none(value: str) -> str:
    return text(value) if value else '<span class="none">none</span>'


def _not_loaded(body: str) -> str:
    addresses = remote_addresses(body)
    if not addresses:
        return ""
    rows = "".join(f"<li><code>{line(address, LONGEST_ADDRESS)}</code></li>" for address in addresses[:MOST_ADDRESSES])
    if len(addresses) > MOST_ADDRESSES:
        rows += f"<li>and {len(addresses) - MOST_ADDRESSES} more</li>"
    title = f"{counted(len(addresses), 'remote file')}, not loaded here"
    return f'<details class="quiet"><summary>{title}</summary><ul>{rows}</ul></details>'


def _unlinked(found: re.Match[str]) -> str:
    return _HREF.sub('href="#" title=', found[0], count=1)


def _box(found: re.Match[str]) -> str:
    attributes = {name.lower(): unescape(a or b or c) for name, a, b, c in reversed(_ATTRIBUTE.findall(found[1]))}
    address = attributes.get("src", "").strip()
    if address.lower().startswith("data:"):
        return found[0]
    about = f" “{attributes['alt']}”" if attributes.get("alt") else ""
    words = one_line(f"Image{about}, not loaded: {address or 'no address'}", LONGEST_ADDRESS)
    return f'<span class="seqsync-image">{escape(words)}</span>'


def _height(body: str) -> int:
    lines = _TAG.sub("", _BLOCK_END.sub("\n", _UNSEEN.sub("", body))).splitlines()
    paragraphs = [row for row in map(str.strip, lines) if row]
    rows = sum(1 + len(row) // _CHARACTERS_A_LINE for row in paragraphs)
    needed = 32 + 23 * rows + 14 * len(paragraphs) + 48 * len(_IMAGE.findall(body))
    return max(LEAST_HEIGHT, min(MOST_HEIGHT, needed))
