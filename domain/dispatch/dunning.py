"""What happens to a response by itself: misses, the yellow urge, reminders with quiet hours, written criticism."""

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
from domain.kernel import Act
from domain.policy.deadlines import Stage, Urgency

PLAIN_MISSES = (
    (Stage.SIGNATURE, SignatureMissed),
    (Stage.ARBITRATION, ArbitrationMissed),
    (Stage.VERIFICATION, VerificationMissed),
    (Stage.REMINDER_LIMIT, ReminderExpired),
)
"""Clocks whose miss is simply recorded."""

YELLOW = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)
"""Clocks that urge, once each, when they turn yellow."""


def fire(response: Response, act: Act, keeper: Timekeeper) -> None:
    """Record what is overdue, in the order of the due times; then urge, remind and criticise."""
    for stage, fact in PLAIN_MISSES:
        if clocks := response.missed(stage, act.at):
            response.record(fact, act, clocks=clocks)
    if clocks := response.missed(Stage.ARRIVAL, act.at):
        again_at = clocks[0].allowance_again(keeper.rules.calendar_of(clocks[0]))
        response.record(ArrivalMissed, act, again_at=again_at, clocks=clocks)
    if clocks := response.missed(Stage.DISPOSAL, act.at):
        policy, calendar = keeper.policy(act.at), keeper.rules.calendar_of(clocks[0])
        lapsed = response.pending is not None
        criticise_at = None if response.is_direct else policy.criticism_at(clocks[0].due_at, calendar)
        response.record(DisposalMissed, act, lapsed_extension=lapsed, criticise_at=criticise_at, clocks=clocks)
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
