"""A store as it stood at one moment, read row by row for a backup while others go on writing.

On SQLite each file is read in one transaction, the log's begun first: persons are kept in the vault before an event
names them, so whatever the log names is in what is read after it. On PostgreSQL one transaction reads everything.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from store.archive import PARTS, Row
from store.migrations import ACCESS, LOG, VAULT, Schema, must_exist, require

_PAGE = 1000
_BUSY_SECONDS = 30

_SQLITE = {
    "events": (
        LOG,
        "SELECT notification_id, originator_id, originator_version, topic, state FROM event ORDER BY notification_id",
    ),
    "commands": (LOG, "SELECT id, actor, name, request_hash, result, position, at FROM command ORDER BY id"),
    "counters": (LOG, "SELECT name, value FROM counter ORDER BY name"),
    "epochs": (LOG, "SELECT number, position, at FROM epoch ORDER BY number"),
    "keys": (VAULT, "SELECT person_id, wrapped FROM person_key ORDER BY person_id"),
    "persons": (VAULT, "SELECT person_id, field, sealed FROM person ORDER BY person_id, field"),
    "tokens": (ACCESS, "SELECT id, hash, person, role, organisation, name, created_at, revoked_at FROM token"),
}
"""Where the rows of each part lie in an embedded store."""


class Snapshot(Protocol):
    """Rows as they stood at one moment. Close it soon: it keeps the store from tidying up behind its writers."""

    position: int
    """The position of the last event in it."""
    detached: tuple[str, ...]
    """The years that are out of the log, and so not in it."""

    def rows(self, part: str) -> Iterator[Row]:
        """The rows of a part of the archive, in the archive's order."""

    def close(self) -> None:
        """End it; safe to do twice."""


class Files(NamedTuple):
    """Where an embedded store's files lie."""

    log: Path
    vault: Path
    access: Path


class SqliteSnapshot:
    """An embedded store as it stands now. Raises StoreMissing, NotMigrated or NewerStore.

    It takes no lock but SQLite's own: the process that has the store goes on reading and writing.
    """

    def __init__(self, files: Files) -> None:
        self._all = ExitStack()
        self._open: dict[str, sqlite3.Connection] = {}
        try:
            for path, schema in zip(files, (LOG, VAULT, ACCESS), strict=True):
                self._open[schema.name] = self._begin(path, schema)
        except BaseException:
            self.close()
            raise
        last = self._open[LOG.name].execute("SELECT COALESCE(MAX(notification_id), 0) FROM event")
        self.position: int = last.fetchone()[0]
        self.detached: tuple[str, ...] = ()

    def rows(self, part: str) -> Iterator[Row]:
        """The rows of a part of the archive, in the archive's order."""
        schema, query = _SQLITE[part]
        return in_form(part, _paged(self._open[schema.name].execute(query)))

    def close(self) -> None:
        """End the transactions and close the files; safe to do twice."""
        self._all.close()

    def _begin(self, path: Path, schema: Schema) -> sqlite3.Connection:
        must_exist(path, schema)
        uri = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
        self._all.enter_context(closing(connection))
        # The first statement that reads fixes the moment, and that is the one about the schema; BEGIN alone does not.
        connection.execute("BEGIN")
        require(connection, schema, str(path))
        return connection


def in_form(part: str, rows: Iterable[Any]) -> Iterator[Row]:
    """Rows in the archive's form and order, given in the part's columns and, but for tokens, in its order."""
    times = [index for index, kind in enumerate(PARTS[part].columns.values()) if kind == "time"]
    shown = (_timed(row, times) for row in rows) if times else iter(rows)
    if part != "tokens":
        return shown
    # By age. There are no more of them than people, so they are sorted here, where every store sorts alike.
    return iter(sorted(shown, key=lambda row: (datetime.fromisoformat(row[-2]), row[0])))


def _timed(row: Any, times: list[int]) -> Any:
    shown = list(row)
    for index in times:
        if (at := shown[index]) is not None:
            moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
            shown[index] = moment.astimezone(UTC).isoformat()
    return tuple(shown)


def _paged(cursor: sqlite3.Cursor) -> Iterator[Any]:
    while rows := cursor.fetchmany(_PAGE):
        yield from rows
