"""Notices 通知: every reminder, urge, letter and circular that leaves the house, in order. One row each.

Imported history tells nobody anything. A drill does: its notices are drills too.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import interview as interviews
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.dispatch.facts import standing as standings
from domain.kernel import Kind
from projections import inbox, topics
from projections import interviews as interview_view
from projections.board import BOARD
from projections.events import Event, case_of, sibling
from projections.inbox import INBOX
from projections.interviews import INTERVIEWS
from projections.rows import Rows
from projections.tables import POSITION, Append
from projections.times import micros_of
from projections.view import Handler, View

NOTICES = Append(
    "notices_1",
    Column("position", POSITION, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger),
    Column("kind", Text),
    Column("recipient", Text),
    Column("about", Text),
    Column("case_id", String(36)),
    Column("drill", Boolean),
    indexes=(("recipient", "position"), ("case_id",)),
)
"""`recipient` is an organisation's code, or one of the words below; `about` is the stream that it is about."""

REPORTER = "reporter"
COMMAND = "command"
SUPERVISION = "supervision"

Recipients = Callable[[Event, Rows], Iterable[tuple[str, str]]]
"""To whom, and about which stream."""


def _sent(event: Event, rows: Rows, kind: str, to: Iterable[tuple[str, str]], at: int | None = None) -> None:
    """Add one notice per recipient, unless the event was imported."""
    if event.meta.imported:
        return
    # A department's standing belongs to no case; the response that made the difference does. Drills never move it.
    standing = event.topic.startswith("standing.")
    matter = None if standing else rows.get(BOARD, event.case)
    drill, told_at = bool(matter and matter["drill"]), event.at if at is None else at
    # One event says one thing to one recipient about one stream, however it came about.
    for ordinal, (recipient, about) in enumerate(dict.fromkeys(to)):
        case = case_of(about) if standing else event.case
        rows.append(NOTICES, event.position, ordinal, told_at, kind, recipient, about, case, drill)


