"""Commands on whistles: add, change the lead, escalate, move the appointment, withdraw."""

from desk import consequences
from desk.arguments import EscalateWhistle, MoveAppointment, OneDepartment, Reason
from desk.handlers import Handler, Handlers
from desk.handlers.cases import dispatch
from desk.unit import Unit, response_id
from domain.dispatch import arrival, disposal
from domain.dispatch.case import CaseState
from domain.dispatch.response import Response, ResponseState
from domain.dispatch.values import Dispatch, Part, Release
from domain.dispatch.whistle import Whistle
from domain.errors import AlreadyDone, Invalid, WrongState


def running(unit: Unit, whistle: Whistle) -> None:
    """Refuse while the case is suspended, or the whistle no longer blown."""
    refuse_suspended(unit, whistle)
    whistle.is_blown()


def refuse_suspended(unit: Unit, member: Whistle | Response) -> None:
    """While a case is suspended, commands on its whistles and responses are refused."""
    case = unit.case(member.id)
    if case.state is CaseState.SUSPENDED:
        raise WrongState(f"Case {case.number} is suspended: resume it first.", case=str(case.id))


def add_department(unit: Unit, whistle: Whistle, given: OneDepartment) -> None:
    """增派: one more in support."""
    department = unit.department(given.department).code
    called = whistle.dispatch_of(department)
    if called is not None and unit.need(Response, called.response).state is not ResponseState.RELEASED:
        raise AlreadyDone("The department is called by this whistle already.", department=department)
    stream = response_id(whistle.id, whistle.next_response)
    added = Dispatch(response=stream, department=department, part=Part.SUPPORT)
    whistle.add(added, unit.act)
    dispatch(unit, unit.case(whistle.id), added, whistle)


def change_lead(unit: Unit, whistle: Whistle, given: OneDepartment) -> None:
    """变更主办: to a department whose response is still open."""
    department = unit.department(given.department).code
    called = whistle.dispatch_of(department)
    if called is None:
        raise Invalid("The new lead must be called by this whistle; add it first.", department=department)
    heir = unit.need(Response, called.response)
    leads = [
        each for each in unit.responses(whistle) if each.part is Part.LEAD and each.state is not ResponseState.RELEASED
    ]
    if heir in leads:
        raise AlreadyDone("The department leads already.", department=department)
    if not heir.is_open:
        raise Invalid("The new lead's response must still be open.", department=department, state=heir.state.value)
    for former in leads:
        disposal.change_part(former, Part.SUPPORT, unit.act)
        whistle.change_lead(former.id, heir.id, unit.act)
    disposal.change_part(heir, Part.LEAD, unit.act)


def escalate(unit: Unit, whistle: Whistle, given: EscalateWhistle) -> None:
    """升级: open responses are released, what was opened on them stays; new ones get new clocks."""
    codes = [unit.department(name).code for name in (given.lead, *given.support)]
    if len(set(codes)) != len(codes):
        raise Invalid("A department is called once; exactly one leads, the rest support.", departments=codes)
    case = unit.case(whistle.id)
    released = [each for each in unit.responses(whistle) if each.is_open]
    first = whistle.next_response
    called = tuple(
        Dispatch(
            response=response_id(whistle.id, first + n), department=code, part=Part.LEAD if n == 0 else Part.SUPPORT
        )
        for n, code in enumerate(codes)
    )
    whistle.escalate(tuple(each.id for each in released), called, case.urgency, unit.act)
    for response in released:
        disposal.release(response, Release.ESCALATION, unit.act)
    for each in called:
        dispatch(unit, case, each, whistle)
    unit.ids["whistle"] = whistle.id


def move_appointment(unit: Unit, whistle: Whistle, given: MoveAppointment) -> None:
    """改约: the ARRIVAL of those who are not there yet moves with it."""
    whistle.move_appointment(given.to, unit.act)
    for response in unit.responses(whistle):
        arrival.move(response, given.to, unit.act, unit.keeper_of(response))


def may_move(unit: Unit, whistle: Whistle) -> None:
    """Refuse while suspended, without an appointment, or once it is past."""
    refuse_suspended(unit, whistle)
    whistle.may_move_appointment(unit.act)


def may_withdraw(unit: Unit, whistle: Whistle) -> None:
    """Refuse while suspended, when it is over, or after the first arrival."""
    refuse_suspended(unit, whistle)
    whistle.may_withdraw()
    if any(each.arrived_at is not None for each in unit.responses(whistle)):
        raise WrongState("A whistle is withdrawn before the first arrival.", whistle=str(whistle.id))


def withdraw(unit: Unit, whistle: Whistle, given: Reason) -> None:
    """撤哨: its responses are released and what was opened on them withdrawn; the case is filed again."""
    whistle.withdraw(given.reason, unit.act)
    for response in unit.responses(whistle):
        if response.is_open:
            disposal.release(response, Release.WITHDRAWAL, unit.act)
            consequences.withdraw_opened(unit, response, "withdrawn", unit.act)
    unit.case(whistle.id).unroute(whistle.id, unit.act, unit.keeper())


HANDLERS: Handlers = {
    "add_department": Handler(running, add_department),
    "change_lead": Handler(running, change_lead),
    "escalate_whistle": Handler(running, escalate),
    "move_appointment": Handler(may_move, move_appointment),
    "withdraw_whistle": Handler(may_withdraw, withdraw),
}
