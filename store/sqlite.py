"""The log in one SQLite file, for one process; and in memory, for plays.

The library's recorder for SQLite leaves positions to implicit row ids, begins writing units as reading ones, keeps one
prepared statement and does not set `synchronous`. Each of these has lost or repeated events for somebody, so tables,
transactions and connections are ours here, while pooling and the recorder's interface stay the library's.
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from store.errors import Conflict, DuplicateCommand, StoreError, StoreFull, StoreInUse
from store.migrations import LOG, apply, must_exist, require
from store.recorder import BULK_BATCH, CommandRow, Epoch, RawEvent, Unit, part_of

_BUSY_SECONDS = 30
_RAW = "SELECT notification_id, originator_id, originator_version, topic, state FROM event "
_INSERT = "INSERT INTO event (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
_VERSION = "SELECT COALESCE(MAX(originator_version), 0) FROM event WHERE originator_id = ?"


_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE}
_BYTES = 256


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Turn SQLite's errors for a disk without room into StoreFull."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode not in _FULL:
            raise
        msg = f"the disk of the store is full ({problem}): make room; nothing was stored"
        raise StoreFull(msg) from problem


class _Pool(SQLiteConnectionPool):
    """Connections that are durable by their own word, and that keep their prepared statements."""

    def _create_connection(self) -> SQLiteConnection:
        connection = sqlite3.connect(
            self.db_name,
            uri=True,
            check_same_thread=False,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            cached_statements=64,
        )
        if not self.is_sqlite_memory_mode and "mode=ro" not in self.db_name:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        return SQLiteConnection(connection, max_age=self.max_age)


class SqliteDatastore(SQLiteDatastore):
    """The library's datastore with our connections, and BEGIN IMMEDIATE for every writing unit.

    A unit that reads first and begins deferred fails at once with "database is locked" when another one writes.
    """

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        # The library names its own kind of pool, which has opened nothing yet.
        self.pool.close()
        self.pool: SQLiteConnectionPool = _Pool(db_name=uri, pool_size=8, max_overflow=32, pool_timeout=_BUSY_SECONDS)

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        """One transaction: committed at the end when `commit`, rolled back otherwise and on any error."""
        with self.get_connection(commit=commit) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
            try:
                with cursor:
                    yield cursor
                if commit:
                    connection.commit()
            finally:
                # Does nothing after a commit.
                connection.rollback()


class SqliteRecorder(SQLiteApplicationRecorder):
    """Keeps the log in SQLite: events, command rows and counters, each writing unit in one transaction."""

    shared = False

    def __init__(self, datastore: SqliteDatastore, lock: "FileLock | None" = None) -> None:
        super().__init__(datastore, events_table_name="event")
        self.insert_events_statement = _INSERT
        self._lock = lock

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> "SqliteRecorder":
        """Open a migrated file, for writing (one process at a time) or beside the writer for reading alone.

        Raises StoreMissing, StoreInUse, NotMigrated or NewerStore.
        """
        must_exist(path, LOG)
        lock = None if read_only else FileLock(path)
        recorder = cls(SqliteDatastore(f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"), lock)
        try:
            with recorder.datastore.get_connection(commit=False) as connection:
                require(_bare(connection), LOG, str(path))
        except sqlite3.DatabaseError as problem:
            recorder.close()
            msg = f"{path} cannot be opened as a log ({problem}): check the path, or restore a backup"
            raise StoreError(msg) from problem
        except BaseException:
            recorder.close()
            raise
        return recorder

    @classmethod
    def in_memory(cls) -> "SqliteRecorder":
        """A fresh log that ends with the process; nothing about it is durable."""
        datastore = SqliteDatastore(f"file:log-{secrets.token_hex(8)}?mode=memory&cache=shared")
        with datastore.get_connection(commit=True) as connection:
            apply(_bare(connection), LOG, "memory")
        return cls(datastore)

    def construct_create_table_statements(self) -> list[str]:
        """Nothing: tables come from the migrations alone."""
        return []

    def write(self, unit: Unit) -> int:
        """Store the unit in one transaction and answer its position.

        Raises DuplicateCommand, or Conflict when a stream, a read or a counter has moved since it was looked at; or
        StoreFull.
        """
        with full_disk_told(), self.datastore.transaction(commit=True) as library_cursor:
            cursor = library_cursor.sqlite_cursor
            command = unit.command
            if (
                command is not None
                and cursor.execute("SELECT 1 FROM command WHERE id = ?", (command.id.bytes,)).fetchone()
            ):
                raise DuplicateCommand(command.id)
            for stream_id, version in unit.reads.items():
                now = cursor.execute(_VERSION, (stream_id.bytes,)).fetchone()[0]
                if now != version:
                    msg = f"stream {stream_id} was read at version {version} and is at {now}: load it and decide again"
                    raise Conflict(msg)
            position = _insert(cursor, unit.events) or _last(cursor)
            for name, value in unit.counters.items():
                _count(cursor, name, value)
            if command is not None:
                cursor.execute(
                    "INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        command.id.bytes,
                        command.actor.bytes,
                        command.name,
                        command.request_hash,
                        command.result,
                        position,
                        command.at.isoformat(),
                    ),
                )
        return position

    def stream(self, stream_id: UUID, after: int = 0) -> list[RawEvent]:
        """The events of the stream behind a version, oldest first."""
        clause = "WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version"
        return self._raw(clause, (stream_id.bytes, after))

    def streams(self, stream_ids: Sequence[UUID]) -> list[RawEvent]:
        """All events of these streams, each stream's oldest first."""
        return [row for stream_id in stream_ids for row in self.stream(stream_id)]

    def case(self, prefix: bytes) -> list[RawEvent]:
        """All events of the streams whose id begins with the prefix (12 bytes), in order of position."""
        bounds = (prefix + bytes(4), prefix + b"\xff" * 4)
        return self._raw("WHERE originator_id BETWEEN ? AND ? ORDER BY notification_id", bounds)

    def after(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events after the position, in order of position."""
        return self._raw("WHERE notification_id > ? ORDER BY notification_id LIMIT ?", (position, limit))

    def before(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events before the position, the latest first."""
        return self._raw("WHERE notification_id < ? ORDER BY notification_id DESC LIMIT ?", (position, limit))

    def of_topic(self, topic: str, after: int, until: int) -> list[RawEvent]:
        """The events of a topic after one position and up to another, in order of position."""
        where = "WHERE notification_id > ? AND notification_id <= ? AND topic = ? ORDER BY notification_id"
        return self._raw(where, (after, until, topic))

    def bulk(self, after: int, until: int, part: int, parts: int) -> Iterator[list[RawEvent]]:
        """All events after one position and up to another, in order, in batches; of one share of the cases alone."""
        chosen = [bytes([byte]) for byte in range(_BYTES) if part_of(bytes([byte] * 16), parts) == part]
        share = f"AND substr(originator_id, 12, 1) IN ({', '.join('?' * len(chosen))}) " if parts > 1 else ""
        where = f"WHERE notification_id > ? AND notification_id <= ? {share}ORDER BY notification_id"
        with self.datastore.get_connection(commit=False) as connection:
            cursor = _bare(connection).execute(_RAW + where, (after, until, *(chosen if parts > 1 else ())))
            while batch := cursor.fetchmany(BULK_BATCH):
                yield batch

    def at(self, positions: Sequence[int]) -> list[RawEvent]:
        """The events at these positions, in order of position; a position at which there is none is left out."""
        chosen = "WHERE notification_id IN (SELECT value FROM json_each(?)) ORDER BY notification_id"
        return self._raw(chosen, (json.dumps([*positions]),))

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""
        with self.datastore.get_connection(commit=False) as connection:
            return _last(_bare(connection))

    def command(self, command_id: UUID) -> CommandRow | None:
        """The stored command, or None."""
        with self.datastore.get_connection(commit=False) as connection:
            row = _bare(connection).execute("SELECT * FROM command WHERE id = ?", (command_id.bytes,)).fetchone()
        if row is None:
            return None
        identity, actor, name, request_hash, result, position, at = row
        return CommandRow.model_validate(
            {
                "id": UUID(bytes=identity),
                "actor": UUID(bytes=actor),
                "name": name,
                "request_hash": request_hash,
                "result": result,
                "position": position,
                "at": at,
            }
        )

    def counter(self, name: str) -> int:
        """The counter's value, 0 for one that was never used."""
        with self.datastore.get_connection(commit=False) as connection:
            row = _bare(connection).execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def epoch(self) -> Epoch:
        """The epoch that the log is in."""
        with self.datastore.get_connection(commit=False) as connection:
            return _epoch(_bare(connection))

    def new_epoch(self, at: datetime) -> Epoch:
        """Begin the next epoch at the log's position; answers it."""
        with full_disk_told(), self.datastore.transaction(commit=True) as library_cursor:
            cursor = library_cursor.sqlite_cursor
            epoch = _epoch(cursor).next(_last(cursor), at)
            cursor.execute("INSERT INTO epoch VALUES (?, ?, ?)", (*epoch, at.isoformat()))
        return epoch

    def detached(self) -> list[str]:
        """Nothing: an embedded log is always whole."""
        return []

    def close(self) -> None:
        """Give back every connection and the lock; safe to do twice."""
        self.datastore.close()
        if self._lock is not None:
            self._lock.release()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        """The library's way to append, in a transaction of its own; answers the positions. Raises Conflict."""
        last = self.write(Unit(stored_events, {}, None, {}))
        return range(last - len(stored_events) + 1, last + 1)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The library's way to read a stream."""
        rows = self._raw(
            "WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? "
            f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT ?",
            (UUID(str(originator_id)).bytes, gt or 0, _BEYOND if lte is None else lte, -1 if limit is None else limit),
        )
        return [StoredEvent(UUID(bytes=stream), version, topic, state) for _, stream, version, topic, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The library's way to read the log."""
        first = 0 if start is None else start if inclusive_of_start else start + 1
        among = f"AND topic IN ({', '.join('?' * len(topics))}) " if topics else ""
        rows = self._raw(
            f"WHERE notification_id >= ? AND notification_id <= ? {among}ORDER BY notification_id LIMIT ?",
            (first, _BEYOND if stop is None else stop, *topics, limit),
        )
        return [
            Notification(
                id=position, originator_id=UUID(bytes=stream), originator_version=version, topic=topic, state=state
            )
            for position, stream, version, topic, state in rows
        ]

    def max_notification_id(self) -> int:
        """The library's name for `position`."""
        return self.position()

    def _raw(self, where: str, parameters: tuple[object, ...]) -> list[RawEvent]:
        with self.datastore.get_connection(commit=False) as connection:
            return _bare(connection).execute(_RAW + where, parameters).fetchall()


_BEYOND = 2**63 - 1


class FileLock:
    """One process per file: an exclusive lock on `<file>.lock`, which ends with the process however that dies."""

    def __init__(self, path: Path) -> None:
        name = path.with_name(path.name + ".lock")
        self._file: int | None = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            self.release()
            msg = (
                f"the store {path} is open in process {holder}: an embedded store serves one process; "
                "stop that one first, or read only"
            )
            raise StoreInUse(msg) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; the file itself stays, because removing it would let two processes lock two different files."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _bare(connection: SQLiteConnection) -> sqlite3.Connection:
    bare: sqlite3.Connection = connection.cursor().sqlite_cursor.connection
    return bare


def _insert(cursor: sqlite3.Cursor, events: Sequence[StoredEvent]) -> int:
    position = 0
    for event in events:
        stream_id = UUID(str(event.originator_id))
        try:
            cursor.execute(_INSERT, (stream_id.bytes, event.originator_version, event.topic, event.state))
        except sqlite3.IntegrityError as problem:
            msg = f"stream {stream_id} has a version {event.originator_version} already: load it and decide again"
            raise Conflict(msg) from problem
        position = cursor.lastrowid or 0
    return position


def _last(cursor: sqlite3.Cursor | sqlite3.Connection) -> int:
    position: int = cursor.execute("SELECT COALESCE(MAX(notification_id), 0) FROM event").fetchone()[0]
    return position


def _epoch(cursor: sqlite3.Cursor | sqlite3.Connection) -> Epoch:
    row = cursor.execute("SELECT number, position FROM epoch ORDER BY number DESC LIMIT 1").fetchone()
    return Epoch(0, 0) if row is None else Epoch(*row)


def _count(cursor: sqlite3.Cursor, name: str, value: int) -> None:
    if value == 0:
        cursor.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT DO NOTHING", (name,))
    else:
        cursor.execute("UPDATE counter SET value = value + 1 WHERE name = ? AND value = ?", (name, value))
    if cursor.rowcount != 1:
        msg = f"the counter '{name}' was read at {value} and has moved: load and decide again"
        raise Conflict(msg)
