"""The event history 事件历史 that supervision reads: who did what, when, and by which rule.

The history is the log. What stands here tells where in it somebody acted, and which events of a department's or an
officer's own record belong to a case; `recalling.py` asks for it.
"""

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, String, Text

from projections import topics
from projections.events import Event
from projections.rows import Rows
from projections.tables import POSITION, Append, Counter
from projections.times import HOUR
from projections.view import Handler, View

ACTS = Append(
    "history_4",
    Column("actor", BigInteger, primary_key=True, autoincrement=False),
    Column("position", POSITION, primary_key=True, autoincrement=False),
)
"""Where in the log somebody acted, under the number that stands for that person (`number_of`)."""

RECORDS = Append(
    "history_4_records",
    Column("about", String(36), primary_key=True),
    Column("position", POSITION, primary_key=True, autoincrement=False),
)
"""The events of streams that belong to no case, under their stream, and under the case that each names."""

ACTORS = Counter(
    "history_4_actors",
    Column("organisation", Text, primary_key=True),
    Column("actor", String(36), primary_key=True),
    Column("events", BigInteger),
)
"""Who acted for which organisation, and in how many events."""

HOURS = Counter(
    "history_4_hours",
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("stretch", Integer, primary_key=True, autoincrement=False),
    Column("events", BigInteger),
)
"""In which stretches of the log the events of an hour (since the epoch) stand. What is imported is of other times than
what was stored beside it."""

STRETCH = 2_000
"""So many positions of the log are a stretch: about an hour of a large city."""

OUTSIDE = frozenset(("standing", "person"))
"""What belongs to no case. A department's standing still moves because of one; an officer's record does not."""

_BITS = (1 << 63) - 1


@lru_cache(maxsize=1 << 14)
def number_of(person: str) -> int:
    """The number that stands for a person: what both stores keep in eight bytes of an id's sixteen.

    Whoever asks looks at the event itself, so it does no harm if two persons ever shared one.
    """
    return UUID(person).int & _BITS


def acted(event: Event, rows: Rows) -> None:
    """Somebody did something."""
    meta, position = event.meta, event.position
    who = meta.actor
    rows.append(ACTS, number_of(who), position)
    # Written out, because this is done for each event there is.
    counted, key = rows.counted(ACTORS), (meta.organisation, who)
    try:
        counted[key][0] += 1
    except KeyError:
        counted[key] = [1]
    counted, stretch = rows.counted(HOURS), (event.at // HOUR, position // STRETCH)
    try:
        counted[stretch][0] += 1
    except KeyError:
        counted[stretch] = [1]


def recorded(event: Event, rows: Rows) -> None:
    """The same, on a stream that belongs to no case."""
    acted(event, rows)
    rows.append(RECORDS, event.stream, event.position)
    case = event.data["meta"]["case_id"]
    if case is not None:
        rows.append(RECORDS, case, event.position)


HANDLES: Mapping[str, Handler] = dict.fromkeys(topics.ALL, acted) | dict.fromkeys(topics.of(*OUTSIDE), recorded)
"""Nothing is left out of the history."""

VIEW = View(
    name="history_4",
    question="Where in the log did somebody act, and what else belongs to a case?",
    tables=(ACTS, RECORDS, ACTORS, HOURS),
    handles=HANDLES,
    ignores=frozenset(),
)
