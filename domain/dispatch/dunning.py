"""What happens to a response by itself: misses, the yellow urge, reminders with quiet hours, written criticism."""

from collections.abc import Callable, Mapping
from datetime import datetime

from domain.dispatch.facts.response import (
    ArbitrationMissed,
    ArrivalMissed,
    ArrivalReminded,
    DisposalMissed,
    ReminderExpired,
    ReminderIssued,
    ReminderWithdrawn,
    SignatureMissed,
    UrgeIssued,
    VerificationMissed,
    WrittenCriticismIssued,
)
from domain.dispatch.response import AT_WORK, Response, ResponseState
from domain.dispatch.timekeeping import Timekeeper
from domain.kernel import Act, CaseAggregate
from domain.policy.deadlines import Clock, Stage, Urgency

Miss = Callable[[Response, Clock, Act, Timekeeper], None]

YELLOW = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)
"""Clocks that urge, once each, when they turn yellow."""


def fire(response: Response, act: Act, keeper: Timekeeper) -> None:
    """Record what is overdue, in the order of the due times; then urge, remind and criticise."""
    overdue = [clock for clock in response.clocks.values() if clock.stage in MISSES and clock.overdue(act.at)]
    for clock in sorted(overdue, key=lambda each: (each.due_at, list(MISSES).index(each.stage))):
        MISSES[clock.stage](response, clock.miss(), act, keeper)
    _nudge(response, act, keeper)


def next_try(response: Response, at: datetime, keeper: Timekeeper) -> datetime | None:
    """When a nudge that quiet hours hold back may be sent; None where none waits."""
    waiting = [_quiet(response, moment, keeper) for moment in _nudges(response, at)]
    return min((moment for moment in waiting if moment > at), default=None)


def urge(response: Response, act: Act) -> None:
    """催办, by hand."""
    response.must_be_open()
    response.record(UrgeIssued, act, cause="command")


def issue_reminder(response: Response, because: str, act: Act, keeper: Timekeeper) -> None:
    """提醒提示: finish at once, by a new limit that never moves DISPOSAL."""
    limit = keeper.start(Stage.REMINDER_LIMIT, act.at, Urgency.GENERAL)
    done = response.is_done or response.state is ResponseState.RELEASED
    clocks = (limit.meet(act.at),) if done else (limit,)
    notify_at = _quiet(response, act.at, keeper)
    response.record(ReminderIssued, act, because=because, notify_at=notify_at, clocks=clocks)


def withdraw_reminder(response: Response, because: str, act: Act) -> None:
    """提醒撤销."""
    if response.reminder is not None:
        clocks = response.stopped((Stage.REMINDER_LIMIT,), act)
        response.record(ReminderWithdrawn, act, because=because, clocks=clocks)


def _plain(fact: type[CaseAggregate.Event]) -> Miss:
    """A miss that is simply recorded."""

    def record(response: Response, missed: Clock, act: Act, keeper: Timekeeper) -> None:  # noqa: ARG001 - as its like
        response.record(fact, act, clocks=(missed,))

    return record


def _arrival_missed(response: Response, missed: Clock, act: Act, keeper: Timekeeper) -> None:
    again_at = missed.allowance_again(keeper.rules.calendar_of(missed))
    response.record(ArrivalMissed, act, again_at=again_at, clocks=(missed,))


def _disposal_missed(response: Response, missed: Clock, act: Act, keeper: Timekeeper) -> None:
    calendar = keeper.rules.calendar_of(missed)
    criticise_at = None if response.is_direct else keeper.policy(act.at).criticism_at(missed.due_at, calendar)
    lapsed = response.pending is not None
    response.record(DisposalMissed, act, lapsed_extension=lapsed, criticise_at=criticise_at, clocks=(missed,))


MISSES: Mapping[Stage, Miss] = {
    Stage.SIGNATURE: _plain(SignatureMissed),
    Stage.ARRIVAL: _arrival_missed,
    Stage.DISPOSAL: _disposal_missed,
    Stage.ARBITRATION: _plain(ArbitrationMissed),
    Stage.VERIFICATION: _plain(VerificationMissed),
    Stage.REMINDER_LIMIT: _plain(ReminderExpired),
}
"""Stage → what its miss records. RETURN is a window that nobody misses."""


def _nudge(response: Response, act: Act, keeper: Timekeeper) -> None:
    for stage in YELLOW:
        warn_at = _warns(response, stage, act.at)
        if warn_at is not None and _quiet(response, warn_at, keeper) <= act.at:
            response.record(UrgeIssued, act, cause="yellow", stage=stage)
    again_at = response.remind_again_at
    if _may_remind_again(response, act.at) and again_at is not None and _quiet(response, again_at, keeper) <= act.at:
        response.record(ArrivalReminded, act)
    if _may_criticise(response, act.at):
        response.record(WrittenCriticismIssued, act)


def _nudges(response: Response, at: datetime) -> list[datetime]:
    """The moments of the nudges that are due, before quiet hours are thought of."""
    found = [moment for stage in YELLOW if (moment := _warns(response, stage, at)) is not None]
    if _may_remind_again(response, at) and response.remind_again_at is not None:
        found.append(response.remind_again_at)
    return found


def _warns(response: Response, stage: Stage, at: datetime) -> datetime | None:
    """When the clock of a stage turned yellow, while it runs, is not yet due, and was not urged for."""
    clock = response.clocks.get(stage)
    if clock is None or not clock.running or clock.warn_at is None or stage in response.warned:
        return None
    return clock.warn_at if clock.warn_at <= at < clock.due_at and response.state in AT_WORK else None


def _may_remind_again(response: Response, at: datetime) -> bool:
    """Signed, the arrival missed, and still nobody there one allowance later."""
    due = response.remind_again_at is not None and response.remind_again_at <= at
    return due and response.state is ResponseState.SIGNED


def _may_criticise(response: Response, at: datetime) -> bool:
    """Long overdue after an urge, and never a reason given for needing more time."""
    due = response.criticise_at is not None and at >= response.criticise_at
    return due and response.urged and not response.asked_for_time and response.state in AT_WORK


def _quiet(response: Response, at: datetime, keeper: Timekeeper) -> datetime:
    return keeper.within_slots(at, response.urgency)
