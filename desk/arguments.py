"""What the commands take, besides what they act on: one strict model each.

Unknown fields are refused, times are aware and within this century, texts are kept to the letter but neither blank nor
beyond their length.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.dispatch.values import Place, Satisfaction, Source
from domain.policy.deadlines import Urgency, WhistleKind

FIRST_YEAR, LAST_YEAR = 2000, 2099


def _not_blank(text: str) -> str:
    if not text.strip():
        msg = "must not be blank"
        raise ValueError(msg)
    return text


def _this_century(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        msg = "must lie between the years 2000 and 2099"
        raise ValueError(msg)
    return at


Word = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_not_blank)]
Text = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_not_blank)]
PhotoHash = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_not_blank)]
Moment = Annotated[AwareDatetime, AfterValidator(_this_century)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Photos = Annotated[tuple[PhotoHash, ...], Field(max_length=50)]
Departments = Annotated[tuple[Word, ...], Field(max_length=30)]
Officers = Annotated[tuple[Word, ...], Field(max_length=50)]


class Arguments(BaseModel):
    """What a command takes besides what it acts on."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Arguments):
    """The command takes no arguments."""


class Citizen(Arguments):
    """A reporter's or a party's identity; it goes to the vault and never into an event."""

    name: Word
    phone: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class SubmitReport(Arguments):
    """上报."""

    source: Source
    description: Text
    place: Place
    item: Word | None = None
    photos: Photos = ()
    reporter: Citizen | None = None
    drill: bool = False
    division: Annotated[str, Field(pattern=r"^\d{9,15}$")] | None = None


class PhoneWhistle(SubmitReport):
    """电话先行吹哨: an emergency's report, filing and whistle in one; `phoned_at` at most the policy's hours ago."""

    item: Word
    urgency: Urgency = Urgency.EMERGENCY
    kind: WhistleKind = WhistleKind.EMERGENCY
    lead: Word
    support: Departments = ()
    reason: Text | None = None
    appointed_at: Moment | None = None
    phoned_at: Moment | None = None


class ConfirmSiteCheck(Arguments):
    """核实反馈."""

    finding: Text | None = None


class RejectReport(Arguments):
    """不予受理."""

    reason: Text
    reply: Text


class MergeReport(Arguments):
    """合并: `into` is the id of the master report or case."""

    into: Word


class HandleOnSpot(Arguments):
    """自行处置."""

    before: PhotoHash
    after: PhotoHash


class FileCase(Arguments):
    """立案."""

    item: Word
    urgency: Urgency


class Unmask(Arguments):
    """解密."""

    reason: Text


class ChildItem(Arguments):
    """One part of a matter that is handled directly, such as one shed of a market."""

    name: Word


class RouteDirect(Arguments):
    """直接办理: `children` is how many parts it is counted in, or their names."""

    children: (
        Annotated[int, Field(ge=1, le=100_000)] | Annotated[tuple[Word | ChildItem, ...], Field(max_length=1000)] | None
    ) = None


class CorrectCase(Arguments):
    """更正."""

    item: Word | None = None
    urgency: Urgency | None = None
    place: Place | None = None
    reason: Text


class ReportProgress(Arguments):
    """进度."""

    done: int = Field(ge=0, le=100_000)
    of: int = Field(ge=1, le=100_000)


class DraftWhistle(Arguments):
    """拟哨."""

    kind: WhistleKind
    lead: Word
    support: Departments = ()
    appointed_at: Moment | None = None
    reason: Text | None = None


class BlowWhistle(Arguments):
    """吹哨: what is left out is taken from the street officer's draft, where there is one."""

    kind: WhistleKind | None = None
    lead: Word | None = None
    support: Departments | None = None
    appointed_at: Moment | None = None
    reason: Text | None = None


class PushCase(Arguments):
    """推送."""

    lead: Word
    support: Departments = ()
    reason: Text | None = None


class OrderRectification(Arguments):
    """责令改正: the party is a citizen or a firm; the name goes to the vault."""

    party: Word
    comply_by: Moment


class SuspendCase(Arguments):
    """挂账."""

    reason: Text
    resume_at: Moment


class ListCase(Arguments):
    """挂牌."""

    limit_at: Moment


class Rate(Arguments):
    """回访."""

    satisfaction: Satisfaction
    resolved: bool | None = None


class Reason(Arguments):
    """A reason, and nothing else."""

    reason: Text


class OneDepartment(Arguments):
    """One department, by name or code."""

    department: Word


class EscalateWhistle(Arguments):
    """升级."""

    lead: Word
    support: Departments = ()
    reason: Text | None = None


class MoveAppointment(Arguments):
    """改约."""

    to: Moment


class RequestReturn(Arguments):
    """退回申请."""

    basis: Text


class UpholdReturn(Arguments):
    """退回成立."""

    replacement: Word


class AssignOfficers(Arguments):
    """派员."""

    officers: Annotated[tuple[Word, ...], Field(min_length=1, max_length=50)]


class CheckIn(Arguments):
    """报到: `device_at` is when the device noted it, where it reports late."""

    place: Place | None = None
    officers: Officers = ()
    device_at: Moment | None = None


class ConfirmArrival(Arguments):
    """到场确认."""

    at: Moment | None = None


class CorrectArrival(Arguments):
    """到场更正."""

    at: Moment
    reason: Text


class RecordEnforcement(Arguments):
    """执法记录."""

    action: Text
    officers: Officers
    certificates_shown: bool
    recorded: bool


class Complete(Arguments):
    """办结反馈."""

    result: Text
    photos: Photos = ()


class RequestExtension(Arguments):
    """延期申请."""

    until: Moment
    reason: Text


class Evaluate(Arguments):
    """街道评价."""

    conduct: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    cooperation: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    vetoes: Annotated[tuple[Word, ...], Field(max_length=10)] = ()


class ReplyObjection(Arguments):
    """答复."""

    text: Text


class DecideReview(Arguments):
    """复核决定."""

    upheld: bool
    exempt: Annotated[tuple[Word, ...], Field(max_length=20)] = ()


class HoldInterview(Arguments):
    """约谈."""

    minutes: Text


class Rectify(Arguments):
    """整改."""

    evidence: Text


class RegisterPerson(Arguments):
    """登记人员: an officer of an organisation of the city."""

    name: Word
    organisation: Word


class IssueCertificate(Arguments):
    """发证: valid through the last day named."""

    number: Word
    valid_from: Day | None = None
    valid_until: Day


class PostOfficer(Arguments):
    """下沉派驻: to a street for a year's postings; the weight decides the annual assessment."""

    street: Word
    weight: Word
    since: Day


class EndPosting(Arguments):
    """结束派驻."""

    until: Day


class AnnualScore(Arguments):
    """年度评分: out of 100, one decimal."""

    year: Annotated[int, Field(ge=2000, le=2099)]
    score: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class AssessYear(Arguments):
    """年度考核."""

    year: Annotated[int, Field(ge=2000, le=2099)]
