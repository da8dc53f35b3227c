"""How views are read on PostgreSQL: one state for as long as it takes, or a look that is over at once."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from projections.storage import POSITIONS, ViewStore
from store.postgres_schema import migrate
from tests.projections.kit import VIEWS


@pytest.fixture
def store(database: str) -> Iterator[ViewStore]:
    """Views that nobody has folded yet."""
    migrate(database, datetime(2026, 3, 2, tzinfo=UTC))
    made = ViewStore.connect(database)
    made.prepare(VIEWS)
    yield made
    made.close()


def told(db: Connection, query: str) -> str:
    return str(db.exec_driver_sql(query).scalar_one())


def furthest(db: Connection) -> str:
    return told(db, "SELECT max(position) FROM positions")


def move(store: ViewStore, position: int) -> None:
    with store.writing() as db:
        db.execute(POSITIONS.update().values(position=position))


def assert_reads_as_ever(store: ViewStore, session: str | None = None) -> None:
    """A transaction that sees one state and changes nothing, in the same session where that is named."""
    with store.reading() as db:
        assert session in {None, told(db, "SELECT pg_backend_pid()")}
        assert told(db, "SHOW transaction_isolation") == "repeatable read"
        assert told(db, "SHOW transaction_read_only") == "on"
        before = furthest(db)
        move(store, int(before) + 1)
        assert furthest(db) == before


def test_each_statement_of_a_look_sees_what_is_there_by_then(store: ViewStore) -> None:
    with store.glancing() as db:
        move(store, 7)
        assert furthest(db) == "7"
        move(store, 8)
        assert furthest(db) == "8"


def test_a_look_leaves_its_session_as_it_was(store: ViewStore) -> None:
    with store.glancing() as db:
        session = told(db, "SELECT pg_backend_pid()")
    assert_reads_as_ever(store, session)


def test_a_look_that_fails_leaves_its_session_as_it_was(store: ViewStore) -> None:
    with store.glancing() as db:
        session = told(db, "SELECT pg_backend_pid()")
        with pytest.raises(DBAPIError, match="division by zero"):
            told(db, "SELECT 1 / 0")
    assert_reads_as_ever(store, session)


def test_a_look_whose_session_ends_is_followed_by_one_in_another(store: ViewStore, database: str) -> None:
    def look_and_lose() -> None:
        with store.glancing() as db:
            session = int(told(db, "SELECT pg_backend_pid()"))
            with psycopg.connect(database, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (session,))
            told(db, "SELECT 1")

    with pytest.raises(DBAPIError):
        look_and_lose()
    assert_reads_as_ever(store)
