"""The 100-point evaluation: dimensions, floors, vetoes, caps, outcomes, exemptions and the annual assessment."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Invalid
from domain.policy.deadlines import Stage, start_clock
from domain.policy.rubric import (
    Band,
    Facts,
    Mark,
    Outcome,
    Rating,
    Rubric,
    Sheet,
    StreetPart,
    annual,
    arrival_band,
    disposal_band,
    score,
    signature_band,
    system_part,
)
from tests.domain.policy.given import OFFICE, POLICY, RUBRIC, document, local, started, working_days, working_hours

SATISFIED = Rating(satisfaction="satisfied", event="rated")


def facts(
    signature: str = "on_time",
    arrival: str = "on_time",
    disposal: str = "on_time",
    failed: int = 0,
    reopened: int = 0,
    second_extension: str | None = None,
) -> Facts:
    """Facts of a response that kept everything, but for what is named."""
    return Facts(
        signature=Mark(band=Band(signature), event="signed"),
        arrival=Mark(band=Band(arrival), event="arrived"),
        disposal=Mark(band=Band(disposal), event="completed"),
        failed_verifications=tuple(f"failed {n}" for n in range(failed)),
        reopened=tuple(f"reopened {n}" for n in range(reopened)),
        second_extension=second_extension,
    )


def street(conduct: str = "", cooperation: str = "", vetoes: str = "") -> StreetPart:
    """A street's part, its entries separated by blanks."""
    parts = {"conduct": conduct, "cooperation": cooperation, "vetoes": vetoes}
    return StreetPart(event="evaluated", **{name: tuple(text.split()) for name, text in parts.items()})


def sheet(exempt: str = "", part: StreetPart | None = None, rating: Rating | None = SATISFIED, **named: Any) -> Sheet:
    """The sheet of facts that kept everything, but for what is named."""
    return score(RUBRIC, facts(**named), part, rating, exempt.split())


def test_everything_kept_and_a_satisfied_reporter_is_a_hundred() -> None:
    whole = sheet()
    assert whole.dimensions == {"A": 10.0, "B": 25.0, "C": 25.0, "D": 20.0, "E": 10.0, "F": 5.0, "G": 5.0}
    assert (whole.raw, whole.score, whole.outcome) == (100.0, 100.0, Outcome.COMMEND)
    assert (whole.deductions, whole.rubric) == ((), "2026-1")


@pytest.mark.parametrize(
    ("named", "dimension", "points"),
    [
        ({"signature": "before_arrival"}, "A", 5.0),
        ({"signature": "late"}, "A", 0.0),
        ({"signature": "never"}, "A", 0.0),
        ({"arrival": "within_allowance"}, "B", 10.0),
        ({"arrival": "late"}, "B", 0.0),
        ({"arrival": "never"}, "B", 0.0),
        ({"disposal": "one_day"}, "C", 15.0),
        ({"disposal": "three_days"}, "C", 8.0),
        ({"disposal": "late"}, "C", 0.0),
        ({"disposal": "never"}, "C", 0.0),
        ({"second_extension": "granted"}, "C", 22.0),
        ({"disposal": "three_days", "second_extension": "granted"}, "C", 5.0),
        ({"disposal": "late", "second_extension": "granted"}, "C", 0.0),
        ({"failed": 1}, "D", 12.0),
        ({"failed": 2}, "D", 4.0),
        ({"failed": 3}, "D", 0.0),
        ({"reopened": 1}, "D", 10.0),
        ({"reopened": 2}, "D", 0.0),
        ({"reopened": 1, "failed": 1}, "D", 2.0),
    ],
)
def test_the_system_scores_a_to_d(named: dict[str, Any], dimension: str, points: float) -> None:
    assert sheet(**named).dimensions[dimension] == points
    assert system_part(RUBRIC, facts(**named)).dimensions[dimension] == points


