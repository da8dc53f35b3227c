"""Statistics count what they say, on the day they say, and leave out what must be left out."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import pytest

from bench.histories import Story
from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.kernel import Fact
from domain.policy.deadlines import Stage
from projections.indicators import INDICATORS, TENTHS
from projections.posting import INDICATOR_COUNTS
from projections.projector import Projector
from projections.statistics import SCORE, Figure, Rank, day_and_month, indicators, ranking, together
from tests.projections.kit import folded, rows_of

A, B = "2202-scjg", "2202-gaj"


def figures(projector: Projector, **given: Any) -> dict[str, Figure]:
    with projector.store.reading() as db:
        return {figure.indicator: figure for figure in indicators(db, **given)}


def counted(facts: Iterable[Fact], **given: Any) -> dict[str, Any]:
    """Numerator and denominator of every indicator that these facts count towards."""
    found = figures(folded(facts), **given)
    return {name: (each.numerator, each.denominator) for name, each in found.items() if each.denominator}


def dispatched(story: Story, *departments: str) -> Iterator[Fact]:
    yield from story.reported()
    yield from story.later(minutes=5).filed()
    yield from story.later(minutes=5).blown(departments or [A])


def finished(story: Story) -> Iterator[Fact]:
    yield from dispatched(story)
    yield from story.later(minutes=5).signed(story.response(), A)
    yield from story.later(minutes=5).arrived(story.response(), A)
    yield from story.later(hours=1).done(story.response(), A)
    yield from story.drafted(0, A)
    yield from story.later(minutes=5).closed()
    yield from story.later(hours=1).rated()


def closed(number: int, *, on_time: bool) -> Iterator[Fact]:
    """A case that should have been closed, and was."""
    story = Story(number)
    yield from story.reported()
    yield from story.filed()
    due = story.at + timedelta(hours=1 if on_time else -1)
    yield story.fact(cases.CaseClosed, story.case, due_to_close=due, on_time=on_time, reports=())


def overdue(story: Story) -> Iterator[Fact]:
    """A case that should have been closed, and was not: its only disposal was missed."""
    yield from dispatched(story)
    story.later(hours=48)
    clocks = story.missed(story.response(), Stage.DISPOSAL)
    yield story.fact(
        responses.DisposalMissed, story.response(), criticise_at=None, lapsed_extension=False, clocks=clocks
    )


def test_the_published_check_figures_come_out() -> None:
    on_time = [fact for number in range(737) for fact in closed(number, on_time=True)]
    late = [fact for number in range(737, 911) for fact in closed(number, on_time=False)]
    never = [fact for number in range(911, 972) for fact in overdue(Story(number))]
    found = figures(folded([*on_time, *late, *never]))
    assert (found["closing_rate"].numerator, found["closing_rate"].denominator) == (911, 972)
    assert round(100 * (found["closing_rate"].rate or 0), 2) == 93.72
    assert round(100 * (found["closing_on_time_rate"].rate or 0), 2) == 75.82


def test_a_case_that_went_well_counts_as_done_everywhere() -> None:
    found = counted(finished(Story(1)))
    done = {
        "valid_report_rate", "filing_rate", "filing_on_time_rate", "accurate_dispatch_rate", "signature_on_time_rate",
        "arrival_on_time_rate", "disposal_rate", "disposal_on_time_rate", "closing_rate", "closing_on_time_rate",
        "contact_rate", "resolution_rate", "satisfaction_rate", "whistle_rate",
    }  # fmt: skip
    spared = {
        "never_arrived_rate", "rework_rate", "extension_rate", "suspension_rate", "return_rate", "reopening_rate",
    }  # fmt: skip
    assert found == dict.fromkeys(done, (1, 1)) | dict.fromkeys(spared, (0, 1))


def test_nothing_is_a_rate_of_nothing() -> None:
    found = figures(folded([]))
    assert all(figure.rate is None and figure.adjusted is None for figure in found.values())
    assert len(found) == 25


def test_sums_are_the_figures_with_what_came_later_and_without_what_is_over_nothing() -> None:
    cancelled = Story(1)
    told = [*finished(cancelled), *overdue(Story(2)), *closed(3, on_time=False), *evaluated(4, A, 92.5)]
    cancelled.later(days=45)
    told.append(cancelled.fact(cases.CaseCancelled, cancelled.case, reason="twice"))
    projector = folded(told)
    with projector.store.reading() as db:
        _, found = day_and_month(db, date(2026, 3, 10), by="department", names=tuple(INDICATORS))
        figures = indicators(db, since=date(2026, 3, 1), through=date(2026, 3, 31), by=("department",))
    assert any(figure.adjustment_denominator for figure in figures)
    assert found == {
        name: {
            figure.indicator: (
                round((figure.numerator + figure.adjustment_numerator) * (TENTHS if figure.indicator == SCORE else 1)),
                figure.denominator + figure.adjustment_denominator,
            )
            for figure in own
            if any(figure[2:])
        }
        for name, own in groupby(figures, key=lambda figure: figure.group["department"])
    }
    assert together(found)["filing_rate"] == (3, 3)
    assert together(found)[SCORE] == (925, 1)


def test_a_drill_counts_nowhere() -> None:
    assert counted(finished(Story(1, drill=True))) == {}


def test_a_clock_counts_only_once_it_was_met_or_missed() -> None:
    assert "signature_on_time_rate" not in counted(dispatched(Story(1)))
    story = Story(1)
    told = [*dispatched(story), *story.later(minutes=5).signed(story.response(), A)]
    assert counted(told)["signature_on_time_rate"] == (1, 1)


def test_a_rate_counts_on_the_day_it_was_due_and_a_volume_on_the_day_it_happened() -> None:
    projector = folded(finished(Story(1)))
    days = {row["indicator"]: row["day"] for row in rows_of(projector, INDICATOR_COUNTS)}
    assert days["filing_rate"] == "2026-03-02"
    assert days["disposal_on_time_rate"] == "2026-03-04"
    assert days["contact_rate"] == "2026-03-05"


def test_a_merged_report_counts_nowhere_until_it_is_unmerged() -> None:
    story, master = Story(1), Story(2).report
    told = [*story.reported(), story.fact(reports.ReportMerged, story.report, into=master, distance_m=1.0)]
    assert counted(told) == {}
    told.append(story.fact(reports.ReportUnmerged, story.report, out_of=master))
    assert counted(told)["valid_report_rate"] == (0, 1)


def test_a_cancelled_case_counts_nowhere() -> None:
    story = Story(1)
    told = [*dispatched(story)]
    told.append(story.fact(responses.ResponseReleased, story.response(), because="cancellation"))
    told.append(story.fact(cases.CaseCancelled, story.case, reason="twice"))
    assert counted(told) == {}


def test_an_upheld_return_counts_against_the_dispatch_and_for_nothing_else() -> None:
    story = Story(1)
    told = [*dispatched(story), *story.later(minutes=5).signed(story.response(), A)]
    told.append(story.fact(responses.ReturnUpheld, story.response(), replacement=B))
    told.append(story.fact(responses.ResponseReleased, story.response(), because="return"))
    found = counted(told, filters={"department": A})
    assert found["accurate_dispatch_rate"] == (0, 1)
    assert found["return_rate"] == (1, 1)
    assert "signature_on_time_rate" not in found
    assert "extension_rate" not in found


@pytest.mark.parametrize(("because", "counts"), [("escalation", True), ("withdrawal", False)])
def test_an_escalation_keeps_the_misses_that_stood_and_a_withdrawal_does_not(because: str, *, counts: bool) -> None:
    story = Story(1)
    told = [*dispatched(story), *story.later(minutes=5).signed(story.response(), A)]
    told += story.later(hours=2).arrival_missed(story.response(), A)
    told.append(story.fact(responses.ResponseReleased, story.response(), because=because))
    found = counted(told, filters={"department": A})
    assert found.get("arrival_on_time_rate") == ((0, 1) if counts else None)
    assert "signature_on_time_rate" not in found


def test_who_came_late_was_not_on_time_but_did_come() -> None:
    story = Story(1)
    told = [*dispatched(story), *story.later(hours=2).arrival_missed(story.response(), A)]
    assert counted(told)["never_arrived_rate"] == (1, 1)
    told += story.later(hours=1).arrived(story.response(), A)
    assert counted(told)["never_arrived_rate"] == (0, 1)
    assert counted(told)["arrival_on_time_rate"] == (0, 1)


def test_what_an_upheld_review_exempts_counts_as_met() -> None:
    story = Story(1)
    told = [*dispatched(story), *story.later(hours=2).arrival_missed(story.response(), A)]
    told += story.drafted(0, A)
    told.append(story.fact(evaluations.ReviewDecided, story.evaluation(), upheld=True, exempt=("arrival",)))
    assert counted(told)["arrival_on_time_rate"] == (1, 1)
    assert counted(told)["never_arrived_rate"] == (0, 1)


def test_a_miss_stands_after_the_case_was_reopened() -> None:
    story = Story(1)
    told = [*overdue(story)]
    fresh = story.later(hours=1).start(story.response(), Stage.DISPOSAL, 24)
    told.append(story.fact(responses.ResponseReopened, story.response(), clocks=(fresh,)))
    assert counted(told)["disposal_on_time_rate"] == (0, 1)
    told += story.later(hours=1).done(story.response(), A)
    assert counted(told)["disposal_rate"] == (1, 1)
    assert counted(told)["disposal_on_time_rate"] == (0, 1)
    assert counted(told)["reopening_rate"] == (1, 1)


def test_failed_verifications_count_once_for_each_response_that_was_verified() -> None:
    story = Story(1)
    told = [*dispatched(story)]
    told += [story.fact(responses.VerificationFailed, story.response(), reason="no") for _ in range(2)]
    assert "rework_rate" not in counted(told)
    told += story.done(story.response(), A)
    assert counted(told)["rework_rate"] == (1, 1)


def test_who_could_not_be_reached_was_called_in_time_but_said_nothing() -> None:
    story = Story(1)
    told = [*dispatched(story), *story.closed(), *story.later(hours=1).rated("unreachable")]
    found = counted(told)
    assert found["contact_rate"] == (1, 1)
    assert "satisfaction_rate" not in found
    assert "resolution_rate" not in found


def test_imported_history_counts_in_volumes_but_has_no_clocks_and_no_time_to_be_closed_by() -> None:
    found = counted(finished(Story(1, imported=True)))
    assert found["filing_rate"] == (1, 1)
    assert found["accurate_dispatch_rate"] == (1, 1)
    assert not {"signature_on_time_rate", "filing_on_time_rate", "closing_rate"} & set(found)


def test_a_case_belongs_to_its_street_once_a_street_acts_on_it() -> None:
    story = Story(1)
    told = [*dispatched(story), story.fact(cases.CaseLocated, story.case, street="220281001")]
    with (projector := folded(told)).store.reading() as db:
        found = indicators(db, by=("street",), names=("extension_rate",))
        before = indicators(db, filters={"street": story.street}, names=("extension_rate",))
    assert [(each.group["street"], each.denominator) for each in found if each.denominator] == [("220281001", 1)]
    assert [each.denominator for each in before] == [0]
    assert projector.parked() == []


def evaluated(number: int, department: str, score: float, outcome: str = "record", **delta: float) -> Iterator[Fact]:
    story = Story(number)
    yield from dispatched(story, department)
    yield from story.drafted(0, department)
    story.later(**delta)
    yield from story.final(0, score, outcome)


def test_scores_are_averaged_and_outcomes_counted_over_final_evaluations() -> None:
    told = [*evaluated(1, A, 100.0, "commend"), *evaluated(2, A, 95.5), *evaluated(3, A, 59.0, "interview")]
    found = figures(folded(told))
    assert found["average_score"].numerator == 254.5
    assert found["average_score"].rate == pytest.approx(84.8333, abs=1e-4)
    assert (found["commend"].numerator, found["commend"].denominator) == (1, 3)
    assert found["interview"].rate == pytest.approx(1 / 3)


def test_an_evaluation_that_was_returned_does_not_count_until_it_is_final_again() -> None:
    told = [*evaluated(1, A, 100.0)]
    story = Story(1)
    story.versions = {fact.originator_id: fact.originator_version for fact in told}
    told.append(story.fact(evaluations.EvaluationReturned, story.evaluation(), cause="reopened"))
    assert "average_score" not in counted(told)


def test_departments_that_tie_share_a_rank_and_few_evaluations_give_none() -> None:
    scores = {A: 90.0, B: 90.0, "2202-hbj": 95.0, "2202-zjj": 80.0}
    told: list[Fact] = []
    for number, (department, score) in enumerate(scores.items()):
        for turn in range(5):
            told += evaluated(number * 10 + turn, department, score)
    told += evaluated(99, "2202-yjj", 100.0)
    with folded(told).store.reading() as db:
        ranks = ranking(db, at_least=5)
    assert ranks == [
        Rank(1, "2202-hbj", 95.0, 5), Rank(2, B, 90.0, 5), Rank(2, A, 90.0, 5), Rank(4, "2202-zjj", 80.0, 5),
    ]  # fmt: skip


def test_what_comes_after_a_month_was_frozen_is_an_adjustment() -> None:
    """March 2026 freezes at the close of the third working day of April, Friday the 3rd."""
    story = Story(1)
    told = [*finished(story)]
    before = figures(folded(told))["satisfaction_rate"]
    assert (before.denominator, before.adjustment_denominator) == (1, 0)
    story.later(days=45)
    told.append(story.fact(cases.CaseCancelled, story.case, reason="twice"))
    after = figures(folded(told))["satisfaction_rate"]
    assert (after.numerator, after.denominator, after.rate) == (1, 1, 1.0)
    assert (after.adjustment_numerator, after.adjustment_denominator) == (-1, -1)
    assert after.adjusted is None


@pytest.mark.parametrize(
    ("by", "label"),
    [("day", "2026-03-02"), ("week", "2026-W10"), ("month", "2026-03"), ("quarter", "2026-Q1"), ("year", "2026")],
)
def test_figures_come_by_any_period(by: str, label: str) -> None:
    with folded(finished(Story(1))).store.reading() as db:
        found = indicators(db, by=(by,), names=("filing_rate",))
    assert [figure.group for figure in found if figure.denominator] == [{by: label}]


def test_figures_of_other_days_are_left_out() -> None:
    projector = folded(finished(Story(1)))
    inside = figures(projector, since=date(2026, 3, 2), through=date(2026, 3, 2), names=("filing_rate",))
    outside = figures(projector, since=date(2026, 3, 3), names=("filing_rate",))
    assert inside["filing_rate"].denominator == 1
    assert outside["filing_rate"].denominator == 0


def test_figures_come_by_community_and_grid() -> None:
    story = Story(1)
    with folded(finished(story)).store.reading() as db:
        [found] = indicators(db, by=("community", "grid"), names=("filing_rate",))
    assert found.group == {"community": f"{story.street}001", "grid": f"{story.street}001002"}


@pytest.mark.parametrize(
    ("scope", "sees"),
    [({"all": True}, 1), ({"department": A}, 1), ({"department": B}, 0), ({"street_prefix": "2202"}, 1),
     ({"street_prefix": "2209"}, 0), ({"person": "someone"}, 0), ({}, 0)],
)  # fmt: skip
def test_a_reader_sees_the_figures_of_its_own_scope(scope: dict[str, Any], sees: int) -> None:
    found = figures(folded(finished(Story(1))), scope=scope, names=("signature_on_time_rate",))
    assert found["signature_on_time_rate"].denominator == sees


@pytest.mark.parametrize(
    "asked", [{"by": ("shoe_size",)}, {"filters": {"actor": "x"}}, {"names": ("happiness",)}], ids=str
)
def test_asking_for_what_does_not_exist_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="there is no"):
        figures(folded([]), **asked)
