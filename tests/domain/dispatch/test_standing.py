"""A department's standing: marks add up within rolling windows, and an appeal counts them again."""

from collections.abc import Callable

import pytest

from domain.dispatch.facts.standing import LadderStepReached, LadderStepWithdrawn, MarkEntered, MarkStruck
from domain.dispatch.standing import Standing, standing_id
from tests.domain.dispatch.steps import BUREAU
from tests.kit import KEEPER, act, given, person

Step = Callable[[Standing], object]


def opened() -> Standing:
    return Standing.begin(BUREAU, act("2022-01-04 09:00"))


def reminded(day: str, response: str | None = None) -> Step:
    return lambda standing: standing.enter("remind", person(response or day), act(f"{day} 10:00"), KEEPER)


def interviewed(day: str) -> Step:
    return lambda standing: standing.enter("interview", person(day), act(f"{day} 10:00"), KEEPER)


def struck(response: str, kind: str = "remind") -> Step:
    return lambda standing: standing.strike(kind, person(response), act("2022-12-30 10:00"), KEEPER)


def steps_of(standing: Standing) -> list[str]:
    return [step.name for step in standing.steps]


def test_a_departments_standing_is_found_by_its_code() -> None:
    assert given(opened).aggregate.id == standing_id(BUREAU) != standing_id("2202-sthj")


def test_one_reminder_reaches_nothing() -> None:
    given(opened).when(reminded("2022-03-01")).then(MarkEntered, mark="remind").nothing_more()


@pytest.mark.parametrize(("day", "reached"), [("2022-03-30", True), ("2022-03-31", False)])
def test_two_reminders_within_thirty_days_bring_a_yellow_letter(day: str, *, reached: bool) -> None:
    found = given(opened, reminded("2022-03-01")).when(reminded(day)).then(MarkEntered)
    if reached:
        found.then(LadderStepReached, step="yellow_letter", count=2, department=BUREAU, response=person(day))
    found.nothing_more()


def test_three_reminders_within_ninety_days_bring_an_interview_of_the_deputy() -> None:
    found = given(opened, reminded("2022-03-01"), reminded("2022-04-10")).when(reminded("2022-05-25"))
    found.then(MarkEntered).then(LadderStepReached, step="deputy_interview", count=3).nothing_more()


def test_interviews_climb_a_ladder_of_their_own() -> None:
    second = given(opened, reminded("2022-03-01"), interviewed("2022-03-02")).when(interviewed("2022-05-30"))
    second.then(MarkEntered).then(LadderStepReached, step="listing", count=2).nothing_more()
    third = given(opened, interviewed("2022-03-02"), interviewed("2022-07-02")).when(interviewed("2022-12-02"))
    third.then(MarkEntered).then(LadderStepReached, step="no_awards", count=3).nothing_more()


def test_a_step_is_reached_once_within_its_window() -> None:
    twice = given(opened, reminded("2022-03-01"), reminded("2022-03-10"))
    assert steps_of(twice.aggregate) == ["yellow_letter"]
    third = twice.when(reminded("2022-03-20")).then(MarkEntered)
    third.then(LadderStepReached, step="deputy_interview").nothing_more()
    later = given(opened, reminded("2022-03-01"), reminded("2022-03-10"), reminded("2022-07-01"))
    later.when(reminded("2022-07-05")).then(MarkEntered).then(LadderStepReached, step="yellow_letter").nothing_more()


def test_a_struck_mark_withdraws_the_step_that_rested_on_it() -> None:
    found = given(opened, reminded("2022-03-01"), reminded("2022-03-10")).when(struck("2022-03-01"))
    found.then(MarkStruck, response=person("2022-03-01")).then(LadderStepWithdrawn, step="yellow_letter")
    assert steps_of(found.nothing_more().aggregate) == []


def test_a_step_stands_while_enough_marks_are_left() -> None:
    three = given(opened, reminded("2022-03-01"), reminded("2022-03-05"), reminded("2022-03-10"))
    assert steps_of(three.aggregate) == ["yellow_letter", "deputy_interview"]
    found = three.when(struck("2022-03-10")).then(MarkStruck).then(LadderStepWithdrawn, step="deputy_interview")
    assert steps_of(found.nothing_more().aggregate) == ["yellow_letter"]


def test_a_step_stands_where_a_later_mark_reaches_it_all_the_same() -> None:
    three = given(opened, reminded("2022-03-01"), reminded("2022-03-05"), reminded("2022-03-10"))
    found = three.when(struck("2022-03-01")).then(MarkStruck).then(LadderStepWithdrawn, step="deputy_interview")
    assert steps_of(found.nothing_more().aggregate) == ["yellow_letter"]


def test_a_struck_interview_leaves_the_reminders_alone() -> None:
    both = given(opened, reminded("2022-03-01"), reminded("2022-03-05"), interviewed("2022-03-06"))
    both.when(struck("2022-03-06", "interview")).then(MarkStruck, mark="interview").nothing_more()


def test_what_was_never_entered_or_is_struck_already_is_not_struck() -> None:
    given(opened).when(struck("2022-03-01")).nothing_more()
    given(opened, reminded("2022-03-01"), struck("2022-03-01")).when(struck("2022-03-01")).nothing_more()
    given(opened, reminded("2022-03-01")).when(struck("2022-03-01", "interview")).nothing_more()


def test_nothing_falls_due_for_a_department() -> None:
    given(opened, reminded("2022-03-01")).when(lambda one: one.fire(act("2022-12-30 10:00"), KEEPER)).nothing_more()
