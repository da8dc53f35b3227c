"""Who may give which command, written down here role by role as the trade tells it, and where."""

from dataclasses import replace
from uuid import UUID

import pytest

from desk.actors import HELD_IN, Actor, Role
from desk.commands import COMMANDS, Target
from desk.desk import HANDLERS, Desk
from desk.permissions import PERMITTED
from domain.errors import NotPermitted, Refusal
from domain.registry.organisations import OrganisationKind
from tests.desk.town import CAST, MARKET, PLACE, POLICE, Town

REPORT = {"submit_report", "withdraw_report"}
VERIFY = {"pass_verification", "fail_verification"}
STREET_OFFICER = {
    *REPORT, *VERIFY, "confirm_site_check", "draft_whistle", "confirm_arrival", "correct_arrival", "release_scene",
    "confirm_compliance",
}  # fmt: skip
DEPARTMENT = {
    "sign", "request_return", "assign_officers", "check_in", "leave_scene", "complete", "request_extension", "object",
    "request_review", "rectify",
}  # fmt: skip

MAY: dict[str, set[str]] = {
    "grid_worker": {*REPORT, *VERIFY, "handle_on_spot", "confirm_site_check"},
    "mobile_grid_worker": REPORT,
    "street_officer": STREET_OFFICER,
    "street_leader": {
        *STREET_OFFICER, "phone_whistle", "blow_whistle", "add_department", "change_lead", "escalate_whistle",
        "move_appointment", "withdraw_whistle", "route_direct", "report_progress", "complete", "request_extension",
        "order_rectification", "evaluate", "reply_objection", "score_posting_street",
    },
    "command_officer": {
        *REPORT, "phone_whistle", "request_site_check", "confirm_site_check", "reject_report", "merge_report",
        "unmerge_report", "unmask_reporter", "erase_reporter", "file_case", "correct_case", "route_direct", "push_case",
        "uphold_return", "deny_return", "refer_dispute", "grant_extension", "deny_extension", "urge",
        "suspend_case", "resume_case", "close_case", "rate", "reopen_case", "cancel_case", "order_supervision",
        "default_response",
    },
    "department_liaison": DEPARTMENT,
    "department_head": {*DEPARTMENT, "score_posting_home"},
    "specialist": {"check_in", "leave_scene", "record_enforcement"},
    "supervision": {
        "uphold_return", "deny_return", "grant_extension", "deny_extension", "pass_legal_review", "decide_review",
        "list_case", "delist_case", "confirm_interview", "hold_interview", "confirm_criticism",
    },
    "organisation_dept": {"confirm_commendation", "post_officer", "end_posting", "assess_officer"},
    "auditor": set(),
    "admin": {"register_person", "issue_certificate"},
}  # fmt: skip
"""Role → all that it may do."""


def test_the_table_names_every_role_and_every_command() -> None:
    assert set(MAY) == {role.value for role in Role} == {role.value for role in HELD_IN}
    assert set(PERMITTED) == set(COMMANDS) == set(HANDLERS) == set().union(*MAY.values())


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_what_the_trade_lets_it_do_and_nothing_else(role: str) -> None:
    assert {command for command, roles in PERMITTED.items() if Role(role) in roles} == MAY[role]


def test_every_role_of_the_cast_is_held_where_it_stands(town: Town) -> None:
    assert {role for role, _ in CAST.values()} == set(Role)
    for role, name in CAST.values():
        assert town.city.find(name).kind in HELD_IN[role]


def targets(town: Town) -> dict[Target, UUID | None]:
    """Something of each kind that a command may act on."""
    response = town.whistled()[0]
    report = town.state(town.ids["case"]).report
    return {
        Target.NOTHING: None,
        Target.REPORT: report,
        Target.CASE: town.ids["case"],
        Target.WHISTLE: town.ids["whistle"],
        Target.RESPONSE: response,
        Target.PERSON: town.registered("执法人员三", MARKET),
    }


