"""The deadline policy: every limit and other number of the procedure that a site may change, as versioned data."""

import calendar as months
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator

from domain.errors import Invalid
from domain.policy.arithmetic import due_after
from domain.policy.calendar import WorkCalendar
from domain.policy.units import Frozen, Limit, Stage, Urgency, Version, Versions, WhistleKind

__all__ = ["DeadlinePolicy", "LadderStep", "Policies", "Row"]

BY_DATE = frozenset({Stage.RECTIFICATION, Stage.SUSPENSION, Stage.LISTING})
"""Stages whose end somebody sets: they have no row."""


class Row(Frozen):
    """One row of the table of limits. An empty urgent or emergency column means the general one."""

    stage: Stage
    kind: WhistleKind | None = None
    level: int | None = None
    general: Limit | None = None
    urgent: Limit | None = None
    emergency: Limit | None = None

    @property
    def name(self) -> str:
        """What clocks cite, before the column: "signature", "arrival.enforcement", "arbitration.1"."""
        part = self.kind or self.level
        return str(self.stage) if part is None else f"{self.stage}.{part}"

    def column(self, urgency: Urgency) -> tuple[Urgency, Limit | None]:
        """The column that applies to an urgency, and its limit."""
        own: Limit | None = getattr(self, urgency.value)
        return (urgency, own) if own is not None else (Urgency.GENERAL, self.general)


class LadderStep(Frozen):
    """What repetition brings: `count` outcomes of one kind within a rolling number of days."""

    outcome: Literal["remind", "interview"]
    count: int = Field(ge=1)
    within_days: int = Field(ge=1)
    step: Literal["yellow_letter", "deputy_interview", "listing", "no_awards"]


class DeadlinePolicy(Version):
    """One version of the numbers of the procedure. Units are in the names."""

    limits: tuple[Row, ...]
    disposal_fallback: Limit
    disposal_caps: Mapping[Urgency, Limit]
    warn_percent: int = Field(ge=1, le=100)
    checkin_distance_m: float = Field(gt=0)
    merge_distance_m: float = Field(gt=0)
    backfill_hours: int = Field(ge=0)
    reopen_days: int = Field(ge=0)
    suspension_years: int = Field(ge=1)
    extensions_max: int = Field(ge=0)
    extensions_by_command: int = Field(ge=0)
    officers_min: int = Field(ge=1)
    joint_departments_min: int = Field(ge=2)
    criticism_after_working_days: int = Field(ge=1)
    freeze_on_working_day: int = Field(ge=1)
    ranking_min_evaluations: int = Field(ge=1)
    posting_years: int = Field(ge=1)
    quiet_outside_slots: bool
    ladder: tuple[LadderStep, ...]

    @model_validator(mode="after")
    def _complete(self) -> "DeadlinePolicy":
        names = [row.name for row in self.limits]
        if len(set(names)) != len(names):
            raise ValueError("the policy names a row twice")
        rows = {row.stage for row in self.limits} | BY_DATE | {Stage.DISPOSAL}
        if missing := set(Stage) - rows:
            raise ValueError(f"the policy lacks rows for {sorted(missing)}")
        return self

    def limit(
        self, stage: Stage, urgency: Urgency, kind: WhistleKind | None = None, level: int = 1
    ) -> tuple[Limit, str]:
        """The limit of a stage and the name of the rule. DISPOSAL depends on its start: see `disposal_limit`.

        The whistle's kind matters for ARRIVAL, the level for ARBITRATION. In an emergency every whistle is an
        emergency whistle. Invalid for that kind elsewhere, and for what the table does not have.
        """
        if stage is Stage.ARRIVAL and urgency is Urgency.EMERGENCY:
            kind = WhistleKind.EMERGENCY
        for row in self.limits:
            if row.stage is stage and row.kind in (None, kind) and row.level in (None, level):
                column, limit = row.column(urgency)
                if limit is not None:
                    return limit, f"{row.name}.{column}"
        message = f"Policy {self.version} has no limit for {stage} (urgency {urgency}, kind {kind}, level {level})."
        raise Invalid(message, stage=str(stage), urgency=str(urgency), kind=kind and str(kind), level=level)

    def disposal_limit(
        self, item_limit: Limit | None, urgency: Urgency, at: datetime, calendar: WorkCalendar
    ) -> tuple[Limit, str]:
        """The item's limit (or the fallback) or the urgency's cap, whichever is due sooner when started at `at`.

        It gives the clock its unit and original limit for good; where both are due together, the item's.
        """
        limit, rule = (item_limit, "disposal.item") if item_limit else (self.disposal_fallback, "disposal.fallback")
        cap = self.disposal_caps.get(urgency)
        if cap is not None and due_after(cap, at, calendar) < due_after(limit, at, calendar):
            return cap, f"disposal.cap.{urgency}"
        return limit, rule

    def criticism_at(self, due_at: datetime, calendar: WorkCalendar) -> datetime:
        """The close of the last working day of grace after a missed disposal; later, written criticism is due."""
        return calendar.close_after(due_at, self.criticism_after_working_days)

    def latest_reopening(self, closed_at: datetime) -> datetime:
        """Until when a closed case may be reopened, inclusive."""
        return closed_at + timedelta(days=self.reopen_days)

    def latest_resumption(self, suspended_at: datetime, calendar: WorkCalendar) -> datetime:
        """Until when a case may be suspended: the same local day and time `suspension_years` later, inclusive."""
        local = calendar.local(suspended_at)
        year = local.year + self.suspension_years
        day = min(local.day, months.monthrange(year, local.month)[1])
        return calendar.moment(local.date().replace(year=year, day=day), local.time())

    def latest_backfill(self, blown_at: datetime) -> datetime:
        """Until when an emergency that was blown by phone first is to be written up, inclusive."""
        return blown_at + timedelta(hours=self.backfill_hours)


Policies = Versions[DeadlinePolicy]
"""All versions of the deadline policy."""
