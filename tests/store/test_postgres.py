"""The database server, where many processes and threads write at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from projections.storage import ViewStore
from store import postgres_database, postgres_writer
from store.append_sql import LOCK
from store.connecting import PLANS, Connection, Pool, connect
from store.errors import Conflict, DuplicateCommand, StoreAway
from store.log import EventLog
from store.postgres import PostgresRecorder
from store.postgres_copies import PostgresRestore
from store.recorder import BULK_BATCH, Epoch, Unit
from store.vault import Vault
from tests.store.aggregates import KINDS, NOON, Bell, Colour, Lamp, a_bell, a_command, a_lamp
from tests.store.kit import count


@pytest.fixture
def log(url: str) -> Iterator[EventLog]:
    with EventLog.connect(url, KINDS) as opened:
        yield opened


def test_two_processes_that_change_the_same_version_cannot_both_be_right(url: str, log: EventLog) -> None:
    lamp = a_lamp()
    log.save([lamp])
    with EventLog.connect(url, KINDS) as elsewhere:
        one, other = log.load(Lamp, lamp.id), elsewhere.load(Lamp, lamp.id)
        assert one is not None
        assert other is not None
        one.light(Colour.RED)
        other.light(Colour.GREEN)
        log.save([one])
        with pytest.raises(Conflict, match="was read at version 1 and is at 2"):
            elsewhere.save([other])
        assert elsewhere.load(Lamp, lamp.id) == log.load(Lamp, lamp.id)


def test_news_of_another_process_ends_the_wait(url: str, log: EventLog) -> None:
    with EventLog.connect(url, KINDS) as elsewhere, ThreadPoolExecutor() as pool:
        waiting = pool.submit(log.wait, 0, 30.0)
        elsewhere.save([a_lamp()])
        assert waiting.result(timeout=10) == 1


def test_an_append_waits_until_the_one_before_it_is_committed(url: str, log: EventLog) -> None:
    # Otherwise a reader could see the later position first, go on from it, and never see the earlier one.
    with psycopg.connect(url) as slow, ThreadPoolExecutor() as pool:
        slow.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        slow.execute("INSERT INTO log.event VALUES (nextval('log.position'), %s, 1, 'test', '')", (uuid4(),))
        later = pool.submit(log.save, [a_lamp()])
        with pytest.raises(TimeoutError):
            later.result(timeout=0.3)
        assert log.raw(0, 10) == []
        slow.commit()
        assert later.result(timeout=10).position == 2
    assert [row[0] for row in log.raw(0, 10)] == [1, 2]


def test_one_refusal_in_a_batch_takes_nobody_with_it(url: str) -> None:
    recorder = PostgresRecorder(url)
    mapper = EventLog.in_memory(KINDS).mapper

    def unit_of(aggregate: Lamp | Bell, **more: Any) -> Unit:
        events = [mapper.to_stored_event(event) for event in aggregate.collect_events()]
        return Unit(events, {}, None, {})._replace(**more)

    taken, used, moved = a_lamp(), a_command(), a_bell()
    recorder.write(unit_of(taken, command=used, counters={"today": 0}))
    recorder.write(unit_of(moved))
    units = [
        unit_of(a_lamp(), command=a_command()),
        unit_of(a_lamp(taken.id)),
        unit_of(a_lamp(), command=used),
        unit_of(a_lamp(), reads={moved.id: 0}),
        unit_of(a_lamp(), counters={"today": 0}),
        unit_of(a_lamp(), reads={moved.id: 1}, counters={"tomorrow": 0}),
        Unit([], {}, a_command(), {}),
    ]
    answers = recorder._writer.write(units)
    assert [type(answer) for answer in answers] == [int, Conflict, DuplicateCommand, Conflict, Conflict, int, int]
    assert [str(answer)[:6] for answer in answers[3:5]] == ["stream", "the co"]
    assert [len(recorder.stream(UUID(str(unit.events[0].originator_id)))) for unit in units[:6]] == [1, 1, 0, 0, 0, 1]
    assert (recorder.counter("today"), recorder.counter("tomorrow")) == (1, 1)
    assert answers[5] == recorder.position()
    recorder.close()


def test_many_threads_on_one_stream_lose_nothing_and_repeat_nothing(log: EventLog) -> None:
    bell = a_bell()
    log.save([bell])

    def ring(_: int) -> int:
        tries = 0
        while True:
            tries += 1
            mine = log.load(Bell, bell.id)
            assert mine is not None
            mine.ring()
            try:
                log.save([mine], command=a_command(), counters={})
            except Conflict:
                continue
            return tries

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ring, range(40)))
    found = log.load(Bell, bell.id)
    assert found is not None
    assert (found.times, found.version) == (40, 41)


def test_a_bulk_read_that_is_left_early_leaves_the_connection_in_order(url: str, log: EventLog) -> None:
    with psycopg.connect(url) as connection:
        many = "SELECT nextval('log.position'), %s, number, 'test', '' FROM generate_series(1, 20000) AS number"
        connection.execute(f"INSERT INTO log.event {many}".encode(), (uuid4(),))
    for _ in range(20):
        assert len(next(iter(log.bulk(0, 20_000)))) == BULK_BATCH
    assert sum(len(batch) for batch in log.bulk(0, 20_000)) == 20_000


def test_what_is_acknowledged_is_on_disk_whatever_the_servers_default(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        name = urlsplit(url).path[1:]
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    recorder = PostgresRecorder(url)
    shown = recorder._writer._connected().execute("SHOW synchronous_commit").fetchone()
    assert shown == ("on",)
    recorder.close()
    restore = PostgresRestore(url, ("events",))
    assert restore._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    restore.abandon()


def test_a_statement_that_the_server_cancels_is_asked_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = PostgresRecorder(url, patience=10)
    with psycopg.connect(url) as holding, ThreadPoolExecutor() as pool:
        holding.execute("LOCK TABLE log.event")
        asked = pool.submit(recorder.position)
        with pytest.raises(TimeoutError):
            asked.result(0.5)
        holding.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with pytest.raises(TimeoutError):
            asked.result(0.5)
        holding.rollback()
        assert asked.result(10) == 0
    recorder.close()


@pytest.mark.parametrize(
    "trouble", [errors.QueryCanceled, errors.SerializationFailure, errors.IoError, errors.OutOfMemory]
)
def test_what_ails_the_server_is_told_as_such(url: str, trouble: type[psycopg.Error]) -> None:
    pool = Pool(url, patience=0.2)

    def fail(_: Connection) -> None:
        raise trouble("it could not")

    with pytest.raises(StoreAway):
        pool.run(fail)
    pool.close()


def test_epochs_that_are_begun_at_once_come_one_after_the_other(url: str) -> None:
    recorders = [PostgresRecorder(url) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        begun = list(pool.map(lambda recorder: recorder.new_epoch(NOON), recorders))
    assert sorted(epoch.number for epoch in begun) == [int(NOON.timestamp()) + more for more in range(4)]
    assert max(begun) == recorders[0].epoch()
    for recorder in recorders:
        recorder.close()


def test_an_epoch_whose_answer_was_lost_is_begun_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, run, tries = PostgresRecorder(url), Pool.run, []

    def broken(pool: Pool, work: Callable[[Connection], object]) -> object:
        def lost(connection: Connection) -> object:
            answer = work(connection)
            tries.append(answer)
            if len(tries) == 1:
                raise psycopg.OperationalError("the connection broke after the commit")
            return answer

        return run(pool, lost)

    monkeypatch.setattr(Pool, "run", broken)
    epoch = recorder.new_epoch(NOON)
    assert tries == [epoch, epoch]
    assert count(url, "log.epoch") == 1
    recorder.close()


def test_a_process_that_hangs_while_it_writes_into_the_vault_holds_nobody_up_for_long(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_database, "IDLE_SECONDS", 1)
    vault, other = Vault(url, bytes(32)), Vault(url, bytes(32))

    def hang(pool: ThreadPoolExecutor) -> None:
        with vault._database.writing() as hanging:
            pool.submit(other.register, uuid4(), "来电人一").result(5)
            hanging.execute("SELECT 1")

    with ThreadPoolExecutor() as pool, pytest.raises(StoreAway):
        hang(pool)
    vault.close()
    other.close()


def test_no_session_starts_other_processes_for_what_it_asks(url: str) -> None:
    """Of one case in a log of millions a plan for all cases expects so much that it would: 30 ms instead of one."""
    asked = b"SHOW max_parallel_workers_per_gather"
    pool = Pool(url, size=1, patience=1.0)
    assert pool.run(lambda connection: connection.execute(asked).fetchall()) == [("0",)]
    pool.close()
    with closing(ViewStore.connect(url)) as views, views.reading() as db:
        assert db.exec_driver_sql(asked.decode()).scalar_one() == "0"
    for options in (postgres_writer.OPTIONS, PLANS):
        with closing(connect(url, options)) as connection:
            assert connection.execute(asked).fetchall() == [("0",)]


def test_the_connection_that_was_used_last_is_given_first_and_closed_last(url: str) -> None:
    pool, here = Pool(url, size=3, patience=1.0), threading.Barrier(3, timeout=30)

    def met(connection: Connection) -> int:
        here.wait()
        return connection.info.backend_pid

    def taken(connection: Connection) -> int:
        return connection.info.backend_pid

    with ThreadPoolExecutor() as threads:
        pids = {future.result() for future in [threads.submit(pool.run, met) for _ in range(3)]}
    assert len(pids) == 3
    last = pool.run(taken)
    assert [pool.run(taken) for _ in range(9)] == [last] * 9
    # As after ten minutes in which one was enough.
    pool._pool._nconns_min = 2
    pool._pool._shrink_pool()
    assert pool.run(taken) == last
    assert len(pool._pool._pool) == 2
    pool.close()


def test_a_new_connection_to_the_log_has_rehearsed_before_it_is_given_to_anybody(url: str) -> None:
    recorder = PostgresRecorder(url)
    made = "SELECT statement FROM pg_prepared_statements WHERE custom_plans + generic_plans > 5"
    kept = recorder._pool.run(lambda connection: connection.execute(made).fetchall())
    assert any("log.event" in statement for (statement,) in kept)
    assert any("log.command" in statement for (statement,) in kept)
    recorder.close()


def test_who_asks_nothing_of_the_events_is_answered_while_nobody_may_read_them(url: str) -> None:
    with psycopg.connect(url) as holding:
        holding.execute("LOCK TABLE log.event IN ACCESS EXCLUSIVE MODE")
        recorder = PostgresRecorder(url)
        assert recorder.epoch() == Epoch(0, 0)
        assert recorder._pool.run(lambda c: c.execute("SHOW lock_timeout").fetchone()) == ("0",)
        holding.rollback()
    recorder.close()
