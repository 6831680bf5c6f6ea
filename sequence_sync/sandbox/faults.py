"""SwitchBoard: how the sandbox answers where docs/api.md is unsure, and the faults a test scripts.

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

MOST_ENTRIES = 20_000  # of the request log
MOST_BYTES = 64_000_000  # of the bodies in it
SECRET_HEADERS = frozenset({"x-api-key", "authorization", "cookie"})


class Days(StrEnum):
    """The field that returns a step's day."""

    ABSOLUTE = "absoluteDays"
    RELATIVE = "relativeDays"
    NONE = "none"


class FaultKind(StrEnum):
    """A kind of fault: first the kinds that prevent the write, then the kinds that hide a write that happened."""

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
    """One scripted fault, for the `nth` request with this method and with `path_contains` in its path.

    `nth` counts from 1; 0 is every request. An empty text matches all. `seconds`: the delay, or the value of
    Retry-After.
    """

    fault: FaultKind
    method: str = ""
    path_contains: str = ""
    nth: int = 1
    seconds: float = 1.0

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault counts the request."""
        return self.method.upper() in ("", method) and self.path_contains in path


@dataclass(frozen=True)
class Switches:
    """How the sandbox answers. The defaults are what docs/api.md considers most likely."""

    days: Days = Days.ABSOLUTE
    bare: bool = False  # answers as in the vendor's documentation, without `{message, payload}`
    rewrap_html: bool = False  # returns an email's HTML with other entities and one more break
    task_notes: bool = True  # the list of steps returns task notes
    read_lag: float = 0.0  # seconds by which reads of sequences lag behind writes
    faults: tuple[Fault, ...] = ()


class SwitchBoard:
    """The current switches, and the number of requests that each fault has counted. Thread-safe."""

    def __init__(self, source: Switches | Path | None = None) -> None:
        self._lock = threading.Lock()
        self.set(source)

    def set(self, source: Switches | Path | None) -> None:
        """Use other switches, and reset the counts of faults."""
        with self._lock:
            self._path = source if isinstance(source, Path) else None
            self._switches = source if isinstance(source, Switches) else Switches()
            self._read: tuple[str, int] | None = None
            self._counts: Counter[Fault] = Counter()

    def next_request(self, method: str, path: str) -> tuple[Switches, Fault | None]:
        """Return the switches for one request, and its fault or None. Count every fault that matches.

        Raises RefusedError (500) for a file that cannot be read, so that a test with a wrong file fails.
        """
        with self._lock:
            if self._path:
                self._read_file(self._path)
            due = None
            for fault in self._switches.faults:
                if fault.matches(method, path):
                    self._counts[fault] += 1
                    due = due or (fault if fault.nth in (0, self._counts[fault]) else None)
            return self._switches, due

    def _read_file(self, path: Path) -> None:
        try:
            content = (path.read_text("utf-8"), path.stat().st_mtime_ns)
        except FileNotFoundError:
            content = ("{}", 0)
        if content == self._read:
            return
        try:
            self._switches = restored(Switches, json.loads(content[0]))
        except (ValueError, RecursionError) as problem:
            raise RefusedError(5001, f"Invalid file of switches: {problem}", status=500, kind="BEHAVIOUR") from None
        self._read = content
        self._counts.clear()


@dataclass
class Entry:
    """One request. `time`: its arrival, in seconds since the epoch. `status`: None until it is answered. `fault`: the
    scripted fault that it got."""

    time: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str
    status: int | None = field(default=None)
    fault: str = ""


class RequestLog:
    """The latest requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def add(self, entry: Entry) -> Entry:
        """Add `entry` without secret headers, and drop the oldest entries above the limits."""
        entry.headers = {name: value for name, value in entry.headers.items() if name.lower() not in SECRET_HEADERS}
        with self._lock:
            self._entries.append(entry)
            self._bytes += len(entry.body)
            while len(self._entries) > MOST_ENTRIES or self._bytes > MOST_BYTES:
                self._bytes -= len(self._entries.popleft().body)
        return entry

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
