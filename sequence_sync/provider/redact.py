"""Find the API key and the values of `headers:` in what a server sends, in every spelling, and withhold them. Pure.

Everything that leaves this package passes a `Redactor` first. Must not know what an answer means.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape
from typing import Any

from sequence_sync.provider.base import Reply

SECRET = "[secret]"  # replaces a secret that is spelled out
WITHHELD = "[withheld: it contains a secret]"  # replaces a whole text that contains an encoded or partial secret

SHORTEST_CREDENTIAL = 8  # characters; a shorter value can be an ordinary word of an email
SHORTEST_VALUE = 4  # characters; a shorter value is in almost every text
_SHORTEST_BASE64 = 7  # characters; fewer are in ordinary text too
_PIECE = 8  # characters; as few give a secret away
_SHORTEST_WITH_PIECES = 12
_MOST_PIECES = 48
_LONGEST_WORDS = 24  # characters
_LONGEST_TOKEN = 16  # characters of a value without blanks
_ROUNDS = 4  # an answer can be encoded more than once, for example a URL in HTML in JSON

# The values of these headers are no secrets, and can be in a text: a link, a language, a program's name.
_PUBLIC = re.compile(r"accept.*|cache-control|content-.*|from|host|origin|pragma|referer|user-agent|via", re.IGNORECASE)
_CREDENTIAL = re.compile(r"auth|cookie|credential|key|pass|secret|session|signature|token", re.IGNORECASE)
_LINK = re.compile(r"https?://", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]+(?:[ _./-]?[A-Za-z]+)*")

_ESCAPE = re.compile(
    r"""
    \\u(?P<json>[0-9A-Fa-f]{4}) | \\u\{(?P<braces>[0-9A-Fa-f]{1,6})\} | \\x(?P<byte>[0-9A-Fa-f]{2})
    | %(?P<percent>[0-9A-Fa-f]{2}) | %u(?P<long>[0-9A-Fa-f]{4})
    | &\#[xX]0*(?P<hex>[0-9A-Fa-f]{1,6});? | &\#0*(?P<decimal>[0-9]{1,7});? | (?P<name>&[A-Za-z]{2,31}[0-9]{0,2};)
    | \\(?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_SHOWN = bytes([*range(0x21), 0x7F])
_WIDE = {code + 0xFEE0: code for code in range(0x21, 0x7F)}  # the full-width forms of ASCII
_BASE64_URL = str.maketrans("-_", "+/")


class Redactor:
    """Withholds `key` and the values of `headers`.

    A *credential* is a secret that is certainly no ordinary text: the key, and header values that look like one. It is
    withheld everywhere, also in titles and emails. Every header value is withheld in the reason of an error.
    """

    def __init__(self, key: str = "", headers: Mapping[str, str] | None = None) -> None:
        headers = headers or {}
        self._credentials = Secrets({key} | credentials(headers))
        self._all = Secrets({key, *headers.values()} | credentials(headers), SHORTEST_VALUE)

    def message(self, text: str) -> str:
        """Return the reason of an error without any secret."""
        return self._all.withheld(text)

    def content(self, value: Any) -> Any:
        """Return JSON data in which every text with a credential is withheld as a whole, keys included."""
        return self._redacted(value, lambda text: WITHHELD if self._credentials.are_in(text) else text)

    def must_not_be_sent(self, value: Any) -> bool:
        """Return whether JSON data contains a credential, or a text that was withheld from a read."""
        text = json.dumps(value, ensure_ascii=False)
        return WITHHELD in text or self._credentials.are_in(text)

    def reply(self, reply: Reply) -> Reply:
        """Return `reply` without credentials, in headers and body."""
        found = self._credentials
        headers = {name: found.withheld(value) for name, value in reply.headers.items() if not found.are_in(name)}
        body = reply.body
        if found.are_in(body.decode("utf-8", "replace")):
            # The words around a secret explain an error. A part of an email would only be mistaken for the email.
            body = self._body(body, self.content if reply.status < 300 else self._error)
        return Reply(reply.status, headers, body)

    def _error(self, value: Any) -> Any:
        return self._redacted(value, self._credentials.withheld)

    def _body(self, body: bytes, redacted: Callable[[Any], Any]) -> bytes:
        try:
            text = json.dumps(redacted(json.loads(body.decode("utf-8-sig"))))
        except (ValueError, RecursionError):
            return WITHHELD.encode()
        return WITHHELD.encode() if self._credentials.are_in(text) else text.encode()

    def _redacted(self, value: Any, text: Callable[[str], str]) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, Mapping):
            return {text(name): self._redacted(each, text) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._redacted(each, text) for each in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self._credentials.are_in(str(value)):
            return None
        return value


def credentials(headers: Mapping[str, str]) -> set[str]:
    """Return the values of `headers` that look like credentials, and the parts of them that do.

    A part is a token after `Bearer`, or one cookie. A value of a few words, such as `production`, is none.
    """
    found = set()
    for name, value in headers.items():
        if len(value) < SHORTEST_CREDENTIAL or _PUBLIC.fullmatch(name):
            continue
        longest = _LONGEST_WORDS if " " in value else _LONGEST_TOKEN
        is_words = len(value) <= longest and _WORDS.fullmatch(value)
        if _CREDENTIAL.search(f"{name} {value}") or not (is_words or _LINK.match(value)):
            found.add(value)
        found |= {part for part in re.split(r"[\s;,=:]+", value) if _is_token(part)}
    return found


def _is_token(part: str) -> bool:
    """Return whether a part of a header is neither a word nor a number nor the name of a host."""
    if len(part) < SHORTEST_CREDENTIAL or part.startswith("//") or ("." in part and len(part) <= _LONGEST_WORDS):
        return False
    return any(char.isdigit() for char in part) and any(char.isalpha() for char in part)


class Secrets:
    """Texts to withhold. Ignores those of fewer than `shortest` characters.

    A secret of fewer than SHORTEST_CREDENTIAL characters is only found as a whole word.
    """

    def __init__(self, secrets: Iterable[str], shortest: int = SHORTEST_CREDENTIAL) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= shortest}, key=lambda each: (-len(each), each))
        short = [secret for secret in known if len(secret) < SHORTEST_CREDENTIAL]
        long = [secret for secret in known if len(secret) >= SHORTEST_CREDENTIAL]
        self._plain = re.compile("|".join([*map(re.escape, long), *map(_as_word, short)]), re.IGNORECASE)
        self._words = re.compile("|".join(map(_as_word, short)), re.IGNORECASE)
        pieces = {piece for secret in long for piece in _pieces(secret, 1)}
        packed = {piece for secret in long for piece in _pieces(secret, _PIECE // 2)}
        self._folded = {form.lower() for text in (*long, *pieces) for form in _forms(text)}
        self._folded |= {data.hex() for text in long for data in _encodings(text)}
        self._folded |= {text.encode().hex() for text in packed}
        self._base64 = {form for text in known for data in _encodings(text) for form in _base64_forms(data)}
        self._base64 |= {form for text in packed for form in _base64_forms(text.encode())}
        self._has_short, self._any = bool(short), bool(known)

    def are_in(self, text: str) -> bool:
        """Return whether a secret is in `text`, whole or in part, in any spelling."""
        if not self._any:
            return False
        texts = [text, text.replace("\0", "")] if "\0" in text else [text]  # a text of UTF-16, read as UTF-8
        return any(self._are_in_reading(reading) for each in texts for reading in _readings(each))

    def withheld(self, text: str) -> str:
        """Return `text` without secrets: a plain one is replaced, any other spelling withholds the whole text."""
        if not self.are_in(text):
            return text
        replaced = self._plain.sub(SECRET, text)
        return WITHHELD if self.are_in(replaced) else replaced

    def _are_in_reading(self, text: str) -> bool:
        if self._has_short and self._words.search(text):
            return True
        folded = _folded(text)
        lowered = folded.lower()
        if any(form in lowered for form in self._folded):
            return True
        packed = folded.translate(_BASE64_URL)
        return any(form in packed for form in self._base64)


def _as_word(secret: str) -> str:
    return rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"


def _pieces(secret: str, step: int) -> set[str]:
    """Return the parts of a long secret that give it away: a server can cut it, and so can a limit on length.

    `step` is the distance between two parts. For a very long secret it is larger.
    """
    if len(secret) < _SHORTEST_WITH_PIECES:
        return set()
    step = max(step, len(secret) // _MOST_PIECES)
    starts = [*range(0, len(secret) - _PIECE, step), len(secret) - _PIECE]
    return {piece for start in starts if _is_random(piece := secret[start : start + _PIECE])}


def _is_random(piece: str) -> bool:
    """Return whether `piece` is no part of a word, a link or a number."""
    if not re.fullmatch(r"[A-Za-z0-9_+/=.-]*[A-Za-z][A-Za-z0-9_+/=.-]*", piece):
        return False
    return any(char.isdigit() for char in piece) or not (piece[1:].islower() or piece[1:].isupper())


def _forms(text: str) -> set[str]:
    """Return what folded text contains where it contains `text`, as it is or decoded."""
    return {form for form in map(_folded, _readings(text)) if len(form) >= _PIECE}


def _encodings(text: str) -> list[bytes]:
    return [text.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be")]


def _base64_forms(data: bytes) -> set[str]:
    """Return the characters that `data` has in every base64 that contains it, for each of the three alignments."""
    found = set()
    for before in range(3):
        whole = bytes(before) + data
        found.add(b64encode(whole).decode()[(before * 8 + 5) // 6 : len(whole) * 8 // 6])
    return {form for form in found if len(form) >= _SHORTEST_BASE64}


def _readings(text: str) -> Iterator[str]:
    """Return `text`, and what it says after each round of decoding."""
    for _ in range(_ROUNDS):
        yield text
        decoded = _ESCAPE.sub(_character, text)
        if decoded == text:
            return
        text = decoded
    yield text


def _character(found: re.Match[str]) -> str:
    """Return the character of an escape sequence of JSON, a URL or HTML."""
    kind, digits = str(found.lastgroup), str(found[str(found.lastgroup)])
    if kind == "plain":
        return "" if digits in "bfnrt" else digits
    if kind == "name":
        return unescape(digits)
    code = int(digits, 10 if kind == "decimal" else 16)
    return chr(code) if code < 0x110000 else ""


def _folded(text: str) -> str:
    """Return `text` without blanks and invisible characters, because `plain` and terminals drop them."""
    if text.isascii():
        return text.encode("ascii").translate(None, _NOT_SHOWN).decode("ascii")
    return "".join(filter(str.isprintable, text.translate(_WIDE))).replace(" ", "")
