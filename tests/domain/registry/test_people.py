"""Officers: certificates that count to their last day, postings that do not overlap, and the annual assessment."""

from collections.abc import Callable
from datetime import date

import pytest

from domain.errors import AlreadyDone, Invalid, WrongState
from domain.registry.people import Person, Posting, person_id
from domain.registry.people_facts import (
    AnnualAssessmentMade,
    CertificateIssued,
    HomeScoreGiven,
    OfficerPosted,
    PersonRegistered,
    PostingEnded,
    StreetScoreGiven,
    StreetYear,
)
from tests.kit import KEEPER, RULES, act, given

NOW = act("2026-12-20 10:00", role="organisation_dept")
NORTH, SOUTH = "220204001", "220204002"
Step = Callable[[Person], object]


def registered() -> Person:
    return Person.register("执法人员一", "2202-scjg", NOW)


def certified(number: str, since: date | None, until: date) -> Step:
    return lambda officer: officer.issue_certificate(number, since, until, NOW)


def posted(street: str, since: str, weight: str = "police") -> Step:
    return lambda officer: officer.post(street, weight, date.fromisoformat(since), NOW, RULES)


def ended(until: str) -> Step:
    return lambda officer: officer.end_posting(date.fromisoformat(until), NOW)


def scored(street: str, score: float, year: int = 2026) -> Step:
    return lambda officer: officer.score_by_street(street, year, score, NOW, RULES)


def scored_at_home(score: float, year: int = 2026) -> Step:
    return lambda officer: officer.score_by_home(year, score, NOW, RULES)


def assessed(year: int = 2026) -> Step:
    return lambda officer: officer.assess(year, NOW, RULES)


def test_an_officer_is_found_by_organisation_and_name_and_registered_once() -> None:
    officer = given(registered)
    assert isinstance(officer.history[0], PersonRegistered)
    assert officer.aggregate.id == person_id("2202-scjg", "执法人员一") != person_id("2202-sthj", "执法人员一")
    officer.when(lambda one: one.may_register()).refuses(AlreadyDone)


@pytest.mark.parametrize(
    ("day", "number"),
    [("2019-12-31", None), ("2020-01-01", "A"), ("2026-06-30", "A"), ("2026-07-01", "B"), ("2030-12-31", "B"),
     ("2031-01-01", None)],
)  # fmt: skip
def test_a_certificate_counts_from_its_first_through_its_last_day(day: str, number: str | None) -> None:
    first = certified("A", date(2020, 1, 1), date(2026, 6, 30))
    second = certified("B", date(2026, 7, 1), date(2030, 12, 31))
    assert given(registered, first, second).aggregate.certificate_on(date.fromisoformat(day)) == number


def test_of_two_valid_certificates_the_one_that_lasts_longest_is_shown() -> None:
    officer = given(registered, certified("long", None, date(2030, 1, 1)), certified("short", None, date(2027, 1, 1)))
    assert officer.aggregate.certificate_on(date(2026, 5, 1)) == "long"


def test_a_certificate_is_issued_once_but_may_be_renewed_under_its_number() -> None:
    officer = given(registered, certified("A", None, date(2026, 6, 30)))
    officer.when(certified("A", None, date(2026, 6, 30))).refuses(AlreadyDone)
    officer.when(certified("A", None, date(2029, 6, 30))).then(CertificateIssued, number="A").nothing_more()


def test_a_certificate_that_ends_before_it_begins_is_invalid() -> None:
    given(registered).when(certified("A", date(2026, 2, 1), date(2026, 1, 31))).refuses(Invalid)


def test_an_officer_is_posted_to_one_street_at_a_time() -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(posted(NORTH, "2026-01-01")).refuses(AlreadyDone)
    officer.when(posted(SOUTH, "2026-07-01")).refuses(WrongState)
    moved = given(registered, posted(NORTH, "2026-01-01"), ended("2026-06-30"))
    moved.when(posted(SOUTH, "2026-06-30")).refuses(Invalid)
    moved.when(posted(SOUTH, "2026-07-01")).then(OfficerPosted, street=SOUTH, since=date(2026, 7, 1)).nothing_more()


def test_a_posting_names_a_weight_that_the_rubric_has() -> None:
    given(registered).when(posted(NORTH, "2026-01-01", weight="grandee")).refuses(Invalid)


