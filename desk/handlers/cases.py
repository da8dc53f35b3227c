"""Commands on cases: routing, whistles blown and pushed, suspension, supervision, closing and what comes after."""

from datetime import datetime
from uuid import UUID

from desk import consequences
from desk.actors import STREET_ROLES
from desk.arguments import (
    BlowWhistle,
    Citizen,
    CorrectCase,
    DraftWhistle,
    ListCase,
    Nothing,
    OrderRectification,
    PhoneWhistle,
    PushCase,
    Rate,
    Reason,
    ReportProgress,
    RouteDirect,
    SuspendCase,
)
from desk.handlers import Handler, Handlers, no_guard
from desk.handlers.reports import citizen, find_item, make_case, make_report
from desk.unit import Unit, direct_id, response_id
from domain.dispatch import disposal, oversight
from domain.dispatch.case import Case
from domain.dispatch.response import Response, ResponseState
from domain.dispatch.values import Dispatch, Part, Release
from domain.dispatch.whistle import Whistle
from domain.errors import Invalid, ItemInList, ItemOutsideList, TooLate, WrongState
from domain.kernel import Kind, child
from domain.policy.deadlines import Urgency, WhistleKind

FIRST_WHISTLE = 1
"""Whistles count from one, so that direct handling keeps the response ordinal zero."""


# Routing.


def route_direct(unit: Unit, case: Case, given: RouteDirect) -> None:
    """直接办理: the item must be in the street's own list, and the street's team takes it."""
    if case.street is None:
        raise Invalid("No street has taken the case on yet; its street leader routes it.", case=str(case.id))
    item = unit.world.rules.catalogue(unit.act.at).item(case.item)
    if not unit.world.rules.catalogue(unit.act.at).in_list(item, case.street):
        raise ItemOutsideList(f"{item.name} is not in the street's own list: blow a whistle.", item=item.code)
    team = unit.city.team_of(case.street)
    stream = direct_id(case.id)
    children = given.children if isinstance(given.children, int) or given.children is None else len(given.children)
    case.start_direct(stream, team.code, case.street, children, unit.act)
    dispatch(unit, case, Dispatch(response=stream, department=team.code, part=Part.LEAD), whistle=None)
    unit.ids["direct"] = stream


def draft(unit: Unit, case: Case, given: DraftWhistle) -> None:
    """拟哨: departments are looked up now, so that the leader finds the draft sound."""
    lead, support = _departments(unit, given.lead, given.support)
    case.draft_whistle(
        unit.act, kind=given.kind, lead=lead, support=support, appointed_at=given.appointed_at, reason=given.reason
    )


def blow(unit: Unit, case: Case, given: BlowWhistle) -> None:
    """吹哨: what is left out is taken from the draft."""
    drafted = case.draft
    kind = given.kind or (drafted.kind if drafted else None)
    lead = given.lead or (drafted.lead if drafted else None)
    if kind is None or lead is None:
        raise Invalid("Say the whistle's kind and its lead department, or draft it first.")
    support = given.support if given.support is not None else (drafted.support if drafted and not given.lead else ())
    appointed_at = given.appointed_at or (drafted.appointed_at if drafted else None)
    reason = given.reason or (drafted.reason if drafted else None)
    call(unit, case, WhistleKind(kind), lead, support, appointed_at, reason, pushed=False)


def push(unit: Unit, case: Case, given: PushCase) -> None:
    """推送: an enforcement whistle of its own; the list rule holds for it too."""
    call(unit, case, WhistleKind.ENFORCEMENT, given.lead, given.support, None, given.reason, pushed=True)


