"""The case 案卷: filed → direct or whistled → closed; beside that suspended, cancelled, reopened."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.dispatch.facts import case as case_facts
from domain.dispatch.facts.case import (
    CallbackMissed,
    CaseCancelled,
    CaseClosed,
    CaseCorrected,
    CaseFiled,
    CaseLocated,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseUnrouted,
    CaseWhistled,
    DirectHandlingStarted,
    DispatchMissed,
    LegalReviewPassed,
    ListingMissed,
    ProgressReported,
    RectificationExpired,
    ReporterRated,
    SupervisionDelisted,
    SupervisionListed,
    SupervisionOrdered,
    WhistleDrafted,
)
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.values import Dispatch, Place, Satisfaction
from domain.errors import AlreadyDone, Invalid, TooLate, WrongState
from domain.kernel import Act, CaseAggregate, Meta, event
from domain.policy.catalogue import Item
from domain.policy.deadlines import Clock, Limit, Stage, Urgency


class CaseState(StrEnum):
    """Where a case stands. The first five are its way; the others are shown in their stead while they hold."""

    FILED = "filed"
    DIRECT = "direct"
    WHISTLED = "whistled"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    REOPENED = "reopened"


class Draft(NamedTuple):
    """A whistle that a street officer prepared; departments by code."""

    kind: str
    lead: str
    support: tuple[str, ...]
    appointed_at: datetime | None
    reason: str | None


UNDER_WAY = (CaseState.FILED, CaseState.DIRECT, CaseState.WHISTLED)


class Case(CaseAggregate):
    """One matter, from filing to outcome."""

    TOPIC = "case"
    FACTS = case_facts

    def __init__(
        self,
        number: str,
        report: UUID,
        item: str,
        item_name: str,
        item_limit: Limit | None,
        urgency: str,
        place: Place,
        area: str,
        street: str | None,
        drill: bool,
        timestamp: datetime,
        division: str | None = None,
    ) -> None:
        self.number, self.report, self.drill, self.filed_at = number, report, drill, timestamp
        self.item, self.item_name, self.item_limit = item, item_name, item_limit
        self.urgency, self.place, self.area, self.street = Urgency(urgency), place, area, street
        self.division = division
        self.way = CaseState.FILED
        self.suspended = self.was_suspended = self.reopened = False
        self.whistles: list[UUID] = []
        self.direct: UUID | None = None
        self.draft: Draft | None = None
        self.reviewed_by: UUID | None = None
        self.ordered = self.listed = self.was_listed = False
        self.children: int | None = None
        self.done = 0
        self.closed_at: datetime | None = None
        self.closings = 0
        self.rated = False

    @classmethod
    def file(cls, case_id: UUID, item: Item, act: Act, keeper: Timekeeper, **facts: object) -> "Case":
        """Open the case; DISPATCH starts."""
        urgency = Urgency(str(facts["urgency"]))
        clocks = () if act.meta.imported else (keeper.start(Stage.DISPATCH, act.at, urgency),)
        frozen = {"item": item.code, "item_name": item.name, "item_limit": item.limit}
        return cls.open(CaseFiled, case_id, act, clocks=clocks, **frozen, **facts)

    @property
    def state(self) -> CaseState:
        """What a person is shown: suspension and reopening stand in front of the way the case goes."""
        if self.way in UNDER_WAY and self.suspended:
            return CaseState.SUSPENDED
        if self.way in UNDER_WAY and self.reopened:
            return CaseState.REOPENED
        return self.way

    # Guards.

    def is_under_way(self) -> None:
        """Refuse on a closed or cancelled case."""
        if self.way not in UNDER_WAY:
            raise self.wrong("it must be under way")

    def is_running(self) -> None:
        """Refuse on a closed, cancelled or suspended case."""
        self.is_under_way()
        if self.suspended:
            raise self.wrong("resume it first")

    def may_be_whistled(self) -> None:
        """Refuse unless the case is filed and not yet routed."""
        if self.way is CaseState.WHISTLED:
            raise AlreadyDone("A whistle was blown for this case already.", case=str(self.id))
        self.is_running()
        if self.way is not CaseState.FILED:
            raise self.wrong("a whistle is blown on a filed case only")

    def may_be_routed_direct(self) -> None:
        """Refuse unless the case is filed and not yet routed."""
        if self.way is CaseState.DIRECT:
            raise AlreadyDone("The case is handled directly already.", case=str(self.id))
        self.is_running()
        if self.way is not CaseState.FILED:
            raise self.wrong("only a filed case can be routed")

    def may_report_progress(self) -> None:
        """Refuse unless the street handles the case itself."""
        self.is_running()
        if self.way is not CaseState.DIRECT:
            raise self.wrong("progress is reported on direct handling only")

    def may_be_rated(self, act: Act) -> None:
        """Refuse before closing, twice, or after the window."""
        if self.way is not CaseState.CLOSED:
            raise self.wrong("a reporter is called back when it is closed")
        if self.rated:
            raise AlreadyDone("The reporter's rating was taken already.", case=str(self.id))
        clock = self.clocks.get(Stage.CALLBACK)
        if clock is not None and not clock.on_time(act.at):
            raise TooLate(f"The callback window ended at {clock.due_at.isoformat()}.", due=clock.due_at.isoformat())

    def may_reopen(self, act: Act, keeper: Timekeeper) -> None:
        """Refuse unless closed, and not longer ago than the policy allows."""
        if self.way is not CaseState.CLOSED:
            if self.reopened and self.way in UNDER_WAY:
                raise AlreadyDone("The case is reopened already.", case=str(self.id))
            raise self.wrong("only a closed case can be reopened")
        assert self.closed_at is not None
        latest = keeper.policy(act.at).latest_reopening(self.closed_at)
        if act.at > latest:
            raise TooLate(
                f"The case could be reopened until {latest.isoformat()}.", closed_at=self.closed_at.isoformat()
            )

    def may_close(self) -> None:
        """Refuse unless routed and running; the responses are the desk's to ask."""
        if self.way is CaseState.CLOSED:
            raise AlreadyDone("The case is closed already.", case=str(self.id))
        self.is_running()
        if self.way is CaseState.FILED:
            raise self.wrong("it has not been routed")

    def may_cancel(self) -> None:
        """Refuse when it is over; arrivals are the desk's to ask."""
        if self.way is CaseState.CANCELLED:
            raise AlreadyDone("The case is cancelled already.", case=str(self.id))
        self.is_under_way()

    # Decisions.

    def locate(self, street: str, act: Act) -> None:
        """The first street that acts takes the case on."""
        if self.street is None:
            self.record(CaseLocated, act, street=street)

    def correct(
        self, item: Item | None, urgency: Urgency | None, place: Place | None, catalogue: str, reason: str, act: Act
    ) -> None:
        """Put item, urgency or place right."""
        self.is_under_way()
        if item is None and urgency is None and place is None:
            raise Invalid("Say what is corrected: item, urgency or place.")
        self.record(
            CaseCorrected,
            act,
            item=item.code if item else self.item,
            item_name=item.name if item else self.item_name,
            item_limit=item.limit if item else self.item_limit,
            catalogue=catalogue,
            urgency=urgency or self.urgency,
            place=place or self.place,
            reason=reason,
        )

    def draft_whistle(self, act: Act, **facts: object) -> None:
        """Keep a whistle that a street officer prepared, for the leader to blow."""
        self.may_be_whistled()
        self.record(WhistleDrafted, act, **facts)

    def whistle(self, whistle: UUID, responses: Sequence[Dispatch], act: Act) -> None:
        """A whistle was blown or pushed."""
        self.may_be_whistled()
        self.record(
            CaseWhistled,
            act,
            whistle=whistle,
            responses=tuple(responses),
            on_time=self._dispatched_on_time(act),
            clocks=self.met(Stage.DISPATCH, act),
        )

    def unroute(self, whistle: UUID, act: Act, keeper: Timekeeper) -> None:
        """The whistle was withdrawn: filed again, with a fresh DISPATCH."""
        clocks = (keeper.start(Stage.DISPATCH, act.at, self.urgency),)
        self.record(CaseUnrouted, act, whistle=whistle, clocks=clocks)

    def start_direct(self, response: UUID, team: str, street: str, children: int | None, act: Act) -> None:
        """The street's own team takes it."""
        self.may_be_routed_direct()
        self.record(
            DirectHandlingStarted,
            act,
            response=response,
            team=team,
            street=street,
            children=children,
            on_time=self._dispatched_on_time(act),
            clocks=self.met(Stage.DISPATCH, act),
        )

    def report_progress(self, done: int, of: int, act: Act) -> None:
        """So many of so many parts are done."""
        self.may_report_progress()
        if self.children is not None and of != self.children:
            raise Invalid(f"The case is counted in {self.children} parts, not {of}.", children=self.children)
        if done > of or done < self.done:
            raise Invalid(f"Progress goes from {self.done} up to {of}; {done} does not fit.", done=self.done, of=of)
        self.record(ProgressReported, act, done=done, of=of)

    def close(self, due_to_close: datetime | None, reports: Sequence[UUID], act: Act, keeper: Timekeeper) -> None:
        """Close; CALLBACK starts, and a rating of an earlier round may be replaced."""
        self.may_close()
        callback = () if act.meta.imported else (keeper.start(Stage.CALLBACK, act.at, self.urgency),)
        self.record(
            CaseClosed,
            act,
            due_to_close=due_to_close,
            on_time=due_to_close is None or act.at <= due_to_close,
            reports=tuple(reports),
            clocks=(*callback, *self.met(Stage.LISTING, act)),
        )

    def rate(self, satisfaction: Satisfaction, resolved: bool | None, act: Act) -> None:
        """Take the reporter's rating."""
        self.may_be_rated(act)
        self.record(
            ReporterRated,
            act,
            satisfaction=satisfaction,
            resolved=resolved,
            on_time=True,
            clocks=self.met(Stage.CALLBACK, act),
        )

    def reopen(self, reason: str, act: Act, keeper: Timekeeper) -> None:
        """The same cause came back."""
        self.may_reopen(act, keeper)
        self.record(CaseReopened, act, reason=reason, clocks=self.stopped((Stage.CALLBACK,), act))

    def cancel(self, reason: str, act: Act) -> None:
        """The case counts nowhere."""
        self.may_cancel()
        stages = (Stage.DISPATCH, Stage.RECTIFICATION, Stage.SUSPENSION, Stage.LISTING)
        self.record(CaseCancelled, act, reason=reason, clocks=self.stopped(stages, act))

    def fire(self, act: Act, keeper: Timekeeper) -> None:
        """Record what is overdue. A due resumption is left to the desk, which has the responses to resume too."""
        for stage, fact in (
            (Stage.DISPATCH, DispatchMissed),
            (Stage.RECTIFICATION, RectificationExpired),
            (Stage.LISTING, ListingMissed),
            (Stage.CALLBACK, CallbackMissed),
        ):
            if clocks := self.missed(stage, act.at):
                self.record(fact, act, clocks=clocks)

    def dispatch_resumed(self, act: Act, keeper: Timekeeper) -> tuple[Clock, ...]:
        """DISPATCH running on after an order; while the case is suspended it waits for the resumption instead."""
        return () if self.suspended else self.resumed(Stage.DISPATCH, act, keeper)

    def _dispatched_on_time(self, act: Act) -> bool:
        clock = self.clocks.get(Stage.DISPATCH)
        return clock is None or clock.paused or (clock.missed_at is None and clock.on_time(act.at))

    def wrong(self, what: str) -> WrongState:
        """A refusal that names the case, its state, and what would be needed."""
        return WrongState(
            f"Case {self.number} is {self.state.value}: {what}.", case=str(self.id), state=self.state.value
        )

    # Applied facts.

    @event(CaseLocated)
    def _located(self, street: str) -> None:
        self.street = street

    @event(CaseCorrected)
    def _corrected(self, item: str, item_name: str, item_limit: Limit | None, urgency: str, place: Place) -> None:
        self.item, self.item_name, self.item_limit = item, item_name, item_limit
        self.urgency, self.place = Urgency(urgency), place

    @event(CaseWhistled)
    def _whistled(self, whistle: UUID) -> None:
        self.way = CaseState.WHISTLED
        self.whistles.append(whistle)

    @event(WhistleDrafted)
    def _drafted(
        self, kind: str, lead: str, support: tuple[str, ...], appointed_at: datetime | None, reason: str | None
    ) -> None:
        self.draft = Draft(kind, lead, support, appointed_at, reason)

    @event(CaseUnrouted)
    def _unrouted(self) -> None:
        self.way = CaseState.FILED

    @event(DirectHandlingStarted)
    def _direct(self, response: UUID, street: str, children: int | None) -> None:
        self.way, self.direct, self.street, self.children = CaseState.DIRECT, response, street, children

    @event(ProgressReported)
    def _progressed(self, done: int, of: int) -> None:
        self.done, self.children = done, of

    @event(LegalReviewPassed)
    def _reviewed(self, meta: Meta) -> None:
        self.reviewed_by = meta.actor

    @event(CaseSuspended)
    def _suspended(self) -> None:
        self.suspended = self.was_suspended = True

    @event(CaseResumed)
    def _resumed(self) -> None:
        self.suspended = False

    @event(SupervisionOrdered)
    def _ordered(self) -> None:
        self.ordered = True

    @event(SupervisionListed)
    def _listed(self) -> None:
        self.listed = self.was_listed = True

    @event(SupervisionDelisted)
    def _delisted(self) -> None:
        self.listed = False

    @event(CaseClosed)
    def _closed(self, timestamp: datetime) -> None:
        self.way, self.closed_at, self.rated = CaseState.CLOSED, timestamp, False
        self.closings += 1

    @event(ReporterRated)
    def _rated(self) -> None:
        self.rated = True

    @event(CaseReopened)
    def _reopened(self) -> None:
        self.way = CaseState.DIRECT if self.direct is not None else CaseState.WHISTLED
        self.reopened, self.closed_at = True, None

    @event(CaseCancelled)
    def _cancelled(self) -> None:
        self.way = CaseState.CANCELLED
