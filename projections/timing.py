"""What the timeliness view must know of the rules: the site's zone, when months freeze, when a case should close."""

from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from domain.policy.deadlines import Limit, Stage, Urgency, due_after
from domain.policy.rules import Rules
from projections.times import micros, moment

SLOTS = "office"
"""The slot table by which months freeze and cases should close."""

SETTLED = datetime(2000, 1, 1, tzinfo=UTC)
"""By then the first versions of all rules are in force; the zone never changes with a version."""


class Timing(Protocol):
    """The rules that statistics need, handed in, so that a view never reads a clock or a file."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days are counted."""

    def freezes_at(self, year: int, month: int) -> int:
        """When the statistics of a month freeze (microseconds since the epoch)."""

    def should_close_by(self, disposal_due: int, urgency: str) -> int:
        """When a case should be closed whose last disposal is due at a moment (microseconds since the epoch)."""


class RulesTiming:
    """The timing that the site's versioned rules give; by default a month freezes on its third working day after."""

    def __init__(self, rules: Rules, slots: str = SLOTS) -> None:
        self._rules = rules
        self._slots = slots
        self._freezes: dict[tuple[int, int], int] = {}
        self._limits: dict[tuple[str, str], Limit] = {}
        self._zone = rules.calendar(slots, SETTLED).zone

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the calendar."""
        return self._zone

    def freezes_at(self, year: int, month: int) -> int:
        """The close of the n-th working day of the month after, as the policy in force then has it."""
        if (year, month) not in self._freezes:
            end = date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1)
            at = datetime.combine(end, time(), self._zone).astimezone(UTC)
            calendar = self._rules.calendar(self._slots, at)
            days = self._rules.policy(at).freeze_on_working_day
            self._freezes[year, month] = micros(calendar.close_of(calendar.nth_working_day(end, days)))
        return self._freezes[year, month]

    def should_close_by(self, disposal_due: int, urgency: str) -> int:
        """The disposal's due time plus VERIFY."""
        at = moment(disposal_due)
        policy = self._rules.policy(at)
        limit = self._limits.get((policy.version, urgency))
        if limit is None:
            limit, _ = policy.limit(Stage.VERIFICATION, Urgency(urgency))
            self._limits[policy.version, urgency] = limit
        return micros(due_after(limit, at, self._rules.calendar(self._slots, at)))
