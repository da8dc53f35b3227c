"""The inbox 收件箱 of a department: every response, its state, and what is due when.

One row per response. Other views read these rows: after an event they show the response as it stands then.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Text

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import response as responses
from domain.kernel import Kind
from domain.policy.deadlines import Stage
from projections import board, topics
from projections.board import BOARD
from projections.events import Event, sibling
from projections.rows import Rows
from projections.running import Running
from projections.tables import Entity, Indexed, Row, never
from projections.times import micros_of, optional_micros
from projections.view import Handler, View

RUNNING = (
    "department", "next_due", "id", "next_warn", "jurisdiction", "state", "part", "kind", "urgency", "item",
    "street", "paused", "evaluation_state", "dispatched_at", "drill",
)  # fmt: skip
"""Every column that may be asked of what has a running clock; the index of these rows holds them all."""

INBOX = Entity(
    "inbox_2",
    Column("id", String(36), primary_key=True),
    Column("case_id", String(36)),
    Column("number", Text),
    Column("whistle", String(36)),
    Column("replaces", String(36)),
    Column("department", Text),
    Column("part", Text),
    Column("kind", Text),
    Column("urgency", Text),
    Column("item", Text),
    Column("item_name", Text),
    Column("street", Text),
    Column("jurisdiction", Text),
    Column("drill", Boolean),
    Column("imported", Boolean),
    Column("state", Text),
    Column("released_because", Text),
    Column("dispatched_at", BigInteger),
    Column("signed_at", BigInteger),
    Column("checked_in_at", BigInteger),
    Column("arrived_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("verified_at", BigInteger),
    Column("signature_due", BigInteger),
    Column("arrival_due", BigInteger),
    Column("disposal_due", BigInteger),
    Column("signature_missed", Boolean),
    Column("arrival_missed", Boolean),
    Column("disposal_missed", Boolean),
    Column("missed_before", Boolean),
    Column("next_due", BigInteger),
    Column("next_warn", BigInteger),
    Column("next_stage", Text),
    Column("paused", Boolean),
    Column("return_pending", Boolean),
    Column("referred", Boolean),
    Column("extension_pending", Boolean),
    Column("extensions", Integer),
    Column("reworks", Integer),
    Column("warned", Text),
    Column("again_at", BigInteger),
    Column("criticise_at", BigInteger),
    Column("reminder", Text),
    Column("evaluation_state", Text),
    Column("score", Float),
    Column("outcome", Text),
    Column("clocks", Text),
    indexes=(
        # What waits for a department, soonest first, with every column that may be asked for, so that each filter is
        # answered from it alone.
        Indexed(
            RUNNING,
            where="next_due IS NOT NULL",
            name="due",
            whole=True,
        ),
        # What has turned yellow, and what is overdue, in entries as short as can be: the dashboard counts them.
        Indexed(
            ("next_due", "department", "jurisdiction", "drill"),
            where="next_due IS NOT NULL",
            when=never,
            name="overdue",
        ),
        Indexed(
            ("next_warn", "next_due", "department", "jurisdiction", "drill"),
            where="next_due IS NOT NULL",
            name="warn",
        ),
        # All responses, and those of one department or one place, latest first.
        ("department", "dispatched_at", "id"),
        ("jurisdiction", "dispatched_at", "id"),
        ("dispatched_at", "id"),
    ),
    documents=("warned", "clocks"),
)
"""`missed_before` is a disposal missed in a round before a reopening. `reminder` is the latest reminder's reference.
`clocks` is {stage: [due, warn]} of the clocks that run or were missed and still wait for the department;
`warned` are the stages for which a yellow urge was issued.
"""

INBOX_RUNNING = Running(INBOX, "next_due", ("department", "jurisdiction"))
"""How many responses wait for their department, by department and jurisdiction."""

OWN = frozenset(map(str, (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL, Stage.REMINDER_LIMIT)))
"""The clocks that wait for the department itself."""

MARKED = {str(stage): (f"{stage}_due", f"{stage}_missed") for stage in (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)}
"""The clocks whose due time and miss stand in the row, and the columns for them."""


def keep_clocks(event: Event, row: Row) -> None:
    """Take over the clocks that the event moved."""
    waiting: dict[str, list[int | None]] = row["clocks"]
    for stage, due, warn, met, missed, still in event.ticks:
        if stage in MARKED:
            due_at, is_missed = MARKED[stage]
            row[due_at] = due
            row[is_missed] = missed
        if stage in OWN:
            if met or still:
                waiting.pop(stage, None)
            else:
                waiting[stage] = [due, warn]
    row["disposal_missed"] = row["disposal_missed"] or row["missed_before"]


def settled(row: Row, rows: Rows) -> None:
    """Find the clock that is due soonest, and count the response among those that wait."""
    _soonest(row)
    INBOX_RUNNING.count(row, rows)


def _soonest(row: Row) -> None:
    waiting: dict[str, list[int | None]] = row["clocks"]
    stage = min(waiting, key=lambda each: (waiting[each][0], each), default=None)
    row["next_stage"] = stage
    row["next_due"], row["next_warn"] = waiting[stage] if stage else (None, None)


def _response(event: Event, rows: Rows) -> Row:
    """The response's row, with the event's clocks. A response is always dispatched before anything else happens."""
    row = INBOX_RUNNING.edit(rows, event.stream)
    assert row is not None, f"{event.topic} at {event.ref} comes before the response was dispatched"
    if event.ticks:
        keep_clocks(event, row)
    return row


def touched(event: Event, rows: Rows) -> None:
    """Nothing changes but, perhaps, a clock."""
    if event.ticks:
        _response(event, rows)


def dispatched(event: Event, rows: Rows) -> None:
    """A new response."""
    matter = rows.get(BOARD, event.case) or {}
    whistle, part, kind = event["whistle"], event["part"], event["kind"]
    street = matter.get("street") or event["street"]
    flags = dict.fromkeys(
        ("signature_missed", "arrival_missed", "disposal_missed", "missed_before", "paused", "return_pending",
         "referred", "extension_pending"), False,
    )  # fmt: skip
    rows.new(
        INBOX, event.stream, case_id=event.case, number=matter.get("number"), whistle=whistle,
        replaces=event["replaces"], department=event["department"], part=part, kind=kind, urgency=event["urgency"],
        item=event["item"], item_name=matter.get("item_name"), street=street,
        jurisdiction=street or matter.get("jurisdiction"), drill=event["drill"], imported=event.meta.imported,
        state="dispatched", dispatched_at=event.at, extensions=0, reworks=0, warned=[], clocks={}, **flags,
    )  # fmt: skip
    _response(event, rows)


def sets(**columns: Any) -> Handler:
    """A handler that sets columns of the response to fixed values."""

    def handler(event: Event, rows: Rows) -> None:
        _response(event, rows).update(columns)

    return handler


def signed(event: Event, rows: Rows) -> None:
    """签收."""
    _response(event, rows).update(state="signed", signed_at=event.at)


def arrival_missed(event: Event, rows: Rows) -> None:
    """Nobody had come; when to remind again is kept."""
    _response(event, rows)["again_at"] = optional_micros(event["again_at"])


def disposal_missed(event: Event, rows: Rows) -> None:
    """Overdue; a pending extension lapsed."""
    row = _response(event, rows)
    row.update(criticise_at=optional_micros(event["criticise_at"]), extension_pending=False)


def checked_in(event: Event, rows: Rows) -> None:
    """Somebody came. Without a position the street has to say so, too."""
    row = _response(event, rows)
    row["checked_in_at"] = event.at
    if event["arrived_at"] is not None:
        row.update(state="arrived", arrived_at=micros_of(event["arrived_at"]))


def arrived(event: Event, rows: Rows) -> None:
    """The street says when they came. A correction may come late and must not undo what followed."""
    row = _response(event, rows)
    row["arrived_at"] = micros_of(event["arrived_at"])
    if row["state"] in ("dispatched", "signed"):
        row["state"] = "arrived"


def recomputed(event: Event, rows: Rows) -> None:
    """The case was corrected."""
    row = _response(event, rows)
    matter = rows.get(BOARD, event.case) or {}
    row.update(urgency=event["urgency"], item=event["item"], item_name=matter.get("item_name"))


def part_changed(event: Event, rows: Rows) -> None:
    """The lead passes on."""
    _response(event, rows)["part"] = event["part"]


def completed(event: Event, rows: Rows) -> None:
    """办结反馈: it waits for verification, and a pending extension falls away."""
    _response(event, rows).update(state="completed", completed_at=event.at, extension_pending=False)


def verified(event: Event, rows: Rows) -> None:
    """核查通过."""
    _response(event, rows).update(state="verified", verified_at=event.at)


def reworked(event: Event, rows: Rows) -> None:
    """返工."""
    row = _response(event, rows)
    row["state"] = "rework"
    row["reworks"] += 1


def extended(event: Event, rows: Rows) -> None:
    """延期."""
    row = _response(event, rows)
    row["extension_pending"] = False
    row["extensions"] += 1


def released(event: Event, rows: Rows) -> None:
    """Ended without being done; nothing waits for the department any more, and no evaluation stands."""
    row = _response(event, rows)
    row.update(state="released", released_because=event["because"], return_pending=False, extension_pending=False)
    row.update(evaluation_state=None, score=None, outcome=None)


def urged(event: Event, rows: Rows) -> None:
    """催办: by rule only once for each clock."""
    row = _response(event, rows)
    if event["cause"] == "yellow" and event["stage"]:
        row["warned"].append(event["stage"])


def reminded(event: Event, rows: Rows) -> None:
    """提醒."""
    _response(event, rows)["reminder"] = event.ref


def reopened(event: Event, rows: Rows) -> None:
    """The next round begins; a miss of the round before stands, and the fresh clock may turn yellow again."""
    before = rows.get(INBOX, event.stream)
    missed = before is not None and before["disposal_missed"]
    row = _response(event, rows)
    row.update(state="rework", verified_at=None, missed_before=missed, disposal_missed=missed)
    row["warned"] = [stage for stage in row["warned"] if stage != Stage.DISPOSAL]


def located(event: Event, rows: Rows) -> None:
    """The case's street is known now, for responses that were dispatched before."""
    matter = rows.get(BOARD, event.case)
    for tail in matter["departments"] if matter else ():
        row = INBOX_RUNNING.edit(rows, event.case[:-8] + tail)
        if row is not None:
            row["street"] = row["jurisdiction"] = event["street"]


