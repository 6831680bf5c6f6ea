"""`seqsync import`: one pass under the lock, one sequence at a time: read it, write its file, record it.

The next import continues an interrupted one: a file without a record is found by its id or its title. Sends only reads
to Saleshandy.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sequence_sync.apply.refresh import check_account
from sequence_sync.errors import (
    AccountError,
    InvalidFilesError,
    SeqsyncError,
    UndecidedError,
    UsageError,
    WaitExhaustedError,
)
from sequence_sync.importer.generate import import_new
from sequence_sync.importer.merge import SequenceMerge
from sequence_sync.importer.project_files import (
    NotRepresentableError,
    ProjectFileError,
    ProjectFiles,
    not_included_error,
)
from sequence_sync.model.fields import REMOTE_ID
from sequence_sync.model.report import Event, ImportOutcome, ImportReport, ImportResult, Observer, Status
from sequence_sync.model.sequence import normalized_title
from sequence_sync.operations.session import connected, locked_session
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.matching import same_title
from sequence_sync.provider.base import AnswerKind, ReadFailedError, RemoteSequence, StoppedError
from sequence_sync.provider.client import InterruptibleReads
from sequence_sync.provider.clock import SystemClock
from sequence_sync.source.files import covers
from sequence_sync.source.project import LoadedFile
from sequence_sync.state.journal import EndRecord
from sequence_sync.state.manager import StateManager, StateNotSavedError
from sequence_sync.state.model import SequenceState

# After these, the next sequence would fail too.
OFFLINE = frozenset({AnswerKind.NEVER_CONNECTED, AnswerKind.NO_ANSWER})
_STATUS = {
    ImportOutcome.FAILED: Status.FAILED,
    ImportOutcome.CONFLICT: Status.FAILED,
    ImportOutcome.ASKED: Status.UNKNOWN,
    ImportOutcome.UNCHANGED: Status.ALREADY,
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to import: the sequences with these ids, or `everything`. `into` is the folder for new files."""

    ids: tuple[str, ...] = ()
    everything: bool = False
    into: str = ""
    lock_timeout: float = 0.0


def import_sequences(
    workspace: Workspace, key: str, options: ImportOptions, observer: Observer, stop: threading.Event
) -> ImportReport:
    """Import sequences from Saleshandy into files and state.

    Raises the errors found before the first sequence (exit codes 3, 4, 8, 9).
    """
    _check(workspace, options)
    clock = SystemClock(stop)
    with (
        locked_session(workspace, "import", options.lock_timeout, clock, observer) as (_, manager, _run),
        connected(workspace, clock, key, observer) as api,
    ):
        project_files = ProjectFiles(workspace, InterruptibleReads(api, stop), manager, options.into)
        return _ImportRun(project_files, options, observer, stop).run()


def _check(workspace: Workspace, options: ImportOptions) -> None:
    if options.everything == bool(options.ids):
        if options.ids:
            raise UsageError("Use either -all or sequence ids, not both.")
        raise UsageError("Nothing to import.", hint="Give sequence ids, or -all.")
    wrong = next((each for each in options.ids if not REMOTE_ID.fullmatch(each)), None)
    if wrong is not None:
        raise UsageError("Invalid sequence id.", wrong, "An id has only letters and digits. Copy it from Saleshandy.")
    inside = options.into and covers(workspace.loaded.settings.include, f"{options.into.strip('/')}/a.yaml")
    outside = options.into.startswith("/") or ".." in options.into.split("/")
    if options.into and (outside or not inside):
        hint = "Choose a folder that `include` covers, relative to the project folder."
        raise not_included_error(f"-into {options.into}", workspace.loaded.settings.include, hint)


