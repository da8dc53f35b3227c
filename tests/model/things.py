"""What the model remembers of each report, case, whistle, response, sheet and interview: what decides the next step.

A watch is a deadline as the model sees it. When it falls due is read from the system as a given fact, since the model
does not copy the calendar; what follows from that moment (missed, on time, paused, ended) the model says by itself.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass
class Watch:
    """One deadline: when it falls due, as far as known, and how it stands."""

    due: datetime | None = None
    paused: bool = False
    missed: bool = False
    ended: bool = False
    asked: datetime | None = None
    """When timers asked before the model could know the due time; the answer is given once it is known."""
    blind: bool = False
    """Paused before the due time was known: it may turn out to have been missed by then."""
    was_paused: bool = False
    """Computed anew while it stood still: it goes on standing unless the new due time lies before the pause."""

    @property
    def running(self) -> bool:
        return not (self.paused or self.missed or self.ended)

    def passed(self, at: datetime) -> bool:
        return self.due is not None and at > self.due

    def overdue(self, at: datetime) -> bool:
        return self.running and self.due is not None and at >= self.due


@dataclass(eq=False, repr=False)
class Thing:
    """Anything with a stream of its own."""

    id: UUID | None = None
    watches: dict[str, Watch] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{type(self).__name__} {getattr(self, 'state', '')}"

    def start(self, stage: str) -> None:
        self.watches[stage] = Watch()

    def pause(self, stage: str, at: datetime) -> None:
        watch = self.watches.get(stage)
        if watch is not None and watch.running and not watch.passed(at):
            watch.paused, watch.blind = True, watch.due is None

    def resume(self, stage: str) -> None:
        """It runs on, to a due time that is read from the system."""
        watch = self.watches.get(stage)
        if watch is not None and watch.paused and not watch.ended:
            watch.paused, watch.due = False, None

    def meet(self, stage: str, at: datetime) -> None:
        """What it waited for came: at the due moment it is still on time, even where a timer was faster."""
        watch = self.watches.get(stage)
        if watch is not None and not watch.ended:
            watch.missed = watch.passed(at) and not watch.paused
            watch.paused, watch.ended = False, True

    def stop(self, *stages: str) -> None:
        for stage in stages:
            watch = self.watches.get(stage)
            if watch is not None and not watch.ended:
                watch.paused, watch.ended = False, True

    def miss(self, stage: str, at: datetime) -> bool:
        """Whether a timer finds the watch overdue now; it is missed from then on."""
        watch = self.watches.get(stage)
        if watch is None or not watch.running:
            return False
        if watch.due is None:
            watch.asked = at
            return False
        watch.missed = watch.overdue(at)
        return watch.missed

    def is_missed(self, stage: str) -> bool:
        return stage in self.watches and self.watches[stage].missed

    def is_open(self, stage: str) -> bool:
        return stage in self.watches and not self.watches[stage].ended

    def is_past(self, stage: str, at: datetime) -> bool:
        """Whether the window of a stage, where it has one, ended before a moment."""
        return stage in self.watches and self.watches[stage].passed(at)


@dataclass(eq=False, repr=False)
class Report(Thing):
    state: str = "reported"
    submitter: UUID | None = None
    area: str = ""
    street: str | None = None
    item: str | None = None
    lat: float = 0.0
    named: bool = False
    erased: bool = False
    checked: bool = False
    was_unmerged: bool = False
    into: "Report | None" = None
    case: "Case | None" = None

    @property
    def open(self) -> bool:
        return self.state in ("reported", "site_check")


@dataclass(eq=False, repr=False)
class Interview(Thing):
    state: str = "opened"
    because: str = ""
    response: "Response | None" = None


@dataclass(eq=False, repr=False)
class Sheet(Thing):
    state: str = "drafted"
    response: "Response | None" = None
    windows_open: bool = False
    street_in: bool = False
    street_gave: bool = False
    rating_in: bool = False
    objected: bool = False
    replied: bool = False
    review_window: bool = False
    reviewed: bool = False
    reopened: int = 0
    part: dict[str, list[str]] = field(default_factory=dict)
    rating: str | None = None
    exempt: set[str] = field(default_factory=set)
    evaluators: set[UUID] = field(default_factory=set)
    outcome: str | None = None
    commended: bool = False
    criticised: bool = False


@dataclass(eq=False, repr=False)
class Response(Thing):
    case: "Case | None" = None
    whistle: "Whistle | None" = None
    department: str = ""
    lead: bool = False
    urgency: str = "general"
    corrected: bool = False
    state: str = "dispatched"
    at: datetime | None = None
    missed: set[str] = field(default_factory=set)
    signed_at: datetime | None = None
    signature: str = "never"
    checked_in: bool = False
    received_at: datetime | None = None
    device_at: datetime | None = None
    confirmed: bool = False
    arrived_at: datetime | None = None
    on_time: bool = False
    off_scene: bool = False
    left: bool = False
    return_asked: bool = False
    return_pending: bool = False
    referred: bool = False
    rulers: set[UUID] = field(default_factory=set)
    completed_at: datetime | None = None
    completed_by: UUID | None = None
    worked: bool = False
    """Whether a completion ever came."""
    pending: int = 0
    """The level at which a request for more time waits; zero for none."""
    granted: int = 0
    asked_for_time: bool = False
    failures: int = 0
    rounds: list[bool] = field(default_factory=list)
    """For each round that ended: whether the work was done in time."""
    reminded: bool = False
    reminded_earlier: bool = False
    sheet: Sheet | None = None
    interviews: list[Interview] = field(default_factory=list)

    @property
    def direct(self) -> bool:
        return self.whistle is None

    @property
    def open(self) -> bool:
        return self.state in ("dispatched", "signed", "arrived", "completed", "rework")

    @property
    def at_work(self) -> bool:
        return self.open and self.state != "completed"

    @property
    def done(self) -> bool:
        return self.state in ("verified", "defaulted")

    @property
    def standing(self) -> Interview | None:
        """The interview that stands, where one does."""
        return next((each for each in reversed(self.interviews) if each.state != "withdrawn"), None)


@dataclass(eq=False, repr=False)
class Whistle(Thing):
    case: "Case | None" = None
    state: str = "blown"
    appointed_at: datetime | None = None
    deferred: bool = False
    """A suspension has moved the appointment, to a moment that is read from the system."""
    responses: list[Response] = field(default_factory=list)

    def latest(self, department: str) -> Response | None:
        return next((each for each in reversed(self.responses) if each.department == department), None)


@dataclass(eq=False, repr=False)
class Case(Thing):
    report: Report | None = None
    item: str = ""
    urgency: str = "general"
    area: str = ""
    street: str | None = None
    way: str = "filed"
    suspended: bool = False
    was_suspended: bool = False
    suspended_at: datetime | None = None
    reopened: bool = False
    supervised: bool = False
    listed: bool = False
    was_listed: bool = False
    rated: bool = False
    draft: dict[str, Any] = field(default_factory=dict)
    children: int | None = None
    progress: int = 0
    reviewer: UUID | None = None
    closed_at: datetime | None = None
    was_direct: bool = False
    whistles: list[Whistle] = field(default_factory=list)
    direct: Response | None = None

    @property
    def under_way(self) -> bool:
        return self.way in ("filed", "direct", "whistled")

    @property
    def state(self) -> str:
        """Suspension and reopening are shown in front of the way that a case goes."""
        if self.under_way and self.suspended:
            return "suspended"
        return "reopened" if self.under_way and self.reopened else self.way

    @property
    def responses(self) -> list[Response]:
        called = [each for whistle in self.whistles for each in whistle.responses]
        return [*called, self.direct] if self.direct else called
