"""Commands on responses: sign, return, arrive, enforce, complete, verify, extend, default."""

from collections.abc import Callable, Sequence
from typing import Any

from desk import consequences
from desk.actors import Role
from desk.arguments import (
    AssignOfficers,
    CheckIn,
    Complete,
    ConfirmArrival,
    CorrectArrival,
    Nothing,
    Reason,
    RecordEnforcement,
    RequestExtension,
    RequestReturn,
    UpholdReturn,
)
from desk.handlers import Handler, Handlers
from desk.handlers.cases import dispatch
from desk.handlers.reports import check_photos
from desk.handlers.whistles import refuse_suspended
from desk.unit import Unit, response_id
from domain.dispatch import arrival, disposal, dunning, returns
from domain.dispatch.response import Response
from domain.dispatch.values import Dispatch, OfficerRef, Release
from domain.errors import Invalid, Unknown
from domain.registry.people import Person, person_id

Check = Callable[[Unit, Response], Any]


def unless_suspended(check: Check) -> Check:
    """The guard, after refusing whatever is commanded while the case is suspended."""

    def guard(unit: Unit, response: Response) -> None:
        refuse_suspended(unit, response)
        check(unit, response)

    return guard


def find_officers(unit: Unit, response: Response, names: Sequence[str]) -> tuple[OfficerRef, ...]:
    """Officers by name, each with the certificate that is valid that day, if any.

    They belong to the department, to what it is part of, or to the street where it responds and its team.
    """
    department, street = unit.city.get(response.department), unit.case(response.id).street
    near = (department.code, department.parent, street, unit.city.team_of(street).code if street else None)
    homes = list(dict.fromkeys(code for code in near if code is not None and unit.city.has(code)))
    today = unit.keeper_of(response).calendar_day(unit.act.at)
    found = []
    for name in names:
        person = next((each for code in homes if (each := unit.find(Person, person_id(code, name)))), None)
        if person is None:
            raise Unknown(f"{department.name} has no officer {name!r} on the register.", officer=name)
        certificate = person.certificate_on(today)
        found.append(
            OfficerRef(
                person=person.id,
                name=name,
                organisation=person.organisation,
                certificate=certificate,
                certified=certificate is not None,
            )
        )
    return tuple(found)


# Signing and coming.


def sign(unit: Unit, response: Response, given: Nothing) -> None:
    """签收."""
    arrival.sign(response, unit.act, unit.keeper_of(response))


def assign(unit: Unit, response: Response, given: AssignOfficers) -> None:
    """派员."""
    arrival.assign(response, find_officers(unit, response, given.officers), unit.act)


def check_in(unit: Unit, response: Response, given: CheckIn) -> None:
    """报到."""
    officers = find_officers(unit, response, given.officers)
    arrival.check_in(response, officers, given.place, given.device_at, unit.act, unit.keeper_of(response))
    consequences.after_arrival(unit, response, unit.act)


def may_confirm(unit: Unit, response: Response) -> None:
    """Refuse once the case is over: by then its sheets are drawn up."""
    unit.case(response.id).is_running()
    arrival.may_confirm(response)


def confirm_arrival(unit: Unit, response: Response, given: ConfirmArrival) -> None:
    """到场确认."""
    arrival.confirm(response, given.at, unit.act, unit.keeper_of(response))
    consequences.after_arrival(unit, response, unit.act)


def may_correct(unit: Unit, response: Response) -> None:
    """Refuse once the case is over: by then its sheets are drawn up."""
    unit.case(response.id).is_running()
    arrival.may_correct(response)


def correct_arrival(unit: Unit, response: Response, given: CorrectArrival) -> None:
    """到场更正."""
    arrival.correct(response, given.at, given.reason, unit.act, unit.keeper_of(response))
    consequences.after_arrival(unit, response, unit.act)


def release_scene(unit: Unit, response: Response, given: Nothing) -> None:
    """放行."""
    arrival.release(response, unit.act)


def leave_scene(unit: Unit, response: Response, given: Nothing) -> None:
    """离场."""
    arrival.leave(response, unit.act)


def enforce(unit: Unit, response: Response, given: RecordEnforcement) -> None:
    """执法记录."""
    officers = find_officers(unit, response, given.officers)
    shown = (given.certificates_shown, given.recorded)
    case = unit.case(response.id)
    items = {each.code: each for each in unit.world.rules.catalogue(unit.act.at).items}
    arrival.enforce(
        response,
        given.action,
        officers,
        shown,
        unit.act,
        unit.keeper_of(response),
        reviewed=case.reviewed_by is not None,
        by_demolition=case.item in items and items[case.item].forced_demolition,
    )


# Returns.


def _by_supervision(unit: Unit) -> bool:
    return unit.actor.role is Role.SUPERVISION


def request_return(unit: Unit, response: Response, given: RequestReturn) -> None:
    """退回申请."""
    returns.request(response, given.basis, unit.act, unit.keeper_of(response))


def refer(unit: Unit, response: Response, given: Nothing) -> None:
    """移送裁定."""
    returns.refer(response, unit.act, unit.keeper_of(response))


def may_rule(unit: Unit, response: Response) -> None:
    """Refuse at the other level, while suspended, or where no return waits, in that order."""
    returns.is_for(response, supervision=_by_supervision(unit))
    refuse_suspended(unit, response)
    returns.may_rule(response)


