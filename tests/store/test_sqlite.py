"""The embedded file: durable, one process, positions that never come back."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from store.errors import (
    Conflict,
    DuplicateCommand,
    NewerStore,
    NotMigrated,
    StoreError,
    StoreFull,
    StoreInUse,
    StoreMissing,
)
from store.log import EventLog
from store.mapper import EventMapper
from store.migrations import LOG, migrate
from store.sqlite import SqliteRecorder
from tests.store.aggregates import KINDS, Bell, Colour, Lamp, a_bell, a_command, a_lamp

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    with EventLog.open(path, KINDS) as opened:
        yield opened


def pragma(recorder: SqliteRecorder, name: str, *, commit: bool) -> object:
    with recorder.datastore.get_connection(commit=commit) as connection:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


def test_every_connection_waits_for_the_disk_and_writes_ahead(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        # Somebody has turned it off, which a file remembers.
        connection.execute("PRAGMA journal_mode=DELETE")
    recorder = SqliteRecorder.open(path)
    with recorder.datastore.get_connection(commit=False):
        # The first connection is taken, so that what follows opens another one.
        full = 2
        assert pragma(recorder, "synchronous", commit=True) == full
        assert pragma(recorder, "journal_mode", commit=True) == "wal"
    recorder.close()


def test_a_position_is_never_given_out_again(path: Path, log: EventLog) -> None:
    log.save([a_lamp(), a_lamp()])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM event WHERE notification_id = 2")
    assert log.save([a_lamp()]).position == 3


def test_a_second_opening_is_told_which_process_has_the_store(path: Path, log: EventLog) -> None:
    assert log.position() == 0
    with pytest.raises(StoreInUse, match=f"open in process {os.getpid()}:"):
        EventLog.open(path, KINDS)


def test_a_second_process_is_told_clearly(path: Path, log: EventLog) -> None:
    log.save([a_lamp()])
    code = (
        "import sys; from pathlib import Path; from store.log import EventLog; "
        "from tests.store.aggregates import KINDS; EventLog.open(Path(sys.argv[1]), KINDS)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 1
    assert f"StoreInUse: the store {path} is open in process {os.getpid()}:" in told.stderr


def test_a_reader_may_look_on_beside_the_writer(path: Path, log: EventLog) -> None:
    with EventLog.open(path, KINDS, read_only=True) as reader:
        log.save([a_lamp()])
        assert len(reader.events(0, 10)) == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.save([a_lamp()])


def test_the_lock_ends_with_the_log(path: Path) -> None:
    EventLog.open(path, KINDS).close()
    EventLog.open(path, KINDS).close()


def test_a_store_that_is_not_there_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="shaoxiang migrate"):
        EventLog.open(tmp_path / "none.db", KINDS)
    assert list(tmp_path.iterdir()) == []


def test_an_unmigrated_store_says_how_to_migrate_it(tmp_path: Path) -> None:
    place = tmp_path / "log.db"
    place.touch()
    with pytest.raises(NotMigrated, match="run `shaoxiang migrate`"):
        EventLog.open(place, KINDS)
    migrate(place)
    EventLog.open(place, KINDS).close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    place = tmp_path / "log.db"
    place.write_text("these are notes, and not a database at all" * 100)
    with pytest.raises(StoreError, match=f"{place} cannot be opened as a log"):
        EventLog.open(place, KINDS)


def test_a_newer_store_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(NewerStore, match="schema version 99"):
        EventLog.open(path, KINDS)
    with pytest.raises(NewerStore, match="schema version 99"):
        migrate(path)


def test_migrating_twice_does_it_once(path: Path) -> None:
    assert migrate(path) == (len(LOG.steps), len(LOG.steps))


def test_six_may_migrate_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: migrate(tmp_path / "log.db"), range(6)))
    assert sorted(before for before, _ in done) == [0, *[len(LOG.steps)] * 5]


def test_a_step_that_fails_leaves_the_store_as_it_was(path: Path) -> None:
    broken = LOG._replace(steps=(*LOG.steps, ("CREATE TABLE more (x)", "CREATE TABLE event (x)")))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(path, broken)
    assert migrate(path) == (len(LOG.steps), len(LOG.steps))
    EventLog.open(path, KINDS).close()


def test_only_the_owner_may_read_the_store(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_many_writers_and_one_tailing_reader_miss_nothing(log: EventLog) -> None:
    writers, each = 6, 40
    seen: list[tuple[int, UUID]] = []

    def tail() -> None:
        position = 0
        while len(seen) < writers * each * 2:
            log.wait(position, 10)
            for recorded in log.events(position, 7):
                position = recorded.position
                seen.append((position, recorded.event.originator_id))

    def write(_: int) -> list[UUID]:
        ids = []
        for _ in range(each):
            bell = a_bell()
            bell.ring()
            log.save([bell], command=a_command())
            ids.append(bell.id)
        return ids

    tailing = threading.Thread(target=tail, daemon=True)
    tailing.start()
    with ThreadPoolExecutor(writers) as pool:
        written = [stream for ids in pool.map(write, range(writers)) for stream in ids]
    tailing.join(30)
    assert not tailing.is_alive()
    positions = [position for position, _ in seen]
    assert positions == sorted(set(positions))
    assert sorted(stream for _, stream in seen) == sorted(written * 2)


def test_racing_writers_of_one_stream_lose_no_ring(log: EventLog) -> None:
    bell = a_bell()
    log.save([bell])

    def ring(_: int) -> int:
        conflicts = 0
        while True:
            loaded = log.load(Bell, bell.id)
            assert loaded is not None
            loaded.ring()
            try:
                log.save([loaded])
            except Conflict:
                conflicts += 1
            else:
                return conflicts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ring, range(80)))
    rung = log.load(Bell, bell.id)
    assert rung is not None
    assert (rung.times, rung.version) == (80, 81)


def test_of_racing_tries_of_one_command_exactly_one_takes_effect(log: EventLog) -> None:
    command, gate = a_command(), threading.Barrier(8)

    def attempt(_: int) -> bool:
        gate.wait(10)
        try:
            log.save([a_bell()], command=command)
        except DuplicateCommand:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert log.position() == 1


def test_waiting_ends_when_something_is_saved(log: EventLog) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(log.wait, 0, 30)
        log.save([a_lamp()])
        assert waiting.result(10) == 1


def test_waiting_ends_when_the_time_is_over(log: EventLog) -> None:
    assert log.wait(0, 0.01) == 0


def test_what_was_acknowledged_survives_a_kill(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from store.log import EventLog\n"
        "from tests.store.aggregates import KINDS, a_bell, a_command\n"
        "log = EventLog.open(Path(sys.argv[1]), KINDS)\n"
        "while True:\n"
        "    bell, command = a_bell(), a_command()\n"
        "    log.save([bell], command=command)\n"
        "    print(bell.id, command.id, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().split() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        # A line that the kill cut short was not acknowledged.
        acknowledged += [pair for line in process.stdout if line.endswith("\n") and len(pair := line.split()) == 2]
    with EventLog.open(path, KINDS) as log:
        for stream, command in acknowledged:
            assert log.load(Bell, UUID(stream)) is not None
            assert log.command(UUID(command)) is not None


def test_the_librarys_own_way_in_keeps_the_same_promises(path: Path) -> None:
    with EventLog.open(path, KINDS) as log:
        lamp = a_lamp()
        lamp.light(Colour.RED)
        stored = [log.mapper.to_stored_event(each) for each in lamp.collect_events()]
    recorder = SqliteRecorder.open(path)
    assert list(recorder.insert_events(stored)) == [1, 2]
    with pytest.raises(Conflict):
        recorder.insert_events(stored)
    assert list(recorder.select_events(lamp.id)) == stored
    assert list(recorder.select_events(lamp.id, gt=1)) == stored[1:]
    assert list(recorder.select_events(lamp.id, desc=True, limit=1)) == stored[1:]
    assert [each.id for each in recorder.select_notifications(1, 10)] == [1, 2]
    assert [each.id for each in recorder.select_notifications(1, 10, inclusive_of_start=False)] == [2]
    assert [each.topic for each in recorder.select_notifications(None, 10, topics=["test-lamp.lit.v1"])] == [
        Lamp.LampLit.TOPIC
    ]
    assert recorder.max_notification_id() == 2
    recorder.close()


def test_a_writing_unit_holds_the_write_lock_before_it_reads(path: Path) -> None:
    recorder = SqliteRecorder.open(path)
    with (
        recorder.datastore.transaction(commit=True),
        closing(sqlite3.connect(path, timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")
    recorder.close()


def test_a_full_disk_is_told_readers_stay_and_it_goes_on_when_there_is_room(path: Path) -> None:
    recorder = SqliteRecorder.open(path)

    def limit(pages: int) -> None:
        with recorder.datastore.get_connection(commit=True) as connection:
            connection.cursor().execute(f"PRAGMA max_page_count={pages}")

    with EventLog(recorder, EventMapper(KINDS)) as log:
        lamp = a_lamp()
        log.save([lamp])
        limit(1)
        with pytest.raises(StoreFull, match="make room; nothing was stored"):
            log.save([a_lamp() for _ in range(50)], command=a_command())
        assert log.load(Lamp, lamp.id) == lamp
        assert log.position() == 1
        limit(1000)
        assert log.save([a_lamp() for _ in range(50)]).position == 51
