"""The table of limits, row by row, and the other numbers of the policy."""

import pytest
from pydantic import ValidationError

from domain.errors import Invalid, Unknown
from domain.policy.deadlines import DeadlinePolicy, Limit, Stage, Urgency, WhistleKind
from domain.policy.policy import Policies
from tests.domain.policy.given import (
    CATALOGUE,
    OFFICE,
    POLICY,
    document,
    local,
    minutes,
    natural_days,
    shown,
    urgent_hours,
    working_days,
    working_hours,
)

GENERAL, URGENT, EMERGENCY = Urgency
WH, WD, MIN, UH = working_hours, working_days, minutes, urgent_hours

TABLE = [
    (Stage.TRIAGE, WH(2), MIN(30), MIN(5)),
    (Stage.DISPATCH, WH(2), MIN(15), MIN(0)),
    (Stage.SIGNATURE, WH(1), MIN(30), MIN(10)),
    (Stage.RETURN, WH(4), MIN(15), WH(4)),
    (Stage.ARBITRATION, WH(4), UH(1), WH(4)),
    (Stage.VERIFICATION, WH(4), MIN(30), MIN(30)),
    (Stage.EVALUATION, WD(3), WD(3), WD(3)),
    (Stage.CALLBACK, WD(3), WD(3), WD(3)),
    (Stage.OBJECTION, WD(3), WD(3), WD(3)),
    (Stage.REPLY, WD(2), WD(2), WD(2)),
    (Stage.REVIEW_REQUEST, WD(3), WD(3), WD(3)),
    (Stage.DECISION, WD(5), WD(5), WD(5)),
    (Stage.REMINDER_LIMIT, WD(1), WD(1), WD(1)),
    (Stage.INTERVIEW_LIMIT, WD(2), WD(2), WD(2)),
]


@pytest.mark.parametrize(("stage", "general", "urgent", "emergency"), TABLE)
def test_each_stage_has_its_limit_by_urgency(stage: Stage, general: Limit, urgent: Limit, emergency: Limit) -> None:
    assert [POLICY.limit(stage, urgency)[0] for urgency in Urgency] == [general, urgent, emergency]


@pytest.mark.parametrize(
    ("kind", "general", "urgent"),
    [
        (WhistleKind.ENFORCEMENT, WH(2), UH(1)),
        (WhistleKind.KEY_WORK, WD(3), WD(3)),
        (WhistleKind.ESCALATED, WD(5), WD(5)),
    ],
)
def test_arrival_depends_on_the_whistle(kind: WhistleKind, general: Limit, urgent: Limit) -> None:
    assert POLICY.limit(Stage.ARRIVAL, GENERAL, kind)[0] == general
    assert POLICY.limit(Stage.ARRIVAL, URGENT, kind)[0] == urgent


@pytest.mark.parametrize("kind", list(WhistleKind))
def test_in_an_emergency_every_whistle_is_an_emergency_whistle(kind: WhistleKind) -> None:
    assert POLICY.limit(Stage.ARRIVAL, EMERGENCY, kind) == (MIN(30), "arrival.emergency.emergency")


@pytest.mark.parametrize("urgency", [GENERAL, URGENT])
def test_the_emergency_whistle_is_for_emergencies_only(urgency: Urgency) -> None:
    with pytest.raises(Invalid):
        POLICY.limit(Stage.ARRIVAL, urgency, WhistleKind.EMERGENCY)


@pytest.mark.parametrize("stage", [Stage.DISPOSAL, Stage.RECTIFICATION, Stage.SUSPENSION, Stage.LISTING])
def test_a_stage_that_has_no_row_is_refused(stage: Stage) -> None:
    with pytest.raises(Invalid, match=stage):
        POLICY.limit(stage, GENERAL)


def test_a_second_level_of_arbitration_takes_five_working_days_at_any_urgency() -> None:
    assert {POLICY.limit(Stage.ARBITRATION, urgency, level=2)[0] for urgency in Urgency} == {WD(5)}


def test_the_rule_says_which_row_and_column_applied() -> None:
    assert POLICY.limit(Stage.SIGNATURE, URGENT)[1] == "signature.urgent"
    assert POLICY.limit(Stage.ARRIVAL, URGENT, WhistleKind.KEY_WORK)[1] == "arrival.key_work.general"
    assert POLICY.limit(Stage.ARBITRATION, URGENT, level=2)[1] == "arbitration.2.general"


