"""What can happen to a response: one department's answer to one whistle, or the street team's own handling."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from domain.dispatch.values import OfficerRef, Part, Place, Release
from domain.kernel import CaseAggregate, Opening
from domain.policy.deadlines import Stage


class ResponseDispatched(Opening):
    """派遣: a department is called; SIGN, ARRIVAL and DISPOSAL start. A street's own team has DISPOSAL alone."""

    TOPIC: ClassVar[str] = "response.dispatched.v1"
    whistle: UUID | None
    department: str
    part: Part
    kind: str | None
    urgency: str
    item: str
    street: str | None
    place: Place
    drill: bool
    replaces: UUID | None = None


class ResponseSigned(CaseAggregate.Event):
    """签收: the department has seen the call; SIGN stops."""

    TOPIC: ClassVar[str] = "response.signed.v1"
    on_time: bool
    band: str


class SignatureMissed(CaseAggregate.Event):
    """未及时签收: unsigned at the due time; the department is urged."""

    TOPIC: ClassVar[str] = "response.signature-missed.v1"


class ArrivalMissed(CaseAggregate.Event):
    """未及时报到: nobody had arrived at the due time. `again_at` is when a signed but absent one is reminded again."""

    TOPIC: ClassVar[str] = "response.arrival-missed.v1"
    again_at: AwareDatetime


class DisposalMissed(CaseAggregate.Event):
    """超时: no completion stood at the due time.

    `lapsed_extension` is true where a request was pending; `criticise_at` is when written criticism falls due.
    """

    TOPIC: ClassVar[str] = "response.disposal-missed.v1"
    criticise_at: AwareDatetime | None
    lapsed_extension: bool


class OfficersAssigned(CaseAggregate.Event):
    """派员: the department named who will come."""

    TOPIC: ClassVar[str] = "response.officers-assigned.v1"
    officers: tuple[OfficerRef, ...]


class ArrivalMoved(CaseAggregate.Event):
    """The appointment moved, and ARRIVAL with it."""

    TOPIC: ClassVar[str] = "response.arrival-moved.v1"
    to: AwareDatetime


class PartChanged(CaseAggregate.Event):
    """主办/协办变更: the department now leads, or no longer does."""

    TOPIC: ClassVar[str] = "response.part-changed.v1"
    part: Part


class DeadlineRecomputed(CaseAggregate.Event):
    """重算: the case was corrected, and DISPOSAL computed anew from its start."""

    TOPIC: ClassVar[str] = "response.deadline-recomputed.v1"
    urgency: str
    item: str
    place: Place


class ArrivalRecorded(CaseAggregate.Event):
    """报到: someone checked in. Without a position it waits for the street's confirmation and ARRIVAL runs on.

    `arrived_at` is the time that counts (the server's receipt), None while a confirmation is needed.
    """

    TOPIC: ClassVar[str] = "response.arrival-recorded.v1"
    officers: tuple[OfficerRef, ...]
    place: Place | None
    distance_m: float | None
    device_at: AwareDatetime | None
    arrived_at: AwareDatetime | None
    on_time: bool | None
    band: str | None


class ArrivalConfirmed(CaseAggregate.Event):
    """到场确认: the street confirmed an arrival and its time; an earlier miss is judged again."""

    TOPIC: ClassVar[str] = "response.arrival-confirmed.v1"
    arrived_at: AwareDatetime
    on_time: bool
    band: str


class ArrivalCorrected(CaseAggregate.Event):
    """到场更正: the street put the arrival time right, with a reason; a miss is judged again."""

    TOPIC: ClassVar[str] = "response.arrival-corrected.v1"
    arrived_at: AwareDatetime
    on_time: bool
    band: str
    reason: str


class SceneReleased(CaseAggregate.Event):
    """放行: the street lets the department go."""

    TOPIC: ClassVar[str] = "response.scene-released.v1"


class SceneLeft(CaseAggregate.Event):
    """离场: after the street's release."""

    TOPIC: ClassVar[str] = "response.scene-left.v1"


class LeftEarly(CaseAggregate.Event):
    """擅自离场: left before the street's release (事不完、人不撤)."""

    TOPIC: ClassVar[str] = "response.left-early.v1"


class EnforcementRecorded(CaseAggregate.Event):
    """执法记录: what at least two certified officers did on site."""

    TOPIC: ClassVar[str] = "response.enforcement-recorded.v1"
    action: str
    officers: tuple[OfficerRef, ...]
    certificates_shown: bool
    recorded: bool


class ReturnRequested(CaseAggregate.Event):
    """退回申请: the department says the case is not its own, on a legal basis; its duties go on. ARBITRATION starts."""

    TOPIC: ClassVar[str] = "response.return-requested.v1"
    basis: str


class DisputeReferred(CaseAggregate.Event):
    """移送裁定: the command centre referred the return to supervision; level 2 starts."""

    TOPIC: ClassVar[str] = "response.dispute-referred.v1"


