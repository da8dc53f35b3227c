"""Deadlines: a clock is a budget plus a ledger of what moved its due time, and never changes in place.

Every move returns a new clock. The calendar handed in is the one the clock names (version and slots).
Rules about how clocks move are our defaults; the numbers live in the deadline policy.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from domain.policy.arithmetic import counted, due_after, due_after_pause, moved, warning_moment
from domain.policy.calendar import WorkCalendar
from domain.policy.policy import DeadlinePolicy, LadderStep, Policies
from domain.policy.units import Frozen, Limit, Stage, Unit, Urgency, WhistleKind

__all__ = [
    "Clock", "DeadlinePolicy", "Entry", "EntryKind", "Frozen", "LadderStep", "Light", "Limit", "Policies", "Stage",
    "Unit", "Urgency", "WhistleKind", "due_after", "fixed_clock", "start_clock",
]  # fmt: skip


class EntryKind(StrEnum):
    """What moved a due time."""

    PAUSE = "pause"
    EXTENSION = "extension"
    APPOINTMENT = "appointment"
    RECOMPUTED = "recomputed"


class Light(StrEnum):
    """Green below the warning share of the budget, yellow from there to the due time, red after it."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Entry(Frozen):
    """One line of the ledger: what moved the due time, from when to when, and because of which event.

    A pause lasts from `since` to `until`; anything else happens at one moment, which both name.
    """

    kind: EntryKind
    since: AwareDatetime
    until: AwareDatetime
    due_before: AwareDatetime
    due_after: AwareDatetime
    because: str


class Clock(Frozen):
    """One deadline of one thing: its budget, the rule and versions it was started by, and how it stands."""

    stage: Stage
    limit: Limit
    rule: str
    policy: str
    calendar: str
    slots: str
    started_at: AwareDatetime
    due_at: AwareDatetime
    warn_at: AwareDatetime | None = None
    warn_percent: int = Field(default=80, ge=1, le=100)
    appointed: bool = False
    ledger: tuple[Entry, ...] = ()
    paused_at: AwareDatetime | None = None
    paused_because: str | None = None
    met_at: AwareDatetime | None = None
    missed_at: AwareDatetime | None = None
    stopped_at: AwareDatetime | None = None

    @property
    def open(self) -> bool:
        """Neither met nor stopped; a missed clock is still open."""
        return self.met_at is None and self.stopped_at is None

    @property
    def pauses(self) -> tuple[tuple[datetime, datetime], ...]:
        """The pauses that have ended, from when to when."""
        return tuple((entry.since, entry.until) for entry in self.ledger if entry.kind is EntryKind.PAUSE)

    @property
    def paused(self) -> bool:
        """Open, and not running on for now."""
        return self.open and self.paused_at is not None

    @property
    def running(self) -> bool:
        """Open, not paused and not missed: the clocks that a timer watches."""
        return self.open and self.paused_at is None and self.missed_at is None

    def overdue(self, at: datetime) -> bool:
        """Whether a timer must call it missed now. What people do at the due moment comes first and is on time."""
        return self.running and at >= self.due_at

    def on_time(self, at: datetime) -> bool:
        """Whether something done at that moment is on time; also the meaning of "before it is due"."""
        return at <= self.due_at

    def pause(self, at: datetime, because: str) -> "Clock":
        """Stop counting. A clock that is paused, ended, missed, or past its due time stays as it is."""
        if not self.running or at > self.due_at:
            return self
        return self._with(paused_at=at, paused_because=because)

    def resume(self, at: datetime, calendar: WorkCalendar, because: str) -> "Clock":
        """Count on, and move the due time by what was paused; `because` is the event that resumes it.

        The ledger cites the event that paused and the one that resumed. Without a pause nothing changes.
        """
        if not self.paused or self.paused_at is None:
            return self
        due = due_after_pause(self.due_at, self.limit.unit, self.paused_at, at, calendar)
        entry = Entry(
            kind=EntryKind.PAUSE, since=self.paused_at, until=at, due_before=self.due_at, due_after=due,
            because=f"{self.paused_because} {because}",
        )  # fmt: skip
        return _moved(self._with(paused_at=None, paused_because=None), due, entry, calendar)

    def extend(self, until: datetime, at: datetime, calendar: WorkCalendar, because: str) -> "Clock":
        """Replace the due time by the granted one. How far it may go is `longest_extension`.

        Neither a missed clock nor one that has ended moves: an extension that was not ruled in time has lapsed.
        """
        if not self.open or self.missed_at is not None:
            return self
        entry = self._entry(EntryKind.EXTENSION, at, until, because)
        return _moved(self, until, entry, calendar)

    def reappoint(self, to: datetime, at: datetime, calendar: WorkCalendar, because: str) -> "Clock":
        """Move the appointment, which is the due time itself. A missed or ended clock stays."""
        if not self.open or self.missed_at is not None:
            return self
        entry = self._entry(EntryKind.APPOINTMENT, at, to, because)
        return _moved(self._with(appointed=True), to, entry, calendar)

    def recompute(
        self, limit: Limit, calendar: WorkCalendar, because: str, rule: str, policy: DeadlinePolicy, at: datetime
    ) -> "Clock":
        """Compute anew from the start with another limit; the pauses of the ledger count again, in order.

        Pauses that began after the due time so far do not count: the clock would have been missed by then. A miss
        on record is judged again, so the timer may find a new one. An ended clock stays.
        """
        if not self.open:
            return self
        due = due_after(limit, self.started_at, calendar)
        for since, until in self.pauses:
            if since <= due:
                due = due_after_pause(due, limit.unit, since, until, calendar)
        changes: dict[str, object] = {
            "limit": limit, "rule": rule, "policy": policy.version, "warn_percent": policy.warn_percent,
            "calendar": calendar.version, "slots": calendar.slots.name, "appointed": False, "missed_at": None,
        }  # fmt: skip
        if self.paused_at is not None and self.paused_at > due:
            changes |= {"paused_at": None, "paused_because": None}
        entry = self._entry(EntryKind.RECOMPUTED, at, due, because)
        return _moved(self.model_copy(update=changes), due, entry, calendar)

    def meet(self, at: datetime) -> "Clock":
        """What it waited for came at `at`: on time until the due moment, which also cancels a miss on record.

        A clock that is paused has time left, however long the pause has lasted.
        """
        missed = None if self.paused or self.on_time(at) else self.due_at
        return self._with(met_at=at, missed_at=missed, paused_at=None, paused_because=None)

    def miss(self) -> "Clock":
        """The due time passed: missed as of then, and from now on it does not move. Only a running clock is missed."""
        return self._with(missed_at=self.due_at) if self.running else self

    def stop(self, at: datetime) -> "Clock":
        """It is waited for no longer. A miss on record stays; a clock that has ended stays as it is."""
        if not self.open:
            return self
        return self._with(stopped_at=at, paused_at=None, paused_because=None)

    def longest_extension(self, calendar: WorkCalendar) -> datetime:
        """How far one extension may move the current due time: by the original limit (our default)."""
        return moved(self.due_at, self.limit, calendar)

    def allowance_again(self, calendar: WorkCalendar) -> datetime:
        """The due time plus one more allowance in the same unit: until then a late arrival earns some points."""
        return moved(self.due_at, self.limit, calendar)

    def within_working_days(self, at: datetime, days: int, calendar: WorkCalendar) -> bool:
        """Whether `at` is no later than the close of the `days`-th working day after the due day."""
        return at <= calendar.close_after(self.due_at, days)

    def warning(self, calendar: WorkCalendar) -> datetime | None:
        """When the warning share of the budget, without its pauses, is used; None for a budget of nothing."""
        stretches = counted(self.started_at, self.due_at, self.pauses)
        return warning_moment(self.limit.unit, stretches, self.warn_percent, calendar)

    def light(self, at: datetime, calendar: WorkCalendar) -> Light:
        """The light at a moment. A clock that is paused, met or stopped keeps the light of that moment."""
        for ended in (self.paused_at, self.met_at, self.stopped_at):
            at = at if ended is None else min(at, ended)
        if at > self.due_at:
            return Light.RED
        warn_at = self.warn_at or self.warning(calendar)
        return Light.YELLOW if warn_at is not None and at >= warn_at else Light.GREEN

    def _entry(self, kind: EntryKind, at: datetime, due: datetime, because: str) -> Entry:
        return Entry(kind=kind, since=at, until=at, due_before=self.due_at, due_after=due, because=because)

    def _with(self, **changes: object) -> "Clock":
        return self.model_copy(update=changes)


