"""How many files one create enters, so that a colleague can still follow it."""

from __future__ import annotations

from benchmarks.files_entered import MOST_FILES, files_entered


def test_one_create_enters_few_files_of_the_package() -> None:
    entered = files_entered()
    assert {"apply/create.py", "apply/send.py", "provider/client.py", "state/manager.py"} <= entered.keys()
    assert len(entered) <= MOST_FILES, sorted(entered)