def department(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """The department of the response on whose stream the event is."""
    row = rows.get(INBOX, event.stream)
    return [(row["department"], event.stream)] if row else []


def evaluated(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """The department of the response that the evaluation is about."""
    response = sibling(event.stream, Kind.RESPONSE)
    row = rows.get(INBOX, response)
    return [(row["department"], response)] if row else []


def interviewed(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """The department whose leader is interviewed."""
    row = rows.get(INTERVIEWS, event.stream)
    return [(row["department"], row["response"])] if row else []


def listed(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """The departments that the event names, and the case's street."""
    matter = rows.get(BOARD, event.case)
    street = [matter["street"]] if matter and matter["street"] else []
    return [(each, event.stream) for each in (*event["departments"], *street)]


def supervised(event: Event, _: Rows) -> list[tuple[str, str]]:
    """The departments that the event names."""
    return [(each, event.stream) for each in event["departments"]]


def standing(event: Event, _: Rows) -> list[tuple[str, str]]:
    """The department whose record it is, about the response that made the difference."""
    return [(event["department"], event["response"])]


def reporter(event: Event, _: Rows) -> list[tuple[str, str]]:
    """Whoever made the report."""
    return [(REPORTER, event.stream)]


def reporters(event: Event, _: Rows) -> list[tuple[str, str]]:
    """Whoever made one of the case's reports."""
    return [(REPORTER, report) for report in event["reports"]]


def above(recipient: str) -> Recipients:
    """Those to whom a missed clock escalates, about the stream whose clock it is."""

    def recipients(event: Event, _: Rows) -> list[tuple[str, str]]:
        return [(recipient, event.stream)]

    return recipients


def interview_above(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """Supervision, about the response for which the interview was opened."""
    return [(SUPERVISION, response) for _, response in interviewed(event, rows)]


def evaluation_above(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """Supervision, about the response that the evaluation is about."""
    return [(SUPERVISION, response) for _, response in evaluated(event, rows)]


def arbiter(event: Event, rows: Rows) -> list[tuple[str, str]]:
    """Whoever rules on the return at its present level."""
    row = rows.get(INBOX, event.stream)
    return [(SUPERVISION if row and row["referred"] else COMMAND, event.stream)]


def sends(kind: str, to: Recipients) -> Handler:
    """A handler that sends one kind of notice at the event's time."""

    def handler(event: Event, rows: Rows) -> None:
        _sent(event, rows, kind, to(event, rows))

    return handler


def disposal_missed(event: Event, rows: Rows) -> None:
    """Urge, unless a reminder follows because the department had arrived in time."""
    row = rows.get(INBOX, event.stream)
    if row is not None and (row["arrived_at"] is None or row["arrival_missed"]):
        _sent(event, rows, "urge", department(event, rows))


def urged(event: Event, rows: Rows) -> None:
    """By rule, when DISPOSAL turns yellow, or by command."""
    kind = "yellow_urge" if event["cause"] == "yellow" else "urge"
    _sent(event, rows, kind, department(event, rows))


def reminded(event: Event, rows: Rows) -> None:
    """The reminder goes out when the quiet hours allow."""
    _sent(event, rows, "reminder", department(event, rows), micros_of(event["notify_at"]))


def step_reached(event: Event, rows: Rows) -> None:
    """The step's own name says what is sent: yellow_letter, deputy_interview, listing or no_awards."""
    _sent(event, rows, event["step"], standing(event, rows))


HANDLES: dict[str, Handler] = {
    topics.topic(fact): handler
    for fact, handler in (
        (reports.TriageMissed, sends("escalation", above(COMMAND))),
        (reports.ReportRejected, sends("report_rejected", reporter)),
        (reports.ReportMerged, sends("report_merged", reporter)),
        (reports.ReportUnmerged, sends("report_unmerged", reporter)),
        (reports.HandledOnSpot, sends("handled", reporter)),
        (cases.DispatchMissed, sends("escalation", above(COMMAND))),
        (cases.SupervisionOrdered, sends("supervision_order", supervised)),
        (cases.SupervisionListed, sends("listing", listed)),
        (cases.SupervisionDelisted, sends("delisting", listed)),
        (cases.ListingMissed, sends("escalation", above(SUPERVISION))),
        (cases.CaseClosed, sends("case_closed", reporters)),
        (responses.SignatureMissed, sends("urge", department)),
        (responses.ArrivalMissed, sends("urge", department)),
        (responses.DisposalMissed, disposal_missed),
        (responses.UrgeIssued, urged),
        (responses.ArrivalReminded, sends("arrival_reminder", department)),
        (responses.ReminderIssued, reminded),
        (responses.ReminderWithdrawn, sends("reminder_withdrawn", department)),
        (responses.ReminderExpired, sends("escalation", above(SUPERVISION))),
        (responses.WrittenCriticismIssued, sends("written_criticism", department)),
        (responses.ArbitrationMissed, sends("escalation", arbiter)),
        (responses.VerificationMissed, sends("escalation", above(COMMAND))),
        (evaluations.ReplyMissed, sends("escalation", evaluation_above)),
        (evaluations.DecisionMissed, sends("escalation", evaluation_above)),
        (evaluations.CommendationConfirmed, sends("commendation", evaluated)),
        (evaluations.CriticismConfirmed, sends("criticism", evaluated)),
        (interviews.InterviewOpened, sends("interview", interviewed)),
        (interviews.InterviewConfirmed, sends("interview_confirmed", interviewed)),
        (interviews.InterviewHeld, sends("interview_held", interviewed)),
        (interviews.InterviewWithdrawn, sends("interview_withdrawn", interviewed)),
        (interviews.InterviewLimitMissed, sends("escalation", interview_above)),
        (interviews.InterviewExpired, sends("escalation", interview_above)),
        (standings.LadderStepReached, step_reached),
        (standings.LadderStepWithdrawn, sends("ladder_withdrawn", standing)),
    )
}
"""What each event tells whom."""

IGNORES = topics.of("whistle", "person") | topics.named(
    reports.ReportSubmitted, reports.ReportLocated, reports.SiteCheckRequested, reports.SiteChecked,
    reports.ReportAbsorbed, reports.ReportDetached, reports.ReportWithdrawn, reports.ReportFiled,
    reports.ReporterUnmasked, reports.ReporterErased,
    cases.CaseFiled, cases.CaseLocated, cases.CaseCorrected, cases.WhistleDrafted, cases.CaseWhistled,
    cases.CaseUnrouted, cases.DirectHandlingStarted, cases.ProgressReported, cases.LegalReviewPassed,
    cases.RectificationOrdered, cases.RectificationExpired, cases.RectificationComplied, cases.CaseSuspended,
    cases.CaseResumed, cases.ReporterRated, cases.CallbackMissed, cases.CaseReopened, cases.CaseCancelled,
    responses.ResponseDispatched, responses.ResponseSigned, responses.OfficersAssigned, responses.ArrivalMoved,
    responses.PartChanged, responses.DeadlineRecomputed, responses.ArrivalRecorded, responses.ArrivalConfirmed,
    responses.ArrivalCorrected, responses.SceneReleased, responses.SceneLeft, responses.LeftEarly,
    responses.EnforcementRecorded, responses.ReturnRequested, responses.DisputeReferred, responses.ReturnUpheld,
    responses.ReturnDenied, responses.ResponseReleased, responses.CompletionSubmitted, responses.VerificationPassed,
    responses.VerificationFailed, responses.ExtensionRequested, responses.ExtensionGranted, responses.ExtensionDenied,
    responses.ClocksPaused, responses.ClocksResumed, responses.ResponseDefaulted, responses.ResponseReopened,
    responses.LimitsMet,
    evaluations.EvaluationDrafted, evaluations.EvaluationAmended, evaluations.EvaluationReturned,
    evaluations.EvaluationOpened, evaluations.StreetPartGiven, evaluations.StreetPartLapsed,
    evaluations.SatisfactionTaken, evaluations.SatisfactionLapsed, evaluations.EvaluationServed,
    evaluations.ObjectionRaised, evaluations.ObjectionReplied, evaluations.ReviewRequested, evaluations.ReviewDecided,
    evaluations.EvaluationFinalised, evaluations.CommendationProposed, evaluations.CriticismProposed,
    interviews.InterviewPaused, interviews.InterviewResumed, interviews.InterviewLimitMet,
    interviews.InterviewRectified,
    standings.StandingOpened, standings.MarkEntered, standings.MarkStruck,
)  # fmt: skip

VIEW = View(
    name="notices_1",
    question="Who was told what, and when?",
    tables=(NOTICES,),
    handles=HANDLES,
    ignores=IGNORES,
    reads=(inbox.VIEW, interview_view.VIEW),
)