def test_a_posting_is_ended_once_and_not_before_it_began() -> None:
    given(registered).when(ended("2026-06-30")).refuses(WrongState)
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(ended("2025-12-31")).refuses(Invalid)
    officer.when(ended("2026-01-01")).then(PostingEnded, street=NORTH, until=date(2026, 1, 1)).has(posting=None)
    given(registered, posted(NORTH, "2026-01-01"), ended("2026-06-30")).when(ended("2026-07-31")).refuses(AlreadyDone)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [("2026-01-01", None, 365), ("2025-03-01", None, 365), ("2026-12-31", None, 1), ("2027-01-01", None, 0),
     ("2026-01-01", "2026-06-30", 181), ("2025-07-01", "2026-01-01", 1), ("2025-07-01", "2025-12-31", 0),
     ("2026-11-01", "2027-03-31", 61)],
)  # fmt: skip
def test_both_ends_of_a_posting_are_served_and_an_open_one_runs_to_the_end_of_the_year(
    since: str, until: str | None, days: int
) -> None:
    last = date.fromisoformat(until) if until else None
    assert Posting(NORTH, "police", date.fromisoformat(since), last).days_in(2026) == days


def test_the_street_scores_who_served_there_once_a_year() -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(scored(NORTH, 92.5)).then(StreetScoreGiven, street=NORTH, year=2026, score=92.5).nothing_more()
    officer.when(scored(SOUTH, 92.5)).refuses(WrongState)
    officer.when(scored(NORTH, 92.5, year=2025)).refuses(WrongState)
    given(registered, posted(NORTH, "2026-01-01"), scored(NORTH, 92)).when(scored(NORTH, 92)).refuses(AlreadyDone)


def test_the_home_unit_scores_who_was_posted_once_a_year() -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(scored_at_home(80)).then(HomeScoreGiven, year=2026, score=80.0).nothing_more()
    given(registered).when(scored_at_home(80)).refuses(WrongState)
    given(registered, posted(NORTH, "2026-01-01"), scored_at_home(80)).when(scored_at_home(81)).refuses(AlreadyDone)


@pytest.mark.parametrize("score", [-0.1, 100.1, 92.55, float("nan")])
def test_a_score_off_the_scale_is_invalid(score: float) -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(scored(NORTH, score)).refuses(Invalid)
    officer.when(scored_at_home(score)).refuses(Invalid)


def test_a_year_that_has_not_begun_is_neither_scored_nor_assessed() -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    officer.when(scored(NORTH, 92, year=2027)).refuses(Invalid)
    officer.when(scored_at_home(80, year=2027)).refuses(Invalid)


def test_the_new_year_begins_at_the_site_and_not_in_greenwich() -> None:
    officer = given(registered, posted(NORTH, "2026-01-01"))
    first_minutes = act("2027-01-01 00:05")
    officer.when(lambda one: one.score_by_home(2027, 80, first_minutes, RULES)).then(HomeScoreGiven, year=2027)


@pytest.mark.parametrize(("weight", "final"), [("urban_management", 88.4), ("police", 84.8), ("other", 86.0)])
def test_the_street_weighs_more_or_less_by_the_kind_of_officer(weight: str, final: float) -> None:
    officer = given(registered, posted(NORTH, "2026-01-01", weight), scored(NORTH, 92), scored_at_home(80))
    year = StreetYear(street=NORTH, days=365, score=92.0)
    officer.when(assessed()).then(
        AnnualAssessmentMade, year=2026, final=final, weight=weight, streets=(year,), home=80.0, rubric="2026-1"
    ).nothing_more().has(assessments={2026: final})


def test_a_transfer_counts_by_days() -> None:
    officer = given(
        registered, posted(NORTH, "2026-01-01", "other"), ended("2026-03-14"), posted(SOUTH, "2026-03-15", "other"),
        scored(NORTH, 100), scored(SOUTH, 50), scored_at_home(60),
    )  # fmt: skip
    # 73 of 365 days, one fifth, at the first street: 100 · 0.2 + 50 · 0.8 = 60.
    officer.when(assessed()).then(AnnualAssessmentMade, final=60.0).nothing_more()


def test_where_the_weights_of_a_year_differ_the_latest_decides() -> None:
    officer = given(
        registered, posted(NORTH, "2026-01-01", "police"), ended("2026-06-30"),
        posted(SOUTH, "2026-07-01", "urban_management"), scored(NORTH, 92), scored(SOUTH, 92), scored_at_home(80),
    )  # fmt: skip
    officer.when(assessed()).then(AnnualAssessmentMade, final=88.4, weight="urban_management")


def test_the_assessment_waits_for_every_score_and_is_made_once() -> None:
    given(registered).when(assessed()).refuses(WrongState)
    one_street = (registered, posted(NORTH, "2026-01-01"), scored(NORTH, 92))
    given(*one_street).when(assessed()).refuses(WrongState)
    moved = (ended("2026-06-30"), posted(SOUTH, "2026-07-01"), scored_at_home(80))
    given(*one_street, *moved).when(assessed()).refuses(WrongState)
    given(*one_street, scored_at_home(80), assessed()).when(assessed()).refuses(AlreadyDone)


def test_nothing_falls_due_for_an_officer() -> None:
    given(registered).when(lambda one: one.fire(NOW, KEEPER)).nothing_more()
