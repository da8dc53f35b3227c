"""The event history 事件历史 that supervision reads: who did what, when, and by which rule. One row per event."""

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

from projections import topics
from projections.events import Event
from projections.rows import Rows
from projections.tables import Append
from projections.times import optional_micros
from projections.view import Handler, View

HISTORY = Append(
    "history_1",
    Column("position", Integer, primary_key=True, autoincrement=False),
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
    Column("rules", Text),
    Column("facts", Text),
    indexes=(("case_id",), ("actor",), ("organisation",)),
    documents=("rules", "facts"),
)
"""`rules` is a JSON list of [stage, rule, policy, calendar, due], one for each clock that the event moved."""


def remember(event: Event, rows: Rows) -> None:
    """Whatever happened is part of the history."""
    meta = event.meta
    rules = [[c["stage"], c["rule"], c["policy"], c["calendar"], c["due_at"]] for c in event.clocks]
    kind = event.topic.partition(".")[0]
    # A department's standing belongs to no case, but what moved it does; an officer's record belongs to none.
    case = meta["case_id"] if kind in ("standing", "person") else event.case
    rows.append(
        HISTORY, event.position, event.at, optional_micros(meta["occurred_at"]), case,
        event.stream, event.version, kind, event.topic, meta["actor"], meta["role"],
        meta["organisation"], meta["command_id"], meta["imported"], orjson.dumps(rules).decode(),
        orjson.dumps(event.facts).decode(),
    )  # fmt: skip


HANDLES: dict[str, Handler] = dict.fromkeys(topics.ALL, remember)
"""Nothing is left out of the history."""

VIEW = View(
    name="history_1",
    question="Who did what, when, and by which rule?",
    tables=(HISTORY,),
    handles=HANDLES,
    ignores=frozenset(),
)
