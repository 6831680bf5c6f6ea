"""Situations of plan, show and apply, and of the commands that use no state."""

from __future__ import annotations

import signal

import pexpect
from exit_project import SCRIPT, Scene, a_call
from exit_table import case, simple, stopped_at
from support.project import Done
from support.stand_in import Fault

BLOCKED = a_call("a").replace("title: Title of a", "title: Another title")
CHANGED = a_call("a", "Ask about the weather")

# -- commands that use no state ---------------------------------------------------------------------------------------

for name in ("version", "schema", "environments", "init", "validate"):
    simple(name, 0)
    simple(name, 3, name, "-nothing")
for name in ("environments", "validate", "plan"):
    simple(name, 3, name, before=("bad_settings",))
simple("schema", 3, "schema", "sequenz")
simple("environments", 3, "environments", "-format", "yaml")


@case("init", 1)
def a_file_in_the_place_of_a_folder(scene: Scene) -> Done:
    folder = scene.root / "other"
    folder.mkdir()
    folder.joinpath("sequences").write_text("")
    return scene.run("-chdir", "other", "init")


@case("validate", 3)
def a_file_with_an_error(scene: Scene) -> Done:
    scene.new("b", "sequence: b\nstep:\n")
    return scene.run("validate")


@case("sandbox", 0)
def a_sandbox_that_is_stopped(scene: Scene) -> Done:
    process = scene.project.start("sandbox", "-port", "0")
    assert process.stdout
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    return Done(process.returncode, line + out, err)


@case("sandbox", 3)
def a_port_that_is_taken(scene: Scene) -> Done:
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
    scene.new("a", BLOCKED)
    assert scene.run("plan").code == 0
    assert scene.run("plan", "-detailed-exitcode", "-ignore-blocked").code == 0
    return scene.run("plan", "-detailed-exitcode")


@case("plan", 2)
def a_change_that_is_only_recorded(scene: Scene) -> Done:
    scene.new("a", a_call("a").replace("steps:\n  call:", "moved: [{from: call, to: ring}]\nsteps:\n  ring:"))
    return scene.run("plan", "-detailed-exitcode", "-ignore-blocked")


@case("plan", 0)
def a_create_in_doubt_is_reported_and_not_resolved(scene: Scene) -> Done:
    scene.open_create()
    assert scene.run("plan", "-detailed-exitcode").code == 2
    return scene.run("plan")


@case("show", 0)
def a_saved_plan(scene: Scene) -> Done:
    return scene.run("show", scene.plan_file())


simple("show", 3, "show", "nowhere.plan")
simple("show", 3, "show")
simple("show", 7, "show", "seqsync.yaml")


@case("show", 7)
def a_damaged_plan(scene: Scene) -> Done:
    path = scene.root / scene.plan_file()
    path.write_bytes(path.read_bytes().replace(b"default", b"defaulT", 1))
    return scene.run("show", path.name)


# -- apply ------------------------------------------------------------------------------------------------------------

APPLY = ("apply", "-auto-approve")
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
    scene.new("a", BLOCKED)
    return scene.run(*APPLY)


@case("apply", 0)
def blocked_and_done(scene: Scene) -> Done:
    scene.new("a", BLOCKED)
    scene.new()
    done = scene.run(*APPLY)
    assert len(scene.server.creates) == 2
    return done


@case("apply", 0)
def a_plan_that_is_applied_already(scene: Scene) -> Done:
    scene.new()
    plan = scene.plan_file()
    scene.project.ok("apply", plan)
    return scene.run("apply", plan)


@case("apply", 1)
def a_person_declines(scene: Scene) -> Done:
    scene.new()
    environ = {**scene.project.environ, "TERM": "xterm"}
    child = pexpect.spawn(str(SCRIPT), ["apply"], cwd=str(scene.root), env=environ, encoding="utf-8", timeout=30)
    child.expect("Type 'yes' to apply: ")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert scene.server.creates == []
    return Done(child.exitstatus, child.before, "")


@case("apply", 3)
def a_saved_plan_with_options_of_a_new_plan(scene: Scene) -> Done:
    plan = scene.plan_file()
    for arguments in (("-target", "a"), ("-exclude", "a"), ("-allow", "drift"), ("-changed-since", "HEAD")):
        assert scene.run("apply", plan, *arguments).code == 3
    return scene.run("apply", plan, "-allow=size")


@case("apply", 3)
def no_key(scene: Scene) -> Done:
    scene.project.more["SALESHANDY_API_KEY"] = ""
    return scene.run(*APPLY)


@case("apply", 4)
def no_sequence_of_the_state_exists(scene: Scene) -> Done:
    """The key belongs to another account."""
    scene.new()
    scene.server.sequences.clear()
    return scene.run(*APPLY)


@case("apply", 5)
def max_wait_is_used_up(scene: Scene) -> Done:
    """The rate limit asks for a wait of an hour."""
    scene.new()
    scene.waits_for_a_second()
    scene.server.faults = [Fault("limit_seconds", 1, 3600)]
    return scene.run(*APPLY)


@case("apply", 6)
def a_shut_gate(scene: Scene) -> Done:
    """More steps change than the policy allows."""
    scene.project.write("seqsync.yaml", "version: 1\npolicy: {max_changed_steps: 0}\n")
    scene.new("a", CHANGED)
    return scene.run(*APPLY)


@case("apply", 6)
def an_active_sequence(scene: Scene) -> Done:
    """The plan was made before it became active."""
    next(iter(scene.server.sequences.values()))["active"] = True
    scene.new("a", a_call("a") + "  more: {day: 2, type: call_demo}\n")
    return scene.run(*APPLY)


@case("apply", 7)
def files_that_changed_since(scene: Scene) -> Done:
    """The saved plan is stale, and the message shows the difference."""
    scene.new()
    plan = scene.plan_file()
    scene.new("b", a_call("b", "Other words"))
    done = scene.run("apply", plan)
    assert "Reviewed plan compared with the current plan" in done.err
    return done


@case("apply", 7)
def another_environment(scene: Scene) -> Done:
    plan = scene.plan_file()
    scene.project.write("seqsync.yaml", "version: 1\nenvironments: {other: {state: seqsync.state.json}}\n")
    scene.without_state()
    return scene.run("apply", plan)


@case("apply", 10)
def one_done_and_one_refused(scene: Scene) -> Done:
    next(iter(scene.server.sequences.values()))["active"] = True
    scene.new("a", a_call("a") + "  more: {day: 2, type: call_demo}\n")
    scene.new()
    return scene.run(*APPLY)


@case("apply", 9)
def partly_done_and_one_unknown(scene: Scene) -> Done:
    """Exit code 9 takes precedence over 10."""
    scene.new("c")
    scene.new()
    scene.theirs()
    return scene.run(*APPLY)


stopped_at("plan", "before-state-read", "plan")
stopped_at("apply", "after-send", *APPLY)
