"""The store: ids, order, the data file, threads."""

from __future__ import annotations

import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.errors import UsageError
from sequence_sync.sandbox import account as rules
from sequence_sync.sandbox import bodies, datafile
from sequence_sync.sandbox.errors import RefusalError
from sequence_sync.sandbox.model import Sequence, Step, Variant, plain, restored
from sequence_sync.sandbox.store import Store

EMAIL = {"payload": {"subject": "Hé 🙂", "content": "<p>Hello</p>"}}
WANTED = bodies.new_sequence({"title": "Kept — é"})


def step(day: int, kind: int = 5) -> bodies.NewStep:
    """Return a step to create."""
    return bodies.new_step({"type": kind, "absoluteDays": day, "variants": [EMAIL if kind == 1 else {"payload": {}}]})


def test_the_same_seed_gives_the_same_ids():

    def ids(**options) -> list[str]:
        store = Store(**options)
        return [store.new_id() for _ in range(2000)]

    assert all(len(one) == 10 and one.isalnum() and one.isascii() for one in ids())
    assert len(set(ids())) == 2000
    assert ids() == ids(seed="sandbox")
    assert not set(ids()) & set(ids(seed="other"))
    assert not set(ids(seed=None)) & set(ids(seed=None))


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from([1, 5, 11])), max_size=30))
def test_steps_are_ordered_by_day_and_then_by_age(desired):
    store = Store()
    sequence = store.create_sequence(WANTED)
    made = []
    for day, kind in desired:
        try:
            made.append((day, store.create_step(sequence.id, step(day, kind))[1].id, kind))
        except RefusalError:
            assert any((day, 1) == (other, is_email) for other, _, is_email in made if kind == 1)
    found = store.sequence(sequence.id).steps
    assert [one.id for one in found] == [one for _, one, _ in sorted(made, key=lambda row: row[0])]
    emails = [one.day for one in found if one.type == 1]
    assert len(emails) == len(set(emails))


def test_the_data_file_keeps_everything(tmp_path: Path):
    file = tmp_path / "data.json"
    store = Store(file)
    sequence = store.create_sequence(WANTED)
    store.create_step(sequence.id, step(2, 1))
    store.set_active((sequence.id,), True)
    rules.create_field(store, "Plan", None, None)
    again = Store(file, seed="ignored, because the file has its own")
    assert again.sequences() == store.sequences()
    assert again.account == store.account
    assert again.new_id() == store.new_id()
    assert stat.S_ISREG(file.stat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["data.json"]


def test_a_write_is_on_disk_before_it_is_answered(tmp_path: Path, monkeypatch):
    file, synced = tmp_path / "data.json", []
    store = Store(file)
    flush = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)), flush(handle))
    )
    sequence = store.create_sequence(WANTED)
    store.create_step(sequence.id, step(1))
    store.sequences()
    assert synced == [False, True] * 2
    assert len(json.loads(file.read_text())["sequences"][0]["steps"]) == 1


def test_a_refused_write_leaves_the_file_unchanged(tmp_path: Path):
    file = tmp_path / "data.json"
    store = Store(file)
    sequence = store.create_sequence(WANTED)
    store.create_step(sequence.id, step(1, 1))
    before = file.read_bytes()
    with pytest.raises(RefusalError):
        store.create_step(sequence.id, step(1, 1))
    assert file.read_bytes() == before


def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path: Path, monkeypatch):
    file = tmp_path / "data.json"
    store = Store(file)
    store.create_sequence(WANTED)
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.create_sequence(WANTED)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["data.json"]


def a_file(tmp_path: Path) -> tuple[Path, dict]:
    """Return a valid data file and its contents."""
    file = tmp_path / "data.json"
    store = Store(file)
    store.create_step(store.create_sequence(WANTED).id, step(1))
    return file, json.loads(file.read_text())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: "",
        lambda data: "{",
        lambda data: "[]",
        lambda data: json.dumps(data)[:-40],
        lambda data: json.dumps({**data, "counter": "7"}),
        lambda data: json.dumps({**data, "more": 1}),
        lambda data: json.dumps({name: value for name, value in data.items() if name != "account"}),
        lambda data: json.dumps({**data, "sequences": [{**data["sequences"][0], "title": None}]}),
        lambda data: json.dumps(data).replace('"type": 5', '"type": 7'),
        lambda data: json.dumps({**data, "account": {**data["account"], "schedules": []}}),
        lambda data: json.dumps({**data, "version": 2}),
        lambda data: "[" * 100_000,
    ],
)
def test_a_damaged_data_file_is_named_and_kept(tmp_path: Path, spoil):
    file, data = a_file(tmp_path)
    file.write_text(spoil(data))
    before = file.read_bytes()
    with pytest.raises(UsageError) as error:
        Store(file)
    assert str(file) in str(error.value)
    assert "data file" in error.value.summary
    assert file.read_bytes() == before


def test_a_data_file_that_is_not_text_is_a_usage_error(tmp_path: Path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "bytes", tmp_path):
        with pytest.raises(UsageError, match="Cannot read the sandbox's data file"):
            datafile.load(path)


def test_versions_older_than_the_longest_lag_are_dropped():
    now = [0.0]
    store = Store(clock=lambda: now[0])
    sequence = store.create_sequence(WANTED)
    for _ in range(600):
        now[0] += 1
        store.create_step(sequence.id, step(1))
    assert len(store.sequence(sequence.id, lag=100).steps) == 500
    assert len(store.sequence(sequence.id, lag=590).steps) > 0
    now[0] += 10_000
    store.create_step(sequence.id, step(1))
    assert len(store._versions[sequence.id]) == 2


def test_creates_from_many_threads_get_different_ids():
    store = Store()
    sequence = store.create_sequence(WANTED)
    workers = [
        threading.Thread(target=lambda: [store.create_step(sequence.id, step(1)) for _ in range(50)]) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({one.id for one in store.sequence(sequence.id).steps}) == 400


texts = st.text(max_size=5)
variants = st.builds(
    Variant,
    texts,
    st.dictionaries(texts, texts, max_size=2),
    st.none() | texts,
    st.lists(texts, max_size=2).map(tuple),
    st.sampled_from([0, 1]),
)
steps = st.builds(
    Step,
    texts,
    st.just(1),
    st.integers(1, 999),
    st.integers(),
    st.lists(variants, max_size=3).map(tuple),
    st.integers(1, 4),
    st.none() | texts,
)


@given(
    st.builds(
        Sequence, texts, texts, st.integers(), st.floats(0, 1e9), texts, steps=st.lists(steps, max_size=3).map(tuple)
    )
)
def test_stored_records_are_read_back_as_equal_values(sequence):
    assert json.loads(sequence.stored) == json.loads(json.dumps(plain(sequence)))
    assert restored(Sequence, json.loads(sequence.stored)) == sequence
    assert replace(sequence, title="x").stored != replace(sequence, title="y").stored
