"""How due times come about and move, unit by unit. Pure functions over a working calendar; our defaults."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.policy.calendar import WorkCalendar
from domain.policy.units import Limit, Unit

__all__ = ["counted", "due_after", "due_after_pause", "moved", "warning_moment"]

MICROSECOND = timedelta(microseconds=1)

LENGTH = {
    Unit.MINUTES: timedelta(minutes=1),
    Unit.URGENT_HOURS: timedelta(hours=1),
    Unit.WORKING_HOURS: timedelta(hours=1),
    Unit.NATURAL_DAYS: timedelta(days=1),
}
"""One of each unit that has a fixed length; a working day has none."""


def due_after(limit: Limit, at: datetime, calendar: WorkCalendar) -> datetime:
    """When something that starts at `at` is due.

    Working hours count in the slots, from the next opening where they start outside; working days exclude the
    start day, whether it is worked or not, and end at the close of the last; anything else runs on continuously.
    """
    if limit.amount == 0:
        return at
    if limit.unit is Unit.WORKING_DAYS:
        return calendar.close_after(at, limit.amount)
    if limit.unit is Unit.WORKING_HOURS:
        return calendar.add_working(at, limit.amount * LENGTH[limit.unit])
    return at + limit.amount * LENGTH[limit.unit]


def moved(due_at: datetime, limit: Limit, calendar: WorkCalendar) -> datetime:
    """The due time later by one more limit: working hours add working time, working days keep the time of day."""
    if limit.unit is Unit.WORKING_DAYS:
        return calendar.shift_days(due_at, limit.amount)
    return due_after(limit, due_at, calendar)


def due_after_pause(
    due_at: datetime, unit: Unit, paused_at: datetime, resumed_at: datetime, calendar: WorkCalendar
) -> datetime:
    """The due time once a pause has ended.

    Working hours: what was left at the pause counts on from the resumption. Working days: the due day moves by the
    working days d with pause day < d <= resumption day and keeps its time of day. Else by the time elapsed.
    """
    if unit is Unit.WORKING_DAYS:
        days = calendar.working_days_between(calendar.local_date(paused_at), calendar.local_date(resumed_at))
        return calendar.shift_days(due_at, days) if days else due_at
    if unit is Unit.WORKING_HOURS:
        # A pause wholly outside the slots costs nothing, also where the due time was set outside them by hand.
        if not calendar.working_between(paused_at, resumed_at):
            return due_at
        return calendar.add_working(resumed_at, calendar.working_between(paused_at, due_at))
    return due_at + max(resumed_at - paused_at, timedelta())


def counted(
    since: datetime, until: datetime, pauses: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """The stretches from `since` to `until` outside the pauses, in order, empty ones left out."""
    stretches, cursor = [], since
    for paused_at, resumed_at in sorted(pauses):
        stretches.append((cursor, min(paused_at, until)))
        cursor = max(cursor, resumed_at)
    stretches.append((cursor, until))
    return [(start, end) for start, end in stretches if start < end]


def warning_moment(
    unit: Unit, stretches: Iterable[tuple[datetime, datetime]], percent: int, calendar: WorkCalendar
) -> datetime | None:
    """The first moment by which `percent` of the budget is used; None where there is nothing to use.

    The budget is what the counted stretches hold: working time for working units, else elapsed time. The moment is
    exact to the microsecond and rounds up, so that it is never below the share.
    """
    parts = []
    for start, end in stretches:
        span = calendar.working_between(start, end) if unit.working else end - start
        parts.append((start, span // MICROSECOND))
    left = -(-sum(size for _, size in parts) * percent // 100)
    for start, size in parts:
        if size and left <= size:
            used = left * MICROSECOND
            return calendar.add_working(start, used) if unit.working else start + used
        left -= size
    return None
