"""A stand-in for `curl` that answers as GitLab's API does to our pipeline; what it was asked is kept in a file."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

BOT = {"id": 77, "username": "project_1_bot"}
BASE = "https://gitlab.test/api/v4"


class Host:
    """GitLab's data, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {"notes": {}, "issues": [], "requests": [], "calls": []}
        if path.exists():
            self.data = json.loads(path.read_text(encoding="utf-8"))

    def save(self) -> None:
        """Keep it, whole: two calls of one pipe run side by side."""
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(self.data, indent=1, ensure_ascii=False), encoding="utf-8")
        beside.replace(self.path)

    def answer(self, method: str, path: str, fields: dict[str, str]) -> Any:
        """What GitLab says to one call."""
        sorting = r"\?per_page=100&order_by=created_at&sort=asc"
        routes = [
            ("GET", "/user", lambda: BOT),
            ("GET", rf"/projects/1/merge_requests/(\d+)/notes{sorting}", lambda iid: self.data["notes"].get(iid, [])),
            ("POST", r"/projects/1/merge_requests/(\d+)/notes", lambda iid: self._note(iid, fields)),
            ("PUT", r"/projects/1/merge_requests/(\d+)/notes/(\d+)", lambda iid, row: self._edit(iid, row, fields)),
            ("GET", r"/projects/1/repository/commits/(\w{40})/merge_requests", self._requests),
            ("GET", r"/projects/1/issues\?state=opened&per_page=100", self._open),
            ("POST", "/projects/1/issues", lambda: self._issue(fields)),
            ("PUT", r"/projects/1/issues/(\d+)", lambda iid: self._change(iid, fields)),
        ]
        for desired, pattern, act in routes:
            found = re.fullmatch(pattern, path)
            if desired == method and found:
                return act(*found.groups())
        raise SystemExit("curl: (22) The requested URL returned error: 404")

    def _note(self, iid: str, fields: dict[str, str]) -> Any:
        rows = self.data["notes"].setdefault(iid, [])
        rows.append({"id": 900 + len(rows), "author": BOT, "body": fields["body"]})
        return rows[-1]

    def _edit(self, iid: str, number: str, fields: dict[str, str]) -> Any:
        row = next(row for row in self.data["notes"][iid] if row["id"] == int(number))
        row.update(fields)
        return row

    def _requests(self, sha: str) -> Any:
        return [row for row in self.data["requests"] if sha in row["commits"]]

    def _open(self) -> Any:
        return [row for row in self.data["issues"] if row["state"] == "opened"]

    def _issue(self, fields: dict[str, str]) -> Any:
        row = {"iid": 1 + len(self.data["issues"]), "state": "opened", "author": BOT, **fields}
        self.data["issues"].append(row)
        return row

    def _change(self, iid: str, fields: dict[str, str]) -> Any:
        row = self.data["issues"][int(iid) - 1]
        if fields.pop("state_event", "") == "close":
            row["state"] = "closed"
        row.update(fields)
        return row


def _field(word: str) -> tuple[str, str]:
    name, mark, value = re.fullmatch(r"(\w+)([=@])(.*)", word, re.S).groups()  # type: ignore[union-attr]
    return name, Path(value).read_text(encoding="utf-8") if mark == "@" else value


def main(words: list[str]) -> None:
    """One command line."""
    method, url, output, header, fields = "GET", "", "", "", {}
    while words:
        word = words.pop(0)
        if word == "--request":
            method = words.pop(0)
        elif word == "--header":
            header = Path(words.pop(0).removeprefix("@")).read_text(encoding="utf-8")
        elif word == "--output":
            output = words.pop(0)
        elif word in ("--data", "--data-urlencode"):
            name, value = _field(words.pop(0))
            fields[name] = value
        elif word not in ("--fail", "--silent", "--show-error"):
            assert not url, f"curl: unknown word {word}"
            url = word
    assert header == "PRIVATE-TOKEN: the-note-token", "curl: (22) The requested URL returned error: 401"
    host = Host(Path(os.environ["FAKE_GITLAB"]))
    path = url.removeprefix(BASE)
    host.data["calls"].append([method, path, sorted(fields)])
    answer = json.dumps(host.answer(method, path, fields))
    host.save()
    if output:
        Path(output).write_text(answer, encoding="utf-8")
    else:
        sys.stdout.write(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
