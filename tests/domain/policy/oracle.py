"""A second, slower account of deadlines, written from the rules alone.

It walks the site's local days one by one from the raw calendar document and spends a budget; it shares no code
with the policy and does no bisection.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tests.domain.policy.given import document

RAW = document("calendar/cn.json")
HOLIDAYS = {date.fromisoformat(day) for day in RAW["holidays"]}
WORKDAYS = {date.fromisoformat(day) for day in RAW["workdays"]}
TABLES = {
    table["name"]: [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in table["spans"]]
    for table in RAW["slots"]
}
NOTHING, DAY = timedelta(), timedelta(days=1)
FIXED = {
    "minutes": timedelta(minutes=1),
    "urgent_hours": timedelta(hours=1),
    "working_hours": timedelta(hours=1),
    "natural_days": DAY,
}


def worked(day: date) -> bool:
    """Whether a day is worked."""
    return day in WORKDAYS or (day not in HOLIDAYS and day.isoweekday() <= 5)


def stretches(slots: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The working stretches between two naive local times."""
    found, day = [], since.date()
    while day <= until.date():
        for start, end in TABLES[slots] if worked(day) else ():
            low, high = max(datetime.combine(day, start), since), min(datetime.combine(day, end), until)
            if low < high:
                found.append((low, high))
        day += DAY
    return found


def spent(slots: str, since: datetime, until: datetime) -> timedelta:
    """The working time between two naive local times."""
    return sum((end - start for start, end in stretches(slots, since, until)), NOTHING)


def spend(slots: str, at: datetime, budget: timedelta) -> datetime:
    """Where a budget of working time that starts at `at` is used up."""
    day = at.date()
    while True:
        for start, end in TABLES[slots] if worked(day) else ():
            opens, closes = datetime.combine(day, start), datetime.combine(day, end)
            if at > closes:
                continue
            opens = max(opens, at)
            if budget <= closes - opens:
                return opens + budget
            budget -= closes - opens
        day += DAY


def next_worked(day: date) -> date:
    """The next day that is worked."""
    day += DAY
    while not worked(day):
        day += DAY
    return day


def close(slots: str, day: date) -> datetime:
    """When a worked day closes."""
    return datetime.combine(day, TABLES[slots][-1][1])


@dataclass
class Account:
    """A deadline kept by hand, in naive local times."""

    unit: str
    amount: int
    slots: str
    start: datetime
    due: datetime = field(init=False)
    pauses: list[tuple[datetime, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.amount == 0:
            self.due = self.start
        elif self.unit == "working_hours":
            self.due = spend(self.slots, self.start, self.amount * FIXED[self.unit])
        elif self.unit == "working_days":
            day = self.start.date()
            for _ in range(self.amount):
                day = next_worked(day)
            self.due = close(self.slots, day)
        else:
            self.due = self.start + self.amount * FIXED[self.unit]

    def pause(self, since: datetime, until: datetime) -> None:
        """Keep a pause, which starts no later than the due time."""
        self.pauses.append((since, until))
        if self.unit == "working_hours":
            left = spent(self.slots, since, self.due)
            if spent(self.slots, since, until) > NOTHING:
                self.due = spend(self.slots, until, left)
        elif self.unit == "working_days":
            day, due_day = since.date(), self.due.date()
            while day < until.date():
                day += DAY
                if worked(day):
                    due_day = next_worked(due_day)
            self.due = datetime.combine(due_day, self.due.time())
        else:
            self.due += until - since

    def pieces(self) -> list[tuple[datetime, datetime]]:
        """The stretches from the start to the due time that use the budget, outside the pauses."""
        parts, cursor = [], self.start
        for since, until in [*self.pauses, (self.due, self.due)]:
            parts.append((cursor, since))
            cursor = until
        if self.unit.startswith("working"):
            return [piece for since, until in parts for piece in stretches(self.slots, since, until)]
        return [(since, until) for since, until in parts if since < until]

    def used(self, at: datetime) -> timedelta:
        """How much of the budget is used by a moment."""
        return sum((min(until, at) - since for since, until in self.pieces() if since < at), NOTHING)
