"""Reminders 提醒提示: finish at once, by a new limit; and whether that came true. One row per reminder."""

from sqlalchemy import BigInteger, Boolean, Column, String, Text

from domain.dispatch.facts import response as facts
from domain.policy.deadlines import Stage
from projections import inbox, topics
from projections.events import Event
from projections.inbox import INBOX
from projections.rows import Rows
from projections.tables import Entity, Row
from projections.times import micros_of
from projections.view import Handler, View

REMINDERS = Entity(
    "reminders_1",
    Column("id", Text, primary_key=True),
    Column("case_id", String(36)),
    Column("number", Text),
    Column("response", String(36)),
    Column("department", Text),
    Column("jurisdiction", Text),
    Column("because", Text),
    Column("state", Text),
    Column("issued_at", BigInteger),
    Column("notify_at", BigInteger),
    Column("limit_due", BigInteger),
    Column("expired_at", BigInteger),
    Column("met_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_because", Text),
    Column("drill", Boolean),
    indexes=(("department",), ("issued_at",)),
)
"""The id is the reference of the event that issued the reminder. States: open, expired, met, withdrawn."""


def issued(event: Event, rows: Rows) -> None:
    """提醒."""
    response = rows.get(INBOX, event.stream)
    assert response is not None, f"{event.ref} reminds a response that was never dispatched"
    limit = next((due for stage, due, *_ in event.ticks if stage == Stage.REMINDER_LIMIT), None)
    rows.new(
        REMINDERS, event.ref, case_id=event.case, number=response["number"], response=event.stream,
        department=response["department"], jurisdiction=response["jurisdiction"], because=event["because"],
        state="open", issued_at=event.at, notify_at=micros_of(event["notify_at"]),
        limit_due=limit, drill=response["drill"],
    )  # fmt: skip


def _current(event: Event, rows: Rows) -> Row | None:
    """The latest reminder of the response, where there is one."""
    response = rows.get(INBOX, event.stream)
    return rows.edit(REMINDERS, response["reminder"]) if response and response["reminder"] else None


def withdrawn(event: Event, rows: Rows) -> None:
    """What it rested on no longer stands."""
    if row := _current(event, rows):
        row.update(state="withdrawn", withdrawn_at=event.at, withdrawn_because=event["because"])


def expired(event: Event, rows: Rows) -> None:
    """Not finished by the new limit."""
    if row := _current(event, rows):
        row.update(state="expired", expired_at=event.at)


def met(event: Event, rows: Rows) -> None:
    """Finished, in time or, where `expired_at` is set, late."""
    if row := _current(event, rows):
        row.update(state="met", met_at=event.at)


HANDLES: dict[str, Handler] = {
    topics.topic(facts.ReminderIssued): issued,
    topics.topic(facts.ReminderWithdrawn): withdrawn,
    topics.topic(facts.ReminderExpired): expired,
    topics.topic(facts.LimitsMet): met,
}

IGNORES = topics.of("report", "case", "whistle", "evaluation", "interview", "standing", "person") | topics.named(
    facts.ResponseDispatched, facts.ResponseSigned, facts.SignatureMissed, facts.ArrivalMissed, facts.DisposalMissed,
    facts.OfficersAssigned, facts.ArrivalMoved, facts.PartChanged, facts.DeadlineRecomputed, facts.ArrivalRecorded,
    facts.ArrivalConfirmed, facts.ArrivalCorrected, facts.SceneReleased, facts.SceneLeft, facts.LeftEarly,
    facts.EnforcementRecorded, facts.ReturnRequested, facts.DisputeReferred, facts.ReturnUpheld, facts.ReturnDenied,
    facts.ArbitrationMissed, facts.ResponseReleased, facts.CompletionSubmitted, facts.VerificationPassed,
    facts.VerificationFailed, facts.VerificationMissed, facts.ExtensionRequested, facts.ExtensionGranted,
    facts.ExtensionDenied, facts.ClocksPaused, facts.ClocksResumed, facts.UrgeIssued, facts.ArrivalReminded,
    facts.WrittenCriticismIssued, facts.ResponseDefaulted, facts.ResponseReopened,
)  # fmt: skip

VIEW = View(
    name="reminders_1",
    question="Who was reminded to finish, and did they?",
    tables=(REMINDERS,),
    handles=HANDLES,
    ignores=IGNORES,
    reads=(inbox.VIEW,),
)
