"""The working calendar: which moments are working time, and arithmetic over them.

Inside, time is whole microseconds since the epoch, so that sums are exact; a year's working slots are laid out
once and searched by bisection. All results are aware UTC datetimes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from domain.errors import Unknown
from domain.policy.units import Frozen, Version, Versions

__all__ = ["CalendarAlert", "CalendarData", "Calendars", "Slots", "Span", "Spans", "WorkCalendar"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SATURDAY = 5

Span = tuple[time, time]
"""One slot of a day, from and to, in the site's local time."""
Spans = tuple[Span, ...]


def _ordered(spans: Spans) -> Spans:
    """Accept only slots that are not empty and do not overlap, in order, without a zone of their own."""
    edges = [edge for span in spans for edge in span]
    if not spans or any(edge.tzinfo is not None for edge in edges):
        raise ValueError("working slots need at least one span, in local times without an offset")
    if any(start >= end for start, end in spans) or edges != sorted(edges):
        raise ValueError("working slots must be in order, not empty and not overlapping")
    return spans


class Slots(Frozen):
    """The working slots of an organisation's day; `short_spans` replace them on a short day."""

    name: str = Field(min_length=1)
    spans: Spans
    short_spans: Spans | None = None

    @field_validator("spans", "short_spans")
    @classmethod
    def _check(cls, spans: Spans | None) -> Spans | None:
        return spans if spans is None else _ordered(spans)


class CalendarData(Version):
    """One version of the calendar. Holidays and make-up days beat the weekday rule; slots are versioned with it.

    `years` are the years whose arrangement was entered; of those, `provisional` ones were not yet announced.
    `short_days` give the spans of a short day, unless the slot table has short spans of its own.
    """

    zone: str
    source: str = ""
    holidays: frozenset[date]
    workdays: frozenset[date]
    short_days: Mapping[date, Spans] = Field(default_factory=dict)
    years: frozenset[int]
    provisional: frozenset[int] = frozenset()
    slots: tuple[Slots, ...]

    @field_validator("short_days")
    @classmethod
    def _check_short(cls, days: Mapping[date, Spans]) -> Mapping[date, Spans]:
        return {day: _ordered(spans) for day, spans in days.items()}

    @model_validator(mode="after")
    def _consistent(self) -> "CalendarData":
        if both := self.holidays & self.workdays:
            raise ValueError(f"a day cannot be both a holiday and a make-up workday: {sorted(both)}")
        if len({table.name for table in self.slots}) != len(self.slots) or not self.slots:
            raise ValueError("slot tables need names of their own, and there must be at least one")
        if not self.provisional <= self.years:
            raise ValueError("a provisional year is one of the years with data")
        ZoneInfo(self.zone)
        return self

    def table(self, name: str) -> Slots:
        """The slot table of that name; Unknown if the calendar has none."""
        for table in self.slots:
            if table.name == name:
                return table
        raise Unknown(f"Calendar {self.version} has no slot table {name!r}: add it or correct the name.", slots=name)


class _Year:
    """The working slots of one year: where each opens and closes, and how much work time came before it."""

    def __init__(self, calendar: "WorkCalendar", year: int) -> None:
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.before: list[int] = []
        self.days: list[date] = []
        self.total = 0
        day = date(year, 1, 1)
        while day.year == year:
            if calendar.is_working_day(day):
                self.days.append(day)
                for start, end in calendar.spans_of(day):
                    opens, closes = calendar.micro_of(day, start), calendar.micro_of(day, end)
                    self.opens.append(opens)
                    self.closes.append(closes)
                    self.before.append(self.total)
                    self.total += closes - opens
            day += timedelta(days=1)

    def worked(self, at: int) -> int:
        """Working microseconds of this year that have passed by `at`."""
        position = bisect_right(self.opens, at) - 1
        if position < 0:
            return 0
        return self.before[position] + min(at, self.closes[position]) - self.opens[position]

    def reaching(self, amount: int) -> int:
        """The first moment by which `amount` (more than none, at most the total) has passed."""
        position = bisect_left(self.before, amount) - 1
        return self.opens[position] + amount - self.before[position]


