"""Connections that break, servers that fail over: nothing is lost, and nothing stored twice."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from bench.postgres import Postgres
from store import postgres_writer
from store.append_sql import LOCK
from store.connecting import Connection, connect
from store.errors import Conflict, DuplicateCommand, StoreAway, StoreError
from store.log import EventLog
from store.postgres import PostgresRecorder
from store.postgres_schema import migrate
from store.postgres_writer import Answer, Writer
from store.recorder import Unit
from tests.chaos.proxy import Cut, Proxy, What
from tests.store.aggregates import KINDS, NOON, Colour, Lamp, a_command, a_lamp
from tests.store.kit import a_unit, count


@pytest.fixture
def log(url: str) -> Iterator[EventLog]:
    with EventLog.connect(url, KINDS) as opened:
        yield opened


class Cutter:
    """Tells the proxy to cut the next append, once."""

    def __init__(self) -> None:
        self.next: Cut | None = None

    def __call__(self, what: What) -> Cut | None:
        if what is not What.APPEND:
            return None
        cut, self.next = self.next, None
        return cut


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("named", [True, False], ids=["with its command", "without a command"])
def test_a_unit_whose_connection_breaks_is_stored_exactly_once(url: str, cut: Cut, *, named: bool) -> None:
    cutter = Cutter()
    with Proxy(url, cutter) as proxy, EventLog.connect(proxy.url, KINDS) as log:
        lamp = a_lamp()
        log.save([lamp])
        for _ in range(5):
            cutter.next = cut
            lamp.light(Colour.RED)
            command = a_command() if named else None
            saved = log.save([lamp], command=command)
            assert saved.position == log.stream(lamp.id)[-1].position
            assert command is None or log.command(command.id) is not None
        assert cutter.next is None
        assert proxy.cut_appends() == 5
    assert count(url, "log.event") == 6
    assert count(url, "log.command") == (5 if named else 0)


@pytest.mark.parametrize("named", [True, False], ids=["with its command", "without a command"])
def test_an_attempt_that_is_still_at_work_when_its_connection_breaks_is_found_later(url: str, *, named: bool) -> None:
    """The next attempt looks for it too early, waits for it to end, and is refused because of it."""
    cutter = Cutter()
    with (
        Proxy(url, cutter) as proxy,
        EventLog.connect(proxy.url, KINDS) as log,
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(url) as holder,
    ):
        lamp = a_lamp()
        log.save([lamp])
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        cutter.next = Cut.AMID
        lamp.light(Colour.RED)
        saving = thread.submit(log.save, [lamp], command=a_command() if named else None)
        while _waiting(holder) < 2:
            time.sleep(0.01)
        holder.rollback()
        assert saving.result().position == log.stream(lamp.id)[-1].position
    assert count(url, "log.event") == 2


def _waiting(connection: "psycopg.Connection[tuple[int]]") -> int:
    """How many wait for the log's lock."""
    query = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    return int(connection.execute(query.encode()).fetchall()[0][0])


