"""Creates a sequence, a step or a variant: how each is recognized when it exists already or its answer was lost.

`send.send_exactly_once` sends them. Must not know files or the terminal.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from sequence_sync.apply.context import ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.in_doubt import (
    Doubt,
    Evidence,
    Observation,
    Resolution,
    observe_sequences,
    observe_steps,
    observe_variants,
    resolve_create,
)
from sequence_sync.apply.preflight import (
    adopt_or_ask,
    check_new_steps,
    fill_variant_ids,
    preflight_read,
    unknown_ids,
)
from sequence_sync.apply.send import Attempt, Write, close_intent, send_exactly_once
from sequence_sync.model.address import Address
from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.matching import adopted_step, same_title, says_the_same_variant
from sequence_sync.plan.model import Change
from sequence_sync.provider.base import Answer, AnswerKind, Call, Created, RemoteSequence, RemoteVariant, Request
from sequence_sync.state.journal import CallResult, IntentRecord
from sequence_sync.state.model import Delta, SequenceHead, StepState, VariantState, step_state, variant_digest

ALREADY_THERE = "already in Saleshandy"


class Create(Write[Evidence]):
    """What all creates have in common."""

    def __init__(self, session: SequenceSession, change: Change) -> None:
        super().__init__(session, change, change.address, _call_of(change))
        self.seen_ids = set()

    def intent(self) -> IntentRecord:
        """See Write."""
        return super().intent().model_copy(update={"content": self.change.after})

    def guard(self) -> None:
        """See Write."""
        check_new_steps(self.session)

    def prepare_resend(self, attempt: Attempt) -> None:
        """See Write. It was proved not to have been carried out."""
        close_intent(self.session, attempt.number, CallResult.NOT_MADE, detail=attempt.answer.message)

    def resolve(self, doubt: Doubt, since: float) -> tuple[Resolution, Evidence]:
        """See Write."""
        self.session.in_doubt = True
        return resolve_create(self.session.context, doubt, since, self.observe)

    @abstractmethod
    def observe(self) -> Evidence:
        """Read, and compare with what is created."""

    def undecided(self, attempt: Attempt, observed: Evidence) -> ChangeFailedError:
        """See Write."""
        answer = attempt.answer
        why = f"The outcome of creating {self.address} is in doubt ({answer.message or answer.kind})."
        return undecided_error(self.address, why, observed)


def undecided_error(address: Address, why: str, evidence: Evidence) -> ChangeFailedError:
    """The error for a create of which only a person can say what became of it."""
    if evidence.candidates:
        why += f" New in Saleshandy, but not equal to it: {', '.join(evidence.candidates)}."
    else:
        why += " Saleshandy could not be read."
    candidate = evidence.candidates[0] if evidence.candidates else "ID"
    return ChangeFailedError(
        Status.UNKNOWN,
        why,
        f"Check in Saleshandy. If it is there: `seqsync state resolve {address} -adopt {candidate}`. If it is not: "
        f"`seqsync state resolve {address} -recreate`.",
    )


def _call_of(change: Change) -> Call:
    if not change.calls:
        raise ChangeFailedError(Status.FAILED, f'The plan has no call for "{change.address}".', "Plan again.")
    return change.calls[0]


def created_by(session: SequenceSession, request: Request, answer: Answer, seen_ids: set[str]) -> Created | None:
    """What a create returned, if it returned a new id; an id that was seen before makes the answer unreadable."""
    if answer.kind is not AnswerKind.OK:
        return None
    try:
        created = session.context.api.dialect.created(request, answer.payload)
    except ValueError:
        return None
    return None if created.id in seen_ids or session.context.manager.knows(created.id) else created


# -- a sequence ----------------------------------------------------------------------------------------------------


def create_sequence(session: SequenceSession, change: Change) -> HandlerResult:
    """Create a sequence. Raises ChangeFailedError where its title is taken."""
    if session.known is not None:
        return HandlerResult(Status.ALREADY)
    return send_exactly_once(SequenceCreate(session, change))


class SequenceCreate(Create):
    """A sequence, recognized by its title. Before each call the whole list is read."""

    listed_ids: set[str]
    same_title_ids: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The title of the sequence."""
        return self.change.title or ""

    def intent(self) -> IntentRecord:
        """See Write. `seen` are the sequences with its title."""
        listed = self.session.context.remote_sequences()
        self.listed_ids = {row.id for row in listed}
        self.same_title_ids = _ids_with_title(self.session, self.title, listed)
        self.session.write_sequence_record()
        return super().intent().model_copy(update={"seen": self.same_title_ids, "title": self.title})

    def guard(self) -> None:
        """See Write."""
        _ids_with_title(self.session, self.title, self.session.context.remote_sequences())

    def record(self, number: int, answer: Answer) -> bool:
        """See Write."""
        created = created_by(self.session, self.request, answer, self.listed_ids)
        if created is not None:
            _record_sequence(self.session, number, CallResult.MADE, created.id, self.title)
        return created is not None

    def resolve(self, doubt: Doubt, since: float) -> tuple[Resolution, Evidence]:
        """See Write. The sequence is new, so that no further read at its end is needed."""
        return resolve_create(self.session.context, doubt, since, self.observe)

    def observe(self) -> Evidence:
        """See Create."""
        return _observe_sequence(self.session, self.same_title_ids, self.title)

    def record_found(self, attempt: Attempt, observed: Evidence) -> bool:
        """See Write."""
        if observed.found_id:
            _record_sequence(self.session, attempt.number, CallResult.ADOPTED, observed.found_id, self.title)
        return bool(observed.found_id)


