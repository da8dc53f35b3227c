"""The overview 总览: what runs now, by light.

Light is a matter of the moment, so it is reckoned when somebody looks. How many run is counted as clocks start and end
(`running.py`); what has turned yellow or red, which is little beside what runs, is looked up. Drills are left out.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    Integer,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from projections.board import BOARD, BOARD_RUNNING
from projections.inbox import INBOX, INBOX_RUNNING
from projections.running import Running

Within = Callable[[Any], Any]
"""The filter that keeps a reader to what it may see, on the columns of a table."""

Query = CompoundSelect[Any, Any, Any]
"""A question that only lacks the moment."""


@dataclass(frozen=True)
class Lights:
    """How many run by light: green, yellow once a warning moment has passed, red beyond the due time."""

    green: int = 0
    yellow: int = 0
    red: int = 0


def matters_query(within: Within, digits: int | None = None) -> Query:
    """The matters whose clock runs, by jurisdiction. It may be kept and asked again.

    With `digits`, those of one larger division count together, whose code is so many digits of theirs.
    """
    board = BOARD.table.c
    return _query(BOARD_RUNNING, board.jurisdiction, board.due_at, board.warn_at, within, digits)


def responses_query(within: Within) -> Query:
    """The responses that wait for their department, by department. It may be kept and asked again."""
    inbox = INBOX.table.c
    return _query(INBOX_RUNNING, inbox.department, inbox.next_due, inbox.next_warn, within, None)


def lights(db: Connection, query: Query, at: int) -> dict[str, Lights]:
    """The lights at a moment (microseconds since the epoch), by what one of these queries groups by."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for name, colour, count in db.execute(query, {"at": at}).all():
        sums[name or ""][colour] += int(count)
    return {name: Lights(every - yellow - red, yellow, red) for name, (every, yellow, red) in sums.items()}


_ALL, _YELLOW, _RED = literal_column("0", Integer), literal_column("1", Integer), literal_column("2", Integer)
"""The places of a count among the three."""


def _query(running: Running, by: Any, due: Any, warn: Any, within: Within, digits: int | None) -> Query:
    """By name: how many run, how many of them are yellow, and how many red, each where there are any."""
    rows, counts = running.entity.table.c, running.table.table.c
    # Said in one condition: of two, joined by OR, a database makes two searches, and goes to the rows themselves.
    runs = rows.drill.is_not(true()), due.is_not(None), within(rows)
    at = bindparam("at", type_=BigInteger)
    counted, name = (each if digits is None else func.substr(each, 1, digits) for each in (counts[by.name], by))
    return union_all(
        select(counted, _ALL, func.sum(counts.running)).where(within(counts)).group_by(counted),
        select(name, _YELLOW, func.count()).where(*runs, warn <= at, due >= at).group_by(name),
        select(name, _RED, func.count()).where(*runs, due < at).group_by(name),
    )
