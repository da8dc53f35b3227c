"""The check names each row that a fresh fold does not share, wherever in a table it lies, and no other."""

import pytest
from sqlalchemy import Connection, insert

from bench.histories import MemoryLog, interleaved
from domain.kernel import Fact
from projections import checking
from projections.board import BOARD
from projections.projector import Projector
from projections.rebuilding import Difference, check
from projections.storage import ViewStore
from tests.projections.kit import VIEWS, folded, rows_of

FACTS: list[Fact] = list(interleaved(400, seed=5, open_cases=4))
COLUMN = BOARD.table.c
TOGETHER = 3
"""How many rows are compared at a time here."""

IDS: list[str] = sorted(row["id"] for row in rows_of(folded(FACTS), BOARD))
LAST = len(IDS) - 1
PLACES = (0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, LAST - 1, LAST)


def beyond(at: int) -> str:
    """An id behind all others."""
    return f"ffffffff-{at:04x}{IDS[at][13:]}"


@pytest.fixture
def projector(store: ViewStore, monkeypatch: pytest.MonkeyPatch) -> Projector:
    monkeypatch.setattr(checking, "_ROWS", TOGETHER)
    projector = Projector(MemoryLog(FACTS), store, VIEWS)
    projector.catch_up()
    assert check(projector.source, projector.store, VIEWS) == []
    return projector


def told(projector: Projector) -> list[tuple[str, str]]:
    """Which matters of the board differ, and how."""
    return [(_id(each), _how(each)) for each in check(projector.source, projector.store, VIEWS)]


@pytest.mark.parametrize("at", PLACES)
def test_a_row_that_is_missing_changed_or_one_too_many_is_named(projector: Projector, at: int) -> None:
    mine = COLUMN.id == IDS[at]
    with projector.store.writing() as db:
        kept = _row(db, at)
        db.execute(BOARD.table.delete().where(mine))
    assert told(projector) == [(IDS[at], "missing")]
    with projector.store.writing() as db:
        db.execute(insert(BOARD.table).values(kept | {"item_name": "rumour"}))
    assert told(projector) == [(IDS[at], "changed")]
    with projector.store.writing() as db:
        db.execute(BOARD.table.update().where(mine).values(item_name=kept["item_name"]))
        db.execute(insert(BOARD.table).values(kept | {"id": beyond(at)}))
    assert told(projector) == [(beyond(at), "one too many")]


def test_several_differences_are_all_named(projector: Projector) -> None:
    gone = [IDS[2], IDS[TOGETHER * 3]]
    with projector.store.writing() as db:
        kept = _row(db, 1)
        db.execute(BOARD.table.delete().where(COLUMN.id.in_(gone)))
        db.execute(BOARD.table.update().where(COLUMN.id == IDS[TOGETHER * 2]).values(item_name="rumour"))
        db.execute(insert(BOARD.table).values(kept | {"id": beyond(1)}))
    assert told(projector) == [
        (gone[0], "missing"), (IDS[TOGETHER * 2], "changed"), (gone[1], "missing"), (beyond(1), "one too many"),
    ]  # fmt: skip


def test_a_table_that_is_empty_lacks_every_row_and_so_many_are_named(
    projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST_DIFFERENCES", len(IDS) - 2)
    with projector.store.writing() as db:
        db.execute(BOARD.table.delete())
    assert told(projector) == [(each, "missing") for each in IDS[:-2]]


def _row(db: Connection, at: int) -> dict[str, object]:
    return dict(db.execute(BOARD.table.select().where(COLUMN.id == IDS[at])).mappings().one())


def _how(difference: Difference) -> str:
    assert difference.table == BOARD.name
    if difference.live is None:
        return "missing"
    return "one too many" if difference.fresh is None else "changed"


def _id(difference: Difference) -> str:
    found = difference.live or difference.fresh
    assert found is not None
    return str(found[0])
