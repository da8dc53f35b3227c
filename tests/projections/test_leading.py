"""One projector leads the views of a PostgreSQL database. Others stand by, take over, and nothing is folded twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, ProgrammingError

from bench.histories import MemoryLog, interleaved
from bench.postgres import Postgres
from domain.kernel import Fact
from projections import postgres
from projections.events import Log
from projections.following import Follower
from projections.projector import Projector
from projections.rebuilding import check
from projections.storage import ViewStore
from store.postgres_schema import migrate
from tests.projections.kit import VIEWS, everything, folded, stored

FACTS: list[Fact] = list(interleaved(800, seed=5, open_cases=20))


@pytest.fixture
def url(database: str) -> str:
    migrate(database, datetime(2026, 3, 2, tzinfo=UTC))
    return database


@contextmanager
def running(url: str, log: Log, poll_seconds: float = 0.05) -> Iterator[Projector]:
    """A projector with a connection of its own, as another process would have it."""
    store, stop = ViewStore.connect(url), threading.Event()
    projector = Projector(log, store, VIEWS, batch=25, poll_seconds=poll_seconds)
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        yield projector
    finally:
        stop.set()
        thread.join()
        store.close()


def _eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def _sessions_end(url: str) -> None:
    """Cut every connection to the database but this one, as a failover would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _leaders(*projectors: Projector) -> int:
    return sum(each.store.backend._leader is not None for each in projectors)  # type: ignore[attr-defined]


def test_of_two_projectors_one_leads_and_the_other_sees_how_far_it_is(url: str) -> None:
    log = MemoryLog(FACTS)
    with running(url, log) as first, running(url, log) as second:
        _eventually(lambda: first.position == second.position == len(FACTS))
        assert _leaders(first, second) == 1
        assert everything(first.store) == everything(folded(FACTS).store)


def test_when_the_leader_ends_another_takes_over_within_two_seconds(url: str) -> None:
    log = MemoryLog(FACTS[:400])
    with ExitStack() as leading:
        leader = leading.enter_context(running(url, log))
        _eventually(lambda: _leaders(leader) == 1)
        with running(url, log) as standby:
            _eventually(lambda: standby.position == 400)
            leading.close()
            log.add(*FACTS[400:])
            began = time.monotonic()
            _eventually(lambda: _leaders(standby) == 1)
            assert time.monotonic() - began < 2
            _eventually(lambda: standby.position == len(FACTS))
            assert check(log, standby.store, VIEWS) == []


_FOLLOWS = """
import sys, threading
from pathlib import Path
from desk.unit import KINDS
from projections.projector import Projector
from projections.storage import ViewStore
from store.log import EventLog
from tests.projections.kit import VIEWS

log = EventLog.open(Path(sys.argv[1]), KINDS, read_only=True)
Projector(log, ViewStore.connect(sys.argv[2]), VIEWS, batch=10, poll_seconds=0.05).run(threading.Event())
"""


