"""Starting and moving clocks by the rules in force, in the slots of the party that must act."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from domain.policy.calendar import WorkCalendar
from domain.policy.deadlines import (
    Clock,
    DeadlinePolicy,
    Limit,
    Stage,
    Urgency,
    WhistleKind,
    fixed_clock,
    start_clock,
)
from domain.policy.rules import Rules


class Party(StrEnum):
    """Who must act before a clock runs out."""

    COMMAND = "command"
    STREET = "street"
    DEPARTMENT = "department"
    SUPERVISION = "supervision"


ACTS_ON: Mapping[Stage, Party] = {
    Stage.TRIAGE: Party.COMMAND,
    Stage.DISPATCH: Party.COMMAND,
    Stage.SIGNATURE: Party.DEPARTMENT,
    Stage.ARRIVAL: Party.DEPARTMENT,
    Stage.RETURN: Party.DEPARTMENT,
    Stage.ARBITRATION: Party.COMMAND,
    Stage.DISPOSAL: Party.DEPARTMENT,
    Stage.VERIFICATION: Party.STREET,
    Stage.EVALUATION: Party.STREET,
    Stage.CALLBACK: Party.COMMAND,
    Stage.OBJECTION: Party.DEPARTMENT,
    Stage.REPLY: Party.STREET,
    Stage.REVIEW_REQUEST: Party.DEPARTMENT,
    Stage.DECISION: Party.SUPERVISION,
    Stage.RECTIFICATION: Party.STREET,
    Stage.SUSPENSION: Party.COMMAND,
    Stage.LISTING: Party.STREET,
    Stage.REMINDER_LIMIT: Party.DEPARTMENT,
    Stage.INTERVIEW_LIMIT: Party.DEPARTMENT,
}
"""Stage → the party in whose working slots the clock runs (the slots of the organisation that must act)."""

OFFICE_SLOTS = "office"


class Timekeeper:
    """Starts and moves clocks. `slots` names each party's slot table; who is not named keeps office hours."""

    def __init__(self, rules: Rules, slots: Mapping[Party, str] | None = None) -> None:
        self.rules = rules
        self._slots = dict(slots or {})

    def slots(self, party: Party) -> str:
        """The name of the party's slot table."""
        return self._slots.get(party, OFFICE_SLOTS)

    def policy(self, at: datetime) -> DeadlinePolicy:
        """The deadline policy in force at a moment."""
        return self.rules.policy(at)

    def calendar(self, party: Party, at: datetime) -> WorkCalendar:
        """The working calendar of a party, in the version in force at a moment."""
        return self.rules.calendar(self.slots(party), at)

    def calendar_day(self, at: datetime) -> date:
        """The local day of a moment, in the site's zone."""
        return self.calendar(Party.COMMAND, at).local_date(at)

    def start(
        self,
        stage: Stage,
        at: datetime,
        urgency: Urgency = Urgency.GENERAL,
        *,
        kind: WhistleKind | None = None,
        level: int = 1,
        appointed_at: datetime | None = None,
    ) -> Clock:
        """A clock of the policy's table, started at `at`; an appointed time is the due time itself."""
        limit, rule = self.policy(at).limit(stage, urgency, kind, level)
        return self._start(stage, limit, rule, at, appointed_at)

    def start_disposal(self, at: datetime, urgency: Urgency, item_limit: Limit | None) -> Clock:
        """DISPOSAL: the item's limit or the urgency's cap, whichever is due sooner at the start, for good."""
        calendar = self.calendar(Party.DEPARTMENT, at)
        limit, rule = self.policy(at).disposal_limit(item_limit, urgency, at, calendar)
        return self._start(Stage.DISPOSAL, limit, rule, at)

    def start_until(self, stage: Stage, at: datetime, until: datetime, rule: str) -> Clock:
        """A clock whose due time someone named: a resumption, a compliance, a listing."""
        return fixed_clock(stage, until, at, self.calendar(ACTS_ON[stage], at), rule, self.policy(at))

    def resume(self, clock: Clock, at: datetime, because: str) -> Clock:
        """The clock, running on by the calendar it started with."""
        return clock.resume(at, self.rules.calendar_of(clock), because)

    def within_slots(self, at: datetime, urgency: Urgency) -> datetime:
        """When a department may be reminded: at once in an emergency, else in its working slots (quiet hours)."""
        if urgency is Urgency.EMERGENCY or not self.policy(at).quiet_outside_slots:
            return at
        return self.calendar(Party.DEPARTMENT, at).next_working_moment(at)

    def _start(
        self, stage: Stage, limit: Limit, rule: str, at: datetime, appointed_at: datetime | None = None
    ) -> Clock:
        return start_clock(
            stage,
            limit,
            at,
            self.calendar(ACTS_ON[stage], at),
            rule=rule,
            policy=self.policy(at),
            appointed_at=appointed_at,
        )
