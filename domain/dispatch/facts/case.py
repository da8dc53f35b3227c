"""What can happen to a case 案卷."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from domain.dispatch.values import Dispatch, Place, Satisfaction, Source
from domain.kernel import CaseAggregate, Opening
from domain.policy.deadlines import Limit


class CaseFiled(Opening):
    """立案: item, its limit and the catalogue version are frozen here; DISPATCH starts."""

    TOPIC: ClassVar[str] = "case.filed.v1"
    number: str
    report: UUID
    item: str
    item_name: str
    item_limit: Limit | None
    catalogue: str
    urgency: str
    place: Place
    source: Source
    area: str
    street: str | None
    division: str | None
    drill: bool
    backfilled: bool = False
    external: str | None = None


class CaseLocated(CaseAggregate.Event):
    """属地: the first street that acted took the case on."""

    TOPIC: ClassVar[str] = "case.located.v1"
    street: str


class DispatchMissed(CaseAggregate.Event):
    """派遣超时: the case was not routed by the due time."""

    TOPIC: ClassVar[str] = "case.dispatch-missed.v1"


class CaseCorrected(CaseAggregate.Event):
    """更正: item, urgency or place were put right, before the first arrival, with a reason."""

    TOPIC: ClassVar[str] = "case.corrected.v1"
    item: str
    item_name: str
    item_limit: Limit | None
    catalogue: str
    urgency: str
    place: Place
    reason: str


class WhistleDrafted(CaseAggregate.Event):
    """拟哨: a street officer prepared a whistle for the leader to blow."""

    TOPIC: ClassVar[str] = "case.whistle-drafted.v1"
    kind: str
    lead: str
    support: tuple[str, ...]
    appointed_at: AwareDatetime | None
    reason: str | None


class CaseWhistled(CaseAggregate.Event):
    """A whistle was blown or pushed for the case; DISPATCH stops."""

    TOPIC: ClassVar[str] = "case.whistled.v1"
    whistle: UUID
    responses: tuple[Dispatch, ...]
    on_time: bool


class CaseUnrouted(CaseAggregate.Event):
    """退回待派: the whistle was withdrawn, and the case waits to be routed again."""

    TOPIC: ClassVar[str] = "case.unrouted.v1"
    whistle: UUID


class DirectHandlingStarted(CaseAggregate.Event):
    """直接办理: the street's own team handles it; `children` are the parts it is counted in."""

    TOPIC: ClassVar[str] = "case.direct-handling-started.v1"
    response: UUID
    team: str
    street: str
    children: int | None
    on_time: bool


class ProgressReported(CaseAggregate.Event):
    """进度: so many of so many parts are done."""

    TOPIC: ClassVar[str] = "case.progress-reported.v1"
    done: int
    of: int


class LegalReviewPassed(CaseAggregate.Event):
    """法制审核: supervision passed the case for forced measures."""

    TOPIC: ClassVar[str] = "case.legal-review-passed.v1"


class RectificationOrdered(CaseAggregate.Event):
    """责令改正: the party must comply by a time of its own; DISPATCH pauses."""

    TOPIC: ClassVar[str] = "case.rectification-ordered.v1"
    party: UUID
    comply_by: AwareDatetime


class RectificationExpired(CaseAggregate.Event):
    """逾期未改: the party did not comply in time; never counts against a department."""

    TOPIC: ClassVar[str] = "case.rectification-expired.v1"


class RectificationComplied(CaseAggregate.Event):
    """已改正: the party complied; DISPATCH resumes."""

    TOPIC: ClassVar[str] = "case.rectification-complied.v1"


class CaseSuspended(CaseAggregate.Event):
    """挂账: waits for season, engineering or litigation; every clock of the case pauses."""

    TOPIC: ClassVar[str] = "case.suspended.v1"
    reason: str
    resume_at: AwareDatetime


class CaseResumed(CaseAggregate.Event):
    """恢复: by command or by itself at the stated time."""

    TOPIC: ClassVar[str] = "case.resumed.v1"
    automatic: bool


class SupervisionOrdered(CaseAggregate.Event):
    """督办: the command centre put the case under supervision."""

    TOPIC: ClassVar[str] = "case.supervision-ordered.v1"
    departments: tuple[str, ...]


class SupervisionListed(CaseAggregate.Event):
    """挂牌: listed publicly by supervision with a new limit, beside the deadlines that stand."""

    TOPIC: ClassVar[str] = "case.supervision-listed.v1"
    limit_at: AwareDatetime
    departments: tuple[str, ...]


class ListingMissed(CaseAggregate.Event):
    """挂牌逾期: the listed case was not closed by its limit."""

    TOPIC: ClassVar[str] = "case.listing-missed.v1"


class SupervisionDelisted(CaseAggregate.Event):
    """摘牌."""

    TOPIC: ClassVar[str] = "case.supervision-delisted.v1"
    departments: tuple[str, ...]


class CaseClosed(CaseAggregate.Event):
    """结案: every response not released is verified or defaulted; CALLBACK starts.

    `due_to_close` is the latest disposal due plus VERIFY; `reports` are all whose reporters hear the result.
    """

    TOPIC: ClassVar[str] = "case.closed.v1"
    due_to_close: AwareDatetime | None
    on_time: bool
    reports: tuple[UUID, ...]


class ReporterRated(CaseAggregate.Event):
    """回访: how satisfied the reporter is, and whether the matter is resolved."""

    TOPIC: ClassVar[str] = "case.reporter-rated.v1"
    satisfaction: Satisfaction
    resolved: bool | None
    on_time: bool


class CallbackMissed(CaseAggregate.Event):
    """回访超时: nobody was asked within the window; the reporter counts as unreachable."""

    TOPIC: ClassVar[str] = "case.callback-missed.v1"


class CaseReopened(CaseAggregate.Event):
    """重开: the same cause came back within the window."""

    TOPIC: ClassVar[str] = "case.reopened.v1"
    reason: str


class CaseCancelled(CaseAggregate.Event):
    """作废: before the first arrival; counts nowhere."""

    TOPIC: ClassVar[str] = "case.cancelled.v1"
    reason: str
