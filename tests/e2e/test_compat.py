"""Files that an earlier build wrote load, plan and apply as they did then.

tests/cases/compat holds projects with state, journal, history, saved plans and settings, the account that belongs to
them, and the outputs of that build. Its README says how they were made. Here the installed command does the same again.
Nothing of the package is imported, and no words meant for people are compared: they may change.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).resolve().parent.parent / "cases" / "compat"
SEQSYNC = Path(sys.executable).with_name("seqsync")
# State and plans name host and port of the API, so it is always this one. Below those that systems give out.
PORT = 28585
PATIENCE = 100  # seconds
PROSE = {"advice", "detail", "hint", "notes", "text"}
OF_THE_RUN = {"run", "at", "who", "commit", "dirty", "by"}
STATE, KEY = "team.json", "canary-key-5f1d8e"
Answer = tuple[int, list[tuple[str, str]], bytes]

# Whoever serves takes turns at the port; in one group no worker waits for another.
pytestmark = pytest.mark.xdist_group("compat")


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Without asking for the machine's name, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no news."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 20
    account: Account

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        """As any other."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.account.answer(self.command, self.path, dict(self.headers), body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_GET  # noqa: N815


@dataclass
class Account:
    """`seqsync sandbox` with the data in a file, behind a door on the port above that keeps a log."""

    data: Path
    writes: list[list[Any]] = field(default_factory=list)
    reads: set[str] = field(default_factory=set)
    gateway: set[str] = field(default_factory=set)

    def __enter__(self) -> Account:
        self._server = self._listen()
        command = [str(SEQSYNC), "sandbox", "-port", "0", "-rate-limit", "0", "-data", str(self.data)]
        self._sandbox = subprocess.Popen(command, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def _listen(self) -> _Server:
        """Wait until the port is free: another worker or another run of the tests may use it."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return _Server(("127.0.0.1", PORT), type("Bound", (_Door,), {"account": self}))
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
            time.sleep(0.05)

    @cached_property
    def port(self) -> int:
        """Where the sandbox listens: it starts while the first command does."""
        assert self._sandbox.stdout is not None
        found = re.search(rb"http://[0-9.]+:(\d+)/", self._sandbox.stdout.readline())
        assert found, "the sandbox did not start"
        return int(found[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._sandbox.kill()  # each write was on the disk before it was answered
        self._sandbox.communicate(timeout=PATIENCE)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """Note a request and pass it on; None: hang up."""
        low = {name.lower(): value for name, value in headers.items()}
        self.gateway.add(f"{low.get('x-team', '')} {low.get('x-api-key', '')}".strip())
        if method == "GET":
            self.reads.add(path)
        else:
            self.writes.append([method, path, json.loads(body)])
        return self.passed_on(method, path, headers, body)

    def passed_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the sandbox says."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            line.request(method, path, body or None, headers)
            reply = line.getresponse()
            return reply.status, reply.getheaders(), reply.read()
        finally:
            line.close()

    def log(self) -> dict[str, Any]:
        """What was sent, in order; what was read, as a set, as waiting may read more often; key and gateway."""
        return {"writes": self.writes, "reads": sorted(self.reads), "gateway": sorted(self.gateway)}


def environ() -> dict[str, str]:
    """The variables that every command sees."""
    ours = {"SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": "0.2"}
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}, **ours}


@dataclass
class Then:
    """A copy of one case: `project` and `account.json`."""

    root: Path

    @property
    def project(self) -> Path:
        """The folder with the settings."""
        return self.root / "project"

    @property
    def before(self) -> Path:
        """The outputs are the same as then. Files that a later case did not change are in the first case."""
        found = CASES / self.root.name / "project"
        return found if (found / STATE).exists() else CASES / "applied" / "project"

    @property
    def data(self) -> Path:
        """The account's data."""
        return self.root / "account.json"

    def runs(self, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
        """Exit code and standard output of commands that are run side by side. A traceback, or the key in what they
        print, fails the test."""
        started = [
            subprocess.Popen(
                [str(SEQSYNC), *command], cwd=self.project, env=environ(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for command in commands
        ]  # fmt: skip
        ended = [(process, *process.communicate(timeout=PATIENCE)) for process in started]
        for _, out, err in ended:
            assert "Traceback" not in err, err
            assert KEY not in out + err
        return [(process.returncode, out) for process, out, _ in ended]

    def outputs(self, *commands: tuple[str, ...]) -> list[Any]:
        """The same, of the output the JSON without words for people."""
        return [[code, plain(json.loads(out)) if out[:1] == "{" else None] for code, out in self.runs(*commands)]

    def state(self) -> Any:
        """The state's file."""
        return json.loads((self.project / STATE).read_bytes())

    def left(self) -> dict[str, Any]:
        """What is on the disk now: the state, its entries only by its own sum; the whole journal; and the new lines of
        the history, which must only have grown."""
        history, old = (lines_of(root / f"{STATE}.history") for root in (self.project, self.before))
        assert history[: len(old)] == old
        return {
            "state": self.state() | {"sequences": None},
            "journal": plain(lines_of(self.project / f"{STATE}.journal"), OF_THE_RUN),
            "history": plain(history[len(old) :], OF_THE_RUN | {"undo"}),
        }

    def held(self) -> dict[str, Any]:
        """The sequences and steps of the account by what they are, without times."""
        found: dict[str, Any] = {}
        for row in plain(json.loads(self.data.read_bytes()), {"since"})["sequences"]:
            steps = row.pop("steps")
            found |= {row["title"]: row, **{f"{row['title']}: {step['id']}": step for step in steps}}
        return found


def news(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What is not as it was; None for what is not there any more."""
    return {name: now.get(name) for name in [*before, *now] if now.get(name) != before.get(name)}


def case(name: str, root: Path) -> Then:
    """A copy of a case; `changed` holds only what is not as in `applied`, and none holds a hidden folder itself."""
    then = Then(root / name)
    for part in ("applied", name) if name == "changed" else (name,):
        shutil.copytree(CASES / part, then.root, dirs_exist_ok=True)
    for gone in DELETED if name == "changed" else ():
        (then.project / gone).unlink()
    if (then.root / "seen.json").exists():
        (then.project / ".seqsync").mkdir()
        shutil.copy(then.root / "seen.json", then.project / ".seqsync" / "seen.json")
    return then


def plain(value: Any, without: Iterable[str] = ()) -> Any:
    """`value` without words for people (only whether there are any), and without the fields of those names."""
    if isinstance(value, list):
        return [plain(row, without) for row in value]
    if not isinstance(value, dict):
        return value
    return {
        name: bool(row) if name in PROSE and not isinstance(row, dict) else plain(row, without)
        for name, row in value.items()
        if name not in without
    }


def lines_of(path: Path) -> list[Any]:
    """The lines of a journal or history; each begins with a piece of its sum."""
    rows: list[Any] = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        digest, _, body = line.partition(b" ")
        assert hashlib.sha256(body).hexdigest()[:16].encode() == digest, f"{path}: damaged"
        rows.append(json.loads(body))
    return rows


def saved(path: Path) -> Any:
    """A saved plan, but for what is not printed and may differ."""
    document = json.loads(path.read_bytes())
    return plain({name: row for name, row in document.items() if name not in ("sum", "tool_version")})


def brief(outputs: list[Any]) -> list[Any]:
    """Of a printed plan what the plan hash stands for, in short."""
    code, plan = outputs
    rows = [[row[name] for name in ("action", "reason", "address", "impact", "wanted")] for row in plan["changes"]]
    return [code, {**{name: plan[name] for name in ("plan_hash", "summary", "gates", "allowed")}, "changes": rows}]


def carried_out(then: Then, *arguments: str) -> dict[str, Any]:
    """What comes of an apply: its report, what was sent and read, and what is left where."""
    before = then.held()
    with Account(then.data) as account:
        ((code, _),) = then.runs(("apply", "-parallelism", "1", "-report", "report.json", *arguments))
    report = plain(json.loads((then.project / "report.json").read_bytes()), {"message"})
    return {"code": code, "report": report, **account.log(), **then.left(), "account": news(before, then.held())}


PLANS = ("plain", "refreshed", "overwriting")
DELETED = ("sequences/quiet.yaml",)
CUT = {"cut-after": ("../run.json",), "cut-before": ("-auto-approve",), "cut-record": ("-auto-approve",)}
PLAN = ("plan", "-detailed-exitcode", "-format", "json")
PLAIN = ("plan", "-allow", "destructive", "-exclude", "cold", "-exclude", "taken", "-out", "new.json")
REFRESH = ("plan", "-refresh", "-allow", "destructive", "-allow", "active", "-out", "new.json")


def loaded(root: Path) -> dict[str, Any]:
    """The commands show the state and its journal, and a rollback leads to its first serial."""
    then = case("applied", root)
    listed, pulled = then.runs(("state", "list"), ("state", "pull"))
    shown, history, back = then.outputs(
        ("state", "show", "trial"),
        ("state", "history", "-limit", "4", "-format", "json"),
        ("plan", "-to-serial", "1", "-format", "json"),
    )
    assert json.loads(pulled[1]) == then.state()
    assert shown == [0, then.state()["sequences"]["trial"]]
    return {"list": listed[1].splitlines(), "history": history, "back": brief(back)}


def torn(root: Path) -> dict[str, Any]:
    """A state whose journal contains more is shown with its serial and checksum of then, and with its open calls."""
    (_, state), (_, history) = case("cut-before", root).outputs(
        ("state", "pull"), ("state", "history", "-format", "json")
    )
    return {"serial": state["serial"], "sum": state["sum"], "open": history["unknown"], "runs": history["runs"]}


def set_up(root: Path) -> dict[str, Any]:
    """What the settings say, by what follows from them."""
    then = case("settings", root)
    listed, team, other = then.outputs(("environments", "-format", "json"), PLAN, (*PLAN, "-env", "other"))
    applied = carried_out(then, "-auto-approve", "-allow", "size", "-allow", "destructive")
    return {"environments": listed, "team": team, "other": brief(other), **applied}


def looked(root: Path) -> tuple[dict[str, Any], Any]:
    """What a look at the account shows, and a plan that is saved after it."""
    then = case("changed", root)
    with Account(then.data) as account:
        drift, _ = then.outputs(("drift", "-format", "json"), REFRESH)
    return {"drift": drift, **account.log()}, saved(then.project / "new.json")


def check(name: str, found: dict[str, Any]) -> None:
    """Hold what was found against what the build of then made of it."""
    assert json.loads(json.dumps(found)) == json.loads((CASES / "expected" / f"{name}.json").read_bytes())


def test_a_state_loads(tmp_path: Path) -> None:
    """State and history of then show the same now, and a rollback gives the same first plan."""
    check("loaded", loaded(tmp_path))


def test_a_journal_loads(tmp_path: Path) -> None:
    """The journal of a killed apply is shown as it was then."""
    check("torn", torn(tmp_path))


def test_the_plan_is_the_same(tmp_path: Path) -> None:
    """Files and state of then give the plan that was saved then, with the same hash."""
    then = case("changed", tmp_path)
    then.runs(PLAIN)
    assert saved(then.project / "new.json") == saved(then.root / "plain.json")


def test_the_look_is_the_same(tmp_path: Path) -> None:
    """Drift, conflicts and what can be recorded are those that were found then."""
    found, plan = looked(tmp_path)
    check("looked", found)
    assert plan == saved(CASES / "changed" / "refreshed.json")


def test_a_saved_plan_is_read(tmp_path: Path) -> None:
    """A plan that was saved then is shown with the same changes, gates and hash."""
    then = case("changed", tmp_path)
    ((code, shown),) = then.outputs(("show", "../overwriting.json", "-format", "json"))
    document = saved(then.root / "overwriting.json")
    del document["base"], shown["summary"]
    assert (code, shown) == (0, document)


@pytest.mark.parametrize("name", PLANS)
def test_a_saved_plan_is_carried_out(tmp_path: Path, name: str) -> None:
    """The same calls go out for a plan of then, and the same is left in the account and on the disk."""
    check(f"carried-out-{name}", carried_out(case("changed", tmp_path), f"../{name}.json"))


def test_calls_in_doubt_are_resolved(tmp_path: Path) -> None:
    """An apply goes on from the state of then, and a second plan is empty."""
    then = case("applied", tmp_path)
    check("settled", carried_out(then, "-auto-approve"))
    assert then.runs(PLAN)[0][0] == 0


@pytest.mark.parametrize("name", CUT)
def test_an_apply_that_was_killed_goes_on(tmp_path: Path, name: str) -> None:
    """The journal of a killed apply is continued: each step is in the account once, and a second plan is empty."""
    then = case(name, tmp_path)
    check(f"resumed-{name}", carried_out(then, *CUT[name]))
    steps = [(name[:7], row["type"], row["day"]) for name, row in then.held().items() if ":" in name]
    assert sorted(steps) == [("The one", *rest) for rest in ((1, 1), (1, 4), (5, 5), (11, 3), (16, 6))] + [
        ("The two", 3, 2), ("The two", 9, 1)
    ]  # fmt: skip
    assert then.runs(PLAN)[0][0] == 0


def test_settings_say_the_same(tmp_path: Path) -> None:
    """Each setting that there is has the effect that it had then."""
    check("settings", set_up(tmp_path))


def test_what_a_machine_saw_is_remembered(tmp_path: Path) -> None:
    """The note of what a machine last saw of a state still keeps it from taking an older one for the present."""
    then = case("seen", tmp_path)
    ((refused, _),) = then.runs(("state", "list"))
    shutil.rmtree(then.project / ".seqsync")
    assert (refused, then.runs(("state", "list"))[0][0]) == (1, 0)
