"""Every spelling of a secret that an answer can contain, and a search for them. Shares nothing with the package."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path


def _each(form: str) -> Callable[[str], str]:
    return lambda secret: "".join(form.format(ord(char)) for char in secret)


def _mixed(secret: str) -> str:
    """Every other character as a JSON escape."""
    return "".join(char if place % 2 else f"\\u{ord(char):04x}" for place, char in enumerate(secret))


def _packed(encode: Callable[[bytes], bytes], before: str, charset: str = "utf-8") -> Callable[[str], str]:
    return lambda secret: encode((before + secret + "tail").encode(charset)).decode()


# Name -> how a text spells the secret. The text may be a part of JSON, of HTML or of a header.
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "other case": str.swapcase,
    "json": _each("\\u{:04x}"),
    "json, upper case": _each("\\u{:04X}"),
    "json, mixed": _mixed,
    "json twice": lambda secret: json.dumps(_each("\\u{:04x}")(secret))[1:-1],
    "slashes": lambda secret: secret.replace("/", "\\/").replace("-", "\\-"),
    "bytes": _each("\\x{:02x}"),
    "percent": _each("%{:02x}"),
    "percent, upper case": _each("%{:02X}"),
    "percent, only where needed": lambda secret: urllib.parse.quote(secret, safe=""),
    "percent twice": _each("%25{:02x}"),
    "html, decimal": _each("&#{};"),
    "html, hex": _each("&#x{:x};"),
    "html, upper case": _each("&#X{:04X};"),
    "html, named": lambda secret: html.escape(secret).replace("-", "&hyphen;"),
    "percent in html": lambda secret: _each("%{:02x}")(secret).replace("%", "&#37;"),
    **{f"base64, {len(before)} before": _packed(base64.b64encode, before) for before in ("", "u", "u:", "usr")},
    **{f"base64url, {len(before)} before": _packed(base64.urlsafe_b64encode, before) for before in ("", "u", "u:")},
    "base64 of utf-16": _packed(base64.b64encode, "u", "utf-16-le"),
    "hex": lambda secret: secret.encode().hex(),
    "hex, upper case": lambda secret: secret.encode().hex().upper(),
    "utf-16": lambda secret: secret.encode("utf-16-le").decode("latin-1"),
    "utf-16, other order": lambda secret: secret.encode("utf-16-be").decode("latin-1"),
    "full width": lambda secret: "".join(chr(ord(char) + 0xFEE0) if char != " " else char for char in secret),
    "blanks": " ".join,
    "line breaks": "\r\n".join,
    "control characters": "\x07".join,
    "invisible characters": "\u200b".join,
    "first half": lambda secret: secret[: len(secret) // 2 + 1],
    "second half": lambda secret: secret[len(secret) // 2 - 1 :],
    "cut at the end of the message": lambda secret: "x" * (298 - len(secret) * 2 // 3) + secret,
}


def traces(secret: str) -> set[str]:
    """What must be in no output: the secret, each half, and every spelling of it, without blanks and in lower case."""
    halves = {secret[: len(secret) // 2], secret[-(len(secret) // 2) :]}
    cores = set()
    for before, charset in itertools.product(range(3), ("utf-8", "utf-16-le", "utf-16-be")):
        packed = base64.b64encode(b"\0" * before + secret.encode(charset)).decode().rstrip("=")
        core = packed[before and before + 1 : -2]
        cores |= {core, core.replace("+", "-").replace("/", "_")}
    spelled = {spell(secret) for name, spell in SPELLINGS.items() if "base64" not in name and "cut" not in name}
    return {squeezed(text) for text in {secret, *halves, *cores, *spelled}} - {""}


def squeezed(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f\u200b]|\\[rn]|\\x0[0-9a-f]|\\u00[01][0-9a-f]|\\u200b", "", text).lower()


def found_in(text: str, secrets: tuple[str, ...]) -> list[str]:
    """The traces of `secrets` in `text`."""
    readings = [squeezed(text), squeezed(html.unescape(text)), squeezed(urllib.parse.unquote(text))]
    return [trace for secret in secrets for trace in traces(secret) if any(trace in each for each in readings)]


def found_below(folder: Path, secrets: tuple[str, ...]) -> list[str]:
    """The files below `folder`, and the traces of `secrets` in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in files}
    return [f"{path.name}: {trace}" for path, text in texts.items() for trace in found_in(text, secrets)]
