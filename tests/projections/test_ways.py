"""Folding event by event, in batches, from rows that were loaded anew, or case by case as a rebuild does: all the same.

In memory alone: what a database adds to it is tested apart.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.histories import Story, interleaved, raw
from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import response as responses
from domain.kernel import Fact
from projections.posting import COARSE, INDICATOR_COUNTS
from store.recorder import RawEvent
from tests.projections.kit import VIEWS
from tests.projections.shelf import Key, Shelf, live, rebuilt

ALL_AT_ONCE = 10**9
BEFORE_THE_FREEZE = datetime(2026, 3, 27, 1, 0, tzinfo=UTC)
"""March 2026 freezes on Friday the 3rd of April at the close of the day, April on the 8th of May."""

DEPARTMENTS = ("2202-scjg", "2202-gaj")


def stored(facts: Sequence[Fact]) -> list[RawEvent]:
    return [raw(position, fact) for position, fact in enumerate(facts, 1)]


@pytest.mark.parametrize("open_cases", [1, 7, 40])
def test_cases_side_by_side_come_out_the_same(open_cases: int) -> None:
    raws = stored(list(interleaved(700, seed=3, open_cases=open_cases)))
    expected = live(raws, VIEWS, [1]).everything()
    assert len(expected["history_4"]) == len(raws)
    assert live(raws, VIEWS, [ALL_AT_ONCE]).everything() == expected
    assert live(raws, VIEWS, [1], keep=0).everything() == expected
    assert live(raws, VIEWS, [50], keep=3).everything() == expected
    assert rebuilt(raws, VIEWS).everything() == expected


def around_a_freeze(starts: Sequence[int], endings: Sequence[int]) -> list[RawEvent]:
    """Cases that start so many hours after a Friday before the freeze, and whose ends change what they counted for."""
    facts: list[Fact] = []
    for number, hours in enumerate(starts):
        story = Story(number)
        story.at = BEFORE_THE_FREEZE + timedelta(hours=hours)
        facts += story.whole()
        ending = endings[number % len(endings)]
        story.later(hours=7 * ending)
        if ending % 3 == 0:
            facts.append(story.fact(cases.CaseReopened, story.case, reason="again"))
            facts.append(story.fact(responses.ResponseReopened, story.response()))
            facts.append(story.fact(evaluations.EvaluationReturned, story.evaluation(), cause="reopened"))
            facts += story.later(hours=30).done(story.response(), DEPARTMENTS[0])
        elif ending % 3 == 1:
            facts.append(story.fact(responses.ResponseReleased, story.response(), because="cancellation"))
            facts.append(story.fact(cases.CaseCancelled, story.case, reason="twice"))
        else:
            exempt = {"upheld": True, "exempt": ("arrival", "disposal")}
            facts.append(story.fact(evaluations.ReviewDecided, story.evaluation(), **exempt))
    return stored(sorted(facts, key=lambda fact: fact.timestamp))


def figures(shelf: Shelf) -> list[Key]:
    return shelf.everything()[INDICATOR_COUNTS.name]


HOURS = st.lists(st.integers(0, 24 * 10), min_size=1, max_size=4)
ENDINGS = st.lists(st.integers(0, 150), min_size=1, max_size=4)
SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=6)


@settings(max_examples=25)
@given(starts=HOURS, endings=ENDINGS, sizes=SIZES, keep=st.integers(0, 3))
def test_what_waits_to_be_posted_is_posted_as_if_it_had_not_waited(
    starts: list[int], endings: list[int], sizes: list[int], keep: int
) -> None:
    raws = around_a_freeze(starts, endings)
    expected = live(raws, VIEWS, [1]).everything()
    assert live(raws, VIEWS, [ALL_AT_ONCE]).everything() == expected
    assert live(raws, VIEWS, sizes, keep).everything() == expected
    assert rebuilt(raws, VIEWS).everything() == expected


def test_the_cases_around_a_freeze_do_count_on_both_sides_of_it() -> None:
    raws = around_a_freeze([100, 150], [1, 2])
    late = {row[8] for row in figures(live(raws, VIEWS, [ALL_AT_ONCE]))}
    assert late == {False, True}


def test_the_coarse_figures_are_sums_of_the_fine_ones() -> None:
    tables = rebuilt(around_a_freeze([0, 100, 150], [1, 2, 3]), VIEWS).everything()
    fine = tables[INDICATOR_COUNTS.name]
    for coarse in COARSE:
        places = [INDICATOR_COUNTS.key.index(name) for name in coarse.key]
        sums: dict[tuple[object, ...], list[int]] = {}
        for row in fine:
            there = sums.setdefault(tuple(row[place] for place in places), [0, 0])
            there[0] += row[-2]
            there[1] += row[-1]
        found = {row[: len(places)]: [*row[len(places) :]] for row in tables[coarse.name]}
        assert found == {key: amounts for key, amounts in sums.items() if any(amounts)}, coarse
