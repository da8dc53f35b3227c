"""A small SQLite file beside the log: durable, one writer at a time, shared by threads and processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.migrations import Schema, must_exist, require

_BUSY_SECONDS = 30


class Database:
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
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One writing unit: on disk when it ends, undone when it raises."""
        with self._lock:
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
