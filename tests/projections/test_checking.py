"""The check names each row that a fresh fold does not share, wherever in a table it lies, and no other."""

import pytest
from sqlalchemy import Connection, insert

from bench.histories import MemoryLog, interleaved
from domain.kernel import Fact
from projections import checking
from projections.history import HISTORY
from projections.projector import Projector
from projections.rebuilding import Difference, check
from projections.storage import ViewStore
from tests.projections.kit import VIEWS

FACTS: list[Fact] = list(interleaved(120, seed=5, open_cases=4))
COLUMN = HISTORY.table.c
TOGETHER = 7
"""How many rows are compared at a time here."""

LAST = len(FACTS)
PLACES = (1, 2, TOGETHER - 1, TOGETHER, TOGETHER + 1, LAST - 1, LAST)


@pytest.fixture
def projector(store: ViewStore, monkeypatch: pytest.MonkeyPatch) -> Projector:
    monkeypatch.setattr(checking, "_ROWS", TOGETHER)
    projector = Projector(MemoryLog(FACTS), store, VIEWS)
    projector.catch_up()
    assert check(projector.source, projector.store, VIEWS) == []
    return projector


def told(projector: Projector) -> list[tuple[int, str]]:
    """Which positions of the history differ, and how."""
    return [(_position(each), _how(each)) for each in check(projector.source, projector.store, VIEWS)]


@pytest.mark.parametrize("at", PLACES)
def test_a_row_that_is_missing_changed_or_one_too_many_is_named(projector: Projector, at: int) -> None:
    with projector.store.writing() as db:
        kept = _row(db, at)
        db.execute(HISTORY.table.delete().where(COLUMN.position == at))
    assert told(projector) == [(at, "missing")]
    with projector.store.writing() as db:
        db.execute(insert(HISTORY.table).values(kept | {"topic": "rumour.heard.v1"}))
    assert told(projector) == [(at, "changed")]
    with projector.store.writing() as db:
        db.execute(HISTORY.table.update().where(COLUMN.position == at).values(topic=kept["topic"]))
        db.execute(insert(HISTORY.table).values(kept | {"position": LAST + at}))
    assert told(projector) == [(LAST + at, "one too many")]


def test_several_differences_are_all_named(projector: Projector) -> None:
    with projector.store.writing() as db:
        kept = _row(db, 1)
        db.execute(HISTORY.table.delete().where(COLUMN.position.in_((3, TOGETHER * 3))))
        db.execute(HISTORY.table.update().where(COLUMN.position == TOGETHER * 2).values(topic="rumour.heard.v1"))
        db.execute(insert(HISTORY.table).values(kept | {"position": LAST + 1}))
    assert told(projector) == [
        (3, "missing"), (TOGETHER * 2, "changed"), (TOGETHER * 3, "missing"), (LAST + 1, "one too many"),
    ]  # fmt: skip


def test_a_table_that_is_empty_lacks_every_row(projector: Projector) -> None:
    with projector.store.writing() as db:
        db.execute(HISTORY.table.delete())
    assert told(projector) == [(at, "missing") for at in range(1, checking.MOST_DIFFERENCES + 1)]


def _row(db: Connection, at: int) -> dict[str, object]:
    return dict(db.execute(HISTORY.table.select().where(COLUMN.position == at)).mappings().one())


def _how(difference: Difference) -> str:
    assert difference.table == HISTORY.name
    if difference.live is None:
        return "missing"
    return "one too many" if difference.fresh is None else "changed"


def _position(difference: Difference) -> int:
    found = difference.live or difference.fresh
    assert found is not None
    return int(found[0])
