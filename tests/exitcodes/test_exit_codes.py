"""Every exit code of every command, each with a situation that makes it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pexpect
import pytest
from exit_commands import leaves
from exit_forks import Forks
from exit_scene import SCRIPT, Scene, Situation, Stage, a_call
from support.project import Done
from support.stand_in import Fault, StandIn

CASES: list[tuple[str, int, Situation]] = []
BLOCKED = a_call("a").replace("title: Title of a", "title: Another title")
CHANGED = a_call("a", "Ask about the weather")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One server and one applied project for all."""
    with StandIn() as server:
        forks = Forks()
        made = Stage(server, tmp_path_factory.mktemp("stage"), forks)
        made.prepare()
        yield made
        forks.close()


def case(command: str, *codes: int) -> object:
    """Enters a situation in the table."""

    def enter(situation: Situation) -> Situation:
        CASES.extend((command, code, situation) for code in codes)
        return situation

    return enter


def simple(command: str, code: int, *arguments: str, before: tuple[str, ...] = ()) -> None:
    """A situation that is a command line, after some of the scene's doings."""

    def situation(scene: Scene) -> Done:
        for name in before:
            getattr(scene, name)()
        return scene.run(*(arguments or command.split()))

    situation.__name__ = "_".join((*before, *arguments)) or "alone"
    CASES.append((command, code, situation))


# -- commands that touch no state -------------------------------------------------------------------------------------

for name in ("version", "schema", "environments", "init", "validate"):
    simple(name, 0)
    simple(name, 3, name, "-nothing")
simple("schema", 3, "schema", "sequenz")
simple("environments", 3, "environments", "-format", "yaml")


@case("environments", 3)
@case("validate", 3)
@case("plan", 3)
def settings_with_a_mistake(scene: Scene) -> Done:
    """The same for each command that reads them."""
    scene.project.write("seqsync.yaml", "version: 1\nincluded: []\n")
    return scene.run("plan")


@case("init", 1)
def a_file_where_a_folder_belongs(scene: Scene) -> Done:
    """The disk says no."""
    folder = scene.root / "other"
    folder.mkdir()
    folder.joinpath("sequences").write_text("")
    return scene.run("-chdir", "other", "init")


@case("validate", 3)
def a_file_with_a_mistake(scene: Scene) -> Done:
    """Told with its place."""
    scene.new("b", "sequence: b\nstep:\n")
    return scene.run("validate")


@case("sandbox", 0)
def a_sandbox_that_is_stopped(scene: Scene) -> Done:
    """A signal is how it ends."""
    process = scene.project.start("sandbox", "-port", "0")
    assert process.stdout
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    return Done(process.returncode, line + out, err)


@case("sandbox", 3)
def a_port_that_is_taken(scene: Scene) -> Done:
    """Two cannot listen on one."""
    return scene.run("sandbox", "-port", scene.server.url.split(":")[2].split("/")[0])


# -- plan, show -------------------------------------------------------------------------------------------------------

simple("plan", 0, "plan", "-detailed-exitcode")
simple("plan", 0, "plan", before=("new",))
simple("plan", 2, "plan", "-detailed-exitcode", before=("new",))
simple("plan", 3, "plan", "-target", "nothing.*")
simple("plan", 3, "plan", "-target", "A b")
simple("plan", 3, "plan", "-changed-since", "main")
simple("plan", 3, "plan", "-full", "-summary")


@case("plan", 2)
def a_blocked_change(scene: Scene) -> Done:
    """It is a difference."""
    scene.new("a", BLOCKED)
    assert scene.run("plan").code == 0
    assert scene.run("plan", "-detailed-exitcode", "-ignore-blocked").code == 0
    return scene.run("plan", "-detailed-exitcode")


@case("plan", 2)
def a_change_that_is_only_recorded(scene: Scene) -> Done:
    """Apply has something to write."""
    scene.new("a", a_call("a").replace("steps:\n  call:", "moved: [{from: call, to: ring}]\nsteps:\n  ring:"))
    return scene.run("plan", "-detailed-exitcode", "-ignore-blocked")


