"""What is kept in memory between a handler and a store, and what is told to the store."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Column, Integer, String, Text

from projections.rows import Rows, in_cases
from projections.tables import Append, Counter, Entity, Keyed, Row

CASES = [f"019cac10-10e0-7b26-a1c9-e6f{n}01000000" for n in range(4)]
STANDING = "b7c2a3de-6f0c-5b52-9d3e-6d2a01000000"

THINGS = Entity("things_1", Column("id", String(36), primary_key=True), Column("state", Text), Column("size", Integer))
DUES = Keyed("dues_1", Column("id", String(36), primary_key=True), Column("at", Integer))
LINES = Append("lines_1", Column("position", Integer, primary_key=True))
BY_SIZE = Counter("counts_1_sizes", Column("size", Text, primary_key=True), Column("n", Integer))
COUNTS = Counter(
    "counts_1",
    Column("name", Text, primary_key=True),
    Column("size", Text, primary_key=True),
    Column("n", Integer),
    coarser=(BY_SIZE,),
)


@pytest.fixture
def rows() -> Rows:
    return Rows([THINGS])


def begun(rows: Rows, *cases: str) -> None:
    for case in cases:
        rows.enter(case, begins=True)
        rows.new(THINGS, case, state="new")


def test_a_row_that_was_made_is_told_once(rows: Rows) -> None:
    begun(rows, CASES[0])
    [row] = rows.changes().entities[THINGS]
    assert THINGS.written(row) == (CASES[0], "new", None)
    rows.settle()
    assert rows.changes() == ({}, {}, {}, {}, {})


def test_a_row_that_was_only_looked_at_is_not_told(rows: Rows) -> None:
    begun(rows, CASES[0])
    rows.settle()
    rows.enter(CASES[0])
    assert rows.get(THINGS, CASES[0])
    assert rows.changes().entities == {}
    assert rows.edit(THINGS, CASES[0])
    assert len(rows.changes().entities[THINGS]) == 1


def test_a_case_is_fetched_once_and_not_where_it_was_admitted_or_has_just_begun(rows: Rows) -> None:
    asked: list[str] = []

    def loader(_: Iterable[Entity], case: str) -> list[tuple[Entity, Row]]:
        asked.append(case)
        return [(THINGS, {"id": case, "state": "stored", "size": 1})]

    rows.loader = loader
    begun(rows, CASES[0])
    assert rows.missing([CASES[1], CASES[0], CASES[2], CASES[1]]) == [CASES[1], CASES[2]]
    rows.admit([CASES[1], CASES[3]], [(THINGS, {"id": CASES[1], "state": "admitted", "size": 1})])
    states = []
    for case in (CASES[1], CASES[2], CASES[3], CASES[2]):
        rows.enter(case)
        row = rows.get(THINGS, case)
        states.append(row and row["state"])
    assert states == ["admitted", "stored", None, "stored"]
    assert asked == [CASES[2]]


def test_what_is_admitted_in_between_hides_no_change(rows: Rows) -> None:
    begun(rows, CASES[0])
    rows.admit([CASES[1]], [])
    assert len(rows.changes().entities[THINGS]) == 1


def test_the_cases_that_were_touched_least_recently_go_first_and_streams_outside_cases_stay(rows: Rows) -> None:
    rows.enter(STANDING)
    begun(rows, *CASES[:3])
    rows.enter(CASES[0])
    rows.settle()
    rows.settle()
    assert rows.idle(2) == [CASES[1], CASES[2]]
    assert rows.idle(0) == [CASES[1], CASES[2], CASES[0]]
    assert [in_cases(CASES[0]), in_cases(STANDING)] == [True, False]


def test_what_the_last_batch_touched_stays_however_little_is_to_be_kept(rows: Rows) -> None:
    rows.enter(STANDING)
    begun(rows, CASES[0])
    rows.settle()
    begun(rows, CASES[1])
    rows.settle()
    assert rows.idle(0) == [CASES[0]]
    rows.enter(CASES[0])
    assert rows.idle(0) == []


def test_a_released_case_is_told_whole_and_forgotten(rows: Rows) -> None:
    begun(rows, *CASES[:2])
    rows.enter(CASES[0])
    rows.put(DUES, CASES[0], 5)
    rows.append(LINES, 7)
    told = rows.release([CASES[0]])
    assert [row["id"] for row in told.entities[THINGS]] == [CASES[0]]
    assert (told.puts, told.drops, told.appended) == ({DUES: [(CASES[0], 5)]}, {DUES: []}, {LINES: [(7,)]})
    assert rows.missing(CASES[:2]) == [CASES[0]]
    assert rows.release([CASES[1]]).appended == {}


def test_a_row_that_was_put_and_dropped_before_it_could_be_stored_is_nothing(rows: Rows) -> None:
    begun(rows, CASES[0])
    rows.put(DUES, CASES[0], 5)
    rows.drop(DUES, CASES[0])
    assert rows.changes().drops == {DUES: []}
    rows.settle()
    rows.enter(CASES[0])
    rows.put(DUES, CASES[0], 6)
    rows.drop(DUES, CASES[0])
    changes = rows.changes()
    assert (changes.puts, changes.drops) == ({DUES: []}, {DUES: [(CASES[0],)]})


def test_amounts_that_add_nothing_are_left_out_and_coarser_ones_are_sums(rows: Rows) -> None:
    counted = rows.counted(COUNTS)
    counted["a", "big"] = [2]
    counted["b", "big"] = [-2]
    counted["a", "small"] = [1]
    counted["b", "small"] = [0]
    told = rows.changes().counted
    assert told[COUNTS] == [("a", "big", 2), ("b", "big", -2), ("a", "small", 1)]
    assert told[BY_SIZE] == [("small", 1)]


def test_what_an_entity_settles_is_done_once_before_it_is_told() -> None:
    settled: list[Any] = []

    def settle(row: Row, rows: Rows) -> None:
        settled.append(row["id"])
        row["size"] = len(settled)
        rows.counted(COUNTS)["made", "any"] = [1]

    rows = Rows([THINGS], {THINGS: settle})
    begun(rows, *CASES[:2])
    changes = rows.changes()
    assert [row["size"] for row in changes.entities[THINGS]] == [1, 2]
    assert changes.counted[COUNTS] == [("made", "any", 1)]
    rows.settle()
    rows.enter(CASES[1])
    rows.edit(THINGS, CASES[1])
    rows.changes()
    assert settled == [CASES[0], CASES[1], CASES[1]]


def test_forgetting_some_cases_leaves_the_others(rows: Rows) -> None:
    begun(rows, *CASES)
    rows.forget(CASES[:2])
    assert rows.missing(CASES) == CASES[:2]
    rows.forget()
    assert rows.cases == 0
