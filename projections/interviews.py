"""Interviews 约谈 and the steps of the repeat ladder 累进问责: what presses on a department, and how far it got."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

from domain.dispatch.facts import interview as facts
from domain.dispatch.facts import standing
from domain.policy.deadlines import Stage
from projections import inbox, topics
from projections.events import Event
from projections.inbox import INBOX
from projections.rows import Rows
from projections.tables import Entity, Keyed, Row
from projections.times import micros_of
from projections.view import Handler, View

INTERVIEWS = Entity(
    "interviews_1",
    Column("id", String(36), primary_key=True),
    Column("case_id", String(36)),
    Column("number", Text),
    Column("response", String(36)),
    Column("department", Text),
    Column("jurisdiction", Text),
    Column("because", Text),
    Column("state", Text),
    Column("opened_at", BigInteger),
    Column("limit_due", BigInteger),
    Column("confirmed_at", BigInteger),
    Column("held_at", BigInteger),
    Column("minutes", Text),
    Column("limit_met_at", BigInteger),
    Column("limit_missed_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("evidence", Text),
    Column("withdrawn_because", Text),
    Column("drill", Boolean),
    indexes=(("department",), ("opened_at",)),
)

LADDER = Keyed(
    "interviews_1_ladder",
    Column("stream", String(36), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("department", Text),
    Column("count", Integer),
    Column("reached_at", BigInteger),
    Column("since", BigInteger),
    Column("response", String(36)),
)


def _interview(event: Event, rows: Rows) -> Row:
    row = rows.edit(INTERVIEWS, event.stream)
    assert row is not None, f"{event.topic} at {event.ref} comes before the interview was opened"
    for stage, due, *_ in event.ticks:
        if stage == Stage.INTERVIEW_LIMIT:
            row["limit_due"] = due
    return row


def opened(event: Event, rows: Rows) -> None:
    """拟约谈."""
    response = rows.get(INBOX, event["response"]) or {}
    rows.new(
        INTERVIEWS, event.stream, case_id=event.case, number=response.get("number"), response=event["response"],
        department=event["department"], jurisdiction=response.get("jurisdiction"), because=event["because"],
        state="opened", opened_at=event.at, drill=event["drill"],
    )  # fmt: skip
    _interview(event, rows)


def reaches(state: str, at: str, *fields: str) -> Handler:
    """A handler by which the interview reaches a state; `at` is the column for the time, `fields` are taken over."""

    def handler(event: Event, rows: Rows) -> None:
        row = _interview(event, rows)
        row["state"] = state
        row[at] = event.at
        for field in fields:
            row[field] = event[field]

    return handler


def withdrawn(event: Event, rows: Rows) -> None:
    """约谈撤销."""
    _interview(event, rows).update(state="withdrawn", ended_at=event.at, withdrawn_because=event["because"])


def limit_moved(event: Event, rows: Rows) -> None:
    """The case was suspended or resumed, and the limit with it."""
    _interview(event, rows)


def limit_met(event: Event, rows: Rows) -> None:
    """The case was finished."""
    _interview(event, rows)["limit_met_at"] = event.at


def limit_missed(event: Event, rows: Rows) -> None:
    """The case was not finished by the interview's limit."""
    _interview(event, rows)["limit_missed_at"] = event.at


def step_reached(event: Event, rows: Rows) -> None:
    """One step up the ladder."""
    step, count, since = event["step"], event["count"], micros_of(event["since"])
    rows.put(LADDER, event.stream, step, event["department"], count, event.at, since, event["response"])


def step_withdrawn(event: Event, rows: Rows) -> None:
    """Counted again, the step is no longer reached."""
    rows.drop(LADDER, event.stream, event["step"])


HANDLES: dict[str, Handler] = {
    topics.topic(fact): handler
    for fact, handler in (
        (facts.InterviewOpened, opened),
        (facts.InterviewConfirmed, reaches("confirmed", "confirmed_at")),
        (facts.InterviewWithdrawn, withdrawn),
        (facts.InterviewHeld, reaches("held", "held_at", "minutes")),
        (facts.InterviewLimitMet, limit_met),
        (facts.InterviewLimitMissed, limit_missed),
        (facts.InterviewPaused, limit_moved),
        (facts.InterviewResumed, limit_moved),
        (facts.InterviewRectified, reaches("rectified", "ended_at", "evidence")),
        (facts.InterviewExpired, reaches("expired", "ended_at")),
        (standing.LadderStepReached, step_reached),
        (standing.LadderStepWithdrawn, step_withdrawn),
    )
}

IGNORES = topics.of("report", "case", "whistle", "response", "evaluation", "person") | topics.named(
    standing.StandingOpened, standing.MarkEntered, standing.MarkStruck
)

VIEW = View(
    name="interviews_1",
    question="Which units are to be interviewed, and what came of it?",
    tables=(INTERVIEWS, LADDER),
    handles=HANDLES,
    ignores=IGNORES,
    reads=(inbox.VIEW,),
)