def test_leaders_that_are_killed_again_and_again_lose_nothing_and_repeat_nothing(url: str, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    script = tmp_path / "follows.py"
    script.write_text(_FOLLOWS)
    line = [sys.executable, str(script), str(tmp_path / "log.db"), url]
    store = ViewStore.connect(url)
    with stored(FACTS, tmp_path / "log.db") as log:
        for wanted in (30, 300):
            process = subprocess.Popen(line, env={**os.environ, "PYTHONPATH": str(root)}, cwd=root)
            try:
                _eventually(lambda least=wanted: _reached(store) >= least)  # type: ignore[misc]
            finally:
                process.kill()
                process.wait()
        with running(url, log) as last:
            _eventually(lambda: last.position == len(FACTS))
        assert everything(store) == everything(folded(FACTS).store)
    store.close()


def _reached(store: ViewStore) -> int:
    try:
        with store.reading() as db:
            return min((place.position for place in store.positions(db)), default=0)
    except ProgrammingError:
        # The tables are not there yet.
        return 0


def test_connections_that_are_cut_again_and_again_lose_nothing_and_repeat_nothing(url: str) -> None:
    log = MemoryLog(FACTS[:100])
    with running(url, log) as first, running(url, log) as second:
        for end in range(200, len(FACTS) + 1, 100):
            log.add(*FACTS[end - 100 : end])
            _sessions_end(url)
        _eventually(lambda: first.position == second.position == len(FACTS))
        assert everything(second.store) == everything(folded(FACTS).store)


def test_a_leader_whose_session_is_gone_writes_nothing_more(url: str) -> None:
    store = ViewStore.connect(url)
    store.prepare(VIEWS)
    assert store.backend.try_to_lead()
    _sessions_end(url)
    other = ViewStore.connect(url)
    _eventually(other.backend.try_to_lead)
    with pytest.raises((DBAPIError, ConnectionError)), store.writing() as db:
        store.move(db, VIEWS, 7)
    assert not store.backend.try_to_lead()
    store.close()
    other.close()


def test_a_leader_that_is_stopped_is_followed_within_seconds_and_stands_by_once_it_goes_on(
    url: str, tmp_path: Path
) -> None:
    script = tmp_path / "follows.py"
    script.write_text(_FOLLOWS)
    line = [sys.executable, str(script), str(tmp_path / "log.db"), url]
    root = Path(__file__).resolve().parents[2]
    store = ViewStore.connect(url)
    with stored(FACTS, tmp_path / "log.db") as log:
        process = subprocess.Popen(line, env={**os.environ, "PYTHONPATH": str(root)}, cwd=root)
        try:
            _eventually(lambda: _reached(store) >= 30)
            process.send_signal(signal.SIGSTOP)
            assert _reached(store) < len(FACTS)
            with running(url, log) as standby:
                began = time.monotonic()
                _eventually(lambda: _leaders(standby) == 1)
                assert time.monotonic() - began < 6
                process.send_signal(signal.SIGCONT)
                _eventually(lambda: standby.position == len(FACTS))
                time.sleep(1.5)
                assert process.poll() is None
                assert _leaders(standby) == 1
                assert everything(store) == everything(folded(FACTS).store)
        finally:
            process.kill()
            process.wait()
    store.close()


@pytest.mark.parametrize("hangs", ["between two batches", "within a batch"])
def test_a_leader_that_hangs_loses_its_locks(url: str, hangs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LEASE_SECONDS", 1)
    hanging, other = ViewStore.connect(url), ViewStore.connect(url)
    hanging.prepare(VIEWS)
    assert hanging.backend.try_to_lead()

    def fold(work: Callable[[], object] = lambda: None) -> None:
        with hanging.writing() as db:
            hanging.move(db, VIEWS, 7)
            work()

    def another_writes() -> None:
        _eventually(other.backend.try_to_lead, 5)
        with other.writing() as db:
            other.backend.lock_positions(db, 1)

    if hangs == "between two batches":
        fold()
        another_writes()
    with pytest.raises(ConnectionError, match="another may lead"):
        fold(another_writes)
    assert not hanging.backend.try_to_lead()
    hanging.close()
    other.close()


def test_a_leader_that_stops_in_the_middle_of_a_row_of_statements_is_ended_by_whoever_stands_by(url: str) -> None:
    stopped, other = ViewStore.connect(url), ViewStore.connect(url)
    stopped.prepare(VIEWS)
    assert stopped.backend.try_to_lead()
    began = time.monotonic()

    def stop() -> None:
        with stopped.writing() as db:
            stopped.move(db, VIEWS, 7)
            driver = db.connection.driver_connection
            assert driver is not None
            with driver.pipeline(), driver.cursor() as cursor:  # type: ignore[attr-defined]
                cursor.execute("UPDATE positions SET position = 8")
                driver.pgconn.send_flush_request()  # type: ignore[attr-defined]
                driver.pgconn.flush()  # type: ignore[attr-defined]
                _eventually(other.backend.try_to_lead, 10)

    with pytest.raises((ConnectionError, psycopg.OperationalError)):
        stop()
    assert time.monotonic() - began < 6
    stopped.close()
    other.close()


def test_a_leader_that_sleeps_long_between_its_looks_goes_on_leading(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LEASE_SECONDS", 2)
    with running(url, MemoryLog(FACTS), poll_seconds=60) as leader:
        _eventually(lambda: leader.position == len(FACTS))
        session = leader.store.backend._leader  # type: ignore[attr-defined]
        time.sleep(3)
        assert leader.store.backend._leader is session  # type: ignore[attr-defined]
        assert not session.closed


def test_a_leader_that_rebuilds_for_long_goes_on_leading(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LEASE_SECONDS", 1)
    store = ViewStore.connect(url)
    store.prepare(VIEWS)
    assert store.backend.try_to_lead()
    with store.backend.rebuilding():
        time.sleep(2.5)
    with store.writing() as db:
        store.move(db, VIEWS, 7)
    other = ViewStore.connect(url)
    assert not other.backend.try_to_lead()
    _eventually(other.backend.try_to_lead, 5)
    store.close()
    other.close()


def test_the_server_restarts_and_the_views_go_on(postgres: Postgres, url: str) -> None:
    log = MemoryLog(FACTS[:400])
    with running(url, log) as projector:
        _eventually(lambda: projector.position == 400)
        postgres.stop("immediate")
        log.add(*FACTS[400:])
        postgres.run()
        _eventually(lambda: projector.position == len(FACTS))
        assert everything(projector.store) == everything(folded(FACTS).store)


def test_a_process_that_folds_nothing_sees_how_far_the_views_are(url: str) -> None:
    log = MemoryLog(FACTS)
    store = ViewStore.connect(url)
    store.prepare(VIEWS)
    follower = Follower(store, log)
    try:
        assert not follower.wait_for(1, timeout=0.3)
        assert follower.lag == len(FACTS)
        with running(url, log):
            assert follower.wait_for(len(FACTS), timeout=30)
        assert follower.lag == 0
        assert follower.parked() == []
    finally:
        follower.close()
        store.close()
