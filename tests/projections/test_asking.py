"""A question that is kept ready is asked with other values each time, and finds what SQLAlchemy itself would."""

from typing import Any

import pytest
from sqlalchemy import bindparam, or_, select, union_all

from bench.histories import MemoryLog
from domain.kernel import Fact
from projections.asking import Ready
from projections.board import BOARD
from projections.inbox import INBOX
from projections.projector import Projector
from projections.storage import ViewStore
from tests.projections.conftest import LEAD, SUPPORT
from tests.projections.kit import VIEWS

WHO = bindparam("who", type_=INBOX.table.c.department.type)


@pytest.fixture
def views(store: ViewStore, called: list[Fact]) -> ViewStore:
    """Views of one case."""
    Projector(MemoryLog(called), store, VIEWS).catch_up()
    return store


@pytest.mark.parametrize(
    "statement",
    [
        select(INBOX.table).where(INBOX.table.c.department == WHO),
        select(INBOX.table.c.id, INBOX.table.c.drill).where(or_(INBOX.table.c.department == WHO, WHO == LEAD)),
        select(INBOX.table.c.id).where(INBOX.table.c.department == WHO, INBOX.table.c.part.in_(["lead", "support"])),
        union_all(
            select(BOARD.table.c.id, BOARD.table.c.drill),
            select(INBOX.table.c.id, INBOX.table.c.imported).where(INBOX.table.c.department == WHO),
        ),
    ],
    ids=["every column", "a value in two places", "a list of values", "two questions in one"],
)
def test_it_finds_what_sqlalchemy_finds_whoever_is_asked_about(views: ViewStore, statement: Any) -> None:
    ready = Ready(lambda: statement)
    with views.reading() as db:
        for who in (LEAD, SUPPORT, LEAD, "nobody"):
            found, expected = ready.rows(db, {"who": who}), db.execute(statement, {"who": who}).all()
            assert [tuple(row) for row in found] == [tuple(row) for row in expected]
            assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in expected]


def test_what_is_not_asked_for_is_left_out_and_what_lacks_is_an_error(views: ViewStore) -> None:
    ready = Ready(lambda: select(INBOX.table.c.id).where(INBOX.table.c.department == WHO))
    with views.reading() as db:
        assert len(ready.rows(db, {"who": LEAD, "what": "else"})) == 1
        with pytest.raises(KeyError, match="who"):
            ready.rows(db, {"what": LEAD})
