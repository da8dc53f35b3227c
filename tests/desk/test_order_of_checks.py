"""Checks run in one order: what is it, may you, in this state, the same person, in time; then the arguments."""

from uuid import UUID, uuid4

import pytest

from domain.kernel import Kind, child
from tests.desk.town import MARKET, PLACE, POLICE, Town

NONSENSE = {"nonsense": True}


def test_what_does_not_exist_is_unknown_to_everybody(town: Town) -> None:
    case = town.filed()
    nowhere = [uuid4(), child(uuid4(), Kind.CASE), child(case, Kind.WHISTLE, 9)]
    for stream in nowhere:
        assert town.refused("auditor", "close_case", stream, NONSENSE) == "UNKNOWN"


def test_a_thing_of_another_kind_is_unknown(town: Town) -> None:
    case = town.filed()
    assert town.refused("market", "sign", case) == "UNKNOWN"
    assert town.refused("command", "close_case", town.state(case).report) == "UNKNOWN"


def test_a_command_that_nobody_knows_is_unknown(town: Town) -> None:
    assert town.refused("command", "whisper") == "UNKNOWN"


def test_a_command_that_does_not_say_what_it_acts_on_is_invalid(town: Town) -> None:
    assert town.refused("command", "close_case") == "INVALID"


@pytest.mark.parametrize(
    ("who", "name", "code"),
    [
        ("grid", "complete", "NOT_PERMITTED"),
        ("market", "check_in", "WRONG_STATE"),
        ("market", "complete", "WRONG_STATE"),
        ("market", "request_return", "WRONG_STATE"),
        ("officer", "confirm_arrival", "WRONG_STATE"),
        ("officer", "correct_arrival", "WRONG_STATE"),
        ("specialist", "record_enforcement", "WRONG_STATE"),
        ("command", "uphold_return", "WRONG_STATE"),
        ("grid", "fail_verification", "WRONG_STATE"),
        ("street", "evaluate", "WRONG_STATE"),
        ("reviewer", "decide_review", "WRONG_STATE"),
        ("supervision", "hold_interview", "WRONG_STATE"),
        ("market", "sign", "INVALID"),
        ("market", "assign_officers", "INVALID"),
        ("market", "request_extension", "INVALID"),
    ],
)
def test_nonsense_on_a_response_that_was_just_called(town: Town, who: str, name: str, code: str) -> None:
    """The arguments are nonsense each time: whatever stands before them in the order answers first."""
    assert town.refused(who, name, town.whistled()[0], NONSENSE) == code


def test_what_stands_already_is_said_before_the_arguments_are_read(town: Town) -> None:
    response = town.whistled()[0]
    town.completed(response)
    for name in ("sign", "check_in", "complete"):
        assert town.refused("market", name, response, NONSENSE) == "ALREADY_DONE"
    assert town.refused("street", "blow_whistle", town.ids["case"], NONSENSE) == "ALREADY_DONE"
    report = town.state(town.ids["case"]).report
    assert town.refused("command", "file_case", report, NONSENSE) == "ALREADY_DONE"


def direct_case(town: Town) -> UUID:
    """A case that the street handles itself, completed by its leader."""
    case = town.filed(item="占道经营")
    town.do("street", "route_direct", case)
    direct = town.ids["direct"]
    town.do("street", "complete", direct, {"result": "已规范"})
    return direct


def test_the_same_person_is_refused_before_the_arguments_are_read(town: Town) -> None:
    direct = direct_case(town)
    assert town.refused("street", "fail_verification", direct, NONSENSE) == "SAME_PERSON"
    assert town.refused("another street", "fail_verification", direct, NONSENSE) == "INVALID"


def test_a_state_is_refused_before_the_same_person(town: Town) -> None:
    direct = direct_case(town)
    town.do("grid", "pass_verification", direct)
    assert town.refused("street", "pass_verification", direct) == "ALREADY_DONE"


def test_a_window_that_has_passed_is_refused_before_the_arguments_are_read(town: Town) -> None:
    response = town.whistled()[0]
    town.do("market", "sign", response)
    town.until("2022-12-15 09:00")
    assert town.refused("market", "request_return", response, NONSENSE) == "TOO_LATE"
    town.until("2022-12-22 09:00")
    assert town.refused("market", "request_extension", response, NONSENSE) == "TOO_LATE"


def test_a_rating_and_an_evaluation_need_a_closed_case_and_their_window(town: Town) -> None:
    response = town.whistled()[0]
    case = town.ids["case"]
    assert town.refused("command", "rate", case, NONSENSE) == "WRONG_STATE"
    town.completed(response)
    town.do("grid", "pass_verification", response)
    assert town.refused("street", "evaluate", response, NONSENSE) == "WRONG_STATE"
    town.do("command", "close_case", case)
    assert town.refused("command", "rate", case, NONSENSE) == "INVALID"
    assert town.refused("street", "evaluate", response, NONSENSE) == "INVALID"
    town.until("2022-12-20 09:00")
    assert town.refused("command", "rate", case, NONSENSE) == "TOO_LATE"
    assert town.refused("street", "evaluate", response, NONSENSE) == "TOO_LATE"


def test_an_unknown_department_comes_after_the_state_and_before_the_list(town: Town) -> None:
    case = town.filed(item="占道经营")
    given = {"kind": "enforcement", "lead": "月亮局"}
    assert town.refused("street", "blow_whistle", case, given) == "UNKNOWN"
    assert town.refused("street", "blow_whistle", case, {**given, "lead": "民主街道"}) == "AMBIGUOUS"
    assert town.refused("street", "blow_whistle", case, {**given, "lead": MARKET}) == "ITEM_IN_LIST"
    assert (
        town.refused("street", "blow_whistle", case, {**given, "lead": MARKET, "support": [POLICE]}) == "ITEM_IN_LIST"
    )
    town.do("command", "cancel_case", case, {"reason": "重复"})
    assert town.refused("street", "blow_whistle", case, given) == "WRONG_STATE"


def test_a_check_in_from_too_far_is_refused_after_everything_else(town: Town) -> None:
    response = town.whistled()[0]
    far = {"place": {**PLACE, "lat": 43.9}}
    assert town.refused("police", "check_in", response, far) == "NOT_PERMITTED"
    assert town.refused("market", "check_in", response, far) == "WRONG_STATE"
    town.do("market", "sign", response)
    assert town.refused("market", "check_in", response, {**far, "officers": ["无此人"]}) == "UNKNOWN"
    assert town.refused("market", "check_in", response, far) == "TOO_FAR"