class _ImportRun:
    """One import of the chosen sequences."""

    def __init__(
        self, project_files: ProjectFiles, options: ImportOptions, observer: Observer, stop: threading.Event
    ) -> None:
        self.project_files, self.options, self.observer, self.stop = project_files, options, observer, stop
        self.manager: StateManager = project_files.manager
        self.report = ImportReport()
        self.title_counts: Counter[str] = Counter()

    def run(self) -> ImportReport:
        """Import all of them. What was done is kept, however the run ends."""
        self._refuse_beforehand()
        # An interrupted apply must stay visible to the next one.
        may_end = self.manager.last_run_ended or not self.manager.is_stored
        try:
            self._all()
            if may_end and any(row.wrote for row in self.report.rows):
                self.manager.append(EndRecord(exit_code=self.report.exit_code))
        except StoppedError:
            pass  # the command knows why, and returns the exit code
        except (AccountError, WaitExhaustedError) as error:
            if not self.report.rows:
                raise
            self._ended(error, error.exit_code)
        finally:
            self._checkpoint()
        return self.report

    def _ended(self, error: SeqsyncError, code: int) -> None:
        self.report.problem = f"{error.summary} {error.detail}".strip()
        self.report.hint, self.report.code = error.hint, code

    def _checkpoint(self) -> None:
        try:
            self.manager.checkpoint()
        except StateNotSavedError as unsaved:
            self._ended(unsaved, unsaved.exit_code)
            self.report.rescue = (unsaved.printed or b"").decode()

    def _refuse_beforehand(self) -> None:
        if self.manager.damaged:
            raise UndecidedError(
                "The journal of the state has a damaged record.",
                "An earlier run may have created a step that is not recorded. An import would treat it as unmanaged.",
                "Run `seqsync apply` first: it reads every sequence twice and resolves this.",
            )
        unreadable = [row for row in self.project_files.rows.values() if row.key is None]
        if unreadable:
            raise InvalidFilesError([diagnostic for row in unreadable for diagnostic in row.diagnostics])

    # -- which sequences ----------------------------------------------------------------------------------------------

    def _all(self) -> None:
        rows = self.project_files.api.sequences()
        state = self.manager.state
        check_account({entry.id for entry in state.sequences.values()}, rows, state.api_host)
        chosen = self._chosen(rows)
        self.observer.on_event(Event(kind="begin", total=len(chosen)))
        self.report.skipped = len(chosen)
        for remote in chosen:
            if self.stop.is_set():
                return
            row = self._guarded(remote)
            self.report.rows.append(row)
            self.report.skipped -= 1
            status = _STATUS.get(row.outcome, Status.RECORDED)
            self.observer.on_event(Event(kind=status, address=row.name, text=row.problem or str(row.outcome)))
            if self.report.code:
                return
        if self.options.everything:
            self._report_gone(rows)

    def _chosen(self, rows: Sequence[RemoteSequence]) -> list[RemoteSequence]:
        if self.options.everything:
            chosen = sorted(rows, key=lambda row: (normalized_title(row.title), row.id))
        else:
            by_id = {row.id: row for row in rows}
            for missing in dict.fromkeys(each for each in self.options.ids if each not in by_id):
                self.report.rows.append(self._absent(missing))
            chosen = [by_id[each] for each in dict.fromkeys(self.options.ids) if each in by_id]
        self.title_counts = Counter(normalized_title(row.title) for row in chosen)
        return chosen

    def _absent(self, remote_id: str) -> ImportResult:
        entry = self.manager.state.sequences.get(remote_id)
        hint = f"{remote_id} is a key. Use its id: {entry.id}." if entry else "Copy the id from Saleshandy."
        row = ImportResult(ImportOutcome.FAILED, remote_id, code=1, hint=hint)
        row.problem = f"This account has no sequence {remote_id}."
        return row

    def _report_gone(self, rows: Sequence[RemoteSequence]) -> None:
        there = {row.id for row in rows}
        for key, entry in sorted(self.manager.state.sequences.items()):
            if entry.id not in there:
                detail = f"no longer in this account (id {entry.id}); its file and state were kept"
                self.report.rows.append(ImportResult(ImportOutcome.LEFT, key, detail))

    # -- one sequence -------------------------------------------------------------------------------------------------

    def _guarded(self, remote: RemoteSequence) -> ImportResult:
        """Import one sequence. Its errors do not affect the others."""
        known_as = self._entry(remote.id)[0] or f'"{remote.title}" ({remote.id})'
        failed = ImportResult(ImportOutcome.FAILED, known_as, code=1)
        try:
            return self._one(remote)
        except (NotRepresentableError, ValueError) as problem:
            failed.problem = f"{str(problem)[:1].upper()}{str(problem)[1:]}."
            if isinstance(problem, NotRepresentableError):
                failed.hint = "Nothing was changed. Fix it in Saleshandy or in the file, then import it again."
        except (ReadFailedError, ProjectFileError) as problem:
            failed.problem, failed.hint = f"{problem.summary} {problem.detail}", problem.hint
            if isinstance(problem, ReadFailedError) and problem.answer.kind in OFFLINE:
                self.report.code = 1
        return failed

    def _one(self, remote: RemoteSequence) -> ImportResult:
        key, known = self._entry(remote.id)
        self._refuse_open(key, remote)
        file = self._file(remote, key)
        name = file.key if file and file.key else key
        if name in self.project_files.settings.removed:
            return ImportResult(ImportOutcome.LEFT, name or "", "it is listed under `removed:` in seqsync.yaml")
        if file is not None and file.sequence is None:
            first = file.diagnostics[0]
            raise NotRepresentableError(f"{file.path}:{first.line}: {first.summary} {first.hint}".rstrip(". "))
        read = self.project_files.read_steps(remote.id, known.named_ids if known else ())
        if read is None:
            raise NotRepresentableError("the sequence is in the list, but its steps cannot be read")
        if file is not None and file.sequence is not None:
            return SequenceMerge(self.project_files, remote, read, file.sequence, known).run()
        if self.title_counts[normalized_title(remote.title)] > 1:
            raise NotRepresentableError(
                f'several sequences have the title "{remote.title}", and titles must be unique in a project. Rename '
                "the others in Saleshandy, or import only this one, by its id"
            )
        new_key = key or self.project_files.key_for(remote.title, remote.id)
        return import_new(self.project_files, remote, read, new_key, known)

    def _entry(self, remote_id: str) -> tuple[str | None, SequenceState | None]:
        sequences = self.manager.state.sequences.items()
        return next(((key, entry) for key, entry in sequences if entry.id == remote_id), (None, None))

    def _refuse_open(self, key: str | None, remote: RemoteSequence) -> None:
        for intent in self.manager.open_intents:
            is_own = intent.address.sequence == key
            if is_own or (intent.title is not None and same_title(intent.title, remote.title)):
                raise NotRepresentableError(
                    f"an earlier apply was interrupted, and {intent.address} is in doubt. Run `seqsync apply` first, "
                    f"or `seqsync state resolve {intent.address}`"
                )

    def _file(self, remote: RemoteSequence, key: str | None) -> LoadedFile | None:
        """Find its file: by its key in the state, by its id, or by its title if the file belongs to no other."""
        rows = list(self.project_files.rows.values())
        if key is not None:
            own = next((row for row in rows if row.key == key), None)
            return own or next((row for row in rows if row.sequence and row.sequence.formerly == key), None)
        named = next((row for row in rows if row.remote_id == remote.id), None)
        if named is not None:
            return named
        owned = set(self.manager.state.sequences)
        titled = (row for row in rows if row.title and normalized_title(row.title) == normalized_title(remote.title))
        return next((row for row in titled if row.key not in owned and row.remote_id is None), None)
