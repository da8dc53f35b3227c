"""A PostgreSQL store read for a backup, and filled from one: each in a single transaction."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql

from store.append_sql import LOCK
from store.archive import VAULT_PARTS, Part, Row
from store.connecting import connect, make_durable, told
from store.errors import NotEmpty, StoreError
from store.postgres_schema import ACCESS, LOG, VAULT, require
from store.snapshots import in_form

_QUERIES: dict[str, LiteralString] = {
    "events": "SELECT position, originator_id, originator_version, topic, state FROM log.event ORDER BY position",
    "commands": "SELECT id, actor, name, request_hash, result, position, at FROM log.command ORDER BY id",
    "counters": 'SELECT name, max(value) FROM log.counter GROUP BY name ORDER BY name COLLATE "C"',
    "epochs": "SELECT number, position, at FROM log.epoch ORDER BY number",
    "keys": "SELECT person_id, wrapped FROM vault.person_key ORDER BY person_id",
    "persons": 'SELECT person_id, field, sealed FROM vault.person ORDER BY person_id, field COLLATE "C"',
    "tokens": "SELECT id, hash, person, role, organisation, name, created_at, revoked_at FROM access.token",
}
"""Where the rows of each part lie."""

_TYPES = {
    "events": ("int8", "bytea", "int4", "text", "bytea"),
    "commands": ("bytea", "bytea", "text", "text", "text", "int8", "timestamptz"),
    "counters": ("text", "int8"),
    "epochs": ("int8", "int8", "timestamptz"),
    "keys": ("bytea", "bytea"),
    "persons": ("bytea", "text", "bytea"),
    "tokens": ("bytea", "bytea", "bytea", "text", "text", "text", "text", "text"),
}
"""How each column is sent. An id is sixteen bytes on the wire whether its column is `uuid` or `bytea`."""

_TABLES: dict[str, LiteralString] = {
    "events": "log.event (position, originator_id, originator_version, topic, state)",
    "commands": "log.command (id, actor, name, request_hash, result, position, at)",
    "counters": "log.counter (name, value)",
    "epochs": "log.epoch (number, position, at)",
    "keys": "vault.person_key (person_id, wrapped)",
    "persons": "vault.person (person_id, field, sealed)",
    "tokens": "access.token (id, hash, person, role, organisation, name, created_at, revoked_at)",
}
"""Where they go."""

_HOLDING: tuple[LiteralString, ...] = (
    "log.event", "log.command", "log.counter", "log.epoch", "vault.person_key", "access.token",
)  # fmt: skip
"""The tables that are empty in an empty store."""


class PostgresSnapshot:
    """The store as it stands now, in one transaction. Raises StoreAway, NotMigrated or NewerStore.

    While it is open, the server keeps every row that it may still want to see. A standby can be read as well, by a URL
    with `target_session_attrs=standby`; what it has not yet applied is not in the backup then.
    """

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        try:
            with told():
                for schema in (LOG, VAULT, ACCESS):
                    require(self._connection, schema)
                self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                # Before the moment is fixed, which the first question does: else a year that is being taken out now
                # would be gone already, and nobody would say so.
                self._connection.execute("LOCK TABLE log.event IN ACCESS SHARE MODE")
                row = self._connection.execute("SELECT COALESCE(max(position), 0) FROM log.event").fetchone()
                years = self._connection.execute("SELECT name FROM log.detached ORDER BY name").fetchall()
        except BaseException:
            self._connection.close()
            raise
        self.position: int = row[0] if row else 0
        self.detached = tuple(name for (name,) in years)

    def rows(self, part: str) -> Iterator[Row]:
        """The rows of a part of the archive, in the archive's order."""
        return in_form(part, self._copied(part))

    def close(self) -> None:
        """End the transaction; safe to do twice."""
        self._connection.close()

    def _copied(self, part: str) -> Iterator[Any]:
        query = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(sql.SQL(_QUERIES[part]))
        # Events lie in order of position already, and sorting all years of a city would take its disk. Commands lie
        # in no order of their ids, and fetching them one by one would take longer than sorting does.
        in_order = "off" if part == "events" else "on"
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort"):
            self._connection.execute("SELECT set_config(%s, %s, true)", (setting, in_order))
        with told(), self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(_TYPES[part])
            yield from copy.rows()


class PostgresRestore:
    """An empty, migrated store being filled, in one transaction: until `finish`, nobody sees any of it.

    Raises NotEmpty, NotMigrated, or StoreError for a role that may not set the log's positions. Without the vault's
    parts, the vault is left as it is.
    """

    def __init__(self, url: str, parts: Iterable[str]) -> None:
        self._parts = frozenset(parts)
        self._last = 0
        self._connection = connect(url)
        try:
            with told():
                make_durable(self._connection)
                self._begin()
        except BaseException:
            self._connection.close()
            raise

    def write(self, part: Part, rows: Sequence[Row]) -> None:
        """Store these rows."""
        timed = "timestamptz" in _TYPES[part.name]
        query = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.SQL(_TABLES[part.name]))
        with told(), self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(_TYPES[part.name])
            for row in rows:
                copy.write_row(_timed(part, row) if timed else row)
        if part.name == "events" and rows:
            self._last = rows[-1][0]

    def finish(self) -> None:
        """Go on counting behind the last position, and commit."""
        with told():
            if self._last:
                self._connection.execute("SELECT setval('log.position', %s)", (self._last,))
            self._connection.commit()
        self._connection.close()

    def abandon(self) -> None:
        """Undo everything, unless it was finished; safe to do twice."""
        self._connection.close()

    def _begin(self) -> None:
        connection = self._connection
        whole = (LOG, VAULT, ACCESS) if self._parts >= VAULT_PARTS else (LOG, ACCESS)
        for schema in whole:
            require(connection, schema)
        allowed = connection.execute("SELECT has_sequence_privilege('log.position', 'UPDATE')").fetchone()
        if not (allowed and allowed[0]):
            msg = "this role may not set the log's positions: restore as the role that ran `shaoxiang migrate`"
            raise StoreError(msg)
        connection.execute("BEGIN")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        names = {schema.name for schema in whole}
        for table in _HOLDING:
            if table.partition(".")[0] in names and self._holds(table):
                msg = (
                    f"the table {table} is not empty, and a restore never overwrites: "
                    "restore into a database of its own, where nothing but `shaoxiang migrate` has run"
                )
                raise NotEmpty(msg)
        # The views make their own table of positions, at the first start.
        if self._holds("pg_tables WHERE schemaname = 'views' AND tablename = 'positions'") and self._holds(
            "views.positions WHERE position > 0"
        ):
            raise NotEmpty("the views in this database are of another history: restore into a database of its own")

    def _holds(self, rows: LiteralString) -> bool:
        query = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.SQL(rows))
        return self._connection.execute(query).fetchone() is not None


def _timed(part: Part, row: Row) -> tuple[Any, ...]:
    """The row with moments for the texts that stand for them."""
    kinds = part.columns.values()
    return tuple(
        datetime.fromisoformat(value) if kind == "time" and isinstance(value, str) else value
        for kind, value in zip(kinds, row, strict=True)
    )