@pytest.mark.parametrize(
    ("conduct", "points"),
    [
        ("few_officers", 0.0),
        ("certificate_not_shown", 5.0),
        ("not_recorded", 7.0),
        ("certificate_not_shown certificate_not_shown", 5.0),
        ("document_error", 8.0),
        ("document_error document_error document_error", 4.0),
        ("few_officers certificate_not_shown", 0.0),
        ("certificate_not_shown not_recorded document_error", 0.0),
    ],
)
def test_the_street_scores_conduct(conduct: str, points: float) -> None:
    assert sheet(part=street(conduct)).dimensions["E"] == points


@pytest.mark.parametrize(
    ("cooperation", "points"),
    [
        ("late_feedback", 3.0),
        ("late_feedback late_feedback", 3.0),
        ("support_refused", 0.0),
        ("missing_evidence missing_evidence", 3.0),
        ("late_feedback missing_evidence", 2.0),
        ("support_refused missing_evidence", 0.0),
    ],
)
def test_the_street_scores_cooperation(cooperation: str, points: float) -> None:
    assert sheet(part=street(cooperation=cooperation)).dimensions["F"] == points


@pytest.mark.parametrize(("said", "points"), [("satisfied", 5.0), ("fairly", 4.0), ("not", 0.0)])
def test_the_reporter_scores_satisfaction(said: str, points: float) -> None:
    rated = sheet(rating=Rating(satisfaction=said, event="rated"))
    assert rated.dimensions["G"] == points
    assert rated.raw == 95.0 + points


@pytest.mark.parametrize("rating", [None, Rating(satisfaction="unreachable", event="rated")])
def test_an_unreachable_reporter_leaves_g_empty_and_the_rest_is_scaled(rating: Rating | None) -> None:
    assert sheet(rating=rating).raw == 100.0
    scaled = sheet(rating=rating, signature="before_arrival")
    assert scaled.dimensions["G"] is None
    assert scaled.raw == 94.7
    assert sheet(rating=rating, failed=1).raw == 91.6


def test_the_total_is_rounded_half_up_to_one_decimal() -> None:
    half = RUBRIC.model_copy(update={"reopened": Decimal("5.05"), "version": "test"})
    assert score(half, facts(reopened=1), None, SATISFIED).raw == 95.0
    half = RUBRIC.model_copy(update={"reopened": Decimal("5.15"), "version": "test"})
    assert score(half, facts(reopened=1), None, SATISFIED).raw == 94.9


def test_every_deduction_cites_its_event() -> None:
    part = street("document_error document_error", "late_feedback")
    found = sheet(part=part, signature="late", failed=2, second_extension="granted").deductions
    assert [(one.dimension, one.points, one.rule, one.event) for one in found] == [
        ("A", 10.0, "signature", "signed"),
        ("C", 3.0, "second_extension", "granted"),
        ("D", 8.0, "failed_verification", "failed 0"),
        ("D", 8.0, "failed_verification", "failed 1"),
        ("E", 2.0, "document_error", "evaluated"),
        ("E", 2.0, "document_error", "evaluated"),
        ("F", 2.0, "late_feedback", "evaluated"),
    ]
    unhappy = sheet(rating=Rating(satisfaction="fairly", event="rated")).deductions
    assert [(one.dimension, one.points, one.event) for one in unhappy] == [("G", 1.0, "rated")]


@pytest.mark.parametrize(
    ("named", "raw", "capped", "outcome"),
    [
        ({"arrival": "within_allowance"}, 85.0, 59.0, "interview"),
        ({"arrival": "late"}, 75.0, 59.0, "interview"),
        ({"arrival": "never", "disposal": "never", "signature": "never"}, 40.0, 40.0, "interview"),
        ({"disposal": "one_day"}, 90.0, 79.0, "remind"),
        ({"disposal": "never"}, 75.0, 75.0, "remind"),
        ({"arrival": "within_allowance", "disposal": "one_day"}, 75.0, 59.0, "interview"),
        ({"reopened": 2}, 80.0, 80.0, "commend"),
        ({"failed": 3, "signature": "before_arrival"}, 75.0, 75.0, "record"),
    ],
)
def test_facts_decide_before_the_score(named: dict[str, Any], raw: float, capped: float, outcome: str) -> None:
    found = sheet(**named)
    assert (found.raw, found.score, found.outcome) == (raw, capped, outcome)


