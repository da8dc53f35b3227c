"""What can happen to a report 网格上报."""

from typing import ClassVar
from uuid import UUID

from domain.dispatch.values import Place, Source
from domain.kernel import CaseAggregate, Opening


class ReportSubmitted(Opening):
    """上报: someone saw a problem and said so; TRIAGE starts. `reporter` is a citizen's id in the vault."""

    TOPIC: ClassVar[str] = "report.submitted.v1"
    source: Source
    description: str
    place: Place
    item: str | None
    photos: tuple[str, ...]
    reporter: UUID | None
    drill: bool
    area: str
    street: str | None
    division: str | None
    backfilled: bool = False
    external: str | None = None


class ReportLocated(CaseAggregate.Event):
    """属地: the first street that acted took the report on."""

    TOPIC: ClassVar[str] = "report.located.v1"
    street: str


class TriageMissed(CaseAggregate.Event):
    """受理超时: nobody filed, rejected or settled the report by the due time."""

    TOPIC: ClassVar[str] = "report.triage-missed.v1"


class SiteCheckRequested(CaseAggregate.Event):
    """核实: the command centre asked for a look on site; TRIAGE pauses."""

    TOPIC: ClassVar[str] = "report.site-check-requested.v1"


class SiteChecked(CaseAggregate.Event):
    """核实反馈: someone looked; TRIAGE resumes."""

    TOPIC: ClassVar[str] = "report.site-checked.v1"
    finding: str | None


class ReportRejected(CaseAggregate.Event):
    """不予受理: refused with a reason and a reply to the reporter."""

    TOPIC: ClassVar[str] = "report.rejected.v1"
    reason: str
    reply: str


class ReportMerged(CaseAggregate.Event):
    """合并: the same matter as a master report, which will carry it on."""

    TOPIC: ClassVar[str] = "report.merged.v1"
    into: UUID
    distance_m: float


class ReportAbsorbed(CaseAggregate.Event):
    """并入: recorded on the master, so that every reporter hears the result."""

    TOPIC: ClassVar[str] = "report.absorbed.v1"
    report: UUID


class ReportUnmerged(CaseAggregate.Event):
    """撤销合并: after all a matter of its own; TRIAGE starts afresh."""

    TOPIC: ClassVar[str] = "report.unmerged.v1"
    out_of: UUID


class ReportDetached(CaseAggregate.Event):
    """分出: recorded on the master when a merged report leaves it."""

    TOPIC: ClassVar[str] = "report.detached.v1"
    report: UUID


class ReportWithdrawn(CaseAggregate.Event):
    """撤回: by its reporter, before filing."""

    TOPIC: ClassVar[str] = "report.withdrawn.v1"


class HandledOnSpot(CaseAggregate.Event):
    """自行处置: settled by the grid worker, with a photo before and one after."""

    TOPIC: ClassVar[str] = "report.handled-on-spot.v1"
    before: str
    after: str


class ReportFiled(CaseAggregate.Event):
    """转立案: a case was filed from the report; TRIAGE stops."""

    TOPIC: ClassVar[str] = "report.filed.v1"
    case: UUID
    on_time: bool


class ReporterUnmasked(CaseAggregate.Event):
    """解密: someone read the reporter's identity in clear, for a stated reason."""

    TOPIC: ClassVar[str] = "report.reporter-unmasked.v1"
    person: UUID
    reason: str


class ReporterErased(CaseAggregate.Event):
    """删除: the reporter's key was destroyed; the identity can never be read again."""

    TOPIC: ClassVar[str] = "report.reporter-erased.v1"
    person: UUID
