"""`seqsync.yaml`: defaults, rules with their positions, the choice of the environment, no API key in any message."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import write

from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.settings import Environment, RemovedSteps, Settings
from sequence_sync.render.diagnostics import diagnostics_text
from sequence_sync.source.settings import choose_environment, effective, load_settings

CANARY = "sk-canary-4711"
FULL = """
version: 1
include: [sequences/**/*.yaml]
default_environment: production
x-note: kept for people
environments:
  sandbox:
    api_url: http://127.0.0.1:8123/v1/
    variables:
      signature: |
        <p>Anna</p>
  production:
    api_url: https://open-api.saleshandy.com/v1
    api_key_env: SALESHANDY_API_KEY
    api_key_command: op read op://sales/key
    headers: {X-Team: sales}
    state: seqsync.production.state.json
    ids: {trial: LGz3m8KNPr, trial.nudge: bwOLEx4l8G}
    assignees: {anna: z6R8Mw4vBn}
    attachments: {deck: lN5xKp2vJq}
    timeout: 45
    settle_grace: 0.5
    max_wait: 600
fields: [First Name, 2024]
variables: {product: 1.10}
removed: [old-one]
policy: {max_changed_steps: 7, removed_steps: deactivate}
lint: {rules: {subject-length: off, spam-words: {level: warning, max: 3}}}
"""


def read(root: Path, text: str) -> Settings:
    """Load the settings in `text`."""
    return load_settings(write(root, {"seqsync.yaml": text})).settings


def problems_in(root: Path, text: str) -> list[tuple[int, int, str]]:
    """Line, column and rule of every problem with the settings in `text`."""
    with pytest.raises(InvalidFilesError) as caught:
        read(root, text)
    listing = diagnostics_text(caught.value.diagnostics, color=True) + repr(caught.value.diagnostics)
    assert CANARY not in listing
    return [(d.line, d.column, d.rule) for d in caught.value.diagnostics]


def test_missing_or_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    loaded = load_settings(tmp_path)
    assert (loaded.path, loaded.settings, list(loaded.settings.environments)) == ("", Settings(), ["default"])
    assert read(tmp_path, "") == read(tmp_path, "# nothing\n") == Settings()


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = read(tmp_path, FULL)
    production = settings.environments["production"]
    assert settings.fields == ("First Name", "2024")
    assert settings.variables == {"product": "1.10"}
    assert settings.environments["sandbox"].variables == {"signature": "<p>Anna</p>"}
    assert (production.timeout, production.settle_grace, production.max_wait) == (45, 0.5, 600)
    assert production.ids == {"trial": "LGz3m8KNPr", "trial.nudge": "bwOLEx4l8G"}
    assert settings.policy.removed_steps is RemovedSteps.DEACTIVATE
    assert settings.lint.rules == {"subject-length": "off", "spam-words": {"level": "warning", "max": "3"}}
    assert settings.state_path("sandbox") == "seqsync.sandbox.state.json"


def test_digest_ignores_line_ends_and_byte_order_mark_but_not_comments(tmp_path: Path) -> None:
    digests = [
        load_settings(write(tmp_path, {"seqsync.yaml": data})).digest
        for data in (b"version: 1\n", b"\xef\xbb\xbfversion: 1\r\n", b"version: 1 # a\n")
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version: 2\nnew_thing: 1\n", [(1, 10, "version")]),
        ("version: one\n", [(1, 10, "version")]),
        ("- a\n", [(1, 1, "wrong-type")]),
        ("enviroments: {}\n", [(1, 1, "unknown-key")]),
        ("environments: {}\n", [(1, 15, "empty")]),
        ("environments:\n  prod:\n    timout: 3\n", [(3, 5, "unknown-key")]),
        ("environments:\n  prod/uction: {}\n", [(2, 3, "wrong-value")]),
        ("environments:\n  prod: {timeout: 1_0}\n", [(2, 19, "wrong-value")]),
        ("environments:\n  prod: {timeout: 0}\n", [(2, 19, "out-of-range")]),
        ("environments:\n  prod: {settle_grace: -1}\n", [(2, 24, "out-of-range")]),
        ("environments:\n  prod: {ids: {Trial: a1}}\n", [(2, 16, "address")]),
        ("environments:\n  prod: {ids: {trial.a.b: a1}}\n", [(2, 16, "address")]),
        ("environments:\n  prod: {ids: {trial: a/1}}\n", [(2, 23, "wrong-value")]),
        ("environments:\n  prod: {assignees: {anna: id:a1}}\n", [(2, 28, "wrong-value")]),
        ("environments:\n  prod: {ids: {a: x1, b: x1}}\n", [(2, 26, "same-id")]),
        ("environments:\n  a: {ids: {a: x1}}\n  b: {ids: {b: x1}}\n", [(3, 16, "same-id")]),
        ("environments:\n  a: {state: s.json}\n  b: {state: ./s.json}\n", [(3, 14, "same-state")]),
        ("environments:\n  a: {state: seqsync.b.state.json}\n  b: {}\n", [(3, 6, "same-state")]),
        ("environments:\n  a: {headers: {X-A: [b]}}\n", [(2, 22, "wrong-type")]),
        ("environments:\n  a: {headers: {X A: b}}\n", [(2, 17, "header")]),
        ("default_environment: prd\nenvironments: {prod: {}}\n", [(1, 22, "unknown-environment")]),
        ("include: sequences\n", [(1, 10, "wrong-type")]),
        ("include: [../*.yaml, /a.yaml]\n", [(1, 11, "include"), (1, 22, "include")]),
        ("policy: {removed_steps: delete}\n", [(1, 25, "wrong-value")]),
        ("policy: {windows: []}\n", [(1, 10, "unknown-key")]),
        ("lint: {rules: {subject-length: loud}}\n", [(1, 32, "wrong-value")]),
        ("variables: {2nd: a}\n", [(1, 13, "wrong-value")]),
        ("variables: {a: [b]}\n", [(1, 16, "wrong-type")]),
        ("removed: [Old]\n", [(1, 11, "wrong-value")]),
        ("version: 1\nversion: 1\n", [(2, 1, "duplicate-key")]),
        ("removed:\nversion: 1\n", [(1, 1, "no-value")]),
    ],
)
def test_each_problem_is_reported_at_its_position(tmp_path: Path, text: str, found: list[tuple[int, int, str]]) -> None:
    assert problems_in(tmp_path, text) == found


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (f"    api_key: {CANARY}", "api-key"),
        (f"    headers: {{x-api-key: {CANARY}}}", "api-key"),
        (f"    api_key_env: {CANARY}", "api-key"),
        (f"    api_key_env: [{CANARY}]", "wrong-type"),
        (f"    api_key: {CANARY}: x", "quote-it"),
        (f"    api_url: https://me:{CANARY}@example.com", "api-url"),
        (f"    headers: {{X A: {CANARY}}}", "header"),
    ],
)
def test_api_key_in_the_file_is_an_error_and_is_never_shown(tmp_path: Path, line: str, rule: str) -> None:
    assert [found for *_, found in problems_in(tmp_path, f"environments:\n  prod:\n{line}\n")] == [rule]


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("https://open-api.saleshandy.com/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80/v1", True),
        ("http://open-api.saleshandy.com/v1", False),
        ("http://localhost.example.com", False),
        ("http://128.0.0.1", False),
        ("ftp://localhost", False),
        ("https://", False),
        ("open-api.saleshandy.com", False),
        ("https://a.example/v1?key=1", False),
        ("https://a.example:port/", False),
        ("https://me@a.example/", False),
    ],
)
def test_http_is_allowed_only_for_loopback(tmp_path: Path, url: str, valid: bool) -> None:
    """The same rule applies to the file and to SEQSYNC_API_URL."""
    text = f"environments: {{a: {{api_url: '{url}'}}}}\n"
    if valid:
        assert read(tmp_path, text).environments["a"].api_url == url
        assert effective(Environment(), {"SEQSYNC_API_URL": f"{url}/"}).api_url == url
    else:
        assert [rule for *_, rule in problems_in(tmp_path, text)] == ["api-url"]
        with pytest.raises(UsageError):
            effective(Environment(), {"SEQSYNC_API_URL": url})


def test_environment_variables_override_the_file_and_are_checked() -> None:
    assert effective(Environment(), {"SEQSYNC_SETTLE_GRACE": "0.2"}).settle_grace == 0.2
    assert effective(Environment(api_url="https://a.example/"), {"SEQSYNC_SETTLE_GRACE": ""}).settle_grace == 120
    assert effective(Environment(api_url="https://a.example/"), {}).api_url == "https://a.example"
    for settle_grace in ("-1", "1m", "nan", "1e3", "99999999"):
        with pytest.raises(UsageError):
            effective(Environment(), {"SEQSYNC_SETTLE_GRACE": settle_grace})


def test_environment_is_chosen_by_option_variable_default_or_as_the_only_one() -> None:
    two = Settings(environments={"sandbox": Environment(), "production": Environment()})
    chosen = two.model_copy(update={"default_environment": "sandbox"})
    assert choose_environment(Settings(), None, {}) == "default"
    assert choose_environment(chosen, None, {"SEQSYNC_ENV": ""}) == "sandbox"
    assert choose_environment(chosen, None, {"SEQSYNC_ENV": "production"}) == "production"
    assert choose_environment(chosen, "sandbox", {"SEQSYNC_ENV": "production"}) == "sandbox"
    with pytest.raises(UsageError):
        choose_environment(two, None, {})
    with pytest.raises(UsageError) as caught:
        choose_environment(two, "prodution", {})
    assert caught.value.hint == 'Did you mean "production"?'


def test_settings_under_a_wrong_name_or_in_a_wrong_encoding_are_reported(tmp_path: Path) -> None:
    write(tmp_path, {"seqsync.yml": "version: 1\n"})
    with pytest.raises(InvalidFilesError) as caught:
        load_settings(tmp_path)
    assert [(d.path, d.rule) for d in caught.value.diagnostics] == [("seqsync.yml", "file-name")]
    write(tmp_path, {"seqsync.yaml": b"version: 1\nvariables: {a: \xdc}\n"})
    with pytest.raises(InvalidFilesError) as caught:
        load_settings(tmp_path)
    assert [(d.line, d.column, d.rule) for d in caught.value.diagnostics] == [(2, 16, "encoding")]
