"""A sequence file becomes a desired sequence: payloads, names, defaults, and the rules of a whole file."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import EMAIL, load_sequence, problems_in, required_lines

from sequence_sync.model.fields import Priority
from sequence_sync.model.steps import STEP_TYPES

NAMES = """
environments:
  default:
    assignees: {anna: z6R8Mw4vBn, ben: b1}
    attachments: {deck: lN5xKp2vJq}
    ids: {trial: LGz3m8KNPr, trial.intro: bwOLEx4l8G, trial.gone: x9, other.intro: y1}
    variables: {product: Beta}
variables: {product: Acme, start: "3", name: "${product} <b>"}
"""
BODY = (
    "<p>Hi {{firstName}},</p><p>Hope you're doing well — wanted to reach out about {{companyName}}.</p>"
    "<p>Best,<br/>Vatsal</p>"
)


def steps(text: str, top: str = "") -> str:
    """A sequence file with these steps."""
    return f"sequence: trial\n{top}steps:\n{text}"


def step(kind: str, *fields: str) -> str:
    """A file with one step, `it`, of a type, on day 1."""
    return steps("  it:\n    day: 1\n" + f"    type: {kind}\n" + "".join(f"    {field}\n" for field in fields))


def test_email_of_the_vendor_documentation_gives_its_documented_payload(tmp_path: Path) -> None:
    text = steps("""  first:
    day: 3
    type: email
    subject: Quick question, {{firstName}}
    preheader: Quick question about your team
    content: |
      BODY
    attachments: [deck]
