"""Doing the work: completion, verification, extensions, default, suspension, correction and reopening of a response."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.dispatch.facts.response import (
    ClocksPaused,
    ClocksResumed,
    CompletionSubmitted,
    DeadlineRecomputed,
    ExtensionDenied,
    ExtensionGranted,
    ExtensionRequested,
    LimitsMet,
    PartChanged,
    ResponseDefaulted,
    ResponseDispatched,
    ResponseReleased,
    ResponseReopened,
    VerificationFailed,
    VerificationPassed,
)
from domain.dispatch.response import AT_WORK, Response, ResponseState
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.values import Part, Place, Release
from domain.errors import ExtensionLimit, ExtensionTooLong, Invalid, NotPermitted, SamePerson, TooLate
from domain.kernel import Act
from domain.policy.deadlines import Clock, Limit, Stage, Urgency, WhistleKind
from domain.policy.rubric import Band, Facts, Mark, disposal_band

PAUSABLE = (
    Stage.SIGNATURE,
    Stage.ARRIVAL,
    Stage.RETURN,
    Stage.ARBITRATION,
    Stage.DISPOSAL,
    Stage.VERIFICATION,
    Stage.REMINDER_LIMIT,
)
"""The clocks of a response that a suspension of its case pauses."""

WORST_FIRST = (Band.NEVER, Band.LATE, Band.THREE_DAYS, Band.ONE_DAY, Band.ON_TIME)


def dispatch(
    response_id: UUID,
    act: Act,
    keeper: Timekeeper,
    *,
    item_limit: Limit | None,
    appointed_at: datetime | None = None,
    **facts: object,
) -> Response:
    """Call a department, or set the street's own team to work: its clocks start."""
    urgency, kind = Urgency(str(facts["urgency"])), facts["kind"]
    clocks = [keeper.start_disposal(act.at, urgency, item_limit)]
    if facts["whistle"] is not None:
        ahead = appointed_at if appointed_at is not None and appointed_at > act.at else None
        whistle = WhistleKind(str(kind))
        clocks = [
            keeper.start(Stage.SIGNATURE, act.at, urgency),
            keeper.start(Stage.ARRIVAL, act.at, urgency, kind=whistle, appointed_at=ahead),
            *clocks,
        ]
    return Response.open(ResponseDispatched, response_id, act, clocks=tuple(clocks), **facts)


def change_part(response: Response, part: Part, act: Act) -> None:
    """Take over the lead, or hand it on."""
    if response.part is not part:
        response.record(PartChanged, act, part=part)


def recompute(
    response: Response,
    item: str,
    item_limit: Limit | None,
    urgency: Urgency,
    place: Place,
    act: Act,
    keeper: Timekeeper,
) -> None:
    """The case was corrected: DISPOSAL is computed anew from its start, by the rules it started with."""
    clocks: tuple[Clock, ...] = ()
    if (clock := response.disposal_clock()) is not None:
        policy = keeper.rules.policy_version(clock.policy)
        calendar = keeper.rules.calendar_of(clock)
        limit, rule = policy.disposal_limit(item_limit, urgency, clock.started_at, calendar)
        clocks = (clock.recompute(limit, calendar, response.next_ref, rule, policy, act.at),)
    response.record(DeadlineRecomputed, act, urgency=urgency, item=item, place=place, clocks=clocks)


def may_complete(response: Response) -> None:
    """Refuse unless someone is there and the work is not yet reported done."""
    if response.state in (ResponseState.COMPLETED, ResponseState.VERIFIED):
        raise response.done_already("is completed")
    ready = (ResponseState.ARRIVED, ResponseState.REWORK)
    if response.state not in ready and not (response.is_direct and response.state is ResponseState.DISPATCHED):
        raise response.wrong("arrive first, then complete")


def complete(response: Response, result: str, photos: Sequence[str], act: Act, keeper: Timekeeper) -> None:
    """办结反馈: DISPOSAL pauses, VERIFY starts, and a pending extension falls away."""
    may_complete(response)
    disposal = response.disposal_clock()
    verification = keeper.start(Stage.VERIFICATION, act.at, response.urgency)
    paused = () if disposal is None else (disposal.pause(act.at, response.next_ref),)
    response.record(
        CompletionSubmitted,
        act,
        result=result,
        photos=tuple(photos),
        on_time=disposal is None or (disposal.missed_at is None and disposal.on_time(act.at)),
        clocks=(*paused, verification),
    )