def _ids_with_title(session: SequenceSession, title: str, listed: Sequence[RemoteSequence]) -> tuple[str, ...]:
    """The ids with that title that other entries of the state own. Raises ChangeFailedError for any other id: it is
    neither adopted nor created again."""
    owned = {row.id for row in session.context.manager.state.sequences.values()}
    ids = [row.id for row in listed if same_title(row.title, title)]
    unmanaged = [remote_id for remote_id in ids if remote_id not in owned]
    if unmanaged:
        raise ChangeFailedError(
            Status.UNKNOWN,
            f'Saleshandy has a sequence "{title}" already (id {", ".join(unmanaged)}); it is not in the state.',
            f"If it is this one, write `ids: {{{session.key}: {unmanaged[0]}}}` into its environment in seqsync.yaml. "
            "If it is not, give this one another title.",
        )
    return tuple(ids)


def _record_sequence(session: SequenceSession, number: int, result: CallResult, remote_id: str, title: str) -> None:
    close_intent(session, number, result, Delta(sequence=session.key, head=SequenceHead(id=remote_id, title=title)))
    session.id, session.seen_ids, session.steps = remote_id, set(), []
    session.read_at = session.context.clock.now()


def _observe_sequence(session: SequenceSession, seen_ids: Sequence[str], title: str) -> Evidence:
    context = session.context
    ours = {row.id for row in context.manager.state.sequences.values()} | set(seen_ids)
    return observe_sequences(context.remote_sequences(not_before=context.clock.now()), ours, title)


# -- a step --------------------------------------------------------------------------------------------------------


def create_step(session: SequenceSession, change: Change) -> HandlerResult:
    """Create a step with all its variants."""
    step_key, content = change.address.step_key, change.after
    if content is None or step_key in session.entry().steps:
        return HandlerResult(Status.ALREADY)
    preflight_read(session)
    if step_key in session.entry().steps:
        return HandlerResult(Status.ADOPTED, ALREADY_THERE)
    try:
        return send_exactly_once(StepCreate(session, change, content))
    except _AdoptedInsteadError:
        return HandlerResult(Status.ADOPTED, ALREADY_THERE)


class _AdoptedInsteadError(Exception):
    """The step that was to be created is there already, and was adopted."""


class StepCreate(Create):
    """A step, recognized by its type, its day and what it says."""

    def __init__(self, session: SequenceSession, change: Change, content: Content) -> None:
        super().__init__(session, change)
        self.content, self.seen_ids = content, session.seen_ids

    def guard(self) -> None:
        """See Write. Raises _AdoptedInsteadError where the step is there: no earlier answer to this is relied on."""
        check_new_steps(self.session)
        adopt_or_ask(self.session)
        if self.address.step_key in self.session.entry().steps:
            raise _AdoptedInsteadError

    def record(self, number: int, answer: Answer) -> bool:
        """See Write."""
        created = created_by(self.session, self.request, answer, self.seen_ids)
        if created is not None:
            variant_ids = dict(zip(self.content.variants, created.variant_ids, strict=False))
            entry = step_state(self.content, created.id, variant_ids)
            _record_step(self.session, number, CallResult.MADE, self.address, entry)
        return created is not None

    def observe(self) -> Evidence:
        """See Create."""
        return _observe_step(self.session, self.seen_ids, self.content)

    def record_found(self, attempt: Attempt, observed: Evidence) -> bool:
        """See Write."""
        return _record_found_step(self.session, attempt.number, self.address, observed, self.content)


