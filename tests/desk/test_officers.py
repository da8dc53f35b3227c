"""Officers: certificates that are valid that day, postings, and the annual assessment."""

from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Kind
from domain.registry.people import person_id
from tests.desk.town import MARKET, OTHER_STREET, PLACE, SQUAD, STREET, Town

OFFICERS = ["执法人员一", "执法人员二"]


def recorded(**given: Any) -> dict[str, Any]:
    return {"action": "责令改正", "officers": OFFICERS, "certificates_shown": True, "recorded": True, **given}


@pytest.fixture
def at_the_scene(town: Town) -> UUID:
    """A response at its scene, of a department with two officers; the second one's certificate ends on the 14th."""
    for name, last_day in zip(OFFICERS, ("2030-12-31", "2022-12-14"), strict=True):
        officer = town.registered(name, MARKET)
        town.do("admin", "issue_certificate", officer, {"number": f"号-{name}", "valid_until": last_day})
    response = town.whistled()[0]
    town.arrived(response)
    return response


# Certificates.


def test_a_certificate_is_good_through_its_last_day(town: Town, at_the_scene: UUID) -> None:
    town.until("2022-12-14 23:59")
    town.do("specialist", "record_enforcement", at_the_scene, recorded())
    fact = town.log.stream(at_the_scene)[-1].event
    assert [each.certificate for each in fact.officers] == ["号-执法人员一", "号-执法人员二"]  # type: ignore[attr-defined]


def test_from_midnight_on_it_is_not(town: Town, at_the_scene: UUID) -> None:
    town.until("2022-12-15 00:00")
    assert town.refused("specialist", "record_enforcement", at_the_scene, recorded()) == "NOT_CERTIFIED"


def test_a_renewal_counts_from_its_first_day(town: Town, at_the_scene: UUID) -> None:
    town.until("2022-12-15 09:00")
    officer = person_id(town.city.find(MARKET).code, OFFICERS[1])
    renewal = {"number": "号-续", "valid_from": "2022-12-16", "valid_until": "2030-12-31"}
    town.do("admin", "issue_certificate", officer, renewal)
    assert town.refused("specialist", "record_enforcement", at_the_scene, recorded()) == "NOT_CERTIFIED"
    town.until("2022-12-16 00:00")
    assert town.do("specialist", "record_enforcement", at_the_scene, recorded()).events


@pytest.mark.parametrize(
    ("officers", "code"),
    [
        (["执法人员一"], "TOO_FEW_OFFICERS"),
        (["执法人员一", "执法人员一"], "TOO_FEW_OFFICERS"),
        (["执法人员一", "无此人"], "UNKNOWN"),
    ],
)
def test_two_officers_of_the_department_are_needed(
    town: Town, at_the_scene: UUID, officers: list[str], code: str
) -> None:
    assert town.refused("specialist", "record_enforcement", at_the_scene, recorded(officers=officers)) == code


def test_a_forced_demolition_needs_the_legal_review_first(town: Town, at_the_scene: UUID) -> None:
    forced = recorded(action="强制拆除")
    assert town.refused("specialist", "record_enforcement", at_the_scene, forced) == "LEGAL_REVIEW_MISSING"
    town.do("supervision", "pass_legal_review", town.ids["case"])
    assert town.do("specialist", "record_enforcement", at_the_scene, forced).events


def test_an_officer_without_a_certificate_may_come_along(town: Town) -> None:
    town.registered("执法人员三", MARKET)
    response = town.whistled()[0]
    town.do("market", "sign", response)
    assert town.do("market", "check_in", response, {"place": PLACE, "officers": ["执法人员三"]}).state == "arrived"


def test_nobody_is_registered_or_certified_twice(town: Town) -> None:
    officer = town.registered("执法人员三", MARKET)
    assert (
        town.refused("admin", "register_person", None, {"name": "执法人员三", "organisation": MARKET}) == "ALREADY_DONE"
    )
    given = {"number": "号-3", "valid_until": "2030-12-31"}
    town.do("admin", "issue_certificate", officer, given)
    assert town.refused("admin", "issue_certificate", officer, given) == "ALREADY_DONE"


