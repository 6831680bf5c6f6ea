"""What a sequence file is read with: its environment's names, and a notebook for its mistakes. Reads no YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sequence_sync.diagnostics import did_you_mean
from sequence_sync.model.settings import Environment
from sequence_sync.source.content import ContentFiles, Texts
from sequence_sync.source.explain import missing
from sequence_sync.source.places import Data, Mistake, Path
from sequence_sync.source.settings import REMOTE_ID

LITERAL_ID = "id:"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is the same for every file of a project. `step_ids` are the environment's, by sequence and step."""

    environment: Environment
    one_environment: bool
    variables: Mapping[str, str]
    files: ContentFiles
    step_ids: Mapping[str, Mapping[str, str]]


def step_ids_of(ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`ids:` of an environment, those of steps: sequence key to step key to id."""
    made: dict[str, dict[str, str]] = {}
    for address, remote in ids.items():
        sequence, _, step = address.partition(".")
        if step:
            made.setdefault(sequence, {})[step] = remote
    return made


@dataclass(slots=True)
class Reading:
    """One file being read. `content_files` maps each content file that it names to the digest of its text."""

    path: str
    scope: Scope
    texts: Texts
    mistakes: list[Mistake] = field(default_factory=list)
    content_files: dict[str, str] = field(default_factory=dict)

    def tell(self, path: Path, rule: str, summary: str, hint: str = "", at_key: bool = False) -> None:
        """Notes a mistake at the value that `path` leads to, or with `at_key` at its key."""
        self.mistakes.append(Mistake(path, rule, summary, hint, at_key))

    def tell_missing(self, path: Path, key: str) -> None:
        """Notes that the mapping at `path` lacks `key`."""
        self.mistakes.append(missing(path, key))

    def expect_mapping(self, value: Data, path: Path, what: str) -> dict[str, Data] | None:
        """`value` if it is a mapping. A value that was told already is passed over in silence."""
        if isinstance(value, dict):
            return value
        if isinstance(value, (str, list)):
            self.tell(path, "wrong-type", f"{what} is keys with values.", "Write `key: value`, one on each line.")
        return None

    def expect_text(self, value: Data, path: Path) -> str | None:
        """`value` if it is a text."""
        if isinstance(value, str):
            return value
        if isinstance(value, (dict, list)):
            hint = "Write one text, in double quotes if need be."
            self.tell(path, "wrong-type", "A text is expected here.", hint)
        return None

    def resolve(self, name: str, names: Mapping[str, str], what: str, path: Path) -> str | None:
        """The app's id of what the file calls `name`: through the environment, or literally after `id:`."""
        if name.startswith(LITERAL_ID):
            remote = name[len(LITERAL_ID) :].strip()
            if REMOTE_ID.fullmatch(remote):
                return remote
            self.tell(path, "wrong-value", "An id of the app is letters and digits.", "Write it as id:z6R8Mw4vBn.")
            return None
        if name not in names:
            hint = did_you_mean(name, names)
            where = f"Names stand under `{what}s:` of the environment in seqsync.yaml; an id is written id:z6R8Mw4vBn."
            self.tell(path, f"unknown-{what}", f'There is no {what} "{name}".', f"{hint} {where}".strip())
        return names.get(name)
