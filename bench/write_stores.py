"""The places that `bench write` writes to: each with our log, a plain connection, and the stock library's recorder.

Every run gets a fresh, migrated database, made before the clock starts.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from bench.postgres import Postgres
from domain.kernel import CaseAggregate
from store.log import EventLog
from store.migrations import LOG, migrate
from store.postgres_schema import migrate as migrate_database

StoreOne = Callable[[StoredEvent], Any]


class WriteStore(Protocol):
    """A place to write to. What is opened may be used by as many threads as were asked for."""

    def log(self, kinds: Iterable[type[CaseAggregate]]) -> EventLog:
        """Our log, empty."""

    def raw(self, threads: int) -> AbstractContextManager[StoreOne]:
        """The barest way: INSERT and COMMIT on a connection of the thread's own."""

    def stock(self, threads: int) -> AbstractContextManager[StoreOne]:
        """The library's own recorder, as it comes."""

    def fresh_folder(self) -> Path:
        """A name for a folder that is not there yet."""


class SqliteStore:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def fresh_folder(self) -> Path:
        """A name for a folder that is not there yet."""
        return self._folder / str(next(self._numbers))

    def log(self, kinds: Iterable[type[CaseAggregate]]) -> EventLog:
        """Our log in a file."""
        path = self.fresh_folder().with_suffix(".db")
        migrate(path)
        return EventLog.open(path, kinds)

    @contextmanager
    def raw(self, threads: int) -> Iterator[StoreOne]:
        """One connection with the same pragmas as ours."""
        assert threads == 1
        statement = "INSERT INTO event (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
        with closing(sqlite3.connect(self.fresh_folder().with_suffix(".db"), isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(next(statement for statement in LOG.steps[0] if "TABLE event" in statement))

            def insert(stored: StoredEvent) -> None:
                stream_id = stored.originator_id
                assert isinstance(stream_id, UUID)
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(statement, (stream_id.bytes, stored.originator_version, stored.topic, stored.state))
                connection.execute("COMMIT")

            yield insert

    @contextmanager
    def stock(self, threads: int) -> Iterator[StoreOne]:
        """The library's recorder on a file, with as many connections as threads."""
        with closing(SQLiteDatastore(str(self.fresh_folder().with_suffix(".db")), pool_size=threads)) as datastore:
            recorder = SQLiteApplicationRecorder(datastore)
            recorder.create_table()
            yield lambda stored: recorder.insert_events([stored])


class PostgresStore:
    """Databases on a server of its own, with PostgreSQL's default settings."""

    def __init__(self, folder: Path, at: datetime) -> None:
        self._server = Postgres.start(folder / "postgres")
        self._folder = folder
        self._numbers = count()
        migrate_database(self._server.create("migrated"), at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def fresh_folder(self) -> Path:
        """A name for a folder that is not there yet."""
        return self._folder / str(next(self._numbers))

    def log(self, kinds: Iterable[type[CaseAggregate]]) -> EventLog:
        """Our log in a database."""
        return EventLog.connect(self._server.create(f"ours{next(self._numbers)}", template="migrated"), kinds)

    @contextmanager
    def raw(self, threads: int) -> Iterator[StoreOne]:
        """A connection a thread, not in autocommit mode, as the driver gives it."""
        url = self._server.create(f"raw{next(self._numbers)}")
        with psycopg.connect(url) as connection:
            connection.execute(_RAW_TABLE)
            connection.execute("CREATE INDEX ON event (position)")
        opened: list[psycopg.Connection[Any]] = []
        own = threading.local()

        def insert(stored: StoredEvent) -> None:
            if not hasattr(own, "connection"):
                own.connection = psycopg.connect(url)
                opened.append(own.connection)
            values = (stored.originator_id, stored.originator_version, stored.topic, stored.state)
            own.connection.execute(_RAW_INSERT, values)
            own.connection.commit()

        yield insert
        assert len(opened) == threads
        for connection in opened:
            connection.close()

    @contextmanager
    def stock(self, threads: int) -> Iterator[StoreOne]:
        """The library's recorder with its safe way of inserting, and as many connections as threads."""
        parts = urlsplit(self._server.create(f"stock{next(self._numbers)}"))
        datastore = PostgresDatastore(
            parts.path[1:], parts.hostname or "", parts.port or "", parts.username or "", "", pool_size=threads
        )
        with closing(datastore):
            recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
            recorder.create_table()
            yield lambda stored: recorder.insert_events([stored])


_RAW_TABLE = """CREATE TABLE event (
    position bigserial,
    originator_id uuid NOT NULL,
    originator_version integer NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version))"""
_RAW_INSERT = "INSERT INTO event (originator_id, originator_version, topic, state) VALUES (%s, %s, %s, %s)"
