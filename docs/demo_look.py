"""Asks the demo's server what it holds, with the standard library alone, so that seqsync does not vouch for itself."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any


def get(url: str) -> Any:
    """The payload of one GET."""
    request = urllib.request.Request(url, headers={"Accept": "application/json", "x-api-key": "demo"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        told = json.load(answer)
    return told["payload"] if isinstance(told, dict) else told


def main(base: str) -> None:
    """Prints each sequence with its steps and variants."""
    total = 0
    for row in sorted(get(f"{base}/sequences?pageSize=1000"), key=lambda row: row["title"]):
        steps = get(f"{base}/sequences/{row['id']}/steps")
        total += len(steps)
        variants = sum(len(step["variants"]) for step in steps)
        state = "active" if row["active"] else "not active"
        sys.stdout.write(f"   {row['title']:<38} {len(steps):>2} steps, {variants:>2} variants, {state}\n")
    sys.stdout.write(f"   {'in all':<38} {total:>2} steps\n")


if __name__ == "__main__":
    main(sys.argv[1])