def _observe_step(session: SequenceSession, seen_ids: set[str], content: Content) -> Evidence:
    """Read the steps. Where the sequence itself is not there, the step is not either."""
    known = {remote_id for _, remote_id in session.context.manager.state.addresses()}
    return observe_steps(session.read_if_there() or [], seen_ids | known, content)


def _record_step(session: SequenceSession, number: int, result: CallResult, address: Address, entry: StepState) -> None:
    close_intent(session, number, result, Delta(sequence=session.key, steps={address.step_key: entry}))
    session.seen_ids.add(entry.id)
    session.created_ids.add(entry.id)


def _record_found_step(
    session: SequenceSession, number: int, address: Address, evidence: Evidence, content: Content
) -> bool:
    entry = adopted_step(evidence.found, content, sent_by_us=True)[0] if evidence.found else None
    if entry is not None:
        _record_step(session, number, CallResult.ADOPTED, address, entry)
    return entry is not None


# -- a variant -----------------------------------------------------------------------------------------------------


def create_variant(session: SequenceSession, change: Change) -> HandlerResult:
    """Create one more variant of a step, unless one that says the same is there already."""
    step_key, letter = change.address.step_key, change.address.letter
    if letter in step_entry(session, step_key).variants:
        return HandlerResult(Status.ALREADY)
    _read_variants(session, step_key)
    entry, desired = step_entry(session, step_key), _desired_variant(change)
    same = [row for row in _unmanaged_variants(session, entry) if says_the_same_variant(entry.type, desired, row)]
    if same:
        grown = _delta_with_variant(session, change.address, same[0].id, desired)
        session.note(f"{change.address}: already in Saleshandy", grown)
        return HandlerResult(Status.ADOPTED, ALREADY_THERE)
    return send_exactly_once(VariantCreate(session, change, entry, desired))


class VariantCreate(Create):
    """A variant, recognized by what it says."""

    def __init__(self, session: SequenceSession, change: Change, entry: StepState, desired: Variant) -> None:
        super().__init__(session, change)
        self.entry, self.desired = entry, desired
        self.seen_ids = {row.id for row in session.remote_step(entry.id).variants}

    def record(self, number: int, answer: Answer) -> bool:
        """See Write."""
        created = created_by(self.session, self.request, answer, self.seen_ids)
        if created is not None:
            delta = _delta_with_variant(self.session, self.address, created.id, self.desired)
            close_intent(self.session, number, CallResult.MADE, delta)
        return created is not None

    def observe(self) -> Evidence:
        """See Create."""
        return _observe_variant(self.session, self.entry, self.seen_ids, self.desired)

    def record_found(self, attempt: Attempt, observed: Evidence) -> bool:
        """See Write."""
        return _record_found_variant(self.session, attempt.number, self.address, observed, self.desired)


def adopt_variant(session: SequenceSession, change: Change) -> HandlerResult:
    """Take a variant that a read has found into the state. Sends nothing."""
    step_key, letter = change.address.step_key, change.address.letter
    if letter in step_entry(session, step_key).variants:
        return HandlerResult(Status.ALREADY)
    _read_variants(session, step_key)
    entry, desired = step_entry(session, step_key), _desired_variant(change)
    row = next((row for row in _unmanaged_variants(session, entry) if row.id == change.remote_id), None)
    if row is None or not says_the_same_variant(entry.type, desired, row):
        raise ChangeFailedError(
            Status.REFUSED,
            f'Variant {change.remote_id} no longer has the text of "{change.address}".',
            "Saleshandy was changed since the plan: plan again with -refresh.",
        )
    delta = _delta_with_variant(session, change.address, row.id, desired)
    session.note(f"{change.address} is variant {row.id}", delta)
    return HandlerResult(Status.ADOPTED)


def _observe_variant(session: SequenceSession, entry: StepState, seen_ids: set[str], desired: Variant) -> Evidence:
    known = {row.id for row in entry.variants.values() if row.id}
    session.read_if_there()
    return observe_variants(session.remote_or_none(entry.id), seen_ids | known, entry.type, desired)


def _record_found_variant(
    session: SequenceSession, number: int, address: Address, evidence: Evidence, desired: Variant
) -> bool:
    if evidence.found_id:
        delta = _delta_with_variant(session, address, evidence.found_id, desired)
        close_intent(session, number, CallResult.ADOPTED, delta)
    return bool(evidence.found_id)


