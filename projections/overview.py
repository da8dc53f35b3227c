"""The overview 总览: what runs now, by light. Asked of the board's and the inbox's running clocks alone.

Light is a matter of the moment, so it is reckoned when somebody looks. The indexes that hold what runs hold all that
is counted here, and what runs is little beside all that ever was. Drills are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, or_, select

from projections.board import BOARD
from projections.inbox import INBOX
from projections.tables import ViewTable

Within = Callable[[ViewTable], ColumnElement[bool]]
"""The filter that keeps a reader to what it may see of a table."""


@dataclass(frozen=True)
class Lights:
    """How many run by light: green, yellow once a warning moment has passed, red beyond the due time."""

    green: int = 0
    yellow: int = 0
    red: int = 0

    @property
    def all(self) -> int:
        """How many run."""
        return self.green + self.yellow + self.red

    def __add__(self, other: "Lights") -> "Lights":
        return Lights(self.green + other.green, self.yellow + other.yellow, self.red + other.red)


def matters(db: Connection, at: int, within: Within) -> dict[str, Lights]:
    """The matters whose clock runs at a moment (microseconds since the epoch), by jurisdiction."""
    column = BOARD.table.c
    return _lights(db, BOARD, column.jurisdiction, column.due_at, column.warn_at, at, within)


def responses(db: Connection, at: int, within: Within) -> dict[str, Lights]:
    """The responses that wait for their department at a moment, by department."""
    column = INBOX.table.c
    return _lights(db, INBOX, column.department, column.next_due, column.next_warn, at, within)


def _lights(
    db: Connection, view: ViewTable, by: Any, due: Any, warn: Any, at: int, within: Within
) -> dict[str, Lights]:
    red = due < at
    yellow = and_(not_(red), warn <= at)
    counts = (func.count(), func.sum(case((yellow, 1), else_=0)), func.sum(case((red, 1), else_=0)))
    kept = or_(view.table.c.drill.is_(None), not_(view.table.c.drill))
    query = select(by, *counts).where(due.is_not(None), kept, within(view)).group_by(by).order_by(by)
    return {
        name or "": Lights(total - int(yellow) - int(red), int(yellow), int(red))
        for name, total, yellow, red in db.execute(query)
    }