def phone_whistle(unit: Unit, target: None, given: PhoneWhistle) -> None:
    """电话先行: report, filing and emergency whistle in one command, marked as backfilled."""
    if given.urgency is not Urgency.EMERGENCY:
        raise Invalid("Only an emergency is whistled by phone first.", urgency=given.urgency.value)
    phoned_at = given.phoned_at or unit.act.at
    if phoned_at > unit.act.at:
        raise Invalid("The call lies in the future.", phoned_at=phoned_at.isoformat())
    if unit.act.at > unit.keeper().policy(unit.act.at).latest_backfill(phoned_at):
        raise TooLate("A whistle by phone is written up within the policy's hours.", phoned_at=phoned_at.isoformat())
    unit.act = unit.act.model_copy(update={"meta": unit.act.meta.model_copy(update={"occurred_at": phoned_at})})
    report = make_report(unit, given, backfilled=True)
    case = make_case(unit, report, given.item, given.urgency, backfilled=True)
    pushed = unit.actor.role not in STREET_ROLES
    call(
        unit,
        case,
        given.kind,
        given.lead,
        given.support,
        given.appointed_at,
        given.reason,
        pushed=pushed,
        backfilled=True,
    )


def call(
    unit: Unit,
    case: Case,
    kind: WhistleKind,
    lead: str,
    support: tuple[str, ...],
    appointed_at: datetime | None,
    reason: str | None,
    *,
    pushed: bool,
    backfilled: bool = False,
) -> None:
    """Call departments: one leads, the rest support; each gets a response with clocks of its own."""
    codes = _departments(unit, lead, support)
    kind = _kind(case, kind, appointed_at, unit.act.at)
    _list_rule(unit, case, 1 + len(codes[1]), reason)
    stream = child(case.id, Kind.WHISTLE, len(case.whistles) + FIRST_WHISTLE)
    parts = [(codes[0], Part.LEAD), *((code, Part.SUPPORT) for code in codes[1])]
    called = tuple(
        Dispatch(response=response_id(stream, n), department=code, part=part) for n, (code, part) in enumerate(parts)
    )
    case.whistle(stream, called, unit.act)
    whistle = Whistle.blow(
        stream,
        unit.act,
        pushed=pushed,
        kind=kind,
        street=case.street,
        responses=called,
        appointed_at=appointed_at,
        reason=reason,
        drill=case.drill,
        backfilled=backfilled,
    )
    unit.begin(whistle)
    unit.ids["whistle"] = stream
    for each in called:
        dispatch(unit, case, each, whistle)


def dispatch(
    unit: Unit, case: Case, called: Dispatch, whistle: Whistle | None, replaces: UUID | None = None
) -> Response:
    """One department is called, or the street's own team set to work.

    Every call in an emergency is of the emergency kind, and that kind is for emergencies only: once a case was
    corrected to be none, whoever joins its whistle comes as to an enforcement whistle (our default). An appointment
    belongs to the enforcement kind only.
    """
    kind = whistle.kind if whistle else None
    if whistle is not None and case.urgency is Urgency.EMERGENCY:
        kind = WhistleKind.EMERGENCY
    elif kind is WhistleKind.EMERGENCY:
        kind = WhistleKind.ENFORCEMENT
    response = disposal.dispatch(
        called.response,
        unit.act,
        unit.keeper(called.department, case.street),
        item_limit=case.item_limit,
        appointed_at=whistle.appointed_at if whistle and kind is WhistleKind.ENFORCEMENT else None,
        whistle=whistle.id if whistle else None,
        department=called.department,
        part=called.part,
        kind=kind,
        urgency=case.urgency,
        item=case.item,
        street=case.street,
        place=case.place,
        drill=case.drill,
        replaces=replaces,
    )
    unit.ids[f"response/{called.department}"] = called.response
    return unit.begin(response)