def evaluated(state: str) -> Handler:
    """A handler for an event of the evaluation: its state, and score and outcome where it is final."""

    def handler(event: Event, rows: Rows) -> None:
        row = INBOX_RUNNING.edit(rows, sibling(event.stream, Kind.RESPONSE))
        if row is None:
            return
        row["evaluation_state"] = state
        if state == "final":
            row.update(score=event["sheet"]["score"], outcome=event["sheet"]["outcome"])
        elif state == "drafted":
            row.update(score=None, outcome=None)

    return handler


HANDLES: dict[str, Handler] = dict.fromkeys(topics.of("response"), touched) | {
    topics.topic(fact): handler
    for fact, handler in (
        (cases.CaseLocated, located),
        (responses.ResponseDispatched, dispatched),
        (responses.ResponseSigned, signed),
        (responses.ArrivalMissed, arrival_missed),
        (responses.DisposalMissed, disposal_missed),
        (responses.PartChanged, part_changed),
        (responses.DeadlineRecomputed, recomputed),
        (responses.ArrivalRecorded, checked_in),
        (responses.ArrivalConfirmed, arrived),
        (responses.ArrivalCorrected, arrived),
        (responses.ReturnRequested, sets(return_pending=True)),
        (responses.DisputeReferred, sets(referred=True)),
        (responses.ReturnUpheld, sets(return_pending=False)),
        (responses.ReturnDenied, sets(return_pending=False)),
        (responses.ResponseReleased, released),
        (responses.CompletionSubmitted, completed),
        (responses.VerificationPassed, verified),
        (responses.VerificationFailed, reworked),
        (responses.ExtensionRequested, sets(extension_pending=True)),
        (responses.ExtensionGranted, extended),
        (responses.ExtensionDenied, sets(extension_pending=False)),
        (responses.ClocksPaused, sets(paused=True)),
        (responses.ClocksResumed, sets(paused=False)),
        (responses.UrgeIssued, urged),
        (responses.ReminderIssued, reminded),
        (responses.ResponseDefaulted, sets(state="defaulted")),
        (responses.ResponseReopened, reopened),
        (evaluations.EvaluationDrafted, evaluated("drafted")),
        (evaluations.EvaluationReturned, evaluated("drafted")),
        (evaluations.EvaluationServed, evaluated("served")),
        (evaluations.ObjectionRaised, evaluated("objected")),
        (evaluations.ReviewRequested, evaluated("under_review")),
        (evaluations.EvaluationFinalised, evaluated("final")),
    )
}
"""Every event of a response may move a clock that waits for the department; these change more."""

_ELSEWHERE = topics.of("report", "case", "whistle", "interview", "standing", "person")

IGNORES = (_ELSEWHERE - topics.named(cases.CaseLocated)) | (
    topics.named(
        evaluations.EvaluationAmended, evaluations.EvaluationOpened, evaluations.StreetPartGiven,
        evaluations.StreetPartLapsed, evaluations.SatisfactionTaken, evaluations.SatisfactionLapsed,
        evaluations.ObjectionReplied, evaluations.ReplyMissed, evaluations.DecisionMissed, evaluations.ReviewDecided,
        evaluations.CommendationProposed, evaluations.CommendationConfirmed, evaluations.CriticismProposed,
        evaluations.CriticismConfirmed,
    )
)  # fmt: skip

VIEW = View(
    name="inbox_2",
    question="What does each department have to do, and by when?",
    tables=(INBOX, INBOX_RUNNING.table),
    handles=HANDLES,
    ignores=IGNORES,
    reads=(board.VIEW,),
    settles={INBOX: settled},
)
