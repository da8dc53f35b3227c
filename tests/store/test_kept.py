"""Long streams are kept in memory, and nobody can tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from desk.unit import KINDS
from domain.dispatch.facts.standing import MarkEntered, MarkStruck
from domain.dispatch.standing import Standing, standing_id
from domain.kernel import Act, Meta
from store.log import KEPT_FROM, EventLog
from store.mapper import EventMapper
from store.sqlite import SqliteRecorder

START = datetime(2026, 3, 2, tzinfo=UTC)
DEPARTMENT = "2202-scjg"
STREAM = standing_id(DEPARTMENT)


def act(minute: int) -> Act:
    meta = Meta(actor=UUID(int=1), role="system", organisation="-", command_id=uuid4(), correlation_id=uuid4())
    return Act(at=START + timedelta(minutes=minute), meta=meta)


@pytest.fixture
def recorder() -> Iterator[SqliteRecorder]:
    recorder = SqliteRecorder.in_memory()
    yield recorder
    recorder.close()


def a_log(recorder: SqliteRecorder) -> EventLog:
    return EventLog(recorder, EventMapper(KINDS))


def marked(log: EventLog, marks: int, begin: int = 0) -> None:
    standing = log.load(Standing, STREAM) or Standing.begin(DEPARTMENT, act(0))
    for minute in range(begin, begin + marks):
        standing.record(MarkEntered, act(minute), mark="remind", response=UUID(int=minute))
    log.save([standing])


def state(standing: Standing | None) -> tuple[object, ...]:
    assert standing is not None
    counted = standing._count("remind", START, START + timedelta(days=1))
    return standing.version, standing.marks, standing.steps, counted, standing.clocks, list(standing.pending_events)


def test_what_is_kept_equals_what_is_read_afresh(recorder: SqliteRecorder) -> None:
    log = a_log(recorder)
    marked(log, KEPT_FROM)
    for more in (0, 1, 7):
        marked(log, more, begin=500 + more)
        assert state(log.load(Standing, STREAM)) == state(a_log(recorder).load(Standing, STREAM))
    assert STREAM in log._kept


def test_what_another_process_wrote_is_seen(recorder: SqliteRecorder) -> None:
    ours, theirs = a_log(recorder), a_log(recorder)
    marked(ours, KEPT_FROM)
    ours.load(Standing, STREAM)
    marked(theirs, 3, begin=900)
    loaded = ours.load(Standing, STREAM)
    assert loaded is not None
    assert len(loaded.marks) == KEPT_FROM + 3


def test_what_is_decided_and_not_saved_leaves_no_trace(recorder: SqliteRecorder) -> None:
    log = a_log(recorder)
    marked(log, KEPT_FROM)
    before = state(log.load(Standing, STREAM))
    abandoned = log.load(Standing, STREAM)
    assert abandoned is not None
    abandoned.record(MarkEntered, act(700), mark="remind", response=UUID(int=7))
    abandoned.record(MarkStruck, act(701), mark="remind", response=UUID(int=3))
    assert state(log.load(Standing, STREAM)) == before


def test_a_struck_mark_is_counted_no_more_in_what_was_kept(recorder: SqliteRecorder) -> None:
    log = a_log(recorder)
    marked(log, KEPT_FROM)
    standing = log.load(Standing, STREAM)
    assert standing is not None
    standing.record(MarkStruck, act(800), mark="remind", response=UUID(int=3))
    log.save([standing])
    assert state(log.load(Standing, STREAM)) == state(a_log(recorder).load(Standing, STREAM))
    again = log.load(Standing, STREAM)
    assert again is not None
    assert again._count("remind", START - timedelta(days=1), START + timedelta(days=1)) == KEPT_FROM - 1


@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.parametrize("instead", [0, 1, 3, 9])
def test_what_a_failover_took_from_the_log_is_not_kept_either(
    recorder: SqliteRecorder, lost: int, instead: int
) -> None:
    log, elsewhere = a_log(recorder), a_log(recorder)
    marked(log, KEPT_FROM + lost)
    log.load(Standing, STREAM)
    with recorder.datastore.transaction(commit=True) as cursor:
        cursor.execute("DELETE FROM event WHERE originator_version > ?", (KEPT_FROM + 1,))
    marked(elsewhere, instead, begin=900)
    assert state(log.load(Standing, STREAM)) == state(a_log(recorder).load(Standing, STREAM))


def test_short_streams_are_not_kept(recorder: SqliteRecorder) -> None:
    log = a_log(recorder)
    marked(log, KEPT_FROM // 2)
    log.load(Standing, STREAM)
    assert not log._kept