def _departments(unit: Unit, lead: str, support: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The codes of the departments named; each of them once."""
    codes = [unit.department(name).code for name in (lead, *support)]
    if len(set(codes)) != len(codes):
        raise Invalid("A department is called once; exactly one leads, the rest support.", departments=codes)
    return codes[0], tuple(codes[1:])


def _kind(case: Case, kind: WhistleKind, appointed_at: datetime | None, at: datetime) -> WhistleKind:
    """In an emergency every whistle is an emergency whistle, and that kind is for emergencies only."""
    if case.urgency is Urgency.EMERGENCY:
        kind = WhistleKind.EMERGENCY
    elif kind is WhistleKind.EMERGENCY:
        raise Invalid("An emergency whistle is for emergencies only.", kind=kind.value, urgency=case.urgency.value)
    if appointed_at is not None and kind is not WhistleKind.ENFORCEMENT:
        raise Invalid("An appointment belongs to an enforcement whistle only.", kind=kind.value)
    if appointed_at is not None and appointed_at <= at:
        raise Invalid("The appointed time must lie ahead.", appointed_at=appointed_at.isoformat())
    return kind


def _list_rule(unit: Unit, case: Case, departments: int, reason: str | None) -> None:
    """What the street may handle itself is whistled only as a joint action, with a reason."""
    catalogue = unit.world.rules.catalogue(unit.act.at)
    item = catalogue.item(case.item)
    joint = departments >= unit.keeper().policy(unit.act.at).joint_departments_min
    if catalogue.in_list(item, case.street) and not (joint and reason):
        raise ItemInList(
            f"{item.name} is in the street's own list: handle it, or whistle two departments or more with a reason.",
            item=item.code,
        )


# Along the way.


def correct(unit: Unit, case: Case, given: CorrectCase) -> None:
    """更正: DISPOSAL of the open responses is computed anew from its start."""
    item = find_item(unit, given.item) if given.item else None
    catalogue = unit.world.rules.catalogue(unit.act.at).version
    case.correct(item, given.urgency, given.place, catalogue, given.reason, unit.act)
    for response in unit.responses_of(case):
        if response.is_open:
            keeper = unit.keeper_of(response)
            disposal.recompute(response, case.item, case.item_limit, case.urgency, case.place, unit.act, keeper)


def before_first_arrival(unit: Unit, case: Case) -> None:
    """Refuse once anyone has arrived; for direct handling, once it is completed."""
    for response in unit.responses_of(case):
        there = response.completed_at if response.is_direct else response.arrived_at
        if there is not None:
            raise WrongState(f"Case {case.number}: someone has arrived already.", case=str(case.id))


def may_correct(unit: Unit, case: Case) -> None:
    """Refuse on a case that is over, or after the first arrival."""
    case.is_under_way()
    before_first_arrival(unit, case)


def progress(unit: Unit, case: Case, given: ReportProgress) -> None:
    """进度."""
    case.report_progress(given.done, given.of, unit.act)


def review(unit: Unit, case: Case, given: Nothing) -> None:
    """法制审核."""
    oversight.pass_legal_review(case, unit.act, unit.keeper())


def order_rectification(unit: Unit, case: Case, given: OrderRectification) -> None:
    """责令改正: the party's name goes to the vault."""
    party = citizen(unit, Citizen(name=given.party), "party")
    oversight.order_rectification(case, party, given.comply_by, unit.act, unit.keeper())


def comply(unit: Unit, case: Case, given: Nothing) -> None:
    """已改正."""
    oversight.comply(case, unit.act, unit.keeper())


def suspend(unit: Unit, case: Case, given: SuspendCase) -> None:
    """挂账: all clocks of the case pause in the same transaction."""
    oversight.suspend(case, given.reason, given.resume_at, unit.act, unit.keeper())
    consequences.suspended(unit, case, unit.act)


def resume(unit: Unit, case: Case, given: Nothing) -> None:
    """恢复."""
    oversight.resume(case, unit.act, unit.keeper())
    consequences.resumed(unit, case, unit.act)


def called_departments(unit: Unit, case: Case) -> list[str]:
    """The departments whose responses to the case were not released, each once."""
    responses = unit.responses_of(case)
    return list(dict.fromkeys(each.department for each in responses if each.state is not ResponseState.RELEASED))


def order_supervision(unit: Unit, case: Case, given: Nothing) -> None:
    """督办."""
    oversight.order_supervision(case, called_departments(unit, case), unit.act)


def list_case(unit: Unit, case: Case, given: ListCase) -> None:
    """挂牌."""
    oversight.list_publicly(case, given.limit_at, called_departments(unit, case), unit.act, unit.keeper())


def delist(unit: Unit, case: Case, given: Nothing) -> None:
    """摘牌."""
    oversight.delist(case, called_departments(unit, case), unit.act)


# The end, and after it.


def may_close(unit: Unit, case: Case) -> None:
    """Refuse while a response that was not released is neither verified nor defaulted."""
    case.may_close()
    responses = unit.responses_of(case)
    waiting = [unit.city.get(each.department).name for each in responses if each.is_open]
    if waiting:
        raise WrongState(f"Case {case.number}: still open are {', '.join(waiting)}.", case=str(case.id))
    if not any(each.is_done for each in responses):
        raise WrongState(f"Case {case.number}: nothing has been done.", case=str(case.id))


def close(unit: Unit, case: Case, given: Nothing) -> None:
    """结案: EVALUATE and CALLBACK start."""
    done = [each for each in unit.responses_of(case) if each.is_done]
    dues = (disposal.verify_due(each, unit.keeper_of(each)) for each in done)
    due = max((each for each in dues if each is not None), default=None)
    report = unit.report_of(case)
    case.close(due, (report.id, *report.absorbed), unit.act, unit.keeper(street=case.street))
    for response in done:
        evaluation = unit.evaluation(response.id)
        if evaluation is not None:
            evaluation.begin(unit.act, unit.keeper(street=case.street))


def rate(unit: Unit, case: Case, given: Rate) -> None:
    """回访: the rating counts on every sheet of the case."""
    case.rate(given.satisfaction, given.resolved, unit.act)
    for response in unit.responses_of(case):
        evaluation = unit.evaluation(response.id)
        if evaluation is not None:
            evaluation.take_rating(given.satisfaction, unit.act, unit.keeper_of(response))


def reopen(unit: Unit, case: Case, given: Reason) -> None:
    """重开."""
    cause = case.next_ref
    case.reopen(given.reason, unit.act, unit.keeper())
    consequences.reopened(unit, case, cause, unit.act)


def may_cancel(unit: Unit, case: Case) -> None:
    """Refuse on a case that is over, or after the first arrival."""
    case.may_cancel()
    before_first_arrival(unit, case)


def cancel(unit: Unit, case: Case, given: Reason) -> None:
    """作废: responses are released, and what was opened on them withdrawn."""
    case.cancel(given.reason, unit.act)
    for response in unit.responses_of(case):
        if response.is_open:
            disposal.release(response, Release.CANCELLATION, unit.act)
            consequences.withdraw_opened(unit, response, "cancelled", unit.act)
    for whistle in unit.whistles(case):
        whistle.cancel(unit.act)


HANDLERS: Handlers = {
    "phone_whistle": Handler(no_guard, phone_whistle),
    "route_direct": Handler(lambda unit, case: case.may_be_routed_direct(), route_direct),
    "draft_whistle": Handler(lambda unit, case: case.may_be_whistled(), draft),
    "blow_whistle": Handler(lambda unit, case: case.may_be_whistled(), blow),
    "push_case": Handler(lambda unit, case: case.may_be_whistled(), push),
    "correct_case": Handler(may_correct, correct),
    "report_progress": Handler(lambda unit, case: case.may_report_progress(), progress),
    "pass_legal_review": Handler(lambda unit, case: oversight.may_review(case), review),
    "order_rectification": Handler(lambda unit, case: oversight.may_order_rectification(case), order_rectification),
    "confirm_compliance": Handler(lambda unit, case: oversight.may_comply(case), comply),
    "suspend_case": Handler(lambda unit, case: oversight.may_suspend(case), suspend),
    "resume_case": Handler(lambda unit, case: oversight.may_resume(case), resume),
    "order_supervision": Handler(lambda unit, case: oversight.may_order_supervision(case), order_supervision),
    "list_case": Handler(lambda unit, case: oversight.may_list(case), list_case),
    "delist_case": Handler(lambda unit, case: oversight.may_delist(case), delist),
    "close_case": Handler(may_close, close),
    "rate": Handler(lambda unit, case: case.may_be_rated(unit.act), rate),
    "reopen_case": Handler(lambda unit, case: case.may_reopen(unit.act, unit.keeper()), reopen),
    "cancel_case": Handler(may_cancel, cancel),
}