def test_no_officer_is_taken_for_a_part_of_a_case_whatever_the_streams_id_looks_like(town: Town) -> None:
    code = town.city.find(MARKET).code
    looks_so = next(
        name for name in (f"执法人员{n}" for n in range(10_000)) if person_id(code, name).bytes[12] == Kind.CASE
    )
    officer = town.registered(looks_so, MARKET)
    town.do("admin", "issue_certificate", officer, {"number": "号-0", "valid_until": "2030-12-31"})
    assert {recorded.event.meta.case_id for recorded in town.log.stream(officer)} == {None}
    assert town.refused("command", "close_case", officer) == "UNKNOWN"


# The annual assessment.


def posted(town: Town, weight: str = "urban_management", since: str = "2022-01-01", street: str = STREET) -> UUID:
    """An officer of the enforcement squad, posted to a street."""
    officer = town.registered("执法人员三", SQUAD)
    town.do("organisation", "post_officer", officer, {"street": street, "weight": weight, "since": since})
    return officer


def final(town: Town, officer: UUID) -> float:
    town.do("organisation", "assess_officer", officer, {"year": 2022})
    score: float = town.state(officer).assessments[2022]
    return score


@pytest.mark.parametrize(("weight", "score"), [("urban_management", 88.4), ("police", 84.8), ("other", 86.0)])
def test_92_of_the_street_and_80_of_the_home_unit(town: Town, weight: str, score: float) -> None:
    officer = posted(town, weight)
    town.do("street", "score_posting_street", officer, {"year": 2022, "score": 92})
    town.do("squad head", "score_posting_home", officer, {"year": 2022, "score": 80})
    assert final(town, officer) == score


def test_a_transfer_counts_by_days(town: Town) -> None:
    officer = posted(town)
    town.do("organisation", "end_posting", officer, {"until": "2022-03-14"})
    moved = {"street": OTHER_STREET, "weight": "urban_management", "since": "2022-03-15"}
    town.do("organisation", "post_officer", officer, moved)
    town.do("street", "score_posting_street", officer, {"year": 2022, "score": 100})
    town.do("other street", "score_posting_street", officer, {"year": 2022, "score": 50})
    town.do("squad head", "score_posting_home", officer, {"year": 2022, "score": 80})
    # 73 days at 100 and 292 days at 50 make 60 of the streets, of which 70 % count: 42, and 24 of the home unit.
    assert final(town, officer) == 66.0


def test_only_the_street_of_the_posting_and_the_officers_own_unit_score(town: Town) -> None:
    officer = posted(town)
    given = {"year": 2022, "score": 92}
    assert town.refused("other street", "score_posting_street", officer, given) == "NOT_PERMITTED"
    assert town.refused("market head", "score_posting_home", officer, given) == "NOT_PERMITTED"


def test_an_assessment_waits_for_both_scores_and_is_made_once(town: Town) -> None:
    officer = posted(town)
    town.do("street", "score_posting_street", officer, {"year": 2022, "score": 92})
    assert town.refused("organisation", "assess_officer", officer, {"year": 2022}) == "WRONG_STATE"
    town.do("squad head", "score_posting_home", officer, {"year": 2022, "score": 80})
    assert final(town, officer) == 88.4
    assert town.refused("organisation", "assess_officer", officer, {"year": 2022}) == "ALREADY_DONE"
    assert town.refused("street", "score_posting_street", officer, {"year": 2022, "score": 95}) == "ALREADY_DONE"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"street": STREET, "weight": "friendship", "since": "2022-01-01"}, "INVALID"),
        ({"street": MARKET, "weight": "other", "since": "2022-01-01"}, "INVALID"),
        ({"street": "月亮街道", "weight": "other", "since": "2022-01-01"}, "UNKNOWN"),
        ({"street": "民主街道", "weight": "other", "since": "2022-01-01"}, "AMBIGUOUS"),
        ({"street": STREET, "weight": "other", "since": "2022-02-30"}, "INVALID"),
    ],
)
def test_a_posting_names_a_street_a_weight_and_a_day(town: Town, given: dict[str, str], code: str) -> None:
    officer = town.registered("执法人员三", SQUAD)
    assert town.refused("organisation", "post_officer", officer, given) == code
