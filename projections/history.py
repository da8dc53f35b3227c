"""The event history 事件历史 that supervision reads: who did what, when, and by which rule. One row per event.

The rows are an index of the log: what was said, and by which rule, stands in the log itself under the row's position.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

from projections import topics
from projections.events import Event
from projections.rows import Rows
from projections.tables import POSITION, Append
from projections.times import micros_of
from projections.view import Handler, View
from store.recorder import RawEvent

HISTORY = Append(
    "history_2",
    Column("position", POSITION, primary_key=True, autoincrement=False),
    Column("at", BigInteger),
    Column("occurred_at", BigInteger),
    Column("case_id", String(36)),
    Column("stream", String(36)),
    Column("version", Integer),
    Column("kind", Text),
    Column("topic", Text),
    Column("actor", String(36)),
    Column("role", Text),
    Column("organisation", Text),
    Column("command", String(36)),
    Column("imported", Boolean),
    indexes=(("case_id",), ("actor",), ("organisation",)),
)

OUTSIDE = frozenset(("standing", "person"))
"""What belongs to no case. A department's standing still moves because of one; an officer's record does not."""

KINDS = {topic: topic.partition(".")[0] for topic in topics.ALL}


def remember(event: Event, rows: Rows) -> None:
    """Whatever happened is part of the history."""
    meta, topic = event.meta, event.topic
    kind, occurred = KINDS[topic], meta["occurred_at"]
    rows.append(
        HISTORY, event.position, event.at, None if occurred is None else micros_of(occurred),
        meta["case_id"] if kind in OUTSIDE else event.case, event.stream, event.version, kind, topic,
        meta["actor"], meta["role"], meta["organisation"], meta["command_id"], meta["imported"],
    )  # fmt: skip


HANDLES: dict[str, Handler] = dict.fromkeys(topics.ALL, remember)
"""Nothing is left out of the history."""

VIEW = View(
    name="history_2",
    question="Who did what, when, and by which rule?",
    tables=(HISTORY,),
    handles=HANDLES,
    ignores=frozenset(),
)


class Stored(Protocol):
    """What the history's readers need of the log."""

    def at(self, positions: Sequence[int]) -> Mapping[int, RawEvent]:
        """The stored events at these positions; where there is none any more, nothing."""
        ...


def told(log: Stored, positions: Sequence[int]) -> dict[int, Event]:
    """The events of rows of the history, by position. Those that were taken out of the log are not among them."""
    return {position: Event(raw) for position, raw in log.at(positions).items()}