def test_batches_of_many_threads_whose_connection_breaks_are_stored_exactly_once(url: str) -> None:
    dice, threads, units = random.Random(20260302), 8, 25

    def choose(what: What) -> Cut | None:
        return dice.choice([None, None, *Cut]) if what is What.APPEND else None

    def write(recorder: PostgresRecorder, unit: Unit) -> None:
        stream = UUID(str(unit.events[0].originator_id))
        try:
            position = recorder.write(unit)
        except Conflict:
            # A server process that went on without us was faster than our look: what it stored is ours.
            assert len(recorder.stream(stream)) == 1
        else:
            assert [row[0] for row in recorder.stream(stream)] == [position]

    with Proxy(url, choose) as proxy, ThreadPoolExecutor(threads) as pool:
        recorder = PostgresRecorder(proxy.url, patience=30)
        commands = [a_command() if number % 2 else None for number in range(threads * units)]
        waiting = [pool.submit(write, recorder, a_unit(uuid4())._replace(command=command)) for command in commands]
        for each in waiting:
            each.result(60)
        assert proxy.cut_appends() > 5
        recorder.close()
    assert (count(url, "log.event"), count(url, "log.command")) == (threads * units, threads * units // 2)


def test_an_interrupted_writer_begins_again_with_a_connection_in_order(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(connection: Connection, _: Sequence[Unit]) -> list[Answer]:
        connection.pgconn.send_query(b"SELECT pg_sleep(5)")
        raise KeyboardInterrupt

    writer = Writer(url, 0)
    with monkeypatch.context() as patch:
        patch.setattr(postgres_writer, "_append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.write([a_unit(uuid4())])
    assert writer.write([a_unit(uuid4())]) == [1]
    writer.close()


def test_another_command_under_the_same_id_is_not_taken_for_ours_after_a_cut(url: str) -> None:
    cutter = Cutter()
    with Proxy(url, cutter) as proxy, EventLog.connect(proxy.url, KINDS) as log:
        command = a_command(result='{"first": true}')
        log.save([a_lamp()], command=command)
        cutter.next = Cut.BEFORE
        with pytest.raises(DuplicateCommand):
            log.save([a_lamp()], command=command.model_copy(update={"result": '{"first": false}'}))
    assert count(url, "log.event") == 1


def test_when_the_server_stays_away_it_is_said_and_later_it_goes_on() -> None:
    with Postgres.start() as server:
        url = server.create("shaoxiang")
        migrate(url, NOON)
        recorder = PostgresRecorder(url, patience=0.5)
        server.stop("immediate")
        with pytest.raises(StoreAway, match="cannot be reached"):
            recorder.write(Unit([], {}, a_command(), {}))
        with pytest.raises(StoreAway, match="cannot be reached"):
            recorder.position()
        server.run()
        command = a_command()
        assert recorder.write(Unit([], {}, command, {})) == 0
        assert recorder.command(command.id) == command
        recorder.close()


def test_a_restart_of_the_server_is_not_noticed() -> None:
    with Postgres.start() as server:
        url = server.create("shaoxiang")
        migrate(url, NOON)
        with EventLog.connect(url, KINDS) as log:
            log.save([a_lamp()])
            again = threading.Timer(0.5, server.run)
            server.stop("immediate")
            again.start()
            assert log.save([a_lamp()]).position == log.position() > 1
            again.join()


def test_writes_go_on_at_the_standby_once_it_is_promoted() -> None:
    with Postgres.start() as primary, primary.standby(synchronous=True) as standby:
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/shaoxiang?target_session_attrs=read-write"
        primary.create("shaoxiang")
        migrate(url, NOON)
        with EventLog.connect(url, KINDS) as log:
            lamp = a_lamp()
            log.save([lamp])
            primary.kill()
            standby.promote()
            lamp.light(Colour.RED)
            log.save([lamp])
            assert log.load(Lamp, lamp.id) == lamp


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(StoreError, match="cannot be read") as told:
        connect("postgresql://somebody:secret@h:no-port/x?nothing=1")
    assert "secret" not in str(told.value)


def test_a_stream_does_not_go_on_from_what_a_standby_never_had(url: str, log: EventLog) -> None:
    lamp = a_lamp()
    lamp.light(Colour.RED)
    log.save([lamp])
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM log.event WHERE originator_version = 2")
    lamp.light(Colour.GREEN)
    with pytest.raises(Conflict, match="was read at version 2 and is at 1"):
        log.save([lamp])
    assert [recorded.event.originator_version for recorded in log.stream(lamp.id)] == [1]


def test_a_wait_does_not_end_for_what_the_log_has_no_more(url: str, log: EventLog) -> None:
    log.save([a_lamp()])
    assert log.save([a_lamp()]).position == 2
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM log.event WHERE position = 2")
    time.sleep(0.1)
    assert log.wait(1, 0.2) == 1


@pytest.mark.parametrize("trouble", [errors.DiskFull, errors.NumericValueOutOfRange])
def test_what_was_stored_before_a_break_is_not_taken_back_by_what_befalls_the_others(
    url: str, trouble: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    append, calls = postgres_writer._append, 0

    def broken(connection: Connection, units: Sequence[Unit]) -> list[Answer]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise trouble("now this")
        append(connection, units)
        raise psycopg.OperationalError("the connection broke after the commit")

    monkeypatch.setattr(postgres_writer, "_append", broken)
    writer = Writer(url, 5)
    stored, refused, other = a_unit(uuid4()), a_unit(uuid4(), 2), a_unit(uuid4(), 2)
    answers = writer.write([stored, refused, other])
    writer.close()
    assert answers[0] == 1
    assert all(isinstance(answer, Exception) for answer in answers[1:])


def test_units_that_are_tried_one_by_one_share_their_patience(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Connection, units: Sequence[Unit]) -> list[Answer]:
        raise (errors.NumericValueOutOfRange if len(units) > 1 else psycopg.OperationalError)("no")

    monkeypatch.setattr(postgres_writer, "_append", broken)
    writer, began = Writer(url, 0.5), time.monotonic()
    assert {type(answer) for answer in writer.write([a_unit(uuid4()) for _ in range(20)])} == {StoreAway}
    assert time.monotonic() - began < 5


def test_what_a_crash_left_behind_is_acknowledged_only_once_the_standby_has_it_too() -> None:
    with Postgres.start() as primary, primary.standby(synchronous=True) as standby, ThreadPoolExecutor() as pool:
        url = primary.create("shaoxiang")
        migrate(url, NOON)
        recorder = PostgresRecorder(url, patience=20)
        stream = uuid4()
        unit = a_unit(stream)
        standby.stop()
        writing = pool.submit(recorder.write, unit)
        with pytest.raises(TimeoutError):
            writing.result(1)
        primary.stop("immediate")
        primary.run()
        try:
            with pytest.raises(TimeoutError):
                writing.result(2)
            # It is there, and yet nobody was told so.
            assert recorder.stream(stream)
        finally:
            standby.run()
        assert writing.result(15) == recorder.position()
        recorder.close()


def test_a_retry_is_answered_only_once_the_standby_has_what_it_is_answered_with() -> None:
    with Postgres.start() as primary, primary.standby(synchronous=True) as standby, ThreadPoolExecutor() as pool:
        url = primary.create("shaoxiang")
        migrate(url, NOON)
        writing, other = PostgresRecorder(url, patience=1), PostgresRecorder(url, patience=20, readers=1)
        command = a_command()
        standby.stop()
        first = pool.submit(writing.write, a_unit(uuid4())._replace(command=command))
        with pytest.raises(TimeoutError):
            first.result(1)
        # Whoever wrote is gone, and what it wrote shows after the crash.
        primary.stop("immediate")
        assert isinstance(first.exception(15), StoreAway)
        primary.run()
        try:
            retry = pool.submit(other.command, command.id)
            with pytest.raises(TimeoutError):
                retry.result(2)
            assert other.command(uuid4()) is None, "who only looks is not kept waiting"
            assert other.position() == 1
        finally:
            standby.run()
        assert retry.result(15) == command.model_copy(update={"position": 1})
        writing.close()
        other.close()


def test_a_command_is_confirmed_with_a_write_only_where_it_is_found(url: str) -> None:
    recorder, command = PostgresRecorder(url), a_command()
    recorder.write(a_unit(uuid4())._replace(command=command))

    def written() -> int:
        with psycopg.connect(url) as connection:
            return int(connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()[0][0])

    assert recorder.command(uuid4()) is None
    before = written()
    assert recorder.command(command.id) == command.model_copy(update={"position": 1})
    assert written() > before
    recorder.close()