@case("plan", 0)
def an_open_journal_is_told_and_counts_by_its_changes(scene: Scene) -> Done:
    """Plan settles nothing."""
    scene.open_create()
    assert scene.run("plan", "-detailed-exitcode").code == 2
    return scene.run("plan")


@case("show", 0)
def a_saved_plan(scene: Scene) -> Done:
    """Printed."""
    return scene.run("show", scene.plan_file())


simple("show", 3, "show", "nowhere.plan")
simple("show", 3, "show")
simple("show", 7, "show", "seqsync.yaml")


@case("show", 7)
def a_damaged_plan(scene: Scene) -> Done:
    """A byte is another."""
    path = scene.root / scene.plan_file()
    path.write_bytes(path.read_bytes().replace(b"default", b"defaulT", 1))
    return scene.run("show", path.name)


# -- apply ------------------------------------------------------------------------------------------------------------

APPLY = ("apply", "-auto-approve")
IMPORT = ("import", "-all")
simple("apply", 0, *APPLY)
simple("apply", 0, *APPLY, before=("new",))
simple("apply", 1, *APPLY, before=("new", "server_refuses"))
simple("apply", 3, "apply", before=("new",))
simple("apply", 3, "apply", "-input=false", before=("new",))
simple("apply", 3, "apply", "nowhere.plan")
simple("apply", 3, *APPLY, "-target", "nothing")
simple("apply", 4, *APPLY, before=("new", "other_key"))
simple("apply", 9, *APPLY, before=("new", "theirs"))
simple("apply", 7, *APPLY, "-plan-hash", "0" * 64, before=("new",))
simple("apply", 7, "apply", "seqsync.yaml")


@case("apply", 0)
def only_blocked(scene: Scene) -> Done:
    """Nothing failed."""
    scene.new("a", BLOCKED)
    return scene.run(*APPLY)


@case("apply", 0)
def blocked_and_done(scene: Scene) -> Done:
    """What was blocked was reviewed as such."""
    scene.new("a", BLOCKED)
    scene.new()
    done = scene.run(*APPLY)
    assert len(scene.server.creates) == 2
    return done


@case("apply", 0)
def a_plan_that_is_done_already(scene: Scene) -> Done:
    """It says so."""
    scene.new()
    plan = scene.plan_file()
    scene.project.ok("apply", plan)
    return scene.run("apply", plan)


@case("apply", 1)
def a_person_says_no(scene: Scene) -> Done:
    """Anything but yes is a no."""
    scene.new()
    environ = {**scene.project.environ, "TERM": "xterm"}
    child = pexpect.spawn(str(SCRIPT), ["apply"], cwd=str(scene.root), env=environ, encoding="utf-8", timeout=30)
    child.expect("Only yes is taken for a yes")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert scene.server.creates == []
    return Done(child.exitstatus, child.before, "")


@case("apply", 3)
def a_plan_file_and_a_choice(scene: Scene) -> Done:
    """What was saved is carried out as it is."""
    plan = scene.plan_file()
    for arguments in (("-target", "a"), ("-exclude", "a"), ("-allow", "drift"), ("-changed-since", "HEAD")):
        assert scene.run("apply", plan, *arguments).code == 3
    return scene.run("apply", plan, "-allow=size")


@case("apply", 3)
def no_key(scene: Scene) -> Done:
    """The variable is not set."""
    scene.project.more["SALESHANDY_API_KEY"] = ""
    return scene.run(*APPLY)


@case("apply", 4)
def none_of_our_sequences_is_there(scene: Scene) -> Done:
    """This is another account."""
    scene.new()
    scene.server.sequences.clear()
    return scene.run(*APPLY)


@case("apply", 5)
def the_wait_is_used_up(scene: Scene) -> Done:
    """The rate limit says an hour."""
    scene.new()
    scene.waits_for_a_second()
    scene.server.faults = [Fault("limit_seconds", 1, 3600)]
    return scene.run(*APPLY)


