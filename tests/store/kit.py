"""What the tests of the database server share."""

from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent

from store.recorder import Unit


def count(url: str, table: str) -> int:
    """How many rows a table has."""
    with psycopg.connect(url) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0])


def a_unit(stream: UUID, version: int = 1) -> Unit:
    """One event that is the given version of its stream."""
    return Unit([StoredEvent(stream, version, "test.v1", b"{}")], {}, None, {})