class ReturnUpheld(CaseAggregate.Event):
    """退回成立: another department takes the same part; followed by ResponseReleased."""

    TOPIC: ClassVar[str] = "response.return-upheld.v1"
    replacement: str


class ReturnDenied(CaseAggregate.Event):
    """退回不成立: the department stays, and its clocks stand."""

    TOPIC: ClassVar[str] = "response.return-denied.v1"


class ArbitrationMissed(CaseAggregate.Event):
    """裁定超时: the return was not ruled on in time; escalates."""

    TOPIC: ClassVar[str] = "response.arbitration-missed.v1"


class ResponseReleased(CaseAggregate.Event):
    """解除: ended without being done, by an upheld return, an escalation, a withdrawal or a cancellation."""

    TOPIC: ClassVar[str] = "response.released.v1"
    because: Release


class CompletionSubmitted(CaseAggregate.Event):
    """办结反馈: the work is said to be done; DISPOSAL pauses, VERIFY starts, a pending extension falls away."""

    TOPIC: ClassVar[str] = "response.completion-submitted.v1"
    result: str
    photos: tuple[str, ...]
    on_time: bool


class VerificationPassed(CaseAggregate.Event):
    """核查通过: the disposal time is that of the submission."""

    TOPIC: ClassVar[str] = "response.verification-passed.v1"
    disposed_at: AwareDatetime
    on_time: bool
    band: str


class VerificationFailed(CaseAggregate.Event):
    """返工: not done; DISPOSAL resumes, moved by the wait for verification only."""

    TOPIC: ClassVar[str] = "response.verification-failed.v1"
    reason: str


class VerificationMissed(CaseAggregate.Event):
    """核查超时: nobody verified in time; never counts against the department."""

    TOPIC: ClassVar[str] = "response.verification-missed.v1"


class ExtensionRequested(CaseAggregate.Event):
    """延期申请: asked before the due time; level 1 is ruled on by the command centre, 2 by supervision."""

    TOPIC: ClassVar[str] = "response.extension-requested.v1"
    until: AwareDatetime
    reason: str
    level: int


class ExtensionGranted(CaseAggregate.Event):
    """延期批准: the granted time replaces the due time."""

    TOPIC: ClassVar[str] = "response.extension-granted.v1"
    until: AwareDatetime
    level: int


class ExtensionDenied(CaseAggregate.Event):
    """延期不批."""

    TOPIC: ClassVar[str] = "response.extension-denied.v1"


class ClocksPaused(CaseAggregate.Event):
    """The case was suspended, and the response's clocks stand still."""

    TOPIC: ClassVar[str] = "response.clocks-paused.v1"


class ClocksResumed(CaseAggregate.Event):
    """The case was resumed, and the response's clocks run on."""

    TOPIC: ClassVar[str] = "response.clocks-resumed.v1"


class UrgeIssued(CaseAggregate.Event):
    """催办: by hand (`cause` is `command`), or by rule when the clock of `stage` turns yellow (`yellow`), once each."""

    TOPIC: ClassVar[str] = "response.urge-issued.v1"
    cause: str
    stage: Stage | None = None


class ArrivalReminded(CaseAggregate.Event):
    """再次提醒: signed, yet still not there one allowance after the missed arrival."""

    TOPIC: ClassVar[str] = "response.arrival-reminded.v1"


class ReminderIssued(CaseAggregate.Event):
    """提醒提示: finish at once, by a new limit. `notify_at` keeps the quiet hours."""

    TOPIC: ClassVar[str] = "response.reminder-issued.v1"
    because: str
    notify_at: AwareDatetime


class ReminderWithdrawn(CaseAggregate.Event):
    """提醒撤销: what it rested on no longer stands."""

    TOPIC: ClassVar[str] = "response.reminder-withdrawn.v1"
    because: str


class ReminderExpired(CaseAggregate.Event):
    """提醒逾期: not finished by the reminder's new limit."""

    TOPIC: ClassVar[str] = "response.reminder-expired.v1"


class WrittenCriticismIssued(CaseAggregate.Event):
    """书面批评: long overdue after an urge and without reasons."""

    TOPIC: ClassVar[str] = "response.written-criticism-issued.v1"


class ResponseDefaulted(CaseAggregate.Event):
    """未处置: the command centre recorded that nothing came; done for the purposes of closing."""

    TOPIC: ClassVar[str] = "response.defaulted.v1"
    arrived: bool


class ResponseReopened(CaseAggregate.Event):
    """The case was reopened: a verified response goes to rework with a fresh DISPOSAL."""

    TOPIC: ClassVar[str] = "response.reopened.v1"


class LimitsMet(CaseAggregate.Event):
    """The limits that a reminder set were met by a completion that passed."""

    TOPIC: ClassVar[str] = "response.limits-met.v1"
