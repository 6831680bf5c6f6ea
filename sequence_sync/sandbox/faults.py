"""Switches: how the sandbox answers where docs/api.md is unsure, and the faults a test scripts.

Given when the sandbox is made, or as a JSON file that is read again for each request, so that a running server can
be switched. Knows nothing of HTTP.

The file, with every key optional (write it by rename, so that it is never read half written):
    {"days": "relativeDays", "bare": true, "rewrap_html": true, "task_notes": false, "read_lag": 2.5,
     "faults": [{"method": "POST", "path_contains": "/steps", "nth": 2, "fault": "late", "seconds": 3}]}
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sequence_sync.sandbox.errors import RefusedError
from sequence_sync.sandbox.model import restored


class Days(StrEnum):
    """How a step's day is given back."""

    ABSOLUTE = "absoluteDays"
    RELATIVE = "relativeDays"
    NONE = "none"


class FaultKind(StrEnum):
    """What goes wrong. First those after which nothing was done, then those after which it was."""

    DROP_BEFORE = "drop_before"
    ERROR_500_BEFORE = "error_500_before"
    RATE_LIMIT_429_SECONDS = "rate_limit_429_seconds"
    RATE_LIMIT_429_DATE = "rate_limit_429_date"
    RATE_LIMIT_400 = "rate_limit_400"
    BAD_KEY = "bad_key"
    FORBIDDEN_403 = "forbidden_403"

    DROP_AFTER = "drop_after"
    ERROR_500_AFTER = "error_500_after"
    LATE = "late"
    LATE_COMMIT = "late_commit"
    TRUNCATED_JSON = "truncated_json"
    HTML_502 = "html_502"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    EMPTY_BODY = "empty_body"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Fault:
    """One scripted fault: for the `nth` request (from 1; 0: each one) with that method and with `path_contains` in
    its path. An empty text fits all. `seconds` is how late, or how long the client is told to wait."""

    fault: FaultKind
    method: str = ""
    path_contains: str = ""
    nth: int = 1
    seconds: float = 1.0

    def fits(self, method: str, path: str) -> bool:
        """Whether a request counts for it."""
        return self.method.upper() in ("", method) and self.path_contains in path


@dataclass(frozen=True)
class Behaviour:
    """How answers look. The defaults are what docs/api.md holds for most likely."""

    days: Days = Days.ABSOLUTE
    bare: bool = False  # answers as the vendor's pages print them, without `{message, payload}`
    rewrap_html: bool = False  # an email's HTML comes back with other entities and one more break
    task_notes: bool = True  # the list of steps gives task notes back
    read_lag: float = 0.0  # seconds by which reads of sequences lag behind writes
    faults: tuple[Fault, ...] = ()


class Switches:
    """The behaviour that holds now, and how often each fault has been counted. Thread-safe."""

    def __init__(self, source: Behaviour | Path | None = None) -> None:
        self._lock = threading.Lock()
        self.set(source)

    def set(self, source: Behaviour | Path | None) -> None:
        """Switch; the faults are counted anew."""
        with self._lock:
            self._path = source if isinstance(source, Path) else None
            self._behaviour = source if isinstance(source, Behaviour) else Behaviour()
            self._read: tuple[str, int] | None = None
            self._counts: Counter[Fault] = Counter()

    def turn(self, method: str, path: str) -> tuple[Behaviour, Fault | None]:
        """The behaviour for one request, and the fault it meets; each fault that fits is counted once.

        Raises RefusedError (500) where the file cannot be read, so that a test that wrote it wrongly fails.
        """
        with self._lock:
            if self._path:
                self._look(self._path)
            due = None
            for fault in self._behaviour.faults:
                if fault.fits(method, path):
                    self._counts[fault] += 1
                    due = due or (fault if fault.nth in (0, self._counts[fault]) else None)
            return self._behaviour, due

    def _look(self, path: Path) -> None:
        try:
            found = (path.read_text("utf-8"), path.stat().st_mtime_ns)
        except FileNotFoundError:
            found = ("{}", 0)
        if found == self._read:
            return
        try:
            self._behaviour = restored(Behaviour, json.loads(found[0]))
        except (ValueError, RecursionError) as problem:
            raise RefusedError(5001, f"The behaviour file is wrong: {problem}", status=500, kind="BEHAVIOUR") from None
        self._read = found
        self._counts.clear()


MOST_ENTRIES = 20_000
MOST_BYTES = 64_000_000
SECRET = frozenset({"x-api-key", "authorization", "cookie"})


@dataclass
class Entry:
    """One request, in the order of arrival. `status` is None until it is answered, and stays so where it never is;
    `fault` names the scripted fault that it met. Times are seconds since the epoch."""

    time: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str
    status: int | None = field(default=None)
    fault: str = ""


class Journal:
    """The last entries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def note(self, entry: Entry) -> Entry:
        """Keep `entry`, and forget the oldest ones where there are too many."""
        entry.headers = {name: value for name, value in entry.headers.items() if name.lower() not in SECRET}
        with self._lock:
            self._entries.append(entry)
            self._bytes += len(entry.body)
            while len(self._entries) > MOST_ENTRIES or self._bytes > MOST_BYTES:
                self._bytes -= len(self._entries.popleft().body)
        return entry

    def entries(self) -> list[Entry]:
        """All that are kept, oldest first."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
