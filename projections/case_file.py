"""The case file 案卷: a case with its reports, whistles, responses, evaluations and interviews, each as it stands.

One document per stream. How an event changes its document is data, a row of `FOLDS`: the state that is reached, the
fields that are taken over, and the name under which the time is noted. Times in documents are written as in events.

It is folded when it is asked for. A case has a dozen events, which the log finds by the case's id at once, so a stored
copy of every document would cost a fold of the whole log a third of its time and save a reader nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import interview as interviews
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.dispatch.facts import whistle as whistles
from domain.kernel import Fact
from projections import topics
from projections.events import all_of, facts_of
from store.recorder import RawEvent


@dataclass(slots=True)
class Part:
    """One stream of a case as it stands: `kind` is report, case, whistle, response, evaluation or interview.

    `version` is its last event, which is what a command on it must expect.
    """

    id: UUID
    kind: str
    version: int
    document: dict[str, Any]


class Said(NamedTuple):
    """An event with all that it says, since a document takes over most of it; `Event` picks some fields out."""

    stream: bytes
    version: int
    topic: str
    data: dict[str, Any]


Parts = dict[bytes, Part]
"""What is known so far, by stream."""

Handler = Callable[[Said, Parts], None]


class Fold(NamedTuple):
    """How an event changes its stream's document.

    `state` is reached only where the field `needs` is there, and only from one of the states `since`, where given.
    `takes` keeps a field under another name; `lists` collects a field's values under another name; `counts` counts
    under a name; `sets` are fixed values.
    """

    state: str | None = None
    keep: tuple[str, ...] = ()
    stamp: str | None = None
    lists: tuple[str, str] | None = None
    counts: str | None = None
    needs: str | None = None
    since: tuple[str, ...] = ()
    takes: tuple[str, str] | None = None
    sets: dict[str, Any] = {}  # noqa: RUF012 - never changed, as the rows of FOLDS are data


NOTED = Fold()
"""The event stands in the timeline, and moves at most the version and the clocks."""

LAPSED = dict.fromkeys(("objection", "objected_at", "reply", "replied_at", "review_requested_at"))
"""An objection lapses when the case is reopened; what a review exempted stays exempt."""

FOLDS: dict[type[Fact], Fold] = {
    reports.ReportLocated: Fold(keep=("street",)),
    reports.TriageMissed: NOTED,
    reports.SiteCheckRequested: Fold("site_check"),
    reports.SiteChecked: Fold("reported", ("finding",)),
    reports.ReportRejected: Fold("rejected", ("reason", "reply"), "rejected_at"),
    reports.ReportMerged: Fold("merged", ("into", "distance_m"), "merged_at"),
    reports.ReportAbsorbed: Fold(lists=("report", "absorbed")),
    reports.ReportUnmerged: Fold("reported", sets={"into": None, "merged_at": None}),
    reports.ReportDetached: Fold(lists=("report", "detached")),
    reports.ReportWithdrawn: Fold("withdrawn", stamp="withdrawn_at"),
    reports.HandledOnSpot: Fold("handled_on_spot", ("before", "after"), "handled_at"),
    reports.ReportFiled: Fold("filed", ("case",), "filed_at"),
    reports.ReporterUnmasked: NOTED,
    reports.ReporterErased: Fold(sets={"reporter_erased": True}),
    cases.CaseLocated: Fold(keep=("street",)),
    cases.DispatchMissed: NOTED,
    cases.CaseCorrected: Fold(keep=("item", "item_name", "item_limit", "catalogue", "urgency", "place")),
    cases.WhistleDrafted: Fold(sets={"whistle_drafted": True}),
    cases.CaseWhistled: Fold("whistled", lists=("whistle", "whistles"), sets={"whistle_drafted": False}),
    cases.CaseUnrouted: Fold("filed"),
    cases.DirectHandlingStarted: Fold("direct", ("response", "team", "street", "children")),
    cases.ProgressReported: Fold(keep=("done", "of")),
    cases.LegalReviewPassed: Fold(stamp="legal_review_passed_at"),
    cases.RectificationOrdered: Fold(keep=("party", "comply_by"), stamp="rectification_ordered_at"),
    cases.RectificationExpired: Fold(stamp="rectification_expired_at"),
    cases.RectificationComplied: Fold(stamp="rectification_complied_at"),
    cases.CaseSuspended: Fold(keep=("resume_at",), stamp="suspended_at", sets={"suspended": True}),
    cases.CaseResumed: Fold(stamp="resumed_at", sets={"suspended": False}),
    cases.SupervisionOrdered: Fold(stamp="supervised_at"),
    cases.SupervisionListed: Fold(keep=("limit_at",), stamp="listed_at", sets={"listed": True}),
    cases.ListingMissed: NOTED,
    cases.SupervisionDelisted: Fold(stamp="delisted_at", sets={"listed": False}),
    cases.CaseClosed: Fold("closed", ("due_to_close", "on_time"), "closed_at"),
    cases.ReporterRated: Fold(keep=("satisfaction", "resolved"), stamp="rated_at"),
    cases.CallbackMissed: NOTED,
    cases.CaseReopened: Fold("reopened", ("reason",), "reopened_at", sets={"closed_at": None}),
    cases.CaseCancelled: Fold("cancelled", ("reason",), "cancelled_at"),
    whistles.DepartmentAdded: Fold(lists=("dispatch", "responses")),
    whistles.DepartmentReplaced: Fold(lists=("dispatch", "responses")),
    whistles.LeadChanged: Fold(keep=("lead",)),
    whistles.AppointmentMoved: Fold(lists=("to", "appointments")),
    whistles.WhistleEscalated: Fold(keep=("kind",), lists=("responses", "escalations"), stamp="escalated_at"),
    whistles.WhistleWithdrawn: Fold("withdrawn", ("reason",), "withdrawn_at"),
    whistles.WhistleResolved: Fold("resolved", stamp="resolved_at"),
    whistles.WhistleReopened: Fold("blown", sets={"resolved_at": None}),
    whistles.WhistleCancelled: Fold("withdrawn", stamp="cancelled_at"),
    responses.ResponseSigned: Fold("signed", stamp="signed_at"),
    responses.SignatureMissed: NOTED,
    responses.ArrivalMissed: NOTED,
    responses.DisposalMissed: NOTED,
    responses.OfficersAssigned: Fold(keep=("officers",)),
    responses.ArrivalMoved: NOTED,
    responses.PartChanged: Fold(keep=("part",)),
    responses.DeadlineRecomputed: Fold(keep=("urgency", "item", "place")),
    responses.ArrivalRecorded: Fold(
        "arrived", ("arrived_at", "device_at", "distance_m"), "checked_in_at", needs="arrived_at"
    ),
    responses.ArrivalConfirmed: Fold("arrived", ("arrived_at",), since=("dispatched", "signed")),
    responses.ArrivalCorrected: Fold(keep=("arrived_at",)),
    responses.SceneReleased: Fold(stamp="scene_released_at"),
    responses.SceneLeft: Fold(stamp="left_at"),
    responses.LeftEarly: Fold(stamp="left_early_at"),
    responses.EnforcementRecorded: Fold(lists=("action", "enforcement")),
    responses.ReturnRequested: Fold(keep=("basis",), stamp="return_requested_at"),
    responses.DisputeReferred: Fold(stamp="return_referred_at"),
    responses.ReturnUpheld: Fold(keep=("replacement",)),
    responses.ReturnDenied: Fold(stamp="return_denied_at"),
    responses.ArbitrationMissed: NOTED,
    responses.ResponseReleased: Fold("released", ("because",), "released_at"),
    responses.CompletionSubmitted: Fold("completed", ("result", "photos"), "completed_at"),
    responses.VerificationPassed: Fold("verified", ("disposed_at",), "verified_at"),
    responses.VerificationFailed: Fold("rework", ("reason",), counts="reworks"),
    responses.VerificationMissed: NOTED,
    responses.ExtensionRequested: Fold(keep=("until",), stamp="extension_requested_at"),
    responses.ExtensionGranted: Fold(counts="extensions"),
    responses.ExtensionDenied: NOTED,
    responses.ClocksPaused: Fold(sets={"paused": True}),
    responses.ClocksResumed: Fold(sets={"paused": False}),
    responses.UrgeIssued: Fold(counts="urges"),
    responses.ArrivalReminded: Fold(counts="arrival_reminders"),
    responses.ReminderIssued: Fold(stamp="reminded_at", sets={"reminder": "open"}),
    responses.ReminderWithdrawn: Fold(sets={"reminder": "withdrawn"}),
    responses.ReminderExpired: Fold(sets={"reminder": "expired"}),
    responses.WrittenCriticismIssued: Fold(stamp="criticised_at"),
    responses.ResponseDefaulted: Fold("defaulted", stamp="defaulted_at"),
    responses.ResponseReopened: Fold("rework", sets={"verified_at": None}),
    responses.LimitsMet: Fold(sets={"reminder": "met"}),
    evaluations.EvaluationAmended: Fold(keep=("rubric", "facts", "part")),
    evaluations.EvaluationReturned: Fold("drafted", counts="returns", sets={"sheet": None, **LAPSED}),
    evaluations.EvaluationOpened: NOTED,
    evaluations.StreetPartGiven: Fold(keep=("conduct", "cooperation", "vetoes")),
    evaluations.StreetPartLapsed: NOTED,
    evaluations.SatisfactionTaken: Fold(keep=("satisfaction",)),
    evaluations.SatisfactionLapsed: NOTED,
    evaluations.EvaluationServed: Fold("served", ("sheet",), "served_at"),
    evaluations.ObjectionRaised: Fold("objected", takes=("reason", "objection"), stamp="objected_at"),
    evaluations.ObjectionReplied: Fold(takes=("text", "reply"), stamp="replied_at"),
    evaluations.ReplyMissed: NOTED,
    evaluations.ReviewRequested: Fold("under_review", stamp="review_requested_at"),
    evaluations.DecisionMissed: NOTED,
    evaluations.ReviewDecided: Fold(keep=("upheld", "exempt"), stamp="decided_at"),
    evaluations.EvaluationFinalised: Fold("final", ("sheet", "because"), "final_at"),
    evaluations.CommendationProposed: Fold(sets={"commendation": "proposed"}),
    evaluations.CommendationConfirmed: Fold(sets={"commendation": "confirmed"}),
    evaluations.CriticismProposed: Fold(sets={"criticism": "proposed"}),
    evaluations.CriticismConfirmed: Fold(sets={"criticism": "confirmed"}),
    interviews.InterviewConfirmed: Fold("confirmed", stamp="confirmed_at"),
    interviews.InterviewWithdrawn: Fold("withdrawn", ("because",), "withdrawn_at"),
    interviews.InterviewHeld: Fold("held", ("minutes",), "held_at"),
    interviews.InterviewLimitMet: Fold(stamp="limit_met_at"),
    interviews.InterviewLimitMissed: NOTED,
    interviews.InterviewPaused: Fold(sets={"paused": True}),
    interviews.InterviewResumed: Fold(sets={"paused": False}),
    interviews.InterviewRectified: Fold("rectified", ("evidence",), "rectified_at"),
    interviews.InterviewExpired: Fold("expired", stamp="expired_at"),
}
"""Every event that is not the first of its stream."""

OPENINGS: dict[type[Fact], str] = {
    reports.ReportSubmitted: "reported",
    cases.CaseFiled: "filed",
    whistles.WhistleBlown: "blown",
    whistles.CasePushed: "blown",
    responses.ResponseDispatched: "dispatched",
    evaluations.EvaluationDrafted: "drafted",
    interviews.InterviewOpened: "opened",
}
"""Every event that begins a stream, with the state it begins in; all its fields are taken over."""


def opens(state: str) -> Handler:
    """A handler for the first event of a stream."""

    def handler(event: Said, parts: Parts) -> None:
        data = event.data
        document = {"state": state, "at": data["timestamp"], **facts_of(data), "clocks": _clocks(data)}
        kind = event.topic.partition(".")[0]
        parts[event.stream] = Part(UUID(bytes=event.stream), kind, event.version, document)

    return handler


def changes(fold: Fold) -> Handler:
    """A handler for any later event."""

    def handler(event: Said, parts: Parts) -> None:
        part, data = parts[event.stream], event.data
        part.version, document = event.version, part.document
        document["clocks"] |= _clocks(data)
        if _reached(fold, data, document):
            document["state"] = fold.state
        for field in fold.keep:
            document[field] = data[field]
        if fold.takes is not None:
            field, name = fold.takes
            document[name] = data[field]
        if fold.stamp is not None:
            document[fold.stamp] = data["timestamp"]
        if fold.lists is not None:
            field, name = fold.lists
            document.setdefault(name, []).append(data[field])
        if fold.counts is not None:
            document[fold.counts] = document.get(fold.counts, 0) + 1
        document.update(fold.sets)

    return handler


def _clocks(data: dict[str, Any]) -> dict[str, Any]:
    return {clock["stage"]: clock for clock in data.get("clocks") or ()}


def _reached(fold: Fold, data: dict[str, Any], document: dict[str, Any]) -> bool:
    there = fold.needs is None or data[fold.needs] is not None
    return fold.state is not None and there and (not fold.since or document["state"] in fold.since)


HANDLES: dict[str, Handler] = {topics.topic(fact): opens(state) for fact, state in OPENINGS.items()} | {
    topics.topic(fact): changes(fold) for fact, fold in FOLDS.items()
}

IGNORES = topics.of("standing", "person")
"""What belongs to no case."""


def folded(raws: Iterable[RawEvent]) -> list[Part]:
    """The streams that these events make, in order of id; `raws` are whole streams, each in order."""
    parts: Parts = {}
    for _, stream, version, topic, state in raws:
        if topic not in IGNORES:
            HANDLES[topic](Said(stream, version, topic, all_of(topic, state)), parts)
    return [parts[stream] for stream in sorted(parts)]
