"""The recipes of docs/architecture.md, each carried out in a copy of the project over which the tests then run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.project_copy import ProjectCopy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def copy(tmp_path: Path) -> ProjectCopy:
    return ProjectCopy(tmp_path / "project")


def test_a_new_output_format_is_one_module_and_one_row(copy: ProjectCopy, tmp_path: Path) -> None:
    copy.write(
        "sequence_sync/render/csv.py",
        '''"""A plan as comma-separated values."""

from __future__ import annotations

from sequence_sync.plan.model import Plan


def plan_csv(plan: Plan) -> str:
    """Return one line for each change: action, address."""
    return "".join(f"{change.action},{change.address}\\n" for change in plan.changes)
''',
    )
    copy.add_after(
        "sequence_sync/registry.py",
        'RegistryEntry("html", "sequence_sync.render.html.page", "plan_html"),\n',
        '    RegistryEntry("csv", "sequence_sync.render.csv", "plan_csv"),\n',
    )
    project = tmp_path / "user"
    (project / "sequences").mkdir(parents=True)
    (project / "sequences" / "one.yaml").write_text(
        "sequence: one\nsteps:\n  call:\n    day: 1\n    type: call_demo\n", encoding="utf-8"
    )
    made = copy.python("-m", "sequence_sync", "plan", "-format", "csv", cwd=project)
    assert made.stdout == "create-sequence,one\ncreate-step,one.call\n"
    copy.check_tests("tests/test_architecture.py", "tests/test_registry.py", "tests/cli/test_cli_commands.py")


def test_a_new_state_backend_is_one_module_and_one_row(copy: ProjectCopy, tmp_path: Path) -> None:
    """A backend that keeps its files in a directory of its own; the contract suite runs on it by itself."""
    copy.write(
        "sequence_sync/state/backends/vault.py",
        '''"""A state in a directory of its own, with the mechanisms of the local backend."""

from __future__ import annotations

from pathlib import Path

from sequence_sync.state.backends.local import LocalBackend


class VaultBackend(LocalBackend):
    """A local state below `.vault`."""

    def describe(self) -> str:
        """See StateBackend."""
        return f"vault of {super().describe()}"


def vault_backend(where: str, root: Path, scratch: Path) -> VaultBackend:
    """Return the backend of the state at `vault://PATH`."""
    path = root / where.removeprefix("vault://")
    folder = path.parent / ".vault"
    folder.mkdir(exist_ok=True)
    return VaultBackend(folder / path.name, scratch)
''',
    )
    copy.add_after(
        "sequence_sync/registry.py",
        '    RegistryEntry("file", "sequence_sync.state.backends.local", "local_backend"),\n',
        '    RegistryEntry("vault", "sequence_sync.state.backends.vault", "vault_backend"),\n',
    )
    copy.check_tests("tests/test_architecture.py", "tests/state/backends/test_backends_base_contract.py")
    listed = copy.python(
        "-m", "pytest", "-q", "--co", "-p", "no:xdist", "tests/state/backends/test_backends_base_contract.py"
    )
    assert "[vault]" in listed.stdout
    project = tmp_path / "user"
    (project / "sequences").mkdir(parents=True)
    (project / "seqsync.yaml").write_text(
        "version: 1\nenvironments:\n  default:\n    state: vault://team.json\n", encoding="utf-8"
    )
    made = copy.python("-m", "sequence_sync", "state", "list", cwd=project)
    assert made.returncode == 3, made.stderr
    assert "vault of" in made.stderr
