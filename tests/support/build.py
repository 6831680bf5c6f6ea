"""Short makers of contents, sequences and states, for tests of the planner and of the engine."""

from __future__ import annotations

from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.state.model import SequenceState, State, StepState, step_state


def email(day: int = 1, subject: str = "Hello", content: str = "<p>Hello there</p>", **more: object) -> Content:
    """An email with one variant; further variants as `b="other subject"`."""
    variants = {"a": Variant(payload={"subject": subject, "content": content})}
    for letter, other in more.items():
        variants[letter] = Variant(payload={"subject": str(other), "content": f"<p>{other}</p>"})
    return Content(type="email", day=day, variants=variants)


def message(day: int = 1, text: str = "A message about something", **fields: object) -> Content:
    """A LinkedIn message."""
    return Content(type="linkedin_message", day=day, variants={"a": Variant(payload={"message": text})}, **fields)


def call(day: int = 1, note: str = "") -> Content:
    """A call; without a note it says nothing at all."""
    return Content(type="call_introduction", day=day, variants={"a": Variant(task_note=note)})


def desired(key: str = "trial", title: str = "", remote_id: str | None = None, **more: object) -> DesiredSequence:
    """A desired sequence. `steps` is a mapping of contents."""
    fields = {"steps": {}, "files": (f"sequences/{key}.yaml",), "source_digest": f"source of {key}"} | more
    return DesiredSequence(key=key, title=title or key.title(), remote_id=remote_id, **fields)


def entry(remote_id: str = "SEQ1", title: str = "Trial", **steps: Content) -> SequenceState:
    """A sequence's entry; the ids of its steps are made from their keys."""
    return SequenceState(
        id=remote_id, title=title, steps={key: applied(key, row, remote_id) for key, row in steps.items()}
    )


def applied(key: str, content: Content, prefix: str = "SEQ1") -> StepState:
    """The entry of a step that was applied."""
    name = f"{prefix}-{key}"
    return step_state(content, name, {letter: f"{name}-{letter}" for letter in content.variants})


def state(**sequences: SequenceState) -> State:
    """A state."""
    return State(lineage="lineage-1", serial=3, environment="default", api_host="api", sequences=sequences)