def start_clock(
    stage: Stage, limit: Limit, at: datetime, calendar: WorkCalendar, rule: str, policy: DeadlinePolicy,
    appointed_at: datetime | None = None,
) -> Clock:  # fmt: skip
    """Start a clock at `at` by the calendar of whoever must act.

    `rule` names the row of the policy. An appointed time is the due time itself, and `limit` its allowance, by which
    it moves when it is suspended.
    """
    clock = Clock(
        stage=stage, limit=limit, rule=rule, policy=policy.version, warn_percent=policy.warn_percent,
        calendar=calendar.version, slots=calendar.slots.name, started_at=at,
        due_at=appointed_at or due_after(limit, at, calendar), appointed=appointed_at is not None,
    )  # fmt: skip
    return clock.model_copy(update={"warn_at": clock.warning(calendar)})


def fixed_clock(
    stage: Stage, until: datetime, at: datetime, calendar: WorkCalendar, rule: str, policy: DeadlinePolicy
) -> Clock:
    """Start a clock whose end somebody set (a rectification, a suspension, a listing): it counts elapsed time."""
    return start_clock(stage, Limit(amount=0, unit=Unit.MINUTES), at, calendar, rule, policy, appointed_at=until)


def _moved(clock: Clock, due: datetime, entry: Entry, calendar: WorkCalendar) -> Clock:
    """The clock with another due time, the line of the ledger that says why, and the warning that goes with it."""
    changed = clock.model_copy(update={"due_at": due, "ledger": (*clock.ledger, entry)})
    return changed.model_copy(update={"warn_at": changed.warning(calendar)})