@case("apply", 6)
def a_gate_is_shut(scene: Scene) -> Done:
    """More steps change than the policy allows."""
    scene.project.write("seqsync.yaml", "version: 1\npolicy: {max_changed_steps: 0}\n")
    scene.new("a", CHANGED)
    return scene.run(*APPLY)


@case("apply", 6)
def an_active_sequence(scene: Scene) -> Done:
    """The plan did not know it to be active."""
    next(iter(scene.server.sequences.values()))["active"] = True
    scene.new("a", a_call("a") + "  more: {day: 2, type: call_demo}\n")
    return scene.run(*APPLY)


@case("apply", 7)
def files_that_changed_since(scene: Scene) -> Done:
    """The saved plan is stale, and the difference is told."""
    scene.new()
    plan = scene.plan_file()
    scene.new("b", a_call("b", "Other words"))
    done = scene.run("apply", plan)
    assert "Old against new" in done.err
    return done


@case("apply", 7)
def another_environment(scene: Scene) -> Done:
    """The plan is for another one."""
    plan = scene.plan_file()
    scene.project.write("seqsync.yaml", "version: 1\nenvironments: {other: {state: seqsync.state.json}}\n")
    scene.without_state()
    return scene.run("apply", plan)


@case("apply", 10)
def one_done_and_one_refused(scene: Scene) -> Done:
    """What was done is recorded."""
    next(iter(scene.server.sequences.values()))["active"] = True
    scene.new("a", a_call("a") + "  more: {day: 2, type: call_demo}\n")
    scene.new()
    return scene.run(*APPLY)


@case("apply", 9)
def partly_done_and_one_unknown(scene: Scene) -> Done:
    """A person comes first."""
    scene.new("c")
    scene.new()
    scene.theirs()
    return scene.run(*APPLY)


# -- the state --------------------------------------------------------------------------------------------------------

READERS = {
    "state list": ("state", "list"), "state show": ("state", "show", "a"), "state pull": ("state", "pull"),
    "state history": ("state", "history"),
}  # fmt: skip
MENDERS = {
    "state mv": ("state", "mv", "a", "z"), "state rm": ("state", "rm", "a"),
    "state push": ("state", "push", "seqsync.state.json"), "state resolve": ("state", "resolve", "a.call", "-recreate"),
}  # fmt: skip
for name, line in {**READERS, **MENDERS}.items():
    simple(name, 0, *line)
    simple(name, 1, *line, before=("damaged",))
for name, line in {**READERS, **MENDERS, "plan": ("plan",), "apply": APPLY}.items():
    if name != "state push":
        simple(name, 4, *line, before=("elsewhere",))
for name, line in {"plan": ("plan",), "apply": APPLY}.items():
    simple(name, 1, *line, before=("damaged",))
simple("state list", 3, "state", "list", before=("without_state",))
simple("state list", 3, "state", "list", "nothing.*")
simple("state list", 3, "state", "list", "a..b")
simple("state show", 3, "state", "show", "nothing")
simple("state show", 3, "state", "show", before=("without_state",))
simple("state pull", 3, "state", "pull", before=("without_state",))
simple("state history", 3, "state", "history", "a..b")
simple("state mv", 3, "state", "mv", "nothing", "z")
simple("state mv", 3, "state", "mv", "a", "Z z")
simple("state rm", 3, "state", "rm", "nothing")
simple("state push", 1, "state", "push", "seqsync.state.json", before=("elsewhere",))
simple("state push", 1, "state", "push", "seqsync.yaml")
simple("state push", 3, "state", "push", "nowhere.json")
simple("state resolve", 3, "state", "resolve", "a.call")
simple("state resolve", 3, "state", "resolve", "b", "-recreate")
simple("state resolve", 3, "state", "resolve", "a.call", "-adopt", "nothing")
simple("state resolve", 4, "state", "resolve", "a.call", "-recreate", before=("other_key",))
simple("state resolve", 1, *MENDERS["state resolve"], before=("server_refuses",))
simple("force-unlock", 1, "force-unlock", "theirs")
simple("force-unlock", 3, "force-unlock")