def may_pass(response: Response, act: Act) -> None:
    """Refuse unless a completion waits, and someone else verifies."""
    if response.state is ResponseState.VERIFIED:
        raise response.done_already("is verified")
    _must_be_completed(response)
    _not_the_submitter(response, act)


def pass_verification(response: Response, act: Act, keeper: Timekeeper) -> None:
    """核查通过: the submission's time is the disposal time."""
    may_pass(response, act)
    assert response.completed_at is not None
    clocks: tuple[Clock, ...] = ()
    band = Band.ON_TIME
    if (clock := response.disposal_clock()) is not None:
        clocks = (clock.meet(response.completed_at),)
        band = disposal_band(clocks[0], keeper.rules.calendar_of(clock), keeper.rules.rubric(act.at))
    response.record(
        VerificationPassed,
        act,
        disposed_at=response.completed_at,
        on_time=band is Band.ON_TIME,
        band=band,
        clocks=(*clocks, *response.met(Stage.VERIFICATION, act), *response.stopped((Stage.ARBITRATION,), act)),
    )
    if limits := response.met(Stage.REMINDER_LIMIT, act):
        response.record(LimitsMet, act, clocks=limits)


def may_fail(response: Response, act: Act) -> None:
    """Refuse unless a completion waits, and someone else verifies."""
    if response.state is ResponseState.REWORK:
        raise response.done_already("was sent back to rework")
    _must_be_completed(response)
    _not_the_submitter(response, act)


def fail_verification(response: Response, reason: str, act: Act, keeper: Timekeeper) -> None:
    """返工: DISPOSAL runs on, moved by the wait for verification only."""
    may_fail(response, act)
    clocks = (*response.resumed(Stage.DISPOSAL, act, keeper), *response.met(Stage.VERIFICATION, act))
    response.record(VerificationFailed, act, reason=reason, clocks=clocks)


def may_request_extension(response: Response, act: Act, keeper: Timekeeper) -> None:
    """Refuse where no more time may be asked for: state, limit, a pending request, and the due time, in that order."""
    if response.state not in AT_WORK:
        raise response.wrong("time is asked for while work is to be done")
    most = keeper.policy(act.at).extensions_max
    if response.urgency is Urgency.EMERGENCY or len(response.granted) >= most:
        raise ExtensionLimit(f"At most {most} extensions, and none in an emergency.", granted=len(response.granted))
    if response.pending is not None:
        raise response.done_already("has asked for an extension")
    disposal = _deadline(response)
    if disposal.missed_at is not None or act.at > disposal.due_at:
        raise TooLate("An extension is asked for before the due time.", due=disposal.due_at.isoformat())


def request_extension(response: Response, until: datetime, reason: str, act: Act, keeper: Timekeeper) -> None:
    """延期申请: later than the due time, by at most the original limit. The second is supervision's to grant."""
    may_request_extension(response, act, keeper)
    disposal = _deadline(response)
    longest = disposal.longest_extension(keeper.rules.calendar_of(disposal))
    if until <= disposal.due_at:
        raise Invalid("An extension must end after the due time.", due=disposal.due_at.isoformat())
    if until > longest:
        raise ExtensionTooLong(f"One extension reaches {longest.isoformat()} at most.", longest=longest.isoformat())
    response.record(ExtensionRequested, act, until=until, reason=reason, level=len(response.granted) + 1)


def extension_is_for(response: Response, act: Act, keeper: Timekeeper, *, supervision: bool) -> None:
    """Refuse where the request that is pending waits at the other level."""
    if response.pending is None:
        return
    by_command = response.pending.level <= keeper.policy(act.at).extensions_by_command
    if by_command is supervision:
        whose = "the command centre's" if by_command else "supervision's"
        raise NotPermitted(f"This extension is {whose} to rule on.", level=response.pending.level)


def may_rule_on_extension(response: Response, act: Act) -> None:
    """Refuse unless a request is pending and has not lapsed."""
    if response.pending is None:
        raise response.wrong("no extension is pending")
    if act.at > _deadline(response).due_at:
        raise TooLate("The request lapsed when the response fell due.", response=str(response.id))


def grant_extension(response: Response, act: Act, keeper: Timekeeper) -> None:
    """延期批准: the granted time replaces the due time; one that a suspension has overtaken changes nothing.

    What the case was corrected to since the request counts: none in an emergency, nor further than the new limit.
    """
    assert response.pending is not None
    disposal, pending = _deadline(response), response.pending
    if response.urgency is Urgency.EMERGENCY:
        raise ExtensionLimit("No extension in an emergency.", granted=len(response.granted))
    longest = disposal.longest_extension(keeper.rules.calendar_of(disposal))
    if pending.until > longest:
        raise ExtensionTooLong(f"One extension reaches {longest.isoformat()} at most.", longest=longest.isoformat())
    until = max(pending.until, disposal.due_at)
    moved = disposal.extend(until, act.at, keeper.rules.calendar_of(disposal), response.next_ref)
    response.record(ExtensionGranted, act, until=until, level=pending.level, clocks=(moved,))


