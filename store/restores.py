"""Rows of a backup written into an empty store: all of them, or a store that refuses to open until it is done again.

An embedded store is three files, which no transaction spans. So a mark is put beside them first; the rows go into new
files, which are synced and then take the old ones' places, the log last; and the mark is taken away at the end.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from store.archive import VAULT_PARTS, Part, Row
from store.errors import NotEmpty
from store.migrations import ACCESS, LOG, RESTORING, VAULT, Schema, apply
from store.snapshots import Files
from store.sqlite import FileLock

_BUSY_SECONDS = 30
_NEW = ".restored"

_INSERTS = {
    "events": (
        LOG,
        "INSERT INTO event (notification_id, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)",
    ),
    "commands": (
        LOG,
        "INSERT INTO command (id, actor, name, request_hash, result, position, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    "counters": (LOG, "INSERT INTO counter (name, value) VALUES (?, ?)"),
    "epochs": (LOG, "INSERT OR REPLACE INTO epoch (number, position, at) VALUES (?, ?, ?)"),
    "keys": (VAULT, "INSERT INTO person_key (person_id, wrapped) VALUES (?, ?)"),
    "persons": (VAULT, "INSERT INTO person (person_id, field, sealed) VALUES (?, ?, ?)"),
    "tokens": (
        ACCESS,
        """INSERT INTO token (id, hash, person, role, organisation, name, created_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
    ),
}
"""Where the rows of each part go in an embedded store."""

_HOLDING = ((LOG, "event"), (LOG, "command"), (LOG, "counter"), (VAULT, "person_key"), (ACCESS, "token"))
"""The tables that are empty in an empty store."""


class Restore(Protocol):
    """A store that is being filled. Use it in order: `write` for every block, then `finish`; `abandon` at any time."""

    def write(self, part: Part, rows: Sequence[Row]) -> None:
        """Store these rows. Raises StoreError."""

    def finish(self) -> None:
        """Make it all durable and the store ready to be opened."""

    def abandon(self) -> None:
        """Give back what is held; before `finish` the store is left empty, or refuses to open. Safe after it."""


class SqliteRestore:
    """An embedded store being filled. Raises NotEmpty, or StoreInUse while another process has the store.

    Without the vault's parts, the vault is left as it lies there. The views' file is removed, because it may be of
    another history; it is folded again.
    """

    def __init__(self, files: Files, views: Path, parts: Iterable[str]) -> None:
        self._folder = files.log.parent
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._views = views
        # The log comes last when the new files take their places.
        whole = ((files.vault, VAULT), (files.access, ACCESS), (files.log, LOG))
        self._places = [(path, schema) for path, schema in whole if schema is not VAULT or {*parts} >= VAULT_PARTS]
        self._open: dict[str, sqlite3.Connection] = {}
        self._untouched = False
        self._lock = FileLock(files.log)
        try:
            self._mark()
            for path, schema in self._places:
                self._open[schema.name] = _created(_beside(path), schema)
        except BaseException:
            self.abandon()
            raise

    def write(self, part: Part, rows: Sequence[Row]) -> None:
        """Store these rows."""
        schema, statement = _INSERTS[part.name]
        self._open[schema.name].executemany(statement, rows)

    def finish(self) -> None:
        """Sync the new files, put them in place, and take the mark away."""
        self._untouched = False
        for path, schema in self._places:
            connection = self._open.pop(schema.name)
            connection.commit()
            connection.close()
            _sync(_beside(path))
        for path, _ in self._places:
            _remove_companions(path)
            _beside(path).replace(path)
        _remove_companions(self._views)
        self._views.unlink(missing_ok=True)
        _sync(self._folder)
        (self._folder / RESTORING).unlink()
        _sync(self._folder)
        self._lock.release()

    def abandon(self) -> None:
        """Close and remove the new files; the mark goes too, where this restore set it and nothing was put in place."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        self._remove_new()
        if self._untouched:
            self._untouched = False
            (self._folder / RESTORING).unlink(missing_ok=True)
        self._lock.release()

    def _mark(self) -> None:
        """Refuse a store that holds anything, and mark it; one that bears the mark already holds nothing else."""
        mark = self._folder / RESTORING
        if not mark.exists():
            for path, schema in self._places:
                _refuse_unless_empty(path, schema)
            mark.touch(mode=0o600)
            _sync(self._folder)
            self._untouched = True
        self._remove_new()

    def _remove_new(self) -> None:
        for path, _ in self._places:
            _beside(path).unlink(missing_ok=True)
            _remove_companions(_beside(path))


def _refuse_unless_empty(path: Path, schema: Schema) -> None:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            held = tables & {table for holder, table in _HOLDING if holder is schema}
            full = any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in held)  # noqa: S608
    except sqlite3.DatabaseError as problem:
        msg = f"{path} cannot be opened ({problem}), so it may hold something: move it away and restore again"
        raise NotEmpty(msg) from problem
    if full:
        msg = (
            f"the {schema.name} at {path} is not empty, and a restore never overwrites: "
            "restore into an empty folder, or move what is there away"
        )
        raise NotEmpty(msg)


def _created(path: Path, schema: Schema) -> sqlite3.Connection:
    """A new file, which is synced as a whole in the end and so need not be safe meanwhile."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    apply(connection, schema, str(path))
    connection.execute("BEGIN")
    return connection


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _NEW)


def _remove_companions(path: Path) -> None:
    """The write-ahead file and its index belong to the file that was there, and would spoil the new one."""
    for ending in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
