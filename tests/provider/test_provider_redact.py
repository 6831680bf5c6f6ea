"""The redactor: every spelling of every secret is withheld, and ordinary text is left alone."""

from __future__ import annotations

import base64
import json
import random
import time

import pytest
from support.spellings import SPELLINGS, found_in

from sequence_sync.provider.base import Reply
from sequence_sync.provider.redact import SECRET, WITHHELD, Redactor, credentials
from sequence_sync.provider.responses import plain

KEY = "sk/canary+0a1b2c3d-4e5f6a7b"
HEADER = "Bearer gw-token-77aa88bb99cc/dd+ee"
SECRETS = (KEY, HEADER, "gw-token-77aa88bb99cc/dd+ee")
REDACTOR = Redactor(KEY, {"Authorization": HEADER, "X-Team": "production"})


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_spelling_of_a_secret_is_left_in_a_message_or_in_content(spelling: str, secret: str) -> None:
    text = f"before {SPELLINGS[spelling](secret)} after"
    assert not found_in(plain(REDACTOR.message(text)), SECRETS)
    assert not found_in(json.dumps(REDACTOR.content({text: [text, {"x": (text,)}]})), SECRETS)
    assert REDACTOR.must_not_be_sent({"payload": {"subject": text}})


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_spelling_of_a_secret_is_left_in_a_reply(spelling: str, secret: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    bodies = [
        json.dumps({"message": spelled}).encode(),
        f'{{"message": "{spelled}"}}'.encode(),
        spelled.encode(),
        spelled.encode("utf-16"),
        f"\ufeff{spelled}".encode(),
    ]
    for body in bodies:
        reply = REDACTOR.reply(Reply(200, {f"x-{spelled}": "1", "x": spelled}, body))
        assert not found_in(f"{reply.headers} {reply.body.decode('latin-1')}", SECRETS)


def test_a_secret_that_is_spelled_out_is_replaced_and_the_words_around_it_stay() -> None:
    assert REDACTOR.message(f"The key {KEY} is not valid.") == f"The key {SECRET} is not valid."
    assert REDACTOR.message(f"The key {KEY} ({KEY.encode().hex()}) is not valid.") == WITHHELD


def test_a_reply_without_a_secret_is_returned_byte_for_byte() -> None:
    body = b'{"payload": [{"id":  "LGz3m8KNPr", "title": "100% \\u00e4 &amp; b"}]}'
    reply = Reply(200, {"x-request-id": "77aa"}, body)
    assert REDACTOR.reply(reply) == reply


def test_other_fields_of_an_answer_with_a_secret_stay() -> None:
    body = json.dumps({"payload": [{"id": 7, "title": f"my {KEY}", "active": True, "rate": 0.5, "steps": None}]})
    redacted = json.loads(REDACTOR.reply(Reply(200, {}, body.encode())).body)
    assert redacted == {"payload": [{"id": 7, "title": WITHHELD, "active": True, "rate": 0.5, "steps": None}]}
    assert REDACTOR.must_not_be_sent(redacted)


def test_the_words_around_a_secret_stay_in_an_error() -> None:
    body = json.dumps({"message": f"no key {KEY}"}).encode()
    assert json.loads(REDACTOR.reply(Reply(400, {}, body)).body) == {"message": f"no key {SECRET}"}


def test_a_key_of_digits_is_withheld_where_it_is_a_number() -> None:
    assert Redactor("4711471147").content({"id": 4711471147, "on": True}) == {"id": None, "on": True}


def test_a_header_value_of_ordinary_words_is_withheld_in_messages_only() -> None:
    """An email may contain the word. To withhold it there would make the email differ from the file for ever."""
    assert REDACTOR.message("no team production here") == f"no team {SECRET} here"
    assert REDACTOR.content("ready for production") == "ready for production"
    assert not REDACTOR.must_not_be_sent("ready for production")


def test_a_short_header_value_is_withheld_as_a_whole_word() -> None:
    redactor = Redactor("", {"X-Stage": "prod"})
    assert redactor.message("stage Prod: no such product") == f"stage {SECRET}: no such product"
    assert redactor.message("stage \\u0070rod") == WITHHELD
    assert redactor.message("no such product") == "no such product"


def test_a_redactor_without_secrets_changes_nothing() -> None:
    """The key of a sandbox may be a few letters."""
    for redactor in (Redactor(), Redactor("key", {"x": "eu"})):
        assert redactor.message("the key of eu") == "the key of eu"
        assert redactor.content(["", None, "the key"]) == ["", None, "the key"]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Authorization", "Bearer abcdefgh12", {"Bearer abcdefgh12", "abcdefgh12"}),
        ("Cookie", "session=0123abcd4567; theme=dark", {"session=0123abcd4567; theme=dark", "0123abcd4567"}),
        ("X-Gateway", "gateway-secret", {"gateway-secret"}),
        ("X-Api-Key", "abcdefgh", {"abcdefgh"}),
        ("X-Stage", "production", set()),
        ("X-Team", "Customer Success", set()),
        ("X-Team", "customer-success", set()),
        ("X-Gateway", "canary-header-value", {"canary-header-value"}),
        ("sh-application", "open-api", set()),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)", set()),
        ("Origin", "https://www.example2.com", set()),
        ("X-Callback", "https://www.example2.com/", set()),
        ("X-Short", "a1b2", set()),
    ],
)
def test_only_a_header_value_that_looks_like_one_is_a_credential(name: str, value: str, found: set[str]) -> None:
    assert credentials({name: value}) == found


def test_ordinary_content_is_left_alone() -> None:
    """Also the random characters of an image inside an email."""
    chance = random.Random(1)
    image = base64.b64encode(chance.randbytes(500_000)).decode()
    page = f'<p>Hi {{{{firstName}}}}, 100&nbsp;% &copy; \\u00e4 %41 <img src="data:image/png;base64,{image}"></p>'
    assert REDACTOR.content(page) == page


@pytest.mark.parametrize("unit", ["\\u0061", "%25", "&amp;", "\\\\", "&#0", "a b", "QUJD", "\u200b", "&", "\\"])
def test_reading_takes_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    begin = time.perf_counter()
    REDACTOR.message(text)
    assert time.perf_counter() - begin < 10
