"""The database server: many processes, connections that break, roles that may little."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import errors

from bench.postgres import Postgres
from store import postgres_database, postgres_writer
from store.append_sql import LOCK
from store.connecting import Connection, Pool, connect
from store.errors import Conflict, DuplicateCommand, NewerStore, NotMigrated, StoreAway, StoreError
from store.log import EventLog
from store.migrations import Schema
from store.postgres import PostgresRecorder
from store.postgres_copies import PostgresRestore
from store.postgres_schema import ACCESS, LOG, SCHEMAS, VAULT, migrate
from store.postgres_writer import Answer, Writer
from store.recorder import BULK_BATCH, Unit
from store.tokens import Tokens
from store.vault import Vault
from tests.chaos.proxy import Cut, Proxy, What
from tests.store.aggregates import KINDS, NOON, Bell, Colour, Lamp, a_bell, a_command, a_lamp

ROOT = Path(__file__).resolve().parents[2]
ALL = [(schema.name, len(schema.steps)) for schema in SCHEMAS]


@pytest.fixture
def log(url: str) -> Iterator[EventLog]:
    with EventLog.connect(url, KINDS) as opened:
        yield opened


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0])


def _unit(stream: UUID, version: int = 1) -> Unit:
    return Unit([StoredEvent(stream, version, "test.v1", b"{}")], {}, None, {})


# --- migrations ---


def test_six_processes_may_migrate_at_once(database: str) -> None:
    code = (
        "import sys; from store.postgres_schema import migrate; from tests.store.aggregates import NOON; "
        "print([before for _, before, _ in migrate(sys.argv[1], NOON)])"
    )
    line = [sys.executable, "-c", code, database]
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert {process.returncode for process in processes} == {0}
    # Each schema is made by one of them, and not all need to be made by the same.
    for before, (name, steps) in zip(zip(*told, strict=True), ALL, strict=True):
        assert sorted(before) == [0, *[steps] * 5], name


def test_migrating_again_does_nothing(url: str) -> None:
    assert migrate(url, NOON) == [(name, steps, steps) for name, steps in ALL]


def test_a_migration_that_fails_leaves_nothing_behind(database: str) -> None:
    broken = Schema("log", (*LOG.steps, ("CREATE TABLE log.more (x int)", "CREATE TABLE log.event (x int)")))
    with pytest.raises(errors.DuplicateTable):
        migrate(database, NOON, schemas=(broken,))
    assert migrate(database, NOON) == [(name, 0, steps) for name, steps in ALL]


def test_a_database_that_was_not_migrated_says_how(database: str) -> None:
    with pytest.raises(NotMigrated, match="run `shaoxiang migrate`"):
        EventLog.connect(database, KINDS)
    with pytest.raises(NotMigrated, match="the schema vault"):
        Vault(database, bytes(32))


def test_a_newer_database_is_left_alone(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO log.schema_version VALUES (99)")
    with pytest.raises(NewerStore, match="version 99"):
        EventLog.connect(url, KINDS)
    with pytest.raises(NewerStore, match="version 99"):
        migrate(url, NOON)


@pytest.mark.parametrize("value", ["y", "TRUE", "1", " on "])
def test_the_librarys_unsafe_function_is_refused(url: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", value)
    with pytest.raises(StoreError, match="skip events for good"):
        EventLog.connect(url, KINDS)


def test_that_option_may_be_turned_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "n")
    EventLog.connect(url, KINDS).close()


# --- rights ---


@pytest.fixture
def as_role(postgres: Postgres, database: str) -> Iterator[str]:
    """The URL of a role that was granted what the running processes need, and owns nothing."""
    role = f"running_{uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    migrate(database, NOON, role=role)
    yield postgres.url(urlsplit(database).path[1:], role)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_the_running_role_can_do_all_that_the_processes_do(as_role: str) -> None:
    with EventLog.connect(as_role, KINDS) as log:
        lamp, command = a_lamp(), a_command()
        log.save([lamp], command=command, counters={"today": 0})
        log.save([a_bell()], reads={lamp.id: 1}, counters={"today": 1})
        assert (log.position(), log.counter("today"), len(log.events(0, 9))) == (2, 2, 2)
        assert log.command(command.id) is not None
        assert log.new_epoch(NOON) == log.epoch()
        assert log.detached() == []
    tokens, vault = Tokens(as_role), Vault(as_role, bytes(32))
    tokens.revoke(tokens.create(lamp.id, "street_officer", "220204001", "值班", NOON).id, NOON)
    vault.register(lamp.id, "来电人一")
    vault.erase(lamp.id)
    tokens.close()
    vault.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log.event SET topic = 'other'",
        "DELETE FROM log.event",
        "TRUNCATE log.event",
        "UPDATE log.command SET result = '{}'",
        "DELETE FROM log.command",
        "UPDATE log.counter SET value = 0",
        "DELETE FROM log.counter",
        "DELETE FROM log.epoch",
        "SELECT setval('log.position', 1)",
        "DROP TABLE log.event",
        "ALTER TABLE log.event DETACH PARTITION log.event_2023",
        "CREATE TABLE log.more (x int)",
        "INSERT INTO log.schema_version VALUES (99)",
        "INSERT INTO log.detached VALUES ('event_2023', 0, 0, 0, now())",
        "DELETE FROM access.token",
    ],
)
def test_the_running_role_can_change_nothing_that_was_written(as_role: str, statement: str) -> None:
    with psycopg.connect(as_role) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_role_that_may_only_read_is_told_when_it_writes(postgres: Postgres, as_role: str, url: str) -> None:
    role = urlsplit(as_role).username
    with psycopg.connect(url) as connection:
        connection.execute(f"GRANT USAGE ON SCHEMA log TO {role}".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA log TO {role}".encode())
    with (
        EventLog.connect(postgres.url(urlsplit(url).path[1:], role or ""), KINDS) as log,
        pytest.raises(StoreError, match="may not write the log"),
    ):
        log.save([a_lamp()])
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())


# --- many at once ---


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


# --- broken connections ---


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
        waiting = [pool.submit(write, recorder, _unit(uuid4())._replace(command=command)) for command in commands]
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
            writer.write([_unit(uuid4())])
    assert writer.write([_unit(uuid4())]) == [1]
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


# --- what a failover or a crash may take or leave ---


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
    stored, refused, other = _unit(uuid4()), _unit(uuid4(), 2), _unit(uuid4(), 2)
    answers = writer.write([stored, refused, other])
    writer.close()
    assert answers[0] == 1
    assert all(isinstance(answer, Exception) for answer in answers[1:])


def test_units_that_are_tried_one_by_one_share_their_patience(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Connection, units: Sequence[Unit]) -> list[Answer]:
        raise (errors.NumericValueOutOfRange if len(units) > 1 else psycopg.OperationalError)("no")

    monkeypatch.setattr(postgres_writer, "_append", broken)
    writer, began = Writer(url, 0.5), time.monotonic()
    assert {type(answer) for answer in writer.write([_unit(uuid4()) for _ in range(20)])} == {StoreAway}
    assert time.monotonic() - began < 5


def test_what_a_crash_left_behind_is_acknowledged_only_once_the_standby_has_it_too() -> None:
    with Postgres.start() as primary, primary.standby(synchronous=True) as standby, ThreadPoolExecutor() as pool:
        url = primary.create("shaoxiang")
        migrate(url, NOON)
        recorder = PostgresRecorder(url, patience=20)
        stream = uuid4()
        unit = _unit(stream)
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
        first = pool.submit(writing.write, _unit(uuid4())._replace(command=command))
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
    recorder.write(_unit(uuid4())._replace(command=command))

    def written() -> int:
        with psycopg.connect(url) as connection:
            return int(connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()[0][0])

    assert recorder.command(uuid4()) is None
    before = written()
    assert recorder.command(command.id) == command.model_copy(update={"position": 1})
    assert written() > before
    recorder.close()


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


@pytest.mark.parametrize("schema", [LOG, VAULT, ACCESS], ids=lambda schema: schema.name)
def test_every_table_of_the_store_is_reached_by_the_grants(as_role: str, schema: Schema) -> None:
    with psycopg.connect(as_role) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT LIKE 'event\\_%%'", (schema.name,)
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"SELECT 1 FROM {schema.name}.{table} LIMIT 1".encode())
    assert tables
