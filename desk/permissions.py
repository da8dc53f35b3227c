"""Who may do what, and where: one table, which the desk asks for every command and every read."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from desk.actors import HELD_IN, STREET_ROLES, Actor, Role
from desk.unit import Unit
from domain.dispatch.case import Case
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.errors import NotPermitted
from domain.kernel import CaseAggregate, Kind, case_of, child
from domain.registry.organisations import City, OrganisationKind, covers
from domain.registry.people import Person

Scope = Callable[[Unit, CaseAggregate | None], bool]
"""Whether an actor's jurisdiction reaches what the command acts on."""


def _area(unit: Unit, target: CaseAggregate | None) -> str | None:
    """The division a matter lies in: its street once one has acted, else the reporter's jurisdiction."""
    if target is None:
        return None
    matter = target if isinstance(target, Report) else unit.find(Case, case_of(target.id))
    if matter is None:
        matter = unit.need(Report, child(target.id, Kind.REPORT))
    return matter.street or matter.area


def anywhere(_unit: Unit, _target: CaseAggregate | None) -> bool:
    """No limit of place."""
    return True


def own_street(unit: Unit, target: CaseAggregate | None) -> bool:
    """The matter lies in the actor's street, or in no street yet but in a division that holds it."""
    area, street = _area(unit, target), unit.organisation.division
    return area is None or area == street or (len(area) < len(street) and covers(area, street))


def jurisdiction(unit: Unit, target: CaseAggregate | None) -> bool:
    """The matter lies inside the division that the actor's organisation is responsible for."""
    area = _area(unit, target)
    return area is None or covers(unit.organisation.division, area)


def own_response(unit: Unit, target: CaseAggregate | None) -> bool:
    """The response is addressed to the actor's organisation; direct handling to the street's own team."""
    if not isinstance(target, Response):
        return False
    if target.is_direct:
        team = unit.city.get(target.department)
        return unit.actor.organisation in (team.code, team.parent)
    return target.department == unit.actor.organisation


def own_direct(unit: Unit, target: CaseAggregate | None) -> bool:
    """Direct handling by the actor's own street."""
    return isinstance(target, Response) and target.is_direct and own_street(unit, target)


def own_report(unit: Unit, target: CaseAggregate | None) -> bool:
    """The actor reported it."""
    return isinstance(target, Report) and target.submitted_by == unit.actor.person


def posted_here(unit: Unit, target: CaseAggregate | None) -> bool:
    """The officer is, or was, posted to the actor's street."""
    return isinstance(target, Person) and unit.organisation.division in {each.street for each in target.postings}


def own_officer(unit: Unit, target: CaseAggregate | None) -> bool:
    """The officer belongs to the actor's organisation."""
    return isinstance(target, Person) and target.organisation == unit.actor.organisation


GRID, RIDER, OFFICER, LEADER = Role.GRID_WORKER, Role.MOBILE_GRID_WORKER, Role.STREET_OFFICER, Role.STREET_LEADER
COMMAND, LIAISON, HEAD, SPECIALIST = (
    Role.COMMAND_OFFICER,
    Role.DEPARTMENT_LIAISON,
    Role.DEPARTMENT_HEAD,
    Role.SPECIALIST,
)
SUPERVISION, ORGANISATION, ADMIN = Role.SUPERVISION, Role.ORGANISATION_DEPT, Role.ADMIN

_COMMAND: Mapping[Role, Scope] = {COMMAND: jurisdiction}
_SUPERVISION: Mapping[Role, Scope] = {SUPERVISION: jurisdiction}
_LEADER: Mapping[Role, Scope] = {LEADER: own_street}
_STREET: Mapping[Role, Scope] = {OFFICER: own_street, LEADER: own_street}
_DEPARTMENT: Mapping[Role, Scope] = {LIAISON: own_response, HEAD: own_response}
_VERIFIERS: Mapping[Role, Scope] = {GRID: own_street, **_STREET}
_REPORTERS = (GRID, RIDER, OFFICER, LEADER, COMMAND)
_WORKERS: Mapping[Role, Scope] = {**_DEPARTMENT, LEADER: own_direct}
_RULERS: Mapping[Role, Scope] = {**_COMMAND, **_SUPERVISION}