def deny_extension(response: Response, act: Act) -> None:
    """延期不批."""
    response.record(ExtensionDenied, act)


def may_default(response: Response) -> None:
    """Refuse unless DISPOSAL was missed and nothing came."""
    if response.state is ResponseState.DEFAULTED:
        raise response.done_already("is defaulted")
    if response.state not in AT_WORK:
        raise response.wrong("only what has not been done is defaulted")
    if _deadline(response).missed_at is None:
        raise response.wrong("disposal has not been missed")


def default(response: Response, act: Act) -> None:
    """未处置: it ends, done for the purposes of closing."""
    may_default(response)
    clocks = response.stopped(PAUSABLE, act)
    response.record(ResponseDefaulted, act, arrived=response.arrived_at is not None, clocks=clocks)


def release(response: Response, because: Release, act: Act) -> None:
    """解除: an open response ends without being done; what it missed stays on record."""
    if response.is_open:
        response.record(ResponseReleased, act, because=because, clocks=response.stopped(PAUSABLE, act))


def pause(response: Response, act: Act) -> None:
    """The case was suspended."""
    if response.is_open:
        clocks = tuple(clock for stage in PAUSABLE for clock in response.paused(stage, act))
        response.record(ClocksPaused, act, clocks=clocks)


def resume(response: Response, act: Act, keeper: Timekeeper) -> None:
    """The case was resumed. DISPOSAL stays paused where a completion waits for verification."""
    if response.is_open:
        waits = response.state is ResponseState.COMPLETED
        stages = [stage for stage in PAUSABLE if not (waits and stage is Stage.DISPOSAL)]
        clocks = tuple(clock for stage in stages for clock in response.resumed(stage, act, keeper))
        response.record(ClocksResumed, act, clocks=clocks)


def reopen(response: Response, item_limit: Limit | None, act: Act, keeper: Timekeeper) -> None:
    """The case was reopened: what was verified goes to rework with a fresh DISPOSAL; what was defaulted stays."""
    if response.state is ResponseState.VERIFIED:
        clock: Clock = keeper.start_disposal(act.at, response.urgency, item_limit)
        response.record(ResponseReopened, act, clocks=(clock,))


def facts_of(response: Response, reopened: tuple[str, ...]) -> Facts:
    """What the log says of the response, for its evaluation. DISPOSAL is the worst of the rounds."""
    return Facts(
        signature=response.signature or _absent(response, Stage.SIGNATURE),
        arrival=response.arrival or _absent(response, Stage.ARRIVAL),
        disposal=min(response.disposals, key=lambda mark: WORST_FIRST.index(mark.band)),
        failed_verifications=tuple(response.failures),
        reopened=reopened,
        second_extension=next(iter(response.granted[1:]), None),
    )


def verify_due(response: Response, keeper: Timekeeper) -> datetime | None:
    """When a completion at the very due time would have to be verified: what a case's closing is due by.

    None for a response without a deadline (imported).
    """
    due = response.due(Stage.DISPOSAL)
    return None if due is None else keeper.start(Stage.VERIFICATION, due, response.urgency).due_at


def _absent(response: Response, stage: Stage) -> Mark:
    """The mark of a signature or an arrival that never came, with the event that shows it: its miss, else the end.

    Where no clock ever waited for it (imported), nothing was missed.
    """
    band = Band.NEVER if stage in response.clocks else Band.ON_TIME
    return Mark(band=band, event=response.missed_stages.get(stage) or response.disposals[-1].event)


def _deadline(response: Response) -> Clock:
    """The clock of DISPOSAL; refuse where there is none, as on what was imported."""
    clock = response.disposal_clock()
    if clock is None:
        raise response.wrong("it was imported without a deadline, so there is none to move or to miss")
    return clock


def _must_be_completed(response: Response) -> None:
    if response.state is not ResponseState.COMPLETED:
        raise response.wrong("no completion waits for verification")


def _not_the_submitter(response: Response, act: Act) -> None:
    if act.actor == response.completed_by:
        raise SamePerson("Who submitted the completion does not verify it.", response=str(response.id))
