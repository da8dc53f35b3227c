"""A batch is folded while the one before it is written: the same rows, whatever fails or is swapped in between."""

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bench.histories import MemoryLog, Story, interleaved, raw
from domain.dispatch.facts.standing import StandingOpened
from domain.dispatch.standing import standing_id
from domain.kernel import Fact
from projections import live
from projections.events import Event
from projections.folding import FIRST, PoisonError, case_keys
from projections.physical import TableSet, Write
from projections.projector import Projector
from projections.rows import Rows
from projections.sqlite import SqliteBackend
from projections.storage import ViewStore
from projections.view import View
from store.postgres_schema import migrate
from store.recorder import RawEvent
from tests.conftest import START
from tests.projections.kit import VIEWS, Everything, everything, folded

LADDERS = [Story(1).fact(StandingOpened, standing_id(str(number)), department=str(number)) for number in range(9)]
"""Streams outside cases, which are never evicted from memory."""

FACTS: list[Fact] = [*LADDERS, *interleaved(391, seed=3, open_cases=8)]
CASES = sorted({case_keys(raw(1, fact))[0] for fact in FACTS[len(LADDERS) :]})
BATCH = 20
PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fold ahead on either store, and keep no more cases in memory than have to be."""
    monkeypatch.setattr(SqliteBackend, "apart", True)
    monkeypatch.setattr(live, "CACHED_CASES", 1)


@pytest.fixture(scope="module")
def expected() -> Everything:
    return everything(folded(FACTS).store)


class Failure(Exception):
    """Nobody foresaw it."""


class Watched(MemoryLog):
    """A log that tells up to where it was read, and how often."""

    def __init__(self, facts: list[Fact]) -> None:
        super().__init__(facts)
        self.read = threading.Condition()
        self.up_to = self.times = 0

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        found = super().raw(after, limit)
        with self.read:
            self.up_to = max(self.up_to, after + len(found))
            self.times += 1
            self.read.notify_all()
        return found

    def wait_until_read(self, position: int) -> None:
        with self.read:
            assert self.read.wait_for(lambda: self.up_to >= position, PATIENCE_SECONDS)


@contextmanager
def before_each_write(store: ViewStore, act: Callable[[], None]) -> Iterator[None]:
    """Do something first whenever a batch is written."""
    whole = store.backend.write

    def write(db: Connection, tables: TableSet, writes: Iterable[Write]) -> None:
        act()
        whole(db, tables, writes)

    store.backend.write = write  # type: ignore[method-assign]
    try:
        yield
    finally:
        store.backend.write = whole  # type: ignore[method-assign]


def test_the_next_batch_is_folded_while_one_is_written(store: ViewStore) -> None:
    log = Watched(FACTS)
    projector = Projector(log, store, VIEWS, batch=BATCH)
    with before_each_write(store, lambda: log.wait_until_read(2 * BATCH)):
        assert projector.step() == BATCH
    assert projector.position == BATCH


def test_nothing_is_folded_ahead_of_a_batch_that_holds_all_there_is(store: ViewStore) -> None:
    log = Watched(FACTS[: BATCH - 1])
    projector = Projector(log, store, VIEWS, batch=BATCH)
    assert projector.step() == BATCH - 1
    assert log.times == 1


def test_what_is_folded_ahead_is_folded_once(store: ViewStore, expected: Everything) -> None:
    seen: list[int] = []
    watch = View("seen_1", "What is folded?", (), {FIRST: lambda event, _: seen.append(event.position)}, frozenset())
    projector = Projector(MemoryLog(FACTS), store, (*VIEWS, watch), batch=BATCH)
    projector.catch_up()
    assert seen == sorted(set(seen))
    assert everything(store) == expected


def test_what_was_folded_ahead_is_left_where_fewer_events_are_asked_for(store: ViewStore, expected: Everything) -> None:
    projector = Projector(MemoryLog(FACTS), store, VIEWS, batch=BATCH)
    assert [projector.step(), projector.step(3), projector.step()] == [BATCH, 3, BATCH]
    projector.catch_up()
    assert everything(store) == expected


def test_a_projector_that_dies_has_lost_what_was_only_folded_ahead(store: ViewStore, expected: Everything) -> None:
    log = MemoryLog(FACTS)
    for _ in range(3):
        Projector(log, store, VIEWS, batch=BATCH).step()
    projector = Projector(log, store, VIEWS, batch=BATCH)
    projector.step()
    assert projector.position == 4 * BATCH
    projector.catch_up()
    assert everything(store) == expected


def test_what_was_folded_ahead_is_left_where_another_projector_has_moved_on(
    store: ViewStore, expected: Everything
) -> None:
    log = MemoryLog(FACTS)
    first, second = (Projector(log, store, VIEWS, batch=BATCH) for _ in range(2))
    for projector in (first, second, first, first, second, first):
        assert projector.step() == BATCH
    assert first.position == 6 * BATCH
    first.catch_up()
    assert everything(store) == expected


@pytest.mark.parametrize("batch", [3, BATCH])
def test_where_a_batch_cannot_be_written_the_one_behind_it_is_forgotten_too(
    store: ViewStore, expected: Everything, batch: int
) -> None:
    log = Watched(FACTS)
    projector = Projector(log, store, VIEWS, batch=batch)

    def fail() -> None:
        log.wait_until_read(projector.position + 2 * batch)
        raise Failure

    while projector.position + 3 * batch <= len(FACTS):
        projector.step()
        with before_each_write(store, fail), pytest.raises(Failure):
            projector.step()
    projector.catch_up()
    assert everything(store) == expected


def test_what_failed_when_it_was_folded_ahead_is_folded_whole_when_it_is_its_turn(
    store: ViewStore, expected: Everything
) -> None:
    tried: set[int] = set()

    def fail_once(event: Event, _: Rows) -> None:
        if event.position > BATCH and event.position % BATCH == 7 and event.position not in tried:
            tried.add(event.position)
            raise Failure

    topics = {topic for view in VIEWS for topic in view.handles}
    flaky = View("flaky_1", "What fails once?", (), dict.fromkeys(topics, fail_once), frozenset())
    projector = Projector(MemoryLog(FACTS), store, (*VIEWS, flaky), batch=BATCH)
    assert {projector.step() for _ in range(len(FACTS) // BATCH)} == {BATCH}
    assert everything(store) == expected


def test_a_session_that_is_cut_while_the_next_batch_is_folded_loses_nothing(
    database: str, expected: Everything
) -> None:
    migrate(database, START)
    log = Watched(FACTS)
    with closing(ViewStore.connect(database)) as store:
        projector = Projector(log, store, VIEWS, batch=BATCH)

        def cut() -> None:
            log.wait_until_read(projector.position + 2 * BATCH)
            _sessions_end(database)

        assert store.backend.try_to_lead()
        projector.step()
        with before_each_write(store, cut), pytest.raises(ConnectionError):
            projector.step()
        assert projector.position == BATCH
        assert store.backend.try_to_lead()
        projector.catch_up()
        assert everything(store) == expected


class Trap:
    """A handler that fails on some cases until they are repaired."""

    def __init__(self) -> None:
        self.cases: set[str] = set()

    def __call__(self, event: Event, _: Rows) -> None:
        if event.case in self.cases:
            msg = "cannot be folded"
            raise ValueError(msg)

    def view(self) -> View:
        return View("trap_1", "What fails?", (), {"case.filed.v1": self}, frozenset())


class Folding(RuleBasedStateMachine):
    """Folding, with everything that may happen between two batches or within one. In the end every row is right."""

    url: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = ViewStore.connect(self.url) if self.url else ViewStore(Path(self.folder.name) / "views.db")
        self.trap = Trap()
        self.views = (*VIEWS, self.trap.view())
        self.log, self.facts = MemoryLog(), list(FACTS)
        _empty(self.store, self.views)

    @initialize(batch=st.sampled_from([2, 7, 30]), count=st.integers(20, 200))
    def it_begins(self, batch: int, count: int) -> None:
        self.projector = Projector(self.log, self.store, self.views, batch=batch)
        self.events_arrive(count)

    @rule(count=st.integers(1, 100))
    def events_arrive(self, count: int) -> None:
        self.log.add(*self.facts[:count])
        del self.facts[:count]

    @rule(count=st.integers(1, 4))
    def batches_are_folded(self, count: int) -> None:
        for _ in range(count):
            self.projector.step()

    @rule(limit=st.sampled_from([1, 3, 30]))
    def fewer_or_more_events_are_folded(self, limit: int) -> None:
        assert self.projector.step(limit) <= limit

    @rule(limit=st.sampled_from([2, 7, 30]))
    def a_batch_is_folded_by_another_projector(self, limit: int) -> None:
        Projector(self.log, self.store, self.views).step(limit)

    @rule()
    def a_batch_cannot_be_written(self) -> None:
        def fail() -> None:
            raise Failure

        with before_each_write(self.store, fail), suppress(Failure):
            self.projector.step()

    @rule()
    def nothing_can_be_looked_up_beside_a_batch(self) -> None:
        whole = self.store.backend.looking_up

        def fail() -> Any:
            raise Failure

        self.store.backend.looking_up = fail  # type: ignore[method-assign]
        try:
            self.projector.step()
        finally:
            self.store.backend.looking_up = whole  # type: ignore[method-assign]

    @rule(case=st.sampled_from(CASES))
    def a_case_breaks(self, case: str) -> None:
        self.trap.cases.add(case)

    @rule()
    def all_cases_are_repaired(self) -> None:
        self.trap.cases.clear()

    @rule()
    def what_is_parked_is_tried_again(self) -> None:
        self.projector.retry_parked()

    @rule()
    def views_are_folded_afresh(self) -> None:
        # A case that broke since it was folded ends that.
        with suppress(PoisonError):
            self.projector.rebuild()

    @precondition(lambda self: self.url)
    @rule()
    def the_session_is_cut_while_a_batch_is_written(self) -> None:
        lost = suppress(OperationalError, ConnectionError)
        with lost, before_each_write(self.store, lambda: _sessions_end(self.url or "")):
            self.projector.step()

    def teardown(self) -> None:
        self.trap.cases.clear()
        self.projector.catch_up()
        self.projector.retry_parked()
        arrived = FACTS[: self.log.position()]
        assert everything(self.store) == everything(folded(arrived).store)
        self.store.close()
        self.folder.cleanup()


SHORT = settings(max_examples=12, stateful_step_count=20, deadline=None)


def test_rows_are_right_whatever_happens_around_a_batch() -> None:
    run_state_machine_as_test(Folding, settings=SHORT)


def test_rows_are_right_whatever_happens_around_a_batch_on_a_server(database: str) -> None:
    migrate(database, START)

    class OnAServer(Folding):
        url = database

    run_state_machine_as_test(OnAServer, settings=settings(SHORT, max_examples=5))


@pytest.mark.slow
def test_rows_are_right_whatever_happens_around_a_batch_five_hundred_times() -> None:
    run_state_machine_as_test(Folding, settings=settings(SHORT, max_examples=500, stateful_step_count=40))


def _empty(store: ViewStore, views: Iterable[View]) -> None:
    """Begin anew, as if nothing had ever been folded."""
    store.prepare(views)
    with store.writing() as db:
        for table in TableSet(views).tables:
            db.exec_driver_sql(f"DELETE FROM {table.name}")
        db.exec_driver_sql("DELETE FROM parked")
        db.exec_driver_sql("UPDATE positions SET position = 0, generation = 0")


def _sessions_end(url: str) -> None:
    """Cut every connection to the database but this one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
