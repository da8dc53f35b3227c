"""Timeliness 时效: how many were on time, by department, street, item and day. One question, many indicators.

`counting.py` keeps what counts, `indicators.py` says for what, `posting.py` posts it, `statistics.py` asks for it.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.dispatch.facts import whistle as whistles
from domain.kernel import Fact
from projections import inbox, topics
from projections.counting import Counting
from projections.events import Event
from projections.posting import COARSE, INDICATOR_COUNTS, SUBJECTS
from projections.rows import Rows
from projections.timing import Timing
from projections.view import View

__all__ = ["HANDLES", "IGNORES", "INDICATOR_COUNTS", "SUBJECTS", "view"]

Change = Callable[[Counting, Event, Rows], None]


def _sets(**changes: Any) -> Change:
    """A handler that sets what counts about a response."""

    def handler(self: Counting, event: Event, rows: Rows) -> None:
        self.response(event, rows, **changes)

    return handler


HANDLES: dict[type[Fact], Change] = {
    reports.ReportSubmitted: Counting.reported,
    reports.ReportMerged: Counting.voided,
    reports.ReportUnmerged: Counting.unmerged,
    reports.ReportWithdrawn: Counting.voided,
    reports.ReportLocated: Counting.located,
    reports.HandledOnSpot: Counting.on_spot,
    reports.ReportFiled: Counting.report_filed,
    cases.CaseFiled: Counting.case_filed,
    cases.CaseLocated: Counting.located,
    cases.CaseCorrected: Counting.corrected,
    cases.CaseCancelled: Counting.cancelled,
    cases.CaseClosed: Counting.closed,
    cases.CaseReopened: Counting.reopened,
    cases.ReporterRated: Counting.rated,
    cases.CallbackMissed: Counting.callback_missed,
    whistles.WhistleBlown: Counting.whistled,
    whistles.CasePushed: Counting.whistled,
    whistles.WhistleWithdrawn: Counting.unwhistled,
    whistles.WhistleCancelled: Counting.unwhistled,
    responses.ResponseDispatched: Counting.dispatched,
    responses.ResponseSigned: Counting.touched,
    responses.SignatureMissed: Counting.touched,
    responses.ArrivalMissed: Counting.touched,
    responses.ArrivalMoved: Counting.touched,
    responses.ArrivalRecorded: Counting.touched,
    responses.ArrivalConfirmed: Counting.touched,
    responses.ArrivalCorrected: Counting.touched,
    responses.DisposalMissed: Counting.lapsed,
    responses.VerificationMissed: Counting.lapsed,
    responses.DeadlineRecomputed: Counting.recomputed,
    responses.PartChanged: Counting.lead_changed,
    responses.VerificationPassed: Counting.verified,
    responses.VerificationFailed: Counting.reworked,
    responses.ExtensionGranted: _sets(extended=True),
    responses.ClocksPaused: _sets(suspended=True),
    responses.ClocksResumed: Counting.touched,
    responses.ReturnUpheld: _sets(upheld=True),
    responses.ResponseReleased: Counting.released,
    responses.ResponseDefaulted: Counting.lapsed,
    responses.ResponseReopened: Counting.response_reopened,
    evaluations.EvaluationDrafted: Counting.evaluated,
    evaluations.EvaluationReturned: Counting.returned,
    evaluations.EvaluationFinalised: Counting.final,
    evaluations.ReviewDecided: Counting.decided,
}

IGNORES = topics.of("interview", "standing", "person") | topics.named(
    reports.TriageMissed, reports.SiteCheckRequested, reports.SiteChecked, reports.ReportRejected,
    reports.ReportAbsorbed, reports.ReportDetached, reports.ReporterUnmasked, reports.ReporterErased,
    cases.DispatchMissed, cases.WhistleDrafted, cases.CaseWhistled, cases.CaseUnrouted, cases.DirectHandlingStarted,
    cases.ProgressReported, cases.LegalReviewPassed, cases.RectificationOrdered, cases.RectificationExpired,
    cases.RectificationComplied, cases.CaseSuspended, cases.CaseResumed, cases.SupervisionOrdered,
    cases.SupervisionListed, cases.ListingMissed, cases.SupervisionDelisted,
    whistles.DepartmentAdded, whistles.DepartmentReplaced, whistles.LeadChanged, whistles.AppointmentMoved,
    whistles.WhistleEscalated, whistles.WhistleResolved, whistles.WhistleReopened,
    responses.OfficersAssigned, responses.SceneReleased, responses.SceneLeft, responses.LeftEarly,
    responses.EnforcementRecorded, responses.ReturnRequested, responses.DisputeReferred, responses.ReturnDenied,
    responses.ArbitrationMissed, responses.CompletionSubmitted, responses.ExtensionRequested,
    responses.ExtensionDenied, responses.UrgeIssued, responses.ArrivalReminded, responses.ReminderIssued,
    responses.ReminderWithdrawn, responses.ReminderExpired, responses.WrittenCriticismIssued, responses.LimitsMet,
    evaluations.EvaluationAmended, evaluations.EvaluationOpened, evaluations.StreetPartGiven,
    evaluations.StreetPartLapsed, evaluations.SatisfactionTaken, evaluations.SatisfactionLapsed,
    evaluations.EvaluationServed, evaluations.ObjectionRaised, evaluations.ObjectionReplied, evaluations.ReplyMissed,
    evaluations.ReviewRequested, evaluations.DecisionMissed, evaluations.CommendationProposed,
    evaluations.CommendationConfirmed, evaluations.CriticismProposed, evaluations.CriticismConfirmed,
)  # fmt: skip


def view(timing: Timing) -> View:
    """The view, reckoning by the given timing."""
    counting = Counting(timing)
    return View(
        name="timeliness_3",
        question="How many were on time, of how many?",
        tables=(SUBJECTS, INDICATOR_COUNTS, *COARSE),
        handles={topics.topic(fact): MethodType(change, counting) for fact, change in HANDLES.items()},
        ignores=IGNORES,
        reads=(inbox.VIEW,),
        settles={SUBJECTS: counting.settle},
    )
