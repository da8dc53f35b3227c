"""Rows come back from PostgreSQL's COPY as they were, whatever stands in them."""

from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.copying import copied
from tests.projections.tricky import ROWS, TEXTS, TRICKY

COLUMNS = ("said", "counted", "held", "measured")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def connection(postgres: Any) -> Any:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(
            "CREATE TEMP TABLE copied (said text, counted bigint, held boolean, measured double precision)"
        )
        yield connection


def _through(connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    connection.execute("TRUNCATE copied")
    statement, text = copied("copied", COLUMNS, rows)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)
    return connection.execute("SELECT * FROM copied").fetchall()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_a_row_comes_back_as_it_was(connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]) -> None:
    assert _through(connection, rows) == rows


@pytest.mark.parametrize("text", TRICKY)
def test_text_that_looks_like_the_format_s_own_marks_comes_back(
    connection: "psycopg.Connection[Any]", text: str
) -> None:
    rows: list[tuple[Any, ...]] = [("plain", 1, True, 1.5), (text, None, None, None), (None, 2, False, 0.1)]
    assert _through(connection, rows) == rows


def test_a_character_that_the_database_cannot_keep_is_replaced(connection: "psycopg.Connection[Any]") -> None:
    assert _through(connection, [("a\0b", 1, True, 1.0)]) == [("a\N{REPLACEMENT CHARACTER}b", 1, True, 1.0)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(JSON, st.none() | TEXTS, JSON, st.none() | st.integers(0, 9)), min_size=1, max_size=8))
def test_documents_come_back_to_the_letter_wherever_they_stand(
    connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]
) -> None:
    written = [(orjson.dumps(one).decode(), said, orjson.dumps(other).decode(), n) for one, said, other, n in rows]
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS documents (one text, said text, other text, counted bigint)")
    connection.execute("TRUNCATE documents")
    statement, text = copied("documents", ("one", "said", "other", "counted"), written, ("one", "other"))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)
    assert connection.execute("SELECT one, said, other, counted FROM documents").fetchall() == written


def test_a_table_of_nothing_but_documents_is_copied(connection: "psycopg.Connection[Any]") -> None:
    connection.execute("CREATE TEMP TABLE alone (document text)")
    statement, text = copied("alone", ("document",), [("{}",), ('["x"]',)], ("document",))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)
    assert connection.execute("SELECT document FROM alone").fetchall() == [("{}",), ('["x"]',)]
