"""Rows come back from PostgreSQL's COPY as they were, whatever stands in them."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.copying import copied

TRICKY = (
    "null", "None", "", '"', "\\.", "],[", "]\t[", ",", "a\tb", "back\\slash", "line\nbreak", "\\N", "\\null", "\r",
    '{"quoted": "\\"null\\""}', "案卷",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=20,
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
    statement, text = copied("copied", "said, counted, held, measured", rows)
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
