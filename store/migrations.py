"""Numbered, once-only changes to the embedded stores' tables.

There are three files: the log itself; the vault, apart from it so that backups of the log hold no keys of persons; and
access, which holds the tokens. Each has its own list of steps. A step, once released, is never changed: a later one is
added. The table `schema_version` says which steps a file has had.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from store.errors import NewerStore, NotMigrated, RestoreCutShort, StoreMissing

_BUSY_SECONDS = 30

RESTORING = "restoring"
"""The mark that lies in the folder of a store while a backup is restored into it."""


class Schema(NamedTuple):
    """A file's name for people, and its steps in order; the first is number 1."""

    name: str
    steps: tuple[tuple[str, ...], ...]


LOG = Schema(
    "log",
    (
        (
            # AUTOINCREMENT, because a plain rowid may be given out again, and a position must never be.
            """CREATE TABLE event (
                notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
                originator_id BLOB NOT NULL,
                originator_version INTEGER NOT NULL,
                topic TEXT NOT NULL,
                state BLOB NOT NULL,
                UNIQUE (originator_id, originator_version))""",
            """CREATE TABLE command (
                id BLOB PRIMARY KEY,
                actor BLOB NOT NULL,
                name TEXT NOT NULL,
                request_hash TEXT NOT NULL,
                result TEXT NOT NULL,
                position INTEGER NOT NULL,
                at TEXT NOT NULL) WITHOUT ROWID""",
            "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        ),
        ("CREATE TABLE epoch (number INTEGER PRIMARY KEY, position INTEGER NOT NULL, at TEXT NOT NULL)",),
    ),
)

VAULT = Schema(
    "vault",
    (
        (
            "CREATE TABLE person_key (person_id BLOB PRIMARY KEY, wrapped BLOB) WITHOUT ROWID",
            """CREATE TABLE person (
                person_id BLOB NOT NULL,
                field TEXT NOT NULL,
                sealed BLOB NOT NULL,
                PRIMARY KEY (person_id, field)) WITHOUT ROWID""",
        ),
        ("CREATE TABLE erased_until (epoch INTEGER NOT NULL, position INTEGER NOT NULL)",),
    ),
)

ACCESS = Schema(
    "access",
    (
        (
            """CREATE TABLE token (
                id BLOB PRIMARY KEY,
                hash BLOB NOT NULL UNIQUE,
                person BLOB NOT NULL,
                role TEXT NOT NULL,
                organisation TEXT NOT NULL,
                name TEXT NOT NULL,
                created_at TEXT NOT NULL,
                revoked_at TEXT)""",
        ),
    ),
)


def migrate(path: Path, schema: Schema = LOG) -> tuple[int, int]:
    """Create the file (readable by its owner alone) or bring it up to date; answers the versions before and after.

    Doing it again does nothing. Several processes may do it at once: they take turns. Raises NewerStore.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_half_restored(path)
    with _alone_in(path.parent):
        if not path.exists():
            # Never opened and closed when it is there: that would drop SQLite's locks on it in this process.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            return apply(connection, schema, str(path))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Others wait meanwhile. SQLite itself refuses at once, without waiting, when two turn on its write-ahead file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def apply(connection: sqlite3.Connection, schema: Schema, place: str) -> tuple[int, int]:
    """Bring an open database in autocommit mode up to date, in one transaction; `place` names it in errors."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY)")
        before = _version(connection)
        _refuse_newer(before, schema, place)
        for number, statements in enumerate(schema.steps[before:], start=before + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version VALUES (?)", (number,))
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return before, len(schema.steps)


def require(connection: sqlite3.Connection, schema: Schema, place: str) -> None:
    """Raise NotMigrated or NewerStore unless the open database has had exactly this release's steps."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    version = _version(connection) if known else 0
    _refuse_newer(version, schema, place)
    if version < len(schema.steps):
        msg = (
            f"the {schema.name} at {place} has schema version {version}, and this release needs "
            f"{len(schema.steps)}: stop everything that uses it and run `shaoxiang migrate`"
        )
        raise NotMigrated(msg)


def must_exist(path: Path, schema: Schema) -> None:
    """Raise RestoreCutShort, or StoreMissing: opening must never create an empty store by mistake."""
    _refuse_half_restored(path)
    if not path.is_file():
        msg = f"there is no {schema.name} at {path}: check the path, or run `shaoxiang migrate` to create it"
        raise StoreMissing(msg)


def _refuse_half_restored(path: Path) -> None:
    if (path.parent / RESTORING).exists():
        msg = (
            f"a restore into {path.parent} is under way or was cut short: let it end, or run `shaoxiang restore` again"
        )
        raise RestoreCutShort(msg)


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("SELECT COALESCE(MAX(number), 0) FROM schema_version").fetchone()[0]
    return version


def _refuse_newer(version: int, schema: Schema, place: str) -> None:
    if version > len(schema.steps):
        msg = (
            f"the {schema.name} at {place} has schema version {version}, newer than {len(schema.steps)}, "
            "the newest that this release knows: run the newer release"
        )
        raise NewerStore(msg)
