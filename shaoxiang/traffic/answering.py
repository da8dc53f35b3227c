"""A department's part in a plan: it signs, comes, works and reports, each as its habits are; and how it is verified."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from desk.actors import Role
from domain.policy.deadlines import Stage, Unit, Urgency, WhistleKind
from shaoxiang.traffic import habits
from shaoxiang.traffic.plan import Called, Teller

SOON = timedelta(minutes=10)
"""How long before an appointment people come."""

SUSPENDED_DAYS = (4, 12)
"""For how many days a case is suspended, at least and at most."""


def answer(
    t: Teller, department: str, called_at: datetime, kind: WhistleKind, appointed_at: datetime | None = None
) -> list[Called]:
    """One department's part, and that of the one that replaced it, if any."""
    habit, call = habits.HABITS[department], Called(f"response/{department}", department)
    arrival_due = t.stage.keeper.start(Stage.ARRIVAL, called_at, t.urgency, kind=kind, appointed_at=appointed_at).due_at
    if not t.brisk and t.rng.random() < habit.never_comes:
        call.late_arrival, call.interview_at = True, arrival_due
        return [_default(t, call, called_at)]
    call.late_signature = t.rng.random() < habit.signs_late
    signed_at = t.later(called_at, "late_sign" if call.late_signature else "sign")
    signed_at = t.do(signed_at, t.liaison(department), "sign", call.name)
    heirs, free_at = _return(t, habit, call, signed_at, kind)
    if call.returned:
        return [call, *heirs]
    arrived_at = _arrive(t, habit, call, (called_at, free_at, arrival_due), appointed_at)
    _at_the_scene(t, call, arrived_at)
    return [_dispose(t, habit, call, called_at, arrived_at)]


def _return(
    t: Teller, habit: habits.Habit, call: Called, signed_at: datetime, kind: WhistleKind
) -> tuple[list[Called], datetime]:
    """A return may be asked for and ruled on; answers who replaces the department, and when it is free to go."""
    others = [each for each in habits.HABITS if each not in t.called]
    if t.urgency is not Urgency.GENERAL or not others or t.rng.random() >= habit.returns:
        return [], signed_at
    asked_at = t.do(
        t.later(signed_at, "return"), t.liaison(call.department), "request_return", call.name, basis=t.text("basis")
    )
    ruled_at, ruler, ruling = t.later(asked_at, "rule"), t.command, t.one_of(habits.RULINGS)
    if ruling == "referred":
        t.do(ruled_at, ruler, "refer_dispute", call.name)
        ruled_at, ruler, ruling = t.later(ruled_at, "refer"), t.supervisor, t.one_of(habits.REFERRED)
    if ruling == "denied":
        return [], t.do(ruled_at, ruler, "deny_return", call.name)
    heir = t.rng.choice(others)
    t.called.append(heir)
    ruled_at = t.do(ruled_at, ruler, "uphold_return", call.name, replacement=heir)
    call.returned = True
    return answer(t, heir, ruled_at, kind), ruled_at


def _arrive(
    t: Teller,
    habit: habits.Habit,
    call: Called,
    moments: tuple[datetime, datetime, datetime],
    appointed_at: datetime | None,
) -> datetime:
    """Check in, at the appointment or as soon as may be, or too late; answers when."""
    called_at, free_at, due = moments
    late = t.rng.random() < habit.arrives_late
    if late:
        arrived_at = max(t.later(appointed_at or called_at, "late_arrive"), t.later(free_at, "arrive", 0.0))
    elif appointed_at is not None:
        arrived_at = max(appointed_at - SOON, free_at + SOON / 5)
    else:
        arrived_at = t.later(free_at, "arrive")
    if t.happens("assigned"):
        t.do(free_at, t.liaison(call.department), "assign_officers", call.name, officers=list(habits.OFFICERS))
    placed: dict[str, Any] = {} if t.happens("no_position") else {"place": t.spot.place}
    arrived_at = t.do(arrived_at, t.liaison(call.department), "check_in", call.name, **placed)
    if arrived_at > due:
        call.late_arrival, call.interview_at = True, due
    if not placed:
        return t.do(t.later(arrived_at, "confirm"), t.officer, "confirm_arrival", call.name)
    return arrived_at


def _at_the_scene(t: Teller, call: Called, arrived_at: datetime) -> None:
    """What may be on record of the visit, before the work is reported done."""
    if t.happens("enforced"):
        t.do(
            t.later(arrived_at, "enforce", 0.0), t.who(Role.SPECIALIST, call.department), "record_enforcement",
            call.name, action=t.text("action"), officers=list(habits.OFFICERS), certificates_shown=True, recorded=True,
        )  # fmt: skip
    if t.happens("scene_released"):
        t.do(t.later(arrived_at, "release"), t.officer, "release_scene", call.name)
    elif t.happens("left_early"):
        t.do(t.later(arrived_at, "release"), t.liaison(call.department), "leave_scene", call.name)


