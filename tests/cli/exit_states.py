"""Situations of the commands that read and repair the state, of drift and of import."""

from __future__ import annotations

from exit_plans import APPLY
from exit_project import Scene
from exit_table import CASES, case, simple, stopped_at
from support.project import Done

IMPORT = ("import", "-all")

# -- the state --------------------------------------------------------------------------------------------------------

READERS = {
    "state list": ("state", "list"),
    "state show": ("state", "show", "a"),
    "state pull": ("state", "pull"),
    "state history": ("state", "history"),
}
REPAIRS = {
    "state mv": ("state", "mv", "a", "z"),
    "state rm": ("state", "rm", "a"),
    "state push": ("state", "push", "seqsync.state.json"),
    "state resolve": ("state", "resolve", "a.call", "-recreate"),
}
for name, line in {**READERS, **REPAIRS}.items():
    simple(name, 0, *line)
    simple(name, 1, *line, before=("damaged",))
for name, line in {**READERS, **REPAIRS, "plan": ("plan",), "apply": APPLY}.items():
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
simple("state resolve", 1, *REPAIRS["state resolve"], before=("server_refuses",))
simple("state resolve", 5, *REPAIRS["state resolve"], before=("limited",))
simple("force-unlock", 1, "force-unlock", "theirs")
simple("force-unlock", 3, "force-unlock")


for name, line in {**REPAIRS, "apply": APPLY, "import": IMPORT}.items():

    def locked(scene: Scene, line: tuple[str, ...] = line) -> Done:
        with scene.locked():
            return scene.run(*line)

    CASES.append((name, 8, locked))


@case("force-unlock", 1)
def a_local_lock_goes_with_its_owner(scene: Scene) -> Done:
    """The operating system releases a local lock, so there is nothing to release."""
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


# -- reading Saleshandy -----------------------------------------------------------------------------------------------

DRIFT = ("drift",)
REFRESH = ("plan", "-refresh", "-detailed-exitcode")
simple("drift", 0, *DRIFT)
simple("drift", 2, *DRIFT, before=("edited",))
simple("drift", 3, *DRIFT, "-target", "nothing")
simple("plan", 0, *REFRESH)
simple("plan", 0, *REFRESH, before=("edited",))
simple("plan", 2, *REFRESH, before=("edited", "new"))
for name, line in {"drift": DRIFT, "plan": REFRESH}.items():
    simple(name, 1, *line, before=("server_refuses",))
    simple(name, 4, *line, before=("other_key",))
    simple(name, 5, *line, before=("limited",))
simple("drift", 1, *DRIFT, before=("damaged",))
simple("drift", 4, *DRIFT, before=("elsewhere",))
simple("import", 5, *IMPORT, before=("limited",))


for name, line in {**READERS, "drift": DRIFT}.items():
    stopped_at(name, "after-state-read", *line)
for name, line in {**REPAIRS, "import": IMPORT}.items():
    stopped_at(name, "after-try-lock", *line, lock=True)
