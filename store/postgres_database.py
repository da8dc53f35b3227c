"""The vault and the tokens in schemas of the PostgreSQL database; see database for what they share with SQLite."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from store.connecting import Connection, Pool
from store.database import Cursor, Statements
from store.migrations import Schema
from store.postgres_schema import require

IDLE_SECONDS = 5
"""After how long the server ends a writing unit whose process hangs, for all others wait for it."""

_LOCK_SPACE, _ABOUT_SPACE = 7_202_212, 7_202_213
"""The advisory locks of a schema's writers, told apart by hashes of its name, and of what they write about."""

_ALONE = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
_ALONE_ABOUT = "SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s)), pg_advisory_xact_lock(%s, hashtext(%s))"


class PostgresDatabase:
    """An open, migrated schema. Opening raises StoreAway, NotMigrated or NewerStore."""

    def __init__(self, url: str, schema: Schema) -> None:
        self._schema = schema.name
        options = (
            f"-c search_path={schema.name} -c synchronous_commit=on -c timezone=UTC "
            f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"
        )
        self._pool = Pool(url, size=4, options=options)
        try:
            self._pool.run(lambda connection: require(connection, schema))
        except BaseException:
            self._pool.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """For single statements that only read: each is tried again when its connection is dead."""
        yield _Reading(self._pool)

    @contextmanager
    def writing(self, about: UUID | None = None) -> Iterator[Statements]:
        """One writing unit, one at a time in all processes, so that what it read still holds when it writes.

        Those about single things wait for those about the same thing, and for those about everything.
        """
        self._pool.run(_alive)
        with self._pool.connection() as connection, connection.transaction():
            if about is None:
                connection.execute(_ALONE, (_LOCK_SPACE, self._schema))
            else:
                connection.execute(_ALONE_ABOUT, (_LOCK_SPACE, self._schema, _ABOUT_SPACE, f"{self._schema} {about}"))
            yield _Writing(connection)

    def forget(self) -> None:
        """Nothing to do here: its tables are vacuumed as soon as a row in them is dead."""

    def close(self) -> None:
        """Give back every connection; safe to do twice."""
        self._pool.close()


class _Reading:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> Cursor:
        # What is answered was fetched already, so it outlives the connection.
        return self._pool.run(lambda connection: _execute(connection, statement, parameters))


class _Writing:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> Cursor:
        return _execute(self._connection, statement, parameters)


def _execute(connection: Connection, statement: str, parameters: Sequence[object]) -> Cursor:
    query = statement.replace("?", "%s").encode()
    return cast("Cursor", connection.execute(query, cast("Any", parameters)))


def _alive(connection: Connection) -> None:
    """A writing unit is not tried again, so a connection that died in a failover is found out before."""
    connection.execute("")