@pytest.mark.parametrize(
    ("item", "urgency", "at", "limit", "rule"),
    [
        ("牌匾标识内容错误", GENERAL, "2022-12-14 13:00", WD(5), "disposal.item"),
        ("牌匾标识内容错误", URGENT, "2022-12-14 13:00", UH(24), "disposal.cap.urgent"),
        ("牌匾标识内容错误", EMERGENCY, "2022-12-14 13:00", UH(2), "disposal.cap.emergency"),
        ("临街单位擅自搭建电源线", URGENT, "2023-03-06 09:40", WH(4), "disposal.item"),
        ("临街单位擅自搭建电源线", URGENT, "2026-02-14 17:00", UH(24), "disposal.cap.urgent"),
        ("井盖缺失", EMERGENCY, "2022-12-14 13:00", UH(2), "disposal.item"),
        ("井盖缺失", URGENT, "2022-12-14 23:00", UH(2), "disposal.item"),
        ("噪声扰民", GENERAL, "2022-12-14 13:00", WD(5), "disposal.fallback"),
        ("噪声扰民", URGENT, "2022-12-14 13:00", UH(24), "disposal.cap.urgent"),
        ("非法小广告", URGENT, "2022-12-14 17:30", WD(1), "disposal.item"),
    ],
)
def test_disposal_is_the_sooner_of_the_item_and_the_cap(
    item: str, urgency: Urgency, at: str, limit: Limit, rule: str
) -> None:
    assert POLICY.disposal_limit(CATALOGUE.item(item).limit, urgency, local(at), OFFICE) == (limit, rule)


@pytest.mark.parametrize(
    ("item", "limit"),
    [
        ("占道经营", UH(2)),
        ("店外经营", UH(2)),
        ("牌匾标识内容错误", WD(5)),
        ("违规牌匾标识", WD(2)),
        ("临街单位擅自搭建电源线", WH(4)),
        ("擅自架设管线", WD(5)),
        ("私搭乱建（在建）", natural_days(2)),
        ("私搭乱建（存量）", natural_days(15)),
        ("非法小广告", WD(1)),
        ("井盖缺失", UH(2)),
        ("噪声扰民", None),
        ("污水外溢", None),
    ],
)
def test_each_item_has_its_limit(item: str, limit: Limit | None) -> None:
    assert CATALOGUE.item(item).limit == limit


def test_the_other_numbers_are_data() -> None:
    numbers = POLICY.model_dump(exclude={"limits", "ladder", "version", "in_force_from"}, mode="json")
    assert numbers == {
        "disposal_fallback": {"amount": 5, "unit": "working_days"},
        "disposal_caps": {
            "urgent": {"amount": 24, "unit": "urgent_hours"},
            "emergency": {"amount": 2, "unit": "urgent_hours"},
        },
        "warn_percent": 80,
        "checkin_distance_m": 200.0,
        "merge_distance_m": 100.0,
        "backfill_hours": 2,
        "reopen_days": 30,
        "suspension_years": 1,
        "extensions_max": 2,
        "extensions_by_command": 1,
        "officers_min": 2,
        "joint_departments_min": 2,
        "criticism_after_working_days": 5,
        "freeze_on_working_day": 3,
        "ranking_min_evaluations": 5,
        "posting_years": 1,
        "quiet_outside_slots": True,
    }


def test_repetition_climbs_the_ladder() -> None:
    assert [(step.outcome, step.count, step.within_days, step.step) for step in POLICY.ladder] == [
        ("remind", 2, 30, "yellow_letter"),
        ("remind", 3, 90, "deputy_interview"),
        ("interview", 2, 90, "listing"),
        ("interview", 3, 365, "no_awards"),
    ]


def test_windows_that_are_not_clocks_end_where_the_numbers_say() -> None:
    due = local("2022-12-21 17:30")
    assert shown(POLICY.criticism_at(due, OFFICE)) == "2022-12-28 17:30"
    assert shown(POLICY.latest_reopening(due)) == "2023-01-20 17:30"
    assert shown(POLICY.latest_resumption(due, OFFICE)) == "2023-12-21 17:30"
    assert shown(POLICY.latest_resumption(local("2024-02-29 10:00"), OFFICE)) == "2025-02-28 10:00"
    assert shown(POLICY.latest_backfill(due)) == "2022-12-21 19:30"


def test_the_policy_in_force_is_the_last_one_that_has_started() -> None:
    later = POLICY.model_copy(update={"version": "2026-2", "in_force_from": local("2026-07-01 00:00")})
    policies = Policies("deadline policy", [later, POLICY])
    assert policies.current(local("2026-06-30 23:59")).version == "2026-1"
    assert policies.current(local("2026-07-01 00:00")).version == "2026-2"
    assert policies.get("2026-1") is POLICY
    with pytest.raises(Unknown):
        policies.current(local("1999-01-01 00:00"))
    with pytest.raises(Unknown):
        policies.get("1949-1")


def test_two_versions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="its own name"):
        Policies("deadline policy", [POLICY, POLICY])


def test_a_policy_with_a_missing_or_doubled_row_is_refused() -> None:
    whole = document("policy/2026-1.json")
    with pytest.raises(ValidationError, match="lacks rows"):
        DeadlinePolicy.model_validate(whole | {"limits": whole["limits"][1:]})
    with pytest.raises(ValidationError, match="twice"):
        DeadlinePolicy.model_validate(whole | {"limits": [*whole["limits"], whole["limits"][0]]})
