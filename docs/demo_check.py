"""Print what the demo's server holds. Uses the standard library alone, so that it checks seqsync independently."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any


def get(url: str) -> Any:
    """Return the payload of one GET request."""
    request = urllib.request.Request(url, headers={"Accept": "application/json", "x-api-key": "demo"})
    with urllib.request.urlopen(request, timeout=10) as response:
        body = json.load(response)
    return body["payload"] if isinstance(body, dict) else body


def main(base: str) -> None:
    """Print each sequence with the number of its steps and variants."""
    total = 0
    for sequence in sorted(get(f"{base}/sequences?pageSize=1000"), key=lambda sequence: sequence["title"]):
        steps = get(f"{base}/sequences/{sequence['id']}/steps")
        total += len(steps)
        variants = sum(len(step["variants"]) for step in steps)
        status = "active" if sequence["active"] else "not active"
        sys.stdout.write(f"   {sequence['title']:<38} {len(steps):>2} steps, {variants:>2} variants, {status}\n")
    sys.stdout.write(f"   {'total':<38} {total:>2} steps\n")


if __name__ == "__main__":
    main(sys.argv[1])
