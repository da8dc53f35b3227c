"""A small database beside the log, for the vault and the tokens: a SQLite file, or a schema of the PostgreSQL one.

Durable, one writer at a time, shared by threads and processes. Statements are written once, with `?` for parameters,
in words that both databases understand.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from store.migrations import Schema, must_exist, require
from store.sqlite import full_disk_told

_BUSY_SECONDS = 30

Place = Path | str
"""A SQLite file, or the URL of a PostgreSQL database."""


class Cursor(Protocol):
    """What a statement answered."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows."""


class Statements(Protocol):
    """What statements are given to."""

    def execute(self, statement: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement."""


class Database(Protocol):
    """An open, migrated database of one schema. It raises StoreAway and StoreFull as the log does."""

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """For single statements that only read."""
        yield  # type: ignore[misc]

    @contextmanager
    def writing(self, about: UUID | None = None) -> Iterator[Statements]:  # noqa: ARG002
        """One writing unit: on disk when it ends, undone when it raises; one at a time in all processes.

        One that is about a single thing need not wait for those about others, where the database can tell them apart.
        """
        yield  # type: ignore[misc]

    def forget(self) -> None:
        """See to it that what was deleted is not left readable for longer than the database needs."""

    def close(self) -> None:
        """Give back every connection; safe to do twice."""


def open_database(place: Place, schema: Schema) -> Database:
    """Open the database at the place. Raises StoreMissing, StoreAway, NotMigrated or NewerStore."""
    if isinstance(place, Path):
        return SqliteDatabase(place, schema)
    # The driver is an extra: the embedded store does without it.
    from store.postgres_database import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(place, schema)


class SqliteDatabase:
    """An open, migrated file. Opening raises StoreMissing, NotMigrated or NewerStore."""

    def __init__(self, path: Path, schema: Schema) -> None:
        must_exist(path, schema)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
        try:
            require(self._connection, schema, str(path))
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for single statements that only read."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self, about: UUID | None = None) -> Iterator[sqlite3.Connection]:  # noqa: ARG002 - one file, one writer
        """One writing unit: on disk when it ends, undone when it raises."""
        with self._lock, full_disk_told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.commit()
            finally:
                # Does nothing after a commit.
                self._connection.rollback()

    def forget(self) -> None:
        """Empty the write-ahead file, so that what was deleted is not left readable in it."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; safe to do twice."""
        with self._lock:
            self._connection.close()
