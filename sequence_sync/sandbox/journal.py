"""The requests that the sandbox got, for tests that look at what a client sent. Bounded, in memory, thread-safe.

The key is never in it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

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
