"""The overview 总览: what runs now, by light.

Light is a matter of the moment, so it is reckoned when somebody looks. How many run is counted as clocks start and end
(`running.py`); what has turned yellow or red, which is little beside what runs, is looked up. Drills are left out.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from projections.asking import Ready
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


class Overview(NamedTuple):
    """The lights of the matters, by jurisdiction, and of the responses that wait, by department."""

    matters: dict[str, Lights]
    responses: dict[str, Lights]


def query(matters: Within | None, responses: Within, digits: int | None = None) -> Query:
    """Matters and responses whose clock runs, in one question.

    Without `matters`, of responses alone. With `digits`, matters of one larger division count together, whose code is
    so many digits of theirs.
    """
    board, inbox = BOARD.table.c, INBOX.table.c
    asked: list[Select[Any]] = []
    if matters is not None:
        asked += _asked(_MATTERS, BOARD_RUNNING, board.jurisdiction, board.due_at, board.warn_at, matters, digits)
    asked += _asked(_RESPONSES, INBOX_RUNNING, inbox.department, inbox.next_due, inbox.next_warn, responses, None)
    return union_all(*asked)


def lights(db: Connection, asked: Ready, at: int) -> Overview:
    """The lights at a moment (microseconds since the epoch)."""
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * COLOURS)
    for name, place, count in asked.rows(db, {"at": at}):
        what, colour = divmod(place, COLOURS)
        sums[what, name or ""][colour] += int(count)
    found = Overview({}, {})
    for (what, name), (every, yellow, red) in sums.items():
        found[what][name] = Lights(every - yellow - red, yellow, red)
    return found


_MATTERS, _RESPONSES = range(2)
"""The places of an overview."""

_ALL, _YELLOW, _RED = range(3)
COLOURS = 3
"""How many counts there are of each name: all, and how many of these are yellow, and red."""


def _asked(
    what: int, running: Running, by: Any, due: Any, warn: Any, within: Within, digits: int | None
) -> list[Select[Any]]:
    """By name: how many run, how many of them are yellow, and how many red, each where there are any."""
    rows, counts = running.entity.table.c, running.table.table.c
    # Said in one condition: of two, joined by OR, a database makes two searches, and goes to the rows themselves.
    runs = rows.drill.is_not(true()), due.is_not(None), within(rows)
    at = bindparam("at", type_=BigInteger)
    counted, name = (each if digits is None else func.substr(each, 1, digits) for each in (counts[by.name], by))
    every, yellow, red = (literal_column(str(what * COLOURS + colour), Integer) for colour in (_ALL, _YELLOW, _RED))
    return [
        select(counted, every, func.sum(counts.running)).where(within(counts)).group_by(counted),
        select(name, yellow, func.count()).where(*runs, warn <= at, due >= at).group_by(name),
        select(name, red, func.count()).where(*runs, due < at).group_by(name),
    ]
