"""Arrays that are written in PostgreSQL's own form arrive as what they are."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.arrays import Array, ArrayDumper, array

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Shanghai")])
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 - the zone is drawn
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "uuid": st.uuids(),
    "text": TEXT,
    "bytea": st.binary(),
    "timestamptz": MOMENTS,
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_sent_is_what_arrives(database: str, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(KINDS[kind], min_size=1))
    with psycopg.connect(database) as connection:
        connection.adapters.register_dumper(Array, ArrayDumper)
        query = f"SELECT %b::{kind}[], %b::{kind}[], %b::integer[]".encode()
        row = connection.execute(
            query, (array(kind, values), array(kind, values[:1]), array("integer", [7]))
        ).fetchone()
    assert row is not None
    said = tuple([_told(value) for value in part] for part in row)
    assert said == ([_told(value) for value in values], [_told(value) for value in values[:1]], [7])


@pytest.mark.parametrize("fold", [0, 1])
def test_a_moment_of_the_hour_that_came_twice_arrives_as_the_one_it_is(database: str, fold: int) -> None:
    moment = datetime(1991, 9, 15, 1, 0, tzinfo=ZoneInfo("Asia/Shanghai"), fold=fold)
    with psycopg.connect(database) as connection:
        connection.adapters.register_dumper(Array, ArrayDumper)
        row = connection.execute(b"SELECT %b::timestamptz[]", (array("timestamptz", [moment]),)).fetchone()
    assert row is not None
    assert _told(row[0][0]) == datetime(1991, 9, 14, 16 + fold, 0, tzinfo=UTC)


def _told(value: Any) -> Any:
    """The value; a moment in UTC, because Python holds no two zones equal in an hour that comes twice."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
