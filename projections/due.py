"""What is due when 到期表: a hint for the scheduler. The truth about a missed deadline lies in the case's own stream.

One row per stream and kind: a running clock under its stage's name, or a moment at which something is said rather
than missed: `warn_` and a stage, `arrival_reminder`, `written_criticism`.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, String, Text, func, select

from domain.dispatch.facts import response as responses
from domain.policy.deadlines import Stage
from projections import inbox, topics
from projections.events import Event
from projections.inbox import INBOX
from projections.rows import Rows
from projections.tables import Keyed, Row
from projections.times import micros_of
from projections.view import Handler, View

DUE = Keyed(
    "due_1",
    Column("stream", String(36), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("fire_at", BigInteger),
    Column("case_id", String(36)),
    indexes=(("fire_at", "stream", "kind"),),
)

WARNED = {str(stage): f"warn_{stage}" for stage in (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)}
"""The clocks for which the department is urged when they turn yellow, and the kind of row that says when."""

RETURN = str(Stage.RETURN)

ARRIVAL_REMINDER = "arrival_reminder"
WRITTEN_CRITICISM = "written_criticism"

_ENDED = ("released", "defaulted", "verified")


def clocks_moved(event: Event, rows: Rows) -> None:
    """Put a row for each clock that runs, drop it for each that does not. RETURN is a window and never fires."""
    for stage, due, warn, met, missed, still in event.ticks:
        if stage == RETURN:
            continue
        if met or missed or still:
            rows.drop(DUE, event.stream, stage)
            if stage in WARNED:
                rows.drop(DUE, event.stream, WARNED[stage])
        else:
            rows.put(DUE, event.stream, stage, due, event.case)
            if warn and stage in WARNED:
                _warn(event, rows, stage, warn)


def _warn(event: Event, rows: Rows, stage: str, at: int) -> None:
    """The clock turns yellow at `at`; the department is urged once for it."""
    row = rows.get(INBOX, event.stream)
    if row is not None and stage not in row["warned"]:
        rows.put(DUE, event.stream, WARNED[stage], at, event.case)


def _arrival_reminder(event: Event, rows: Rows, row: Row) -> None:
    """Signed and still not there: remind again, once, one allowance after the missed due time."""
    if row["again_at"] and row["signed_at"] and not row["arrived_at"]:
        rows.put(DUE, event.stream, ARRIVAL_REMINDER, row["again_at"], event.case)


def awaited(event: Event, rows: Rows) -> None:
    """The arrival was missed, or signed for after that; or the response's clocks run on."""
    clocks_moved(event, rows)
    row = rows.get(INBOX, event.stream)
    if row is not None and row["state"] not in _ENDED:
        _arrival_reminder(event, rows, row)


def overdue(event: Event, rows: Rows) -> None:
    """The disposal was missed: written criticism falls due, where it may."""
    clocks_moved(event, rows)
    if event["criticise_at"]:
        rows.put(DUE, event.stream, WRITTEN_CRITICISM, micros_of(event["criticise_at"]), event.case)


def drops(*kinds: str) -> Handler:
    """A handler that drops rows of these kinds besides keeping the clocks."""

    def handler(event: Event, rows: Rows) -> None:
        clocks_moved(event, rows)
        for kind in kinds:
            rows.drop(DUE, event.stream, kind)

    return handler


def arrived(event: Event, rows: Rows) -> None:
    """Nobody need be reminded to come, once the arrival counts."""
    clocks_moved(event, rows)
    if event["arrived_at"] is not None:
        rows.drop(DUE, event.stream, ARRIVAL_REMINDER)


def urged(event: Event, rows: Rows) -> None:
    """The yellow urge was issued; an urge by command leaves it standing."""
    clocks_moved(event, rows)
    if event["cause"] == "yellow" and event["stage"]:
        rows.drop(DUE, event.stream, f"warn_{event['stage']}")


HANDLES: dict[str, Handler] = dict.fromkeys(topics.ALL, clocks_moved) | {
    topics.topic(fact): handler
    for fact, handler in (
        (responses.ArrivalMissed, awaited),
        (responses.ResponseSigned, awaited),
        (responses.ClocksPaused, drops(ARRIVAL_REMINDER)),
        (responses.ClocksResumed, awaited),
        (responses.DisposalMissed, overdue),
        (responses.ArrivalReminded, drops(ARRIVAL_REMINDER)),
        (responses.ArrivalRecorded, arrived),
        (responses.ArrivalConfirmed, arrived),
        (responses.ArrivalCorrected, arrived),
        (responses.UrgeIssued, urged),
        (responses.WrittenCriticismIssued, drops(WRITTEN_CRITICISM)),
        (responses.VerificationPassed, drops(ARRIVAL_REMINDER, WRITTEN_CRITICISM)),
        (responses.ResponseReleased, drops(ARRIVAL_REMINDER, WRITTEN_CRITICISM)),
        (responses.ResponseDefaulted, drops(ARRIVAL_REMINDER, WRITTEN_CRITICISM)),
    )
}
"""Any event may move a clock; these do more."""

VIEW = View(
    name="due_1",
    question="What is due next?",
    tables=(DUE,),
    handles=HANDLES,
    ignores=frozenset(),
    reads=(inbox.VIEW,),
)


class Due(NamedTuple):
    """A stream on which something falls due: `fire_at` in microseconds since the epoch."""

    fire_at: int
    stream: UUID
    kind: str
    case_id: UUID


SHARDS = "0123456789abcdef"
"""The due rows fall into sixteen shards by one hexadecimal digit of the stream's id, which is random in every kind of
id. All streams of a case share it, so that one case's timers fire in one place and not in each other's way."""

_SHARD_DIGIT = func.substr(DUE.table.c.stream, 18, 1)


def next_due(
    db: Connection, until: int, limit: int, *, inclusive: bool = True, shards: Collection[str] | None = None
) -> list[Due]:
    """What fires at or before `until` (microseconds; before it only, where not `inclusive`), oldest first.

    `shards` narrows it to those shards; None stands for all.
    """
    column = DUE.table.c
    reached = column.fire_at <= until if inclusive else column.fire_at < until
    query = select(column.fire_at, column.stream, column.kind, column.case_id).where(reached, *_within(shards))
    rows = db.execute(query.order_by(column.fire_at, column.stream, column.kind).limit(limit))
    return [Due(fire_at, UUID(stream), kind, UUID(case)) for fire_at, stream, kind, case in rows]


def earliest(db: Connection, after: int | None = None, shards: Collection[str] | None = None) -> int | None:
    """When something fires next (microseconds since the epoch), later than `after` where given; None for never."""
    column = DUE.table.c
    query = select(column.fire_at).where(*_within(shards))
    if after is not None:
        query = query.where(column.fire_at > after)
    # Ordered and limited rather than min(): with a shard's filter, only this is sure to walk the index.
    found: int | None = db.execute(query.order_by(column.fire_at, column.stream, column.kind).limit(1)).scalar()
    return found


def _within(shards: Collection[str] | None) -> list[ColumnElement[bool]]:
    return [] if shards is None else [_SHARD_DIGIT.in_(sorted(shards))]