@pytest.mark.parametrize("veto", ["falsified", "refused", "grave_consequence"])
def test_the_first_three_vetoes_leave_nothing_and_lead_to_an_interview(veto: str) -> None:
    found = sheet(part=street(vetoes=veto))
    assert (found.raw, found.score, found.outcome, found.vetoes) == (100.0, 0.0, Outcome.INTERVIEW, (veto,))


def test_unlawful_enforcement_is_recorded_and_not_commended() -> None:
    found = sheet(part=street(vetoes="unlawful"))
    assert (found.raw, found.score, found.outcome) == (100.0, 100.0, Outcome.RECORD)
    assert sheet(part=street(vetoes="unlawful"), disposal="one_day").outcome is Outcome.REMIND


def test_a_score_of_eighty_is_commended_and_less_is_not() -> None:
    assert sheet(failed=2, part=street("not_recorded", "missing_evidence")).outcome is Outcome.COMMEND
    assert sheet(failed=2, part=street("not_recorded", "late_feedback")).score == 79.0
    assert sheet(failed=2, part=street("not_recorded", "late_feedback")).outcome is Outcome.RECORD


@pytest.mark.parametrize(
    ("exempt", "named", "outcome", "raw"),
    [
        ("signature", {"signature": "late"}, "commend", 100.0),
        ("arrival", {"arrival": "late"}, "commend", 100.0),
        ("disposal", {"disposal": "late"}, "commend", 100.0),
        ("disposal", {"disposal": "late", "second_extension": "granted"}, "commend", 97.0),
        ("second_extension", {"second_extension": "granted"}, "commend", 100.0),
        ("failed_verification", {"failed": 3}, "commend", 100.0),
        ("reopened", {"reopened": 2, "failed": 1}, "commend", 92.0),
        ("arrival", {"arrival": "late", "disposal": "one_day"}, "remind", 90.0),
        ("document_error", {"part": street("document_error document_error not_recorded")}, "commend", 97.0),
        ("few_officers", {"part": street("few_officers")}, "commend", 100.0),
        ("missing_evidence", {"part": street(cooperation="missing_evidence")}, "commend", 100.0),
        ("falsified", {"part": street(vetoes="falsified")}, "commend", 100.0),
        ("falsified", {"part": street(vetoes="falsified unlawful")}, "record", 100.0),
        ("unlawful", {"part": street(vetoes="unlawful")}, "commend", 100.0),
    ],
)
def test_what_a_review_exempts_counts_as_met(exempt: str, named: dict[str, Any], outcome: str, raw: float) -> None:
    found = sheet(exempt, **named)
    assert (found.outcome, found.raw, found.score) == (outcome, raw, min(raw, 79.0) if outcome == "remind" else raw)


def test_every_clock_entry_and_veto_can_be_exempted_and_nothing_else() -> None:
    names = (
        "signature arrival disposal few_officers certificate_not_shown not_recorded document_error late_feedback "
        "support_refused missing_evidence falsified refused grave_consequence unlawful failed_verification reopened "
        "second_extension"
    )
    assert RUBRIC.exemptible == set(names.split())
    with pytest.raises(Invalid, match="satisfaction"):
        sheet("satisfaction")
    with pytest.raises(Invalid):
        system_part(RUBRIC, facts(), ["the weather"])


