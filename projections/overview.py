"""The overview 总览: what runs now, by light.

Light is a matter of the moment, so it is reckoned when somebody looks. How many run is counted as clocks start and end
(`running.py`); what has turned yellow or red, which is little beside what runs, is looked up. Drills are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, not_, or_, select, union_all

from projections.board import BOARD, BOARD_RUNNING
from projections.inbox import INBOX, INBOX_RUNNING
from projections.running import Running

Within = Callable[[Any], Any]
"""The filter that keeps a reader to what it may see, on the columns of a table."""


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
    return _lights(db, matters_query(at, within))


def responses(db: Connection, at: int, within: Within) -> dict[str, Lights]:
    """The responses that wait for their department at a moment, by department."""
    inbox = INBOX.table.c
    return _lights(db, _query(INBOX_RUNNING, inbox.department, inbox.next_due, inbox.next_warn, at, within))


def matters_query(at: int, within: Within) -> Select[Any]:
    """What `matters` asks of the store: for each jurisdiction how many run, and how many are yellow and red."""
    board = BOARD.table.c
    return _query(BOARD_RUNNING, board.jurisdiction, board.due_at, board.warn_at, at, within)


def _query(running: Running, by: Any, due: Any, warn: Any, at: int, within: Within) -> Select[Any]:
    rows, counts = running.entity.table.c, running.table.table.c
    runs = or_(rows.drill.is_(None), not_(rows.drill)), due.is_not(None), within(rows)
    parts = union_all(
        select(counts[by.name].label("name"), counts.running.label("all"), _none("yellow"), _none("red")).where(
            within(counts)
        ),
        select(by, _none("all"), func.count(), _none("red")).where(*runs, warn <= at, due >= at).group_by(by),
        select(by, _none("all"), _none("yellow"), func.count()).where(*runs, due < at).group_by(by),
    ).subquery()
    sums = (func.sum(parts.c[each]) for each in ("all", "yellow", "red"))
    name = func.coalesce(parts.c.name, "")
    return select(name, *sums).group_by(name).order_by(name)


def _none(name: str) -> ColumnElement[int]:
    return literal(0).label(name)


def _lights(db: Connection, query: Select[Any]) -> dict[str, Lights]:
    return {
        name: Lights(int(every) - int(yellow) - int(red), int(yellow), int(red))
        for name, every, yellow, red in db.execute(query)
    }
