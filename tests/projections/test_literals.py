"""Rows come back from PostgreSQL's array literals as they were, whatever stands in them."""

from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import given
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, Text

from projections.literals import literals, unnested
from projections.tables import Keyed
from tests.projections.tricky import ROWS, TRICKY

GIVEN = Keyed(
    "given_1",
    Column("said", Text, primary_key=True),
    Column("counted", BigInteger),
    Column("held", Boolean),
    Column("measured", Float),
)


@pytest.fixture(scope="module")
def connection(postgres: Any) -> Any:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        yield connection


def _through(connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    asked = f"SELECT * FROM {unnested(GIVEN, GIVEN.columns)}"
    return connection.execute(asked, literals(rows)).fetchall()  # type: ignore[arg-type]


@given(rows=ROWS)
def test_a_row_comes_back_as_it_was(connection: "psycopg.Connection[Any]", rows: list[tuple[Any, ...]]) -> None:
    assert _through(connection, rows) == rows


@pytest.mark.parametrize("text", [*TRICKY, "{}", "{a,b}", "\\n", "\\\\n", '\\"', "a\x01b"])
def test_text_that_looks_like_the_format_s_own_marks_comes_back(
    connection: "psycopg.Connection[Any]", text: str
) -> None:
    rows: list[tuple[Any, ...]] = [("plain", 1, True, 1.5), (text, None, None, None), (None, 2, False, 0.1)]
    assert _through(connection, rows) == rows
    document = orjson.dumps({text: [text, None]}).decode()
    assert _through(connection, [(document, 1, True, 1.5)]) == [(document, 1, True, 1.5)]


def test_a_character_that_the_database_cannot_keep_is_replaced(connection: "psycopg.Connection[Any]") -> None:
    assert _through(connection, [("a\0b", 1, True, 1.0)]) == [("a\N{REPLACEMENT CHARACTER}b", 1, True, 1.0)]


def test_some_columns_of_a_table_may_be_given(connection: "psycopg.Connection[Any]") -> None:
    table = Keyed("some_1", Column("id", Text, primary_key=True), Column("day", Integer, primary_key=True))
    asked = f"SELECT day FROM {unnested(table, ('day',))}"
    assert connection.execute(asked, literals([(1,), (2,)])).fetchall() == [(1,), (2,)]  # type: ignore[arg-type]