@pytest.mark.parametrize(
    "named",
    [
        {"part": street("late_feedback")},
        {"part": street(cooperation="few_officers")},
        {"part": street(vetoes="document_error")},
        {"rating": Rating(satisfaction="delighted", event="rated")},
        {"signature": "one_day"},
        {"arrival": "three_days"},
        {"disposal": "before_arrival"},
    ],
)
def test_what_the_rubric_does_not_know_is_refused(named: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        sheet(**named)


@pytest.mark.parametrize(("kind", "mark"), [("urban_management", 88.4), ("police", 84.8), ("other", 86.0)])
def test_the_annual_assessment_weighs_street_and_home(kind: str, mark: float) -> None:
    assert annual(RUBRIC, kind, [(92, 365)], 80) == mark


def test_a_transfer_counts_by_days() -> None:
    assert annual(RUBRIC, "other", [(90, 73), (80, 292)], 80) == 81.0
    assert annual(RUBRIC, "urban_management", [(100, 1), (91, 2)], 80) == 89.8
    with pytest.raises(Invalid):
        annual(RUBRIC, "other", [(90, 0)], 80)
    with pytest.raises(Invalid):
        annual(RUBRIC, "astronaut", [(90, 1)], 80)


def test_a_signature_is_judged_by_its_due_time_and_then_by_the_arrival() -> None:
    clock, arrival_due = started(working_hours(1), "2022-12-14 13:00"), local("2022-12-14 15:00")
    bands = [
        signature_band(clock.meet(local(at)), arrival_due)
        for at in ("2022-12-14 14:00", "2022-12-14 14:00:01", "2022-12-14 15:00", "2022-12-14 15:00:01")
    ]
    assert bands == [Band.ON_TIME, Band.BEFORE_ARRIVAL, Band.BEFORE_ARRIVAL, Band.LATE]
    assert signature_band(clock.miss(), arrival_due) is Band.NEVER


def test_an_arrival_has_its_allowance_once_more() -> None:
    clock = start_clock(
        Stage.ARRIVAL, working_hours(2), local("2022-12-14 13:00"), OFFICE, "arrival", POLICY, local("2022-12-16 16:30")
    )
    bands = [
        arrival_band(clock.meet(local(at)), OFFICE)
        for at in ("2022-12-16 16:30", "2022-12-16 16:30:01", "2022-12-19 09:30", "2022-12-19 09:30:01")
    ]
    assert bands == [Band.ON_TIME, Band.WITHIN_ALLOWANCE, Band.WITHIN_ALLOWANCE, Band.LATE]
    assert arrival_band(clock.miss(), OFFICE) is Band.NEVER


def test_a_key_work_arrival_has_its_three_days_once_more() -> None:
    clock = start_clock(Stage.ARRIVAL, working_days(3), local("2022-12-14 13:00"), OFFICE, "arrival", POLICY)
    assert arrival_band(clock.meet(local("2022-12-22 17:30")), OFFICE) is Band.WITHIN_ALLOWANCE
    assert arrival_band(clock.meet(local("2022-12-22 17:30:01")), OFFICE) is Band.LATE


def test_a_disposal_is_late_by_working_days() -> None:
    clock = started(working_days(5), "2022-12-14 13:00")
    bands = [
        disposal_band(clock.meet(local(at)), OFFICE, RUBRIC)
        for at in (
            "2022-12-21 17:30",
            "2022-12-21 17:31",
            "2022-12-22 17:30",
            "2022-12-22 17:31",
            "2022-12-26 17:30",
            "2022-12-26 17:31",
        )
    ]
    assert bands == [Band.ON_TIME, Band.ONE_DAY, Band.ONE_DAY, Band.THREE_DAYS, Band.THREE_DAYS, Band.LATE]
    assert disposal_band(clock.miss(), OFFICE, RUBRIC) is Band.NEVER


@pytest.mark.parametrize(
    "changes",
    [
        {"maxima": {"A": 10, "B": 25, "C": 25, "D": 20, "E": 10, "F": 5, "G": 6}},
        {"maxima": {"A": 50, "B": 50}},
        {"arrival": {"on_time": 24, "late": 0}},
    ],
)
def test_a_rubric_that_does_not_add_up_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rubric.model_validate(document("rubric/2026-1.json") | changes)
