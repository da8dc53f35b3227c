"""Whose version a command names and answers with: the evaluation's, the interview's, the new thing's, the target's."""

from uuid import UUID

import pytest

from desk.commands import COMMANDS, Target
from desk.desk import HANDLERS, Done
from desk.errors import StaleVersion
from desk.handlers import evaluations
from desk.subjects import CREATES, SUBJECTS
from desk.unit import evaluation_id, interview_id
from tests.desk.town import IN_LIST, MARKET, PLACE, POLICE, SQUAD, Town


def version_of(town: Town, stream: UUID) -> int:
    return len(town.log.stream(stream))


def stands_for(town: Town, done: Done, stream: UUID) -> bool:
    """Whether an answer gives the version and the state of a stream."""
    return (done.version, done.state) == (version_of(town, stream), town.state(stream).state)


def served(town: Town) -> UUID:
    """A response whose evaluation the street has given and the department may object to."""
    response = town.whistled()[0]
    town.completed(response)
    town.closed(response)
    town.do("street", "evaluate", response, {"conduct": ["not_recorded"]})
    return response


def missed(town: Town) -> UUID:
    """A response whose department came too late, and for which an interview was opened."""
    response = town.whistled()[0]
    town.do("market", "sign", response)
    town.until("2022-12-14 15:00")
    town.do("market", "check_in", response, {"place": PLACE})
    return response


def test_every_command_on_an_evaluation_or_interview_has_a_subject_of_its_own() -> None:
    assert SUBJECTS.keys() == evaluations.HANDLERS.keys()
    assert all(COMMANDS[name].target is Target.RESPONSE for name in SUBJECTS)


def test_every_command_that_acts_on_nothing_creates_something() -> None:
    acting_on_nothing = {name for name, command in COMMANDS.items() if command.target is Target.NOTHING}
    assert acting_on_nothing <= CREATES.keys() <= HANDLERS.keys()


def test_commands_on_an_evaluation_go_by_its_version_from_the_first_to_the_last(town: Town) -> None:
    response = town.whistled()[0]
    town.completed(response)
    town.closed(response)
    sheet = evaluation_id(response)
    for who, name, given in (
        ("street", "evaluate", {"conduct": ["not_recorded"]}),
        ("market", "object", {"reason": "全程录像"}),
        ("street", "reply_objection", {"text": "录像不完整"}),
        ("market", "request_review", {}),
        ("reviewer", "decide_review", {"upheld": True, "exempt": ["not_recorded"]}),
        ("organisation", "confirm_commendation", {}),
    ):
        seen = version_of(town, sheet)
        with pytest.raises(StaleVersion, match=f"evaluation is at version {seen} now, not {seen - 1}"):
            town.do(who, name, response, given, expected_version=seen - 1)
        done = town.do(who, name, response, given, expected_version=seen)
        assert done.version > seen
        assert stands_for(town, done, sheet)


def test_two_who_judge_the_same_sheet_do_not_overlook_each_other(town: Town) -> None:
    response = served(town)
    seen = version_of(town, evaluation_id(response))
    town.do("market", "object", response, {"reason": "全程录像"}, expected_version=seen)
    with pytest.raises(StaleVersion):
        town.do("market head", "object", response, {"reason": "另有证据"}, expected_version=seen)


def test_commands_on_an_interview_go_by_the_latest_ones_version(town: Town) -> None:
    response = missed(town)
    interview = interview_id(response, 0)
    for who, name, given in (
        ("supervision", "confirm_interview", {}),
        ("supervision", "hold_interview", {"minutes": "已约谈"}),
        ("market", "rectify", {"evidence": "已整改"}),
    ):
        seen = version_of(town, interview)
        with pytest.raises(StaleVersion, match="interview is at version"):
            town.do(who, name, response, given, expected_version=version_of(town, response))
        assert stands_for(town, town.do(who, name, response, given, expected_version=seen), interview)


def test_where_there_is_no_evaluation_yet_the_response_stands_for_it(town: Town) -> None:
    response = town.whistled()[0]
    with pytest.raises(StaleVersion, match="response is at version 1 now, not 2"):
        town.do("street", "evaluate", response, {}, expected_version=2)
    assert town.refused("street", "evaluate", response) == "WRONG_STATE"


def test_who_may_not_act_learns_nothing_of_the_evaluations_version(town: Town) -> None:
    response = served(town)
    assert town.refused("police", "object", response, {"reason": "全程录像"}) == "NOT_PERMITTED"


def test_what_was_created_is_what_the_answer_is_about(town: Town) -> None:
    report = town.do("grid", "submit_report", None, {"source": "grid", "description": "牌匾", "place": PLACE})
    assert stands_for(town, report, report.ids["report"])
    filed = town.do("command", "file_case", report.ids["report"], {"item": "牌匾标识内容错误", "urgency": "general"})
    assert stands_for(town, filed, filed.ids["case"])
    assert filed.state == "filed"
    blown = town.do("street", "blow_whistle", filed.ids["case"], {"kind": "enforcement", "lead": MARKET})
    assert stands_for(town, blown, blown.ids["whistle"])
    assert (blown.version, blown.state) == (1, "blown")
    added = town.do("street", "add_department", blown.ids["whistle"], {"department": POLICE})
    assert stands_for(town, added, town.response(POLICE))
    assert added.state == "dispatched"
    escalated = town.do("street", "escalate_whistle", blown.ids["whistle"], {"lead": SQUAD, "reason": "力量不足"})
    assert stands_for(town, escalated, blown.ids["whistle"])


def test_of_a_whistle_by_push_or_by_phone_the_answer_is_about_the_whistle(town: Town) -> None:
    pushed = town.do("command", "push_case", town.filed(), {"lead": MARKET})
    assert stands_for(town, pushed, pushed.ids["whistle"])
    given = {"source": "hotline", "description": "塌陷", "place": PLACE, "item": "井盖缺失", "lead": "市住建局"}
    phoned = town.do("command", "phone_whistle", None, given)
    assert stands_for(town, phoned, phoned.ids["whistle"])
    assert phoned.number is not None


def test_of_an_upheld_return_the_answer_is_about_the_replacement(town: Town) -> None:
    response = town.whistled()[0]
    town.do("market", "sign", response)
    town.do("market", "request_return", response, {"basis": "不属本部门职责"})
    upheld = town.do("command", "uphold_return", response, {"replacement": SQUAD})
    assert town.response(SQUAD) != response
    assert stands_for(town, upheld, town.response(SQUAD))
    assert upheld.state == "dispatched"


def test_of_direct_handling_the_answer_is_about_the_response(town: Town) -> None:
    routed = town.do("street", "route_direct", town.filed(item=IN_LIST))
    assert stands_for(town, routed, routed.ids["direct"])


def test_a_person_has_a_version_and_no_state(town: Town) -> None:
    done = town.do("admin", "register_person", None, {"name": "执法人员九", "organisation": MARKET})
    assert (done.version, done.state) == (1, None)
    certified = town.do(
        "admin", "issue_certificate", done.ids["person"], {"number": "JL-9", "valid_until": "2030-12-31"}
    )
    assert certified.version == 2
