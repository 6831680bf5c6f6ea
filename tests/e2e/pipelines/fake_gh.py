"""A stand-in for `gh`: what it is asked for is kept in a file, and so are comments, issues and statuses.

It runs as a program of its own; a test reads and changes the file between two runs.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jq

BOT = "github-actions[bot]"


class Host:
    """The host's data, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {"comments": {}, "issues": [], "statuses": {}, "pulls": [], "calls": []}
        if path.exists():
            self.data = json.loads(path.read_text(encoding="utf-8"))

    def save(self) -> None:
        """Keep it."""
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(self.data, indent=1, ensure_ascii=False), encoding="utf-8")
        beside.replace(self.path)  # whole: two calls of one pipe run side by side

    def answer(self, method: str, path: str, fields: dict[str, str]) -> Any:
        """What the host says to one call."""
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"issues/(\d+)/comments", lambda pull: self.data["comments"].get(pull, [])),
            ("POST", r"issues/(\d+)/comments", lambda pull: self._comment(pull, fields)),
            ("PATCH", r"issues/comments/(\d+)", lambda number: self._edit(self._comments(), number, fields, "id")),
            ("POST", r"statuses/(\w{40})", lambda sha: self._status(sha, fields)),
            ("GET", r"commits/(\w{40})/statuses\?per_page=100", lambda sha: self.data["statuses"].get(sha, [])),
            ("GET", r"commits/(\w{40})/pulls", self._pulls),
            ("GET", r"issues\?state=open&per_page=100", self._open_issues),
            ("POST", r"issues", lambda: self._open(fields)),
            ("PATCH", r"issues/(\d+)", lambda number: self._edit(self.data["issues"], number, fields, "number")),
        ]
        for desired, pattern, act in routes:
            found = re.fullmatch(rf"repos/acme/outreach/{pattern}", path)
            if desired == method and found:
                return act(*found.groups())
        raise SystemExit(f"gh: HTTP 404: {method} {path}")

    def _comments(self) -> list[Any]:
        return [row for rows in self.data["comments"].values() for row in rows]

    def _comment(self, pull: str, fields: dict[str, str]) -> Any:
        if len(fields["body"]) > 65_536:
            raise SystemExit("gh: HTTP 422: body is too long (maximum is 65536 characters)")
        row = {"id": 1000 + len(self._comments()), "user": {"login": BOT}, "body": fields["body"]}
        self.data["comments"].setdefault(pull, []).append(row)
        return row

    def _edit(self, rows: list[Any], number: str, fields: dict[str, str], key: str) -> Any:
        row = next(row for row in rows if row[key] == int(number))
        row.update(fields)
        return row

    def _status(self, sha: str, fields: dict[str, str]) -> Any:
        if len(fields["description"]) > 140:
            raise SystemExit("gh: HTTP 422: description is too long (maximum is 140 characters)")
        self.data["statuses"].setdefault(sha, []).insert(0, {**fields, "creator": {"login": BOT}})
        return fields

    def _pulls(self, sha: str) -> Any:
        return [row for row in self.data["pulls"] if sha in row["commits"]]

    def _open_issues(self) -> Any:
        return [row for row in self.data["issues"] if row["state"] == "open"]

    def _open(self, fields: dict[str, str]) -> Any:
        row = {"number": 500 + len(self.data["issues"]), "state": "open", "user": {"login": BOT}, **fields}
        self.data["issues"].append(row)
        return row


def _field(word: str, typed: bool) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, Path(value[1:]).read_text(encoding="utf-8") if typed and value.startswith("@") else value


def main(words: list[str]) -> None:
    """One command line."""
    if words == ["auth", "setup-git"]:
        return
    assert words.pop(0) == "api", words
    assert os.environ.get("GH_TOKEN") == "the-token", "gh: set the GH_TOKEN environment variable"
    method, path, expression, fields, silent = "GET", "", "", {}, False
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "--jq":
            expression = words.pop(0)
        elif word in ("-f", "-F"):
            name, value = _field(words.pop(0), word == "-F")
            fields[name] = value
        elif word in ("--silent", "--paginate"):
            silent = silent or word == "--silent"
        else:
            assert not path, f"gh: unknown word {word}"
            path = word
    host = Host(Path(os.environ["FAKE_GH"]))
    host.data["calls"].append([method, path, sorted(fields)])
    answer = host.answer(method, path, fields)
    host.save()
    if not silent:
        rows = jq.compile(expression or ".").input_value(answer).all()
        sys.stdout.writelines(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


if __name__ == "__main__":
    main(sys.argv[1:])