def _read_variants(session: SequenceSession, step_key: str) -> None:
    """Read the step, and the ids of variants that the state lacks. Raises ChangeFailedError where one stays unknown."""
    preflight_read(session)
    session.ensure_fresh()
    if any(row.id is None for row in step_entry(session, step_key).variants.values()):
        fill_variant_ids(session)
    if any(row.id is None for row in step_entry(session, step_key).variants.values()):
        raise unknown_ids(session, step_key)


def step_entry(session: SequenceSession, step_key: str) -> StepState:
    """A step's entry in the state. Raises ChangeFailedError where it has none."""
    entry = session.entry().steps.get(step_key)
    if entry is None:
        raise ChangeFailedError(Status.FAILED, f"{Address(session.key, step_key)} is not in the state.", "Plan again.")
    return entry


def _desired_variant(change: Change) -> Variant:
    if change.after is None:
        raise ChangeFailedError(Status.FAILED, f'The plan has no text for "{change.address}".', "Plan again.")
    return change.after.variants[change.address.letter]


def _unmanaged_variants(session: SequenceSession, entry: StepState) -> list[RemoteVariant]:
    ours = {row.id for row in entry.variants.values()}
    return [row for row in session.remote_step(entry.id).variants if row.id not in ours]


def _delta_with_variant(session: SequenceSession, address: Address, variant_id: str, desired: Variant) -> Delta:
    grown = with_variant(step_entry(session, address.step_key), address.letter, variant_id, desired)
    return Delta(sequence=session.key, steps={address.step_key: grown})


def with_variant(entry: StepState, letter: str, variant_id: str, desired: Variant) -> StepState:
    """`entry` with one more variant."""
    created = VariantState(id=variant_id, content=desired, digest=variant_digest(desired))
    return entry.model_copy(update={"variants": dict(sorted({**entry.variants, letter: created}.items()))})


# -- creates that an earlier run left open -------------------------------------------------------------------------


def resolve_interrupted_create(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what became of an earlier run's create of a sequence or a step. Sends nothing.

    Raises ChangeFailedError where a person must decide.
    """
    session.id, content, title = intent.remote_id, intent.content, intent.title or ""
    seen_ids = set(intent.seen)

    def observe() -> Evidence:
        if content is None:
            return _observe_sequence(session, intent.seen, title)
        return _observe_step(session, seen_ids, content)

    resolution, evidence = resolve_create(session.context, Doubt.INTERRUPTED, since, observe)
    if resolution is Resolution.APPLIED and content is None and evidence.found_id:
        _record_sequence(session, intent.n, CallResult.ADOPTED, evidence.found_id, title)
        return
    applied = resolution is Resolution.APPLIED and content is not None
    if applied and content and _record_found_step(session, intent.n, intent.address, evidence, content):
        return
    # In a sequence that the state has lost no step can be recorded, and no person can decide about one. Once the
    # sequence is in the state again, the preflight read finds whatever is there.
    lost = content is not None and session.known is None and evidence.observation is Observation.AMBIGUOUS
    if resolution is Resolution.CLOSE or lost:
        detail = f"{session.key} is not in the state" if lost else ""
        close_intent(session, intent.n, CallResult.NOT_MADE, detail=detail)
        return
    raise _interrupted_error(intent, evidence)


def resolve_interrupted_variant(session: SequenceSession, intent: IntentRecord, since: float) -> None:
    """Decide what became of an earlier run's create of a variant. Sends nothing.

    Raises ChangeFailedError where a person must decide.
    """
    session.id = intent.remote_id
    step_key, letter = intent.address.step_key, intent.address.letter
    entry = session.known.steps.get(step_key) if session.known else None
    if entry is None or intent.content is None or letter in entry.variants:
        close_intent(session, intent.n, CallResult.NOT_MADE, detail="its step is no longer managed")
        return
    step, desired, seen_ids = entry, intent.content.variants[letter], set(intent.seen)

    def observe() -> Evidence:
        return _observe_variant(session, step, seen_ids, desired)

    resolution, evidence = resolve_create(session.context, Doubt.INTERRUPTED, since, observe)
    if resolution is Resolution.APPLIED and _record_found_variant(session, intent.n, intent.address, evidence, desired):
        return
    if resolution is not Resolution.CLOSE:
        raise _interrupted_error(intent, evidence)
    close_intent(session, intent.n, CallResult.NOT_MADE)


def _interrupted_error(intent: IntentRecord, evidence: Evidence) -> ChangeFailedError:
    why = f"A run was interrupted while it created {intent.address}, and the outcome is in doubt."
    return undecided_error(intent.address, why, evidence)