class WorkCalendar:
    """The calendar as one organisation works by it. Pure; a year is laid out when it is first needed."""

    def __init__(self, data: CalendarData, slots: Slots) -> None:
        self.data = data
        self.slots = slots
        self.zone = ZoneInfo(data.zone)
        self._years: dict[int, _Year] = {}

    @property
    def version(self) -> str:
        """The calendar's version, as clocks cite it."""
        return self.data.version

    def is_working_day(self, day: date) -> bool:
        """Whether that local day is worked: make-up days yes, holidays no, else Monday to Friday."""
        if day in self.data.workdays:
            return True
        return day not in self.data.holidays and day.weekday() < SATURDAY

    def spans_of(self, day: date) -> Spans:
        """The slots of a working day, the short ones on a short day."""
        if day not in self.data.short_days:
            return self.slots.spans
        return self.slots.short_spans or self.data.short_days[day]

    def local(self, at: datetime) -> datetime:
        """The moment in the site's zone. A naive time is refused with ValueError."""
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no zone: times are aware everywhere")
        return at.astimezone(self.zone)

    def local_date(self, at: datetime) -> date:
        """The site's calendar day at a moment."""
        return self.local(at).date()

    def moment(self, day: date, clock: time) -> datetime:
        """A local day and time as aware UTC."""
        return datetime.combine(day, clock, tzinfo=self.zone).astimezone(UTC)

    def micro_of(self, day: date, clock: time) -> int:
        """A local day and time in microseconds since the epoch."""
        return _micro(self.moment(day, clock))

    def open_of(self, day: date) -> datetime:
        """When a working day opens; ValueError for a day that is not worked."""
        return self.moment(day, self._worked_spans(day)[0][0])

    def close_of(self, day: date) -> datetime:
        """When a working day closes; ValueError for a day that is not worked."""
        return self.moment(day, self._worked_spans(day)[-1][1])

    def nth_working_day(self, after: date, n: int) -> date:
        """The n-th working day after a day, which does not count itself; n = 0 gives the day itself."""
        if n < 0:
            raise ValueError(f"cannot count {n} working days: the number is negative")
        number, position = after.year, bisect_right(self._year(after.year).days, after)
        # `position` counts the working days of the year that are not after the day; walk on while n lies beyond.
        while position + n > len(self._year(number).days):
            n -= len(self._year(number).days) - position
            number, position = number + 1, 0
        return self._year(number).days[position + n - 1] if n else after

    def working_days_between(self, after: date, through: date) -> int:
        """How many working days d have after < d <= through; none if `through` is not later."""
        if through <= after:
            return 0
        count = 0
        for year in range(after.year, through.year + 1):
            days = self._year(year).days
            count += bisect_right(days, through) - bisect_right(days, after)
        return count

    def is_working_moment(self, at: datetime) -> bool:
        """Whether a moment lies in a slot; opening and closing time both count as inside."""
        year, micro = self._place(at)
        position = bisect_right(year.opens, micro) - 1
        return position >= 0 and micro <= year.closes[position]

    def next_working_moment(self, at: datetime) -> datetime:
        """The moment itself if it lies in a slot (closing time does), else the next opening."""
        if self.is_working_moment(at):
            return at.astimezone(UTC)
        number = self.local_date(at).year
        while True:
            year = self._year(number)
            position = bisect_right(year.opens, _micro(at))
            if position < len(year.opens):
                return _moment(year.opens[position])
            number += 1

    def add_working(self, start: datetime, amount: timedelta) -> datetime:
        """The first moment by which `amount` of working time has passed since `start`.

        Reaching closing time exactly stays at closing time. Nothing to add gives `start`, or the next opening if
        it lies outside the slots. ValueError if the amount is negative.
        """
        left = amount // MICROSECOND
        if left < 0:
            raise ValueError(f"cannot add {amount} of working time: it is negative")
        if left == 0:
            return self.next_working_moment(start)
        number = self.local_date(start).year
        left += self._year(number).worked(_micro(start))
        while left > self._year(number).total:
            left -= self._year(number).total
            number += 1
        return _moment(self._year(number).reaching(left))

    def working_between(self, since: datetime, until: datetime) -> timedelta:
        """The working time between two moments; none if `until` is not later."""
        if until <= since:
            return timedelta()
        first, last = self.local_date(since).year, self.local_date(until).year
        total = self._year(last).worked(_micro(until)) - self._year(first).worked(_micro(since))
        total += sum(self._year(number).total for number in range(first, last))
        return total * MICROSECOND

    def segments(self, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """The stretches of working time between two moments, in order."""
        if until <= since:
            return ()
        low, high = _micro(since), _micro(until)
        found: list[tuple[datetime, datetime]] = []
        for number in range(self.local_date(since).year, self.local_date(until).year + 1):
            year = self._year(number)
            for position in range(bisect_right(year.closes, low), bisect_left(year.opens, high)):
                opens, closes = year.opens[position], year.closes[position]
                found.append((_moment(max(opens, low)), _moment(min(closes, high))))
        return tuple(found)

    def close_after(self, at: datetime, n: int) -> datetime:
        """The close of the n-th working day after the local day of `at`; n is at least 1."""
        if n < 1:
            raise ValueError(f"the close of the {n}-th working day is not defined: count from 1")
        return self.close_of(self.nth_working_day(self.local_date(at), n))

    def shift_days(self, at: datetime, n: int) -> datetime:
        """The same time of day, n working days after the local day of `at`."""
        local = self.local(at)
        return self.moment(self.nth_working_day(local.date(), n), local.time())

    def _worked_spans(self, day: date) -> Spans:
        if not self.is_working_day(day):
            raise ValueError(f"{day} is not a working day: it neither opens nor closes")
        return self.spans_of(day)

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            # Two threads may lay out the same year at once; both results are equal, so either may stay.
            year = self._years[number] = _Year(self, number)
        return year

    def _place(self, at: datetime) -> tuple[_Year, int]:
        return self._year(self.local_date(at).year), _micro(at)


def _micro(at: datetime) -> int:
    """Aware moment → microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND


def _moment(micro: int) -> datetime:
    """Microseconds since the epoch → aware UTC."""
    return EPOCH + micro * MICROSECOND


class CalendarAlert(Frozen):
    """What an administrator must see: a year is computed by weekdays alone, or from an arrangement not announced."""

    kind: Literal["missing", "provisional"]
    year: int
    version: str
    message: str


class Calendars:
    """All calendar versions, and the working calendars made from them, kept once made."""

    def __init__(self, versions: Iterable[CalendarData]) -> None:
        self._versions = Versions("calendar", versions)
        self._made: dict[tuple[str, str], WorkCalendar] = {}

    @cached_property
    def newest(self) -> CalendarData:
        """The version that comes into force last."""
        return self._versions.newest

    def current(self, at: datetime) -> CalendarData:
        """The version in force at a moment; Unknown before the first one."""
        return self._versions.current(at)

    def get(self, version: str, slots: str) -> WorkCalendar:
        """The working calendar of a version and a slot table; Unknown if either does not exist."""
        made = self._made.get((version, slots))
        if made is None:
            data = self._versions.get(version)
            made = self._made[version, slots] = WorkCalendar(data, data.table(slots))
        return made

    def alerts(self, year: int) -> tuple[CalendarAlert, ...]:
        """What is wrong with a year in the newest version: no data at all, or only provisional data."""
        data = self.newest
        if year not in data.years:
            kind: Literal["missing", "provisional"] = "missing"
            text = (
                f"Calendar {data.version} has no data for {year}: deadlines fall back to weekdays. Load a new version."
            )
        elif year in data.provisional:
            kind = "provisional"
            text = f"Calendar {data.version} is provisional for {year}: load the announced arrangement when it is out."
        else:
            return ()
        return (CalendarAlert(kind=kind, year=year, version=data.version, message=text),)
