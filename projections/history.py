"""The event history 事件历史 that supervision reads: who did what, when, and by which rule. One row per event.

The rows are an index of the log: what was said, and by which rule, stands in the log itself under the row's position.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import BigInteger, Boolean, Column, String, Text

from projections import topics
from projections.events import Event
from projections.rows import Rows
from projections.tables import POSITION, Append
from projections.times import optional_micros
from projections.view import Handler, View
from store.recorder import RawEvent

HISTORY = Append(
    "history_3",
    Column("position", POSITION, primary_key=True, autoincrement=False),
    Column("at", BigInteger),
    Column("case_id", String(36)),
    Column("stream", String(36)),
    Column("kind", Text),
    Column("topic", Text),
    Column("actor", String(36)),
    Column("role", Text),
    Column("organisation", Text),
    Column("imported", Boolean),
    indexes=(("case_id",), ("actor",), ("organisation",)),
)

OUTSIDE = frozenset(("standing", "person"))
"""What belongs to no case. A department's standing still moves because of one; an officer's record does not."""


def remembers(kind: str) -> Handler:
    """A handler by which whatever happened to a stream of this kind is part of the history."""
    outside = kind in OUTSIDE

    def handler(event: Event, rows: Rows) -> None:
        meta = event.meta
        rows.append(
            HISTORY, event.position, event.at, meta.case_id if outside else event.case, event.stream, kind,
            event.topic, meta.actor, meta.role, meta.organisation, meta.imported,
        )  # fmt: skip

    return handler


HANDLES: dict[str, Handler] = {topic: remembers(topic.partition(".")[0]) for topic in topics.ALL}
"""Nothing is left out of the history."""

VIEW = View(
    name="history_3",
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


SAID_IN_THE_LOG: dict[str, Any] = {"version": None, "occurred_at": None, "command": None, "rules": [], "facts": {}}
"""What the log adds to a row, as it stands where the event was taken out of the log."""


def with_what_was_said(log: Stored, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the history with what the log says besides.

    That is the stream's version, when it happened where a device reported late (microseconds), the command, `rules`
    ([stage, rule, policy, calendar, due] for each clock that it moved), and `facts`.
    """
    found = log.at([row["position"] for row in rows])
    return [{**row, **_said(found.get(row["position"]))} for row in rows]


def _said(raw: RawEvent | None) -> Mapping[str, Any]:
    if raw is None:
        return SAID_IN_THE_LOG
    event = Event(raw)
    meta = event.data["meta"]
    return {
        "version": event.version,
        "occurred_at": optional_micros(meta["occurred_at"]),
        "command": meta["command_id"],
        "rules": event.rules,
        "facts": event.facts,
    }
