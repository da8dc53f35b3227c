"""What runs, by its light, is told as somebody would count it who looked at every row."""

from collections import Counter as Tally
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import true

from bench.histories import MemoryLog, Story, interleaved
from domain.kernel import Fact
from projections import overview
from projections.asking import Ready
from projections.board import BOARD
from projections.inbox import INBOX
from projections.overview import Lights, Overview
from projections.projector import Projector
from projections.storage import ViewStore
from projections.tables import Row
from tests.projections.conftest import Opener
from tests.projections.kit import VIEWS, rows_of

DRILL = Story(99_999, drill=True)
FACTS: list[Fact] = [
    *DRILL.reported(), *DRILL.later(minutes=5).filed(), *DRILL.later(minutes=5).blown(["2202-scjg"]),
    *interleaved(900, seed=7, open_cases=30),
]  # fmt: skip
BEFORE, AFTER = 0, 2**62
"""Microseconds since the epoch: before anything turned yellow, and when all is red."""


def counted(rows: Iterable[Row], by: str, due: str, warn: str, at: int) -> dict[str, Lights]:
    """Row by row."""
    colours: Tally[tuple[str, str]] = Tally()
    for row in rows:
        if row[due] is not None and not row["drill"]:
            yellow = row[warn] is not None and row[warn] <= at
            colours[row[by], "red" if row[due] < at else "yellow" if yellow else "green"] += 1
    names = {name for name, _ in colours}
    return {name: Lights(*(colours[name, each] for each in ("green", "yellow", "red"))) for name in names}


def moments(rows: Iterable[Row], due: str, warn: str) -> list[int]:
    """Every moment at which a light changes, and the next; and two that are far away."""
    found = {row[name] for row in rows for name in (due, warn) if row[name] is not None}
    return sorted({BEFORE, AFTER, *found, *(at + 1 for at in found)})


@pytest.mark.parametrize("size", [13, 900])
def test_lights_are_those_of_the_rows_however_they_were_folded(opener: Opener, size: int) -> None:
    log = MemoryLog(FACTS)
    # A fresh projector knows no row but those that are stored.
    moved = True
    while moved:
        with closing(opener()) as store:
            moved = Projector(log, store, VIEWS).step(size) > 0
    projector = Projector(log, opener(), VIEWS)
    matters, responses = rows_of(projector, BOARD), rows_of(projector, INBOX)
    some = moments(matters, "due_at", "warn_at") + moments(responses, "next_due", "next_warn")
    asked, alone = (Ready(partial(overview.query, within, _all)) for within in (_all, None))
    with projector.store.reading() as db:
        for at in sorted(some)[:: max(1, len(some) // 40)]:
            found = overview.lights(db, asked, at)
            assert found.matters == counted(matters, "jurisdiction", "due_at", "warn_at", at)
            assert found.responses == counted(responses, "department", "next_due", "next_warn", at)
            assert overview.lights(db, alone, at) == Overview({}, found.responses)


def _all(_: object) -> object:
    return true()


def test_lights_are_counted_in_indexes_alone(tmp_path: Path) -> None:
    store = ViewStore(tmp_path / "views.db")
    with closing(store):
        store.prepare(VIEWS)
        asked = overview.query(_all, _all, 6).params(at=BEFORE)
        statement = asked.compile(store.engine, compile_kwargs={"literal_binds": True})
        with store.reading() as db:
            said = [row[3] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    looked = [line for line in said if line.startswith(("SEARCH", "SCAN")) and "_running" not in line]
    assert sorted(line.split(" ")[1] for line in looked) == ["board_2", "board_2", "inbox_2", "inbox_2"]
    assert [line for line in looked if "COVERING INDEX" not in line] == []