def test_whoever_may_not_is_refused_before_state_and_arguments_are_looked_at(town: Town) -> None:
    found, wrongly = targets(town), []
    strangers = [who for who in CAST if who not in {"other street", "market head", "squad", "squad head", "reviewer"}]
    before = town.log.position()
    for name, command in COMMANDS.items():
        for who in strangers:
            if name in MAY[CAST[who][0]]:
                continue
            try:
                town.do(who, name, found[command.target], {"nonsense": True})
            except NotPermitted:
                continue
            except Refusal as refusal:
                wrongly.append(f"{who}: {name}: {refusal.code}")
    assert not wrongly
    assert town.log.position() == before


@pytest.mark.parametrize(
    ("role", "organisation"),
    [
        (Role.COMMAND_OFFICER, "德胜街道"),
        (Role.STREET_LEADER, MARKET),
        (Role.SUPERVISION, "吉林市指挥中心"),
        (Role.DEPARTMENT_LIAISON, "德胜街道综合执法队"),
        (Role.ORGANISATION_DEPT, "市司法局"),
        (Role.GRID_WORKER, "吉林市指挥中心"),
    ],
)
def test_a_role_is_worth_nothing_in_an_organisation_that_does_not_have_it(
    town: Town, role: Role, organisation: str
) -> None:
    code = town.city.find(organisation).code
    assert OrganisationKind(town.city.get(code).kind) not in HELD_IN[role]
    actor = Actor(person=UUID(int=7), role=role, organisation=code)
    given = {"source": "grid", "description": "巡查发现问题", "place": PLACE}
    with pytest.raises(NotPermitted, match="is not held in"):
        town.desk.do("submit_report", None, given, actor, command_id=UUID(int=8), at=town.clock.now())


# Jurisdiction.


def test_another_street_may_neither_whistle_nor_verify_nor_evaluate(town: Town) -> None:
    case = town.filed()
    given = {"kind": "enforcement", "lead": MARKET}
    assert town.refused("other street", "blow_whistle", case, given) == "NOT_PERMITTED"
    response = town.whistled(case=case)[0]
    town.completed(response)
    assert town.refused("other street", "pass_verification", response) == "NOT_PERMITTED"
    town.closed(response)
    assert town.refused("other street", "evaluate", response) == "NOT_PERMITTED"


@pytest.mark.parametrize("who", ["police", "squad head"])
def test_a_department_signs_for_itself_alone(town: Town, who: str) -> None:
    response = town.whistled(MARKET, POLICE)[0]
    assert town.refused(who, "sign", response) == "NOT_PERMITTED"


def test_another_districts_command_centre_has_no_say(town: Town) -> None:
    case = town.filed()
    city = town.city.with_extra([{"name": "龙潭区指挥中心", "kind": "command", "parent": "龙潭区"}])
    desk = Desk(replace(town.house.world, city=city))
    stranger = Actor(person=UUID(int=7), role=Role.COMMAND_OFFICER, organisation=city.find("龙潭区指挥中心").code)
    with pytest.raises(NotPermitted, match="outside the jurisdiction of 龙潭区指挥中心"):
        desk.do("cancel_case", case, {"reason": "重复"}, stranger, command_id=UUID(int=8), at=town.clock.now())


def test_only_the_one_who_reported_withdraws_the_report(town: Town) -> None:
    report = town.reported()
    assert town.refused("another grid", "withdraw_report", report) == "NOT_PERMITTED"
    assert town.do("grid", "withdraw_report", report).state == "withdrawn"


def test_level_one_belongs_to_the_command_centre_and_level_two_to_supervision(town: Town) -> None:
    response = town.whistled()[0]
    town.do("market", "sign", response)
    town.do("market", "request_return", response, {"basis": "不属本部门职责"})
    assert town.refused("supervision", "deny_return", response) == "NOT_PERMITTED"
    town.do("command", "refer_dispute", response)
    assert town.refused("command", "deny_return", response) == "NOT_PERMITTED"
    assert "response.return-denied.v1" in town.do("supervision", "deny_return", response).events
