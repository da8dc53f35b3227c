"""Watching over a case: legal review, orders to rectify, suspension, supervision and public listing.

Functions that take the case first; its state and its way stand in `case.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.dispatch.case import Case
from domain.dispatch.facts.case import (
    CaseResumed,
    CaseSuspended,
    LegalReviewPassed,
    RectificationComplied,
    RectificationOrdered,
    SupervisionDelisted,
    SupervisionListed,
    SupervisionOrdered,
)
from domain.dispatch.timekeeping import Party, Timekeeper
from domain.errors import AlreadyDone, Invalid
from domain.kernel import Act
from domain.policy.deadlines import Stage


def may_review(case: Case) -> None:
    """Refuse once reviewed, or when the case is over."""
    case.is_under_way()
    if case.reviewed_by is not None:
        raise AlreadyDone("The legal review was passed already.", case=str(case.id))


def pass_legal_review(case: Case, act: Act, keeper: Timekeeper) -> None:
    """Supervision passes the case for forced measures; DISPATCH runs on."""
    may_review(case)
    case.record(LegalReviewPassed, act, clocks=case.dispatch_resumed(act, keeper))


def may_order_rectification(case: Case) -> None:
    """Refuse while an order runs, or when the case is over."""
    case.is_under_way()
    clock = case.clocks.get(Stage.RECTIFICATION)
    if clock is not None and clock.running:
        raise AlreadyDone("The party is under an order already.", case=str(case.id))


def order_rectification(case: Case, party: UUID, comply_by: datetime, act: Act, keeper: Timekeeper) -> None:
    """The party must comply by a time of its own; DISPATCH pauses until legal review or compliance."""
    may_order_rectification(case)
    if comply_by <= act.at:
        raise Invalid("The time to comply by must lie ahead.", comply_by=comply_by.isoformat())
    clock = keeper.start_until(Stage.RECTIFICATION, act.at, comply_by, "rectification/ordered")
    pause = () if case.reviewed_by else case.paused(Stage.DISPATCH, act)
    case.record(RectificationOrdered, act, party=party, comply_by=comply_by, clocks=(clock, *pause))


def may_comply(case: Case) -> None:
    """Refuse unless an order to rectify is open."""
    clock = case.clocks.get(Stage.RECTIFICATION)
    if clock is not None and clock.met_at is not None:
        raise AlreadyDone("The party's compliance was confirmed already.", case=str(case.id))
    if clock is None or not clock.open:
        raise case.wrong("no order to rectify is open")


def comply(case: Case, act: Act, keeper: Timekeeper) -> None:
    """The party complied; DISPATCH runs on."""
    may_comply(case)
    clocks = (*case.met(Stage.RECTIFICATION, act), *case.dispatch_resumed(act, keeper))
    case.record(RectificationComplied, act, clocks=clocks)


def may_suspend(case: Case) -> None:
    """Refuse a second suspension."""
    case.is_under_way()
    if case.suspended:
        raise AlreadyDone("The case is suspended already.", case=str(case.id))
    if case.was_suspended:
        raise case.wrong("a case is suspended once only")


def suspend(case: Case, reason: str, resume_at: datetime, act: Act, keeper: Timekeeper) -> None:
    """Every clock of the case pauses until `resume_at`, at most the policy's longest suspension away."""
    may_suspend(case)
    latest = keeper.policy(act.at).latest_resumption(act.at, keeper.calendar(Party.COMMAND, act.at))
    if not act.at < resume_at <= latest:
        raise Invalid(
            f"A suspension ends by {latest.isoformat()}, and not in the past.", resume_at=resume_at.isoformat()
        )
    clock = keeper.start_until(Stage.SUSPENSION, act.at, resume_at, "suspension/named")
    pause = case.paused(Stage.DISPATCH, act)
    case.record(CaseSuspended, act, reason=reason, resume_at=resume_at, clocks=(clock, *pause))


def may_resume(case: Case) -> None:
    """Refuse unless suspended."""
    if not case.suspended:
        if case.was_suspended:
            raise AlreadyDone("The case was resumed already.", case=str(case.id))
        raise case.wrong("it is not suspended")
    case.is_under_way()


def resume(case: Case, act: Act, keeper: Timekeeper, *, automatic: bool = False) -> None:
    """Clocks run on, by command or by themselves. DISPATCH stays paused while a party is under an order."""
    may_resume(case)
    order = case.clocks.get(Stage.RECTIFICATION)
    waits = order is not None and order.open and case.reviewed_by is None
    dispatch = () if waits else case.resumed(Stage.DISPATCH, act, keeper)
    clocks = (*case.met(Stage.SUSPENSION, act), *dispatch)
    case.record(CaseResumed, act, automatic=automatic, clocks=clocks)


def resumption_is_due(case: Case, at: datetime) -> bool:
    """Whether the suspension ends by itself now."""
    clock = case.clocks.get(Stage.SUSPENSION)
    return clock is not None and clock.overdue(at)


def may_order_supervision(case: Case) -> None:
    """Refuse a second order of supervision."""
    case.is_under_way()
    if case.ordered:
        raise AlreadyDone("Supervision was ordered already.", case=str(case.id))


def order_supervision(case: Case, departments: Sequence[str], act: Act) -> None:
    """Put the case under supervision."""
    may_order_supervision(case)
    case.record(SupervisionOrdered, act, departments=tuple(departments))


def may_list(case: Case) -> None:
    """Refuse where listed."""
    case.is_under_way()
    if case.listed:
        raise AlreadyDone("The case is listed already.", case=str(case.id))


def list_publicly(case: Case, limit_at: datetime, departments: Sequence[str], act: Act, keeper: Timekeeper) -> None:
    """List the case with a new limit, which never moves a deadline that stands."""
    may_list(case)
    if limit_at <= act.at:
        raise Invalid("The limit of a listing must lie ahead.", limit_at=limit_at.isoformat())
    clock = keeper.start_until(Stage.LISTING, act.at, limit_at, "listing/named")
    case.record(SupervisionListed, act, limit_at=limit_at, departments=tuple(departments), clocks=(clock,))


def may_delist(case: Case) -> None:
    """Refuse where not listed."""
    if not case.listed:
        if case.was_listed:
            raise AlreadyDone("The case was delisted already.", case=str(case.id))
        raise case.wrong("it is not listed")


def delist(case: Case, departments: Sequence[str], act: Act) -> None:
    """Take the case off the list."""
    may_delist(case)
    case.record(SupervisionDelisted, act, departments=tuple(departments), clocks=case.stopped((Stage.LISTING,), act))