PERMITTED: Mapping[str, Mapping[Role, Scope]] = {
    "submit_report": dict.fromkeys(_REPORTERS, anywhere),
    "phone_whistle": {LEADER: anywhere, COMMAND: anywhere},
    "request_site_check": _COMMAND,
    "confirm_site_check": {**_VERIFIERS, **_COMMAND},
    "reject_report": _COMMAND,
    "merge_report": _COMMAND,
    "unmerge_report": _COMMAND,
    "withdraw_report": dict.fromkeys(_REPORTERS, own_report),
    "handle_on_spot": {GRID: own_street},
    "file_case": _COMMAND,
    "unmask_reporter": _COMMAND,
    "erase_reporter": _COMMAND,
    "route_direct": {**_LEADER, **_COMMAND},
    "correct_case": _COMMAND,
    "report_progress": _LEADER,
    "draft_whistle": _STREET,
    "blow_whistle": _LEADER,
    "push_case": _COMMAND,
    "pass_legal_review": _SUPERVISION,
    "order_rectification": _LEADER,
    "confirm_compliance": _STREET,
    "suspend_case": _COMMAND,
    "resume_case": _COMMAND,
    "order_supervision": _COMMAND,
    "list_case": _SUPERVISION,
    "delist_case": _SUPERVISION,
    "close_case": _COMMAND,
    "rate": _COMMAND,
    "reopen_case": _COMMAND,
    "cancel_case": _COMMAND,
    "add_department": _LEADER,
    "change_lead": _LEADER,
    "escalate_whistle": _LEADER,
    "move_appointment": _LEADER,
    "withdraw_whistle": _LEADER,
    "sign": _DEPARTMENT,
    "request_return": _DEPARTMENT,
    "uphold_return": _RULERS,
    "deny_return": _RULERS,
    "refer_dispute": _COMMAND,
    "assign_officers": _DEPARTMENT,
    "check_in": {**_DEPARTMENT, SPECIALIST: own_response},
    "confirm_arrival": _STREET,
    "correct_arrival": _STREET,
    "default_response": _COMMAND,
    "release_scene": _STREET,
    "leave_scene": {**_DEPARTMENT, SPECIALIST: own_response},
    "record_enforcement": {SPECIALIST: own_response},
    "complete": _WORKERS,
    "pass_verification": _VERIFIERS,
    "fail_verification": _VERIFIERS,
    "request_extension": _WORKERS,
    "grant_extension": _RULERS,
    "deny_extension": _RULERS,
    "urge": _COMMAND,
    "evaluate": _LEADER,
    "object": _DEPARTMENT,
    "reply_objection": _LEADER,
    "request_review": _DEPARTMENT,
    "decide_review": _SUPERVISION,
    "confirm_commendation": {ORGANISATION: jurisdiction},
    "confirm_criticism": _SUPERVISION,
    "confirm_interview": _SUPERVISION,
    "hold_interview": _SUPERVISION,
    "rectify": _DEPARTMENT,
    "register_person": {ADMIN: anywhere},
    "issue_certificate": {ADMIN: anywhere},
    "post_officer": {ORGANISATION: anywhere},
    "end_posting": {ORGANISATION: anywhere},
    "score_posting_street": {LEADER: posted_here},
    "score_posting_home": {HEAD: own_officer},
    "assess_officer": {ORGANISATION: anywhere},
}
"""Command → the roles that may give it, each with how far its jurisdiction reaches."""


def permit(unit: Unit, command: str, target: CaseAggregate | None) -> None:
    """Refuse with NOT_PERMITTED unless the actor's role may give the command, here."""
    role = unit.actor.role
    if unit.organisation.kind not in HELD_IN[role]:
        raise NotPermitted(
            f"The role {role.value} is not held in {unit.organisation.name}.", role=role.value, command=command
        )
    scope = PERMITTED[command].get(role)
    if scope is None:
        allowed = ", ".join(each.value for each in PERMITTED[command])
        raise NotPermitted(f"{command} is for {allowed}, not for {role.value}.", role=role.value, command=command)
    if not scope(unit, target):
        raise NotPermitted(
            f"{command} here lies outside the jurisdiction of {unit.organisation.name}.",
            role=role.value,
            organisation=unit.organisation.code,
            command=command,
        )


class Sight(NamedTuple):
    """What an actor may read: a filter for the views' queries, and whether masked identities are shown."""

    scope: Mapping[str, Any]
    identities: bool = False
    cases: bool = True
    outcomes: bool = True


def sight(actor: Actor, city: City) -> Sight:
    """What an actor may read. A party complained about never sees who reported; an admin sees no case."""
    organisation = city.get(actor.organisation)
    role = actor.role
    if role in STREET_ROLES:
        return Sight({"street_prefix": organisation.division}, identities=role is not Role.GRID_WORKER)
    if role is Role.MOBILE_GRID_WORKER:
        return Sight({"person": actor.person}, outcomes=False)
    if role is Role.COMMAND_OFFICER:
        return Sight({"street_prefix": organisation.division}, identities=True)
    if role in (Role.DEPARTMENT_LIAISON, Role.DEPARTMENT_HEAD, Role.SPECIALIST):
        street_team = organisation.kind is not OrganisationKind.DEPARTMENT
        return Sight({"street_prefix": organisation.division} if street_team else {"department": organisation.code})
    if role is Role.SUPERVISION:
        return Sight({"street_prefix": organisation.division})
    if role is Role.AUDITOR:
        return Sight({"all": True})
    if role is Role.ORGANISATION_DEPT:
        return Sight({"street_prefix": organisation.division}, cases=False)
    return Sight({"none": True}, cases=False, outcomes=False)


def read_scope(actor: Actor, city: City) -> Mapping[str, Any]:
    """The filter that every query of a view takes for this actor."""
    return sight(actor, city).scope