def uphold(unit: Unit, response: Response, given: UpholdReturn) -> None:
    """退回成立: released, what was opened on it withdrawn; the replacement takes the same part with fresh clocks."""
    department, whistle = unit.department(given.replacement).code, unit.whistle_of(response)
    assert whistle is not None
    if whistle.dispatch_of(department) is not None:
        raise Invalid("The replacement must be new to the whistle.", department=department)
    returns.uphold(response, department, unit.act)
    disposal.release(response, Release.RETURN, unit.act)
    consequences.withdraw_opened(unit, response, "returned", unit.act)
    heir = Dispatch(response=response_id(whistle.id, whistle.next_response), department=department, part=response.part)
    whistle.replace(response.id, heir, unit.act)
    dispatch(unit, unit.case(response.id), heir, whistle, replaces=response.id)


def deny_return(unit: Unit, response: Response, given: Nothing) -> None:
    """退回不成立."""
    returns.deny(response, unit.act)


# The work.


def complete(unit: Unit, response: Response, given: Complete) -> None:
    """办结反馈."""
    check_photos(unit, given.photos)
    disposal.complete(response, given.result, given.photos, unit.act, unit.keeper_of(response))


def may_pass(unit: Unit, response: Response) -> None:
    """Refuse unless a completion waits, another person verifies, and the lead comes last."""
    disposal.may_pass(response, unit.act)
    consequences.lead_is_last(unit, response)


def pass_verification(unit: Unit, response: Response, given: Nothing) -> None:
    """核查通过."""
    disposal.pass_verification(response, unit.act, unit.keeper_of(response))
    consequences.after_end(unit, response, unit.act)


def fail_verification(unit: Unit, response: Response, given: Reason) -> None:
    """返工."""
    disposal.fail_verification(response, given.reason, unit.act, unit.keeper_of(response))


def request_extension(unit: Unit, response: Response, given: RequestExtension) -> None:
    """延期申请."""
    disposal.request_extension(response, given.until, given.reason, unit.act, unit.keeper_of(response))


def may_rule_on_extension(unit: Unit, response: Response) -> None:
    """Refuse at the other level, while suspended, or where no request is pending, in that order."""
    disposal.extension_is_for(response, unit.act, unit.keeper_of(response), supervision=_by_supervision(unit))
    refuse_suspended(unit, response)
    disposal.may_rule_on_extension(response, unit.act)


def grant_extension(unit: Unit, response: Response, given: Nothing) -> None:
    """延期批准."""
    disposal.grant_extension(response, unit.act, unit.keeper_of(response))


def deny_extension(unit: Unit, response: Response, given: Nothing) -> None:
    """延期不批."""
    disposal.deny_extension(response, unit.act)


def may_default(unit: Unit, response: Response) -> None:
    """Refuse unless disposal was missed and nothing came."""
    response.must_be_called()
    disposal.may_default(response)


def default(unit: Unit, response: Response, given: Nothing) -> None:
    """未处置: never arrived opens the interview; arrived in time has had its reminder."""
    disposal.default(response, unit.act)
    if response.arrival is None:
        consequences.open_interview(unit, response, "never_arrived", unit.act)
    consequences.after_end(unit, response, unit.act)


def urge(unit: Unit, response: Response, given: Nothing) -> None:
    """催办."""
    dunning.urge(response, unit.act)


HANDLERS: Handlers = {
    "sign": Handler(unless_suspended(lambda unit, response: arrival.may_sign(response)), sign),
    "request_return": Handler(
        unless_suspended(lambda unit, response: returns.may_request(response, unit.act)), request_return
    ),
    "refer_dispute": Handler(unless_suspended(lambda unit, response: returns.may_refer(response)), refer),
    "uphold_return": Handler(may_rule, uphold),
    "deny_return": Handler(may_rule, deny_return),
    "assign_officers": Handler(unless_suspended(lambda unit, response: arrival.may_assign(response)), assign),
    "check_in": Handler(unless_suspended(lambda unit, response: arrival.may_check_in(response)), check_in),
    "confirm_arrival": Handler(unless_suspended(may_confirm), confirm_arrival),
    "correct_arrival": Handler(unless_suspended(may_correct), correct_arrival),
    "default_response": Handler(unless_suspended(may_default), default),
    "release_scene": Handler(unless_suspended(lambda unit, response: arrival.may_release(response)), release_scene),
    "leave_scene": Handler(unless_suspended(lambda unit, response: arrival.may_leave(response)), leave_scene),
    "record_enforcement": Handler(unless_suspended(lambda unit, response: arrival.may_enforce(response)), enforce),
    "complete": Handler(unless_suspended(lambda unit, response: disposal.may_complete(response)), complete),
    "pass_verification": Handler(unless_suspended(may_pass), pass_verification),
    "fail_verification": Handler(
        unless_suspended(lambda unit, response: disposal.may_fail(response, unit.act)), fail_verification
    ),
    "request_extension": Handler(
        unless_suspended(
            lambda unit, response: disposal.may_request_extension(response, unit.act, unit.keeper_of(response))
        ),
        request_extension,
    ),
    "grant_extension": Handler(may_rule_on_extension, grant_extension),
    "deny_extension": Handler(may_rule_on_extension, deny_extension),
    "urge": Handler(lambda unit, response: response.must_be_open(), urge),
}