@case("state resolve", 5)
def the_wait_for_a_look_is_used_up(scene: Scene) -> Done:
    """The rate limit of reads."""
    scene.waits_for_a_second()
    scene.server.read_faults = dict.fromkeys(range(1, 40), "limit_400")
    return scene.run(*MENDERS["state resolve"])


for name, line in {**MENDERS, "apply": APPLY, "import": IMPORT}.items():

    def locked(scene: Scene, line: tuple[str, ...] = line) -> Done:
        """Somebody else is at it."""
        with scene.locked():
            return scene.run(*line)

    CASES.append((name, 8, locked))


@case("force-unlock", 1)
def a_local_lock_goes_with_its_owner(scene: Scene) -> Done:
    """There is nothing to take away."""
    with scene.locked():
        return scene.run("force-unlock", "theirs")


# -- import -----------------------------------------------------------------------------------------------------------

simple("import", 0, *IMPORT)
simple("import", 0, *IMPORT, before=("theirs",))
simple("import", 1, *IMPORT, before=("damaged",))
simple("import", 1, *IMPORT, before=("server_refuses",))
simple("import", 3, "import")
simple("import", 1, "import", "nothing")
simple("import", 3, "import", "no-thing!")
simple("import", 3, "import", "-all", "nothing")
simple("import", 3, *IMPORT, "-into", "..")
simple("import", 4, *IMPORT, before=("other_key",))
simple("import", 4, *IMPORT, before=("elsewhere",))


# -- signals ----------------------------------------------------------------------------------------------------------

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}


def stopped_at(command: str, point: str, *arguments: str, lock: bool = False) -> None:
    """Both signals, at a point."""

    def situation(scene: Scene, kind: str) -> Done:
        scene.new()
        if not lock:
            return scene.stopped(kind, point, *arguments)
        with scene.locked():
            return scene.stopped(kind, point, *arguments, "-lock-timeout", "10m", nth=2)

    for kind, code in SIGNALS.items():

        def one(scene: Scene, kind: str = kind) -> Done:
            return situation(scene, kind)

        one.__name__ = f"{kind}_{point}"
        CASES.append((command, code, one))


stopped_at("plan", "before-state-read", "plan")
stopped_at("apply", "after-send", *APPLY)
for name, line in READERS.items():
    stopped_at(name, "after-state-read", *line)
for name, line in {**MENDERS, "import": IMPORT}.items():
    stopped_at(name, "after-try-lock", *line, lock=True)


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code", "situation"),
    CASES,
    ids=[f"{command}-{code}-{situation.__name__}" for command, code, situation in CASES],
)
def test_a_code(stage: Stage, tmp_path: Path, command: str, code: int, situation: Situation) -> None:
    """The situation gives this code, and no other."""
    done = situation(stage.scene(tmp_path))
    assert done.code == code, done.both
    assert stage.server.violations == []


NO_LOCK_TO_TAKE = "force-unlock"  # a local lock cannot be taken away, so that it never gives 0 here


def test_the_table_is_whole() -> None:
    """Every command has a situation for 0 and for 3; who takes the lock has one for 8, and for both signals."""
    entered: dict[str, set[int]] = {}
    for command, code, _ in CASES:
        entered.setdefault(command, set()).add(code)
    for path, command in leaves():
        needed = {3} if path == (NO_LOCK_TO_TAKE,) else {0, 3}
        if any("-lock-timeout" in param.opts for param in command.params):
            needed |= {8, *SIGNALS.values()}
        assert needed <= entered.get(" ".join(path), set()), path


@pytest.mark.parametrize(
    ("code", "line"), [(0, "plan"), (2, "plan -detailed-exitcode"), (3, "plan -nothing"), (7, "apply seqsync.yaml")]
)
def test_the_script_itself(stage: Stage, tmp_path: Path, code: int, line: str) -> None:
    """The installed script is the `main` that the forks run, and its code reaches the shell."""
    scene = stage.scene(tmp_path)
    scene.new()
    process = scene.project.start(*line.split())
    process.communicate(timeout=60)
    assert process.returncode == code
    assert [row.value for row in entry_points(group="console_scripts", name="seqsync")] == [
        "sequence_sync.cli.entry:main"
    ]
