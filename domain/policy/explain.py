"""Why this deadline: the segments that counted, the pauses and the moves, each with its rule and event."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from domain.policy.arithmetic import counted
from domain.policy.calendar import WorkCalendar
from domain.policy.deadlines import Clock, EntryKind
from domain.policy.units import Frozen, Unit

__all__ = ["Measure", "Segment", "SegmentKind", "explain"]


class SegmentKind(StrEnum):
    """Whether a segment used the budget, was paused, or moved the due time."""

    COUNTED = "counted"
    PAUSED = "paused"
    MOVED = "moved"


class Measure(StrEnum):
    """What an amount counts."""

    SECONDS = "seconds"
    WORKING_SECONDS = "working_seconds"
    WORKING_DAYS = "working_days"


class Segment(Frozen):
    """One line of the explanation. `until` is empty while a pause lasts; a move goes from the old due to the new."""

    kind: SegmentKind
    since: AwareDatetime
    until: AwareDatetime | None
    amount: float
    measure: Measure
    rule: str
    because: str | None = None


def explain(clock: Clock, calendar: WorkCalendar) -> list[Segment]:
    """The segments behind a due time, by when they begin: the counted ones add up to the budget.

    Of working days, each day that counts is a segment; of working hours, each stretch of a slot; anything else is
    counted by elapsed time. While a pause lasts, nothing after its beginning is counted yet.
    """
    until = clock.due_at if clock.paused_at is None else min(clock.paused_at, clock.due_at)
    found = [_segment(clock, SegmentKind.COUNTED, *span, calendar) for span in _counted(clock, until, calendar)]
    for entry in clock.ledger:
        if entry.kind is EntryKind.PAUSE:
            found.append(_segment(clock, SegmentKind.PAUSED, entry.since, entry.until, calendar, entry.because))
            continue
        before, after = sorted((entry.due_before, entry.due_after))
        size = _amount(clock.limit.unit, before, after, calendar)
        sign = 1 if entry.due_after >= entry.due_before else -1
        found.append(
            Segment(
                kind=SegmentKind.MOVED,
                since=entry.due_before,
                until=entry.due_after,
                amount=sign * size,
                measure=_measure(clock.limit.unit),
                rule=str(entry.kind),
                because=entry.because,
            )
        )
    if clock.paused_at is not None:
        found.append(
            Segment(
                kind=SegmentKind.PAUSED,
                since=clock.paused_at,
                until=None,
                amount=0.0,
                measure=_measure(clock.limit.unit),
                rule=clock.rule,
                because=clock.paused_because,
            )
        )
    return sorted(found, key=lambda segment: segment.since)


def _counted(clock: Clock, until: datetime, calendar: WorkCalendar) -> list[tuple[datetime, datetime]]:
    """The counted spans of a clock up to a moment."""
    if clock.limit.unit is Unit.WORKING_DAYS:
        return _counted_days(clock, until, calendar)
    stretches = counted(clock.started_at, until, clock.pauses)
    if clock.limit.unit is Unit.WORKING_HOURS:
        return [span for since, end in stretches for span in calendar.segments(since, end)]
    return stretches


def _counted_days(clock: Clock, until: datetime, calendar: WorkCalendar) -> list[tuple[datetime, datetime]]:
    """Each working day after the start day that no pause took; the last one ends at the due time."""
    paused = [(calendar.local_date(since), calendar.local_date(end)) for since, end in clock.pauses]
    start, last = calendar.local_date(clock.started_at), calendar.local_date(until)
    spans = []
    for n in range(1, calendar.working_days_between(start, last) + 1):
        day = calendar.nth_working_day(start, n)
        if any(since < day <= end for since, end in paused):
            continue
        opens, closes = calendar.open_of(day), calendar.close_of(day)
        spans.append((opens, closes if day < last or until <= opens else until))
    return spans


def _segment(
    clock: Clock,
    kind: SegmentKind,
    since: datetime,
    until: datetime,
    calendar: WorkCalendar,
    because: str | None = None,
) -> Segment:
    """A segment from one moment to another, measured in the unit of the clock."""
    unit = clock.limit.unit
    amount = 1.0 if kind is SegmentKind.COUNTED and unit is Unit.WORKING_DAYS else _amount(unit, since, until, calendar)
    measure = _measure(unit)
    return Segment(
        kind=kind, since=since, until=until, amount=amount, measure=measure, rule=clock.rule, because=because
    )


def _measure(unit: Unit) -> Measure:
    if unit is Unit.WORKING_DAYS:
        return Measure.WORKING_DAYS
    return Measure.WORKING_SECONDS if unit is Unit.WORKING_HOURS else Measure.SECONDS


def _amount(unit: Unit, since: datetime, until: datetime, calendar: WorkCalendar) -> float:
    if unit is Unit.WORKING_DAYS:
        return float(calendar.working_days_between(calendar.local_date(since), calendar.local_date(until)))
    spent: timedelta = calendar.working_between(since, until) if unit is Unit.WORKING_HOURS else until - since
    return spent.total_seconds()
