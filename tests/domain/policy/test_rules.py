"""All rules in one hand: what is in force, and every version that an event may cite."""

from datetime import UTC, datetime

import pytest

from domain.errors import Unknown
from tests.domain.policy.given import CATALOGUE, OFFICE, POLICY, RUBRIC, RULES, local, started, working_days

AT = local("2022-12-14 13:00")


def test_the_shipped_rules_are_in_force_for_old_cases_too() -> None:
    assert RULES.policy(AT) is POLICY
    assert RULES.calendar("office", AT) is OFFICE
    assert RULES.catalogue(AT) is CATALOGUE
    assert RULES.rubric(AT) is RUBRIC


def test_a_clock_finds_the_calendar_that_it_was_started_by() -> None:
    market = RULES.calendar("market", AT)
    assert RULES.calendar_of(started(working_days(1), "2022-12-14 13:00", market)) is market


def test_before_the_first_version_nothing_is_in_force() -> None:
    with pytest.raises(Unknown):
        RULES.rubric(datetime(1999, 12, 31, tzinfo=UTC))


def test_an_unknown_version_is_refused() -> None:
    for get in (RULES.policy_version, RULES.catalogue_version, RULES.rubric_version):
        with pytest.raises(Unknown):
            get("1949-1")


def test_an_administrator_sees_which_years_are_not_settled() -> None:
    assert [alert.kind for alert in RULES.calendar_alerts(2027)] == ["provisional"]
    assert [alert.kind for alert in RULES.calendar_alerts(2028)] == ["missing"]
