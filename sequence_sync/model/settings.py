"""Settings: the content of `seqsync.yaml`. Pure; `source.settings` reads the file.

Must not hold an API key: only the name of its environment variable, or the command that prints it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sequence_sync.model.fields import Frozen, Key

DEFAULT_API_URL = "https://open-api.saleshandy.com/v1"
DEFAULT_INCLUDE = ("sequences/**/*.yaml", "sequences/**/*.yml")
DEFAULT_ENVIRONMENT = "default"


def _whole(value: object) -> object:
    """Parse a whole number strictly: digits, with a minus for the bounds to refuse."""
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise ValueError("expected a whole number, for example 30")
        return int(value)
    return value


def _seconds(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value):
            raise ValueError("expected a number of seconds, for example 120")
        return float(value)
    return value


def _switch(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("expected true or false")
        return value == "true"
    return value


WHOLE = BeforeValidator(_whole)
SECONDS = BeforeValidator(_seconds)
SWITCH = BeforeValidator(_switch)


class RemovedSteps(StrEnum):
    """What to do with a step that was removed from its file."""

    BLOCK = "block"
    DEACTIVATE = "deactivate"


class Claim(StrEnum):
    """An ability of the API that is documented but not proven. The setting `capabilities` can switch it off."""

    ADD_VARIANT = "add-variant"
    UPDATE_COPY = "update-copy"
    UPDATE_NOTE = "update-note"
    UPDATE_ATTACHMENTS = "update-attachments"
    UPDATE_DAY = "update-day"
    UPDATE_PRIORITY = "update-priority"
    UPDATE_ASSIGNEE = "update-assignee"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    READ_DAY = "read-day"


class Environment(Frozen):
    """One Saleshandy account: its URL, its key, its state, and the names and IDs in it."""

    api_url: str = DEFAULT_API_URL
    api_key_env: str = "SALESHANDY_API_KEY"
    api_key_command: str | None = None
    headers: Mapping[str, str] = Field(default_factory=dict)
    state: str | None = None
    ids: Mapping[str, str] = Field(default_factory=dict)
    assignees: Mapping[str, str] = Field(default_factory=dict)
    attachments: Mapping[str, str] = Field(default_factory=dict)
    variables: Mapping[str, str] = Field(default_factory=dict)
    timeout: Annotated[int, Field(ge=1, le=600), WHOLE] = 30
    settle_grace: Annotated[float, Field(ge=0, le=86_400), SECONDS] = 120
    max_wait: Annotated[int, Field(ge=0), WHOLE] = 0
    capabilities: Mapping[Claim, Annotated[bool, SWITCH]] = Field(default_factory=dict)


class Policy(Frozen):
    """What a plan may do without an explicit permission."""

    max_changed_steps: Annotated[int, Field(ge=0), WHOLE] = 200
    removed_steps: RemovedSteps = RemovedSteps.BLOCK


class LintSettings(Frozen):
    """Rule id -> `off`, `warning`, `error`, or a mapping with options."""

    rules: Mapping[str, Any] = Field(default_factory=dict)


class Settings(Frozen):
    """The content of `seqsync.yaml`."""

    version: Literal[1] = 1
    include: tuple[str, ...] = DEFAULT_INCLUDE
    default_environment: str | None = None
    environments: Mapping[str, Environment] = Field(default_factory=lambda: {DEFAULT_ENVIRONMENT: Environment()})
    fields: tuple[str, ...] = ()
    variables: Mapping[str, str] = Field(default_factory=dict)
    removed: tuple[Key, ...] = ()
    policy: Policy = Policy()
    lint: LintSettings = LintSettings()
    capabilities: Mapping[Claim, Annotated[bool, SWITCH]] = Field(default_factory=dict)

    def switched_off(self, environment: str) -> frozenset[Claim]:
        """The capabilities that must not be used. Those of an environment override those at the top level."""
        capabilities = {**self.capabilities, **self.environments[environment].capabilities}
        return frozenset(claim for claim, on in capabilities.items() if not on)

    def state_path(self, environment: str) -> str:
        """The location of the state of `environment`: as set, or the default name."""
        chosen = self.environments[environment].state
        if chosen:
            return chosen
        if environment == DEFAULT_ENVIRONMENT:
            return "seqsync.state.json"
        return f"seqsync.{environment}.state.json"