""").replace("BODY", BODY)
    content = load_sequence(tmp_path, text, settings=NAMES).steps["first"]
    assert (content.type, content.day, content.priority, content.assignee) == ("email", 3, None, None)
    assert content.variants["a"].model_dump() == {
        "payload": {
            "subject": "Quick question, {{firstName}}",
            "content": BODY,
            "preheader": "Quick question about your team",
        },
        "task_note": "",
        "attachments": ("lN5xKp2vJq",),
    }


@pytest.mark.parametrize(
    ("kind", "fields", "payload"),
    [
        ("linkedin_connection_request", ["connection_note: Hi"], {"connection_note": "Hi"}),
        ("linkedin_message", ["message: 1.10"], {"message": "1.10"}),
        ("linkedin_inmail", ["subject: yes", "message: Hi"], {"subject": "yes", "message": "Hi"}),
        ("linkedin_view_profile", [], {}),
        ("linkedin_post_interaction", [], {}),
        ("custom", [], {}),
        (
            "custom",
            ["title: Look", "action: {name: Open, url: 'https://a.example/?a=b'}"],
            {"title": "Look", "action": {"name": "Open", "url": "https://a.example/?a=b"}},
        ),
        ("call_introduction", [], {}),
        ("whatsapp_message", [], {}),
        ("whatsapp_message", ["message: Hi"], {"message": "Hi"}),
        ("whatsapp_voice_call", [], {}),
    ],
)
def test_payload_has_the_names_of_the_api_and_only_the_fields_that_are_set(
    tmp_path: Path, kind: str, fields: list[str], payload: dict[str, object]
) -> None:
    content = load_sequence(tmp_path, step(kind, *fields)).steps["it"]
    assert list(content.variants) == ["a"]
    assert content.variants["a"].payload == payload


@pytest.mark.parametrize("kind", [name for name in STEP_TYPES if name != "email"])
def test_every_task_type_has_note_priority_and_assignee_without_defaults(tmp_path: Path, kind: str) -> None:
    required = required_lines(kind)
    bare = load_sequence(tmp_path, step(kind, *required)).steps["it"]
    assert (bare.priority, bare.assignee, bare.variants["a"].task_note) == (None, None, "")
    optional = ("task_note: Look", "priority: low", "assignee: id:a_B-1")
    more = load_sequence(tmp_path, step(kind, *required, *optional)).steps["it"]
    assert (more.priority, more.assignee, more.variants["a"].task_note) == (Priority.LOW, "a_B-1", "Look")


def test_content_on_the_step_is_variant_a(tmp_path: Path) -> None:
    """Variants are ordered by letter, steps as in the file."""
    short = load_sequence(tmp_path, steps(f"  z:\n    day: 1\n{EMAIL}  a:\n    day: 2\n{EMAIL}"))
    long = load_sequence(
        tmp_path,
        steps(f"""  z:
    day: 1
    type: email
    variants: {{a: {{subject: Hello, content: <p>Hi</p>}}}}
  a:
    day: 2
{EMAIL}"""),
    )
    assert short.steps == long.steps
    assert list(short.steps) == ["z", "a"]
    both = load_sequence(
        tmp_path, step("email", "variants:", "  b: {subject: B, content: <p>}", "  a: {subject: A, content: <p>}")
    )
    assert list(both.steps["it"].variants) == ["a", "b"]


def test_defaults_fill_missing_fields_of_tasks_but_not_of_emails(tmp_path: Path) -> None:
    text = steps(
        f"  mail:\n    day: 1\n{EMAIL}  call:\n    day: 1\n    type: call_demo\n"
        "  own:\n    day: 1\n    type: call_demo\n    priority: low\n    assignee: ben\n",
        "defaults: {priority: high, assignee: anna, task_note: Look first}\n",
    )
    by_key = load_sequence(tmp_path, text, settings=NAMES).steps
    assert (by_key["mail"].priority, by_key["mail"].assignee, by_key["mail"].variants["a"].task_note) == (
        None,
        None,
        "",
    )
    assert (by_key["call"].priority, by_key["call"].assignee) == (Priority.HIGH, "z6R8Mw4vBn")
    assert (by_key["own"].priority, by_key["own"].assignee, by_key["own"].variants["a"].task_note) == (
        Priority.LOW,
        "b1",
        "Look first",
    )


def test_variables_are_replaced_everywhere_except_in_keys(tmp_path: Path) -> None:
    """The value of the environment overrides the others, and is not searched for variables."""
    text = steps(
        "  it:\n    day: ${start}\n    type: email\n    subject: ${product} $${product} $5 ${1} ${a b}\n"
        "    markdown: ${name}\n    attachments: ['${file}']\n",
        "title: About ${product}\n",
    )
    sequence = load_sequence(tmp_path, text, settings=NAMES.replace("start:", "file: deck, start:"))
    payload = sequence.steps["it"].variants["a"].payload
    assert (sequence.title, sequence.steps["it"].day) == ("About Beta", 3)
    assert payload["subject"] == "Beta ${product} $5 ${1} ${a b}"
    assert payload["content"] == "<p>${product} <b></p>"
    assert sequence.steps["it"].variants["a"].attachments == ("lN5xKp2vJq",)


def test_ids_come_from_the_environment_or_the_file(tmp_path: Path) -> None:
    """IDs of steps that are not in the file, and of other sequences, are left out."""
    sequence = load_sequence(tmp_path, steps(f"  intro:\n    day: 1\n{EMAIL}"), settings=NAMES)
    assert (sequence.remote_id, sequence.step_ids) == ("LGz3m8KNPr", {"intro": "bwOLEx4l8G"})
    assert (
        load_sequence(tmp_path, steps(f"  intro:\n    day: 1\n{EMAIL}", "id: Abc\n"), settings="version: 1\n").remote_id
        == "Abc"
    )


def test_id_in_a_file_needs_a_single_environment_and_must_match_the_settings(tmp_path: Path) -> None:
    text = steps(f"  intro:\n    day: 1\n{EMAIL}", "id: Abc\n")
    two = "environments: {a: {}, b: {}}\ndefault_environment: a\n"
    assert problems_in(tmp_path, text, two.replace("a: {}", "default: {}").replace("t: a", "t: b")) == [
        (2, 1, "id-of-which")
    ]
    assert problems_in(tmp_path, text, NAMES) == [(2, 5, "two-ids")]


def test_chain_of_renames_leads_to_its_last_key(tmp_path: Path) -> None:
    top = "formerly: old\nmoved: [{from: a, to: b}, {from: b, to: it}]\nremoved: [gone, gone]\n"
    sequence = load_sequence(tmp_path, steps(f"  it:\n    day: 1\n{EMAIL}", top))
    assert (sequence.formerly, sequence.moved, sequence.removed) == ("old", {"a": "it", "b": "it"}, ("gone",))


@pytest.mark.parametrize(
    ("top", "found"),
    [
        ("formerly: trial\n", [(2, 11, "same-key")]),
        ("moved: [{from: it, to: it}]\n", [(2, 16, "moved-and-there")]),
        ("moved: [{from: a, to: b}, {from: b, to: a}]\n", [(2, 23, "moved-nowhere"), (2, 41, "moved-nowhere")]),
        ("moved: [{from: a, to: it}, {from: a, to: b}]\n", [(2, 35, "moved-twice")]),
        ("moved: {from: a, to: it}\n", [(2, 8, "wrong-type")]),
        ("moved: [{from: A, to: it}]\n", [(2, 16, "bad-key")]),
        ("removed: it\n", [(2, 10, "wrong-type")]),
        ("removed: [it]\n", [(2, 11, "removed-and-there")]),
        ("title: ' '\n", [(2, 8, "empty")]),
        ("<<: *x\n", [(2, 1, "merge-key")]),
    ],
)
def test_problems_at_the_top_level_are_reported_at_their_position(
    tmp_path: Path, top: str, found: list[tuple[int, int, str]]
) -> None:
    anchor = "x-it: &x {a: b}\n" if "<<" in top else ""
    text = steps(f"  it:\n    day: 1\n{EMAIL}", top + anchor)
    assert [place for place in problems_in(tmp_path, text) if place[2] != "quote-it"] == found


def test_each_problem_is_reported_once_and_other_steps_are_still_checked(tmp_path: Path) -> None:
    text = steps(
        "  a:\n    day:\n    type: email\n    subject: &x Hi\n    content: ${no}\n"
        "  b:\n    day: 0\n    type: call_demo\n"
    )
    assert problems_in(tmp_path, text) == [
        (4, 5, "no-value"),
        (6, 14, "quote-it"),
        (7, 14, "unknown-variable"),
        (9, 10, "wrong-value"),
    ]


def test_two_emails_on_one_day_are_reported_even_if_another_step_is_invalid(tmp_path: Path) -> None:
    text = steps(
        f"  a:\n    day: 1\n{EMAIL}  b:\n    day: 1\n    type: email\n    subject: Hi\n  c:\n    day: 1\n{EMAIL}"
    )
    assert problems_in(tmp_path, text) == [(8, 3, "no-body"), (13, 10, "two-emails")]


@pytest.mark.parametrize(("length", "right"), [(3000, True), (3001, False)])
def test_length_is_checked_after_variables_are_replaced(tmp_path: Path, length: int, right: bool) -> None:
    text = step("call_demo", "task_note: " + "x" * (length - 4) + "${v}")
    found = problems_in(tmp_path, text, "variables: {v: four}\n")
    assert found == ([] if right else [(6, 16, "too-long")])


def test_rename_to_a_removed_step_is_valid(tmp_path: Path) -> None:
    top = "moved: [{from: ring, to: phone}]\nremoved: [phone]\n"
    sequence = load_sequence(tmp_path, steps(f"  it:\n    day: 1\n{EMAIL}", top))
    assert (sequence.moved, sequence.removed) == ({"ring": "phone"}, ("phone",))


def test_unknown_attachment_is_reported_beside_an_empty_entry(tmp_path: Path) -> None:
    text = f"sequence: a\nsteps:\n  e:\n    day: 1\n{EMAIL}    attachments:\n      - nodeck\n      -\n"
    assert problems_in(tmp_path, text) == [(9, 9, "unknown-attachment"), (10, 8, "no-value")]