def _dispose(t: Teller, habit: habits.Habit, call: Called, called_at: datetime, arrived_at: datetime) -> Called:
    """The work: in time, late, or never; perhaps with more time asked for, or the case suspended in between."""
    starts_at = t.later(arrived_at, "release", 1.0)
    due = t.due(called_at)
    if not t.brisk and t.rng.random() < habit.never_disposes:
        return _default(t, call, called_at)
    if t.alone and t.urgency is Urgency.GENERAL and t.happens("suspended"):
        starts_at, call.doubtful = _suspend(t, t.later(starts_at, "enforce")), True
        return _complete(t, call, t.later(starts_at, "late_complete"), called_at)
    if not t.brisk and t.rng.random() < habit.asks_for_time:
        due, starts_at = _ask_for_time(t, call, called_at, starts_at, due)
    if starts_at >= due:
        call.late_disposal = True
        return _complete(t, call, t.later(starts_at, "rework"), called_at)
    call.late_disposal = t.rng.random() < habit.disposes_late
    done_at = t.later(due, "late_complete") if call.late_disposal else t.within(starts_at, due)
    return _complete(t, call, done_at, called_at)


def _complete(t: Teller, call: Called, at: datetime, called_at: datetime) -> Called:
    if t.happens("urged") and (urged_at := t.later(called_at, "urge")) < at:
        t.do(urged_at, t.command, "urge", call.name)
    call.completed_at = report_done(t, call, at)
    habit = habits.HABITS[call.department]
    call.reworks = sum(t.rng.random() < habit.reworked for _ in range(2))
    return call


def report_done(t: Teller, call: Called, at: datetime) -> datetime:
    """The department reports the work done."""
    photos = [t.photo] if t.happens("photographed") else []
    return t.do(at, t.liaison(call.department), "complete", call.name, result=t.text("done"), photos=photos)


def _default(t: Teller, call: Called, called_at: datetime) -> Called:
    """Nothing comes: the command centre closes the part as not done, once disposal was missed."""
    call.late_disposal = True
    call.defaulted_at = t.do(t.later(t.due(called_at), "default"), t.command, "default_response", call.name)
    return call


def _suspend(t: Teller, at: datetime) -> datetime:
    """The case is put aside for some days; answers when work may go on."""
    calendar = t.stage.calendar(at)
    resume_at = calendar.shift_days(at, t.rng.randint(*SUSPENDED_DAYS))
    t.do(at, t.command, "suspend_case", "case", reason=t.text("suspend"), resume_at=resume_at)
    if t.brisk or t.happens("resumed_early"):
        return t.do(calendar.shift_days(at, 2), t.command, "resume_case", "case")
    return resume_at + SOON


def _ask_for_time(
    t: Teller, call: Called, called_at: datetime, at: datetime, due: datetime
) -> tuple[datetime, datetime]:
    """An extension is asked for, in good time, by the longest that may be.

    Answers when disposal is due after that, and when work goes on.
    """
    asked_at = t.later(at, "ask")
    ruled_at = t.later(asked_at, "grant")
    assert t.item is not None
    clock = t.stage.keeper.start_disposal(called_at, t.urgency, t.item.limit)
    if t.urgency is not Urgency.GENERAL or clock.limit.unit is not Unit.WORKING_DAYS or ruled_at >= due:
        return due, at
    until = clock.longest_extension(t.stage.rules.calendar_of(clock))
    t.do(asked_at, t.liaison(call.department), "request_extension", call.name, until=until, reason=t.text("time"))
    if t.happens("no_more_time"):
        return due, t.do(ruled_at, t.command, "deny_extension", call.name)
    return until, t.do(ruled_at, t.command, "grant_extension", call.name)


def verify(t: Teller, calls: Sequence[Called]) -> datetime:
    """The street verifies what was completed, the first of the calls last; answers when all is done."""
    at = datetime.min.replace(tzinfo=t.steps[0].at.tzinfo)
    standing = [each for each in calls if not each.returned]
    for call in [*standing[1:], standing[0]]:
        if call.completed_at is None:
            assert call.defaulted_at is not None
            at = max(at, call.defaulted_at)
            continue
        at = max(at, call.completed_at)
        for _ in range(call.reworks):
            at = t.do(t.later(at, "verify"), t.grid, "fail_verification", call.name, reason=t.text("rework"))
            at = report_done(t, call, t.later(at, "rework"))
        at = t.later(at, "late_verify" if t.happens("late_verification") else "verify")
        at = t.do(at, t.grid, "pass_verification", call.name)
    return at
