"""A scenario file says what becomes of every response that its steps create, and together the files miss nothing.

These tests read the files only. They hold the expectations to account before a play does, so that a response whose
fate nobody wrote down, or a sheet that does not add up, is found without running the engine.
"""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import REFUSALS

Scenario = dict[str, Any]
Step = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
FILES = {path.name: path for path in sorted(FOLDER.glob("*.json"))}

MUST_STATE = ("due", "missed", "evaluation", "outcome")
CLOCKS = ("signature", "arrival", "disposal")
MAXIMA = {"A": 10, "B": 25, "C": 25, "D": 20, "E": 10, "F": 5, "G": 5}
CAPS = {"interview": Decimal(59), "remind": Decimal(79)}

THEMES: dict[str, dict[str, tuple[str, ...]]] = {
    "restaurant sign": {"01a_restaurant_sign.json": ("blow_whistle", "confirm_commendation")},
    "restaurant sign, late arrival": {"01b_restaurant_sign_late_arrival.json": ("confirm_interview", "hold_interview")},
    "restaurant sign, late disposal": {"01c_restaurant_sign_late_disposal.json": ("complete",)},
    "private wiring": {"02_private_wiring.json": ("push_case", "record_enforcement")},
    "demolition": {"03_demolition.json": ("order_rectification", "pass_legal_review")},
    "demolition without review": {"03b_demolition_without_review.json": ("!LEGAL_REVIEW_MISSING",)},
    "market handled directly": {"04_market.json": ("route_direct", "report_progress", "grant_extension")},
    "return upheld": {"05_return_upheld.json": ("uphold_return",)},
    "return denied": {"06_return_denied.json": ("deny_return",)},
    "return referred": {"07_return_referred.json": ("refer_dispute", "uphold_return")},
    "three departments of which one is late": {"08_three_departments_one_late.json": ("!LEAD_NOT_LAST",)},
    "two extensions and a refused third": {
        "09_two_extensions_and_a_third.json": ("grant_extension", "!EXTENSION_LIMIT", "!EXTENSION_TOO_LONG")
    },
    "suspension over a due time": {"10_suspension_over_a_due_time.json": ("suspend_case",)},
    "failed verification twice": {"11_failed_verification_twice.json": ("fail_verification",)},
    "objection upheld after an interview": {"12_objection_upheld_after_an_interview.json": ("object", "decide_review")},
    "withdrawal of a report and of a whistle": {
        "13_withdrawals_and_silent_windows.json": ("withdraw_report", "withdraw_whistle")
    },
    "merge and unmerge with three reporters": {"14_merge_and_unmerge.json": ("merge_report", "unmerge_report")},
    "reopening": {"15_reopening.json": ("reopen_case",)},
    "emergency at two in the morning of a holiday": {"16_emergency_on_a_holiday.json": ("blow_whistle",)},
    "last second and one second later": {"17_last_second_and_one_later.json": ("check_in",)},
    "certificate expired that day": {"18_certificate_expired_that_day.json": ("!NOT_CERTIFIED", "!TOO_FEW_OFFICERS")},
    "a department that never comes": {"19_never_came_and_defaulted.json": ("default_response",)},
    "phone first": {"20_phone_first_emergency.json": ("phone_whistle",)},
    "suspension of a joint whistle": {"21_suspension_of_a_joint_whistle.json": ("suspend_case",)},
    "escalation": {"23_escalation.json": ("escalate_whistle",)},
    "arrival without a position": {"24_arrival_confirmed_by_the_street.json": ("confirm_arrival",)},
    "recused reviewer": {"25_review_recused_and_not_upheld.json": ("!SAME_PERSON", "decide_review")},
    "correction and moved appointment": {
        "26_correction_and_moved_appointment.json": ("correct_case", "move_appointment", "add_department")
    },
    "cancellation": {"27_cancelled_before_arrival.json": ("cancel_case",)},
}
"""What the files must tell between them: each theme, its file, and the commands or refusals (!) that make it so."""


def load(name: str) -> Scenario:
    """The scenario of that file name, as it stands in the folder."""
    scenario: Scenario = json.loads(FILES[name].read_text(encoding="utf-8"))
    return scenario


def called(step: Step) -> Iterator[str]:
    """The names of the responses that one accepted step creates: `whistle/department`, or `case/direct`."""
    arguments = step.get("with", {})
    match step["do"]:
        case "blow_whistle" | "push_case":
            whistle, departments = step["as"], [arguments["lead"], *arguments.get("support", [])]
        case "phone_whistle":
            whistle, departments = "whistle", [arguments["lead"], *arguments.get("support", [])]
        case "escalate_whistle":
            whistle, departments = step["on"], [arguments["lead"], *arguments.get("support", [])]
        case "add_department":
            whistle, departments = step["on"], [arguments["department"]]
        case "uphold_return":
            whistle, departments = step["on"].split("/")[0], [arguments["replacement"]]
        case "route_direct":
            whistle, departments = step["on"], ["direct"]
        case _:
            return
    for department in departments:
        yield f"{whistle}/{department}"


def responses_created(scenario: Scenario) -> list[str]:
    """Every response that the steps create, in order; a department called twice by one whistle is numbered from #2."""
    names: list[str] = []
    for step in scenario["steps"]:
        if "refused" in step:
            continue
        for name in called(step):
            times = sum(1 for known in names if known.split("#")[0] == name)
            names.append(f"{name}#{times + 1}" if times else name)
    return names


def gaps(scenario: Scenario) -> list[str]:
    """What `expect` leaves out, as sentences; empty when every response is told in full and no other is."""
    told: dict[str, Any] = scenario["expect"].get("responses", {})
    created = responses_created(scenario)
    found = [f"{name} is expected but no step creates it" for name in told if name not in created]
    for name in created:
        found += [f"{name} lacks {key}" for key in MUST_STATE if key not in told.get(name, {})]
        if name not in told:
            continue
        found += [f"{name} lacks due {clock}" for clock in CLOCKS if clock not in told[name].get("due", {})]
        sheet = told[name].get("evaluation")
        if sheet is not None:
            found += [f"{name} lacks evaluation {k}" for k in ("state", "dimensions", "raw", "score") if k not in sheet]
            found += [f"{name} lacks dimension {k}" for k in MAXIMA if k not in sheet.get("dimensions", {})]
    return found


def raw_of(dimensions: dict[str, float | None]) -> Decimal:
    """The total to one decimal, rounded half up; without G the other six are scaled to 100, which is our default."""
    total = sum((Decimal(str(points)) for points in dimensions.values() if points is not None), Decimal(0))
    if dimensions["G"] is None:
        total = total * 100 / (100 - MAXIMA["G"])
    return total.quantize(Decimal("0.1"), ROUND_HALF_UP)


def expected_sheets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every response that has an evaluation, over all files, with a name for the message."""
    for file in FILES:
        for name, response in load(file)["expect"]["responses"].items():
            if response["evaluation"] is not None:
                yield f"{file}: {name}", response


def zeroed_by_veto() -> Iterator[str]:
    """The responses, named as by `expected_sheets`, whose street part says a veto that takes the score to nothing.

    One that a review exempts takes nothing.
    """
    for file in FILES:
        steps = load(file)["steps"]
        exempt = {(step["on"], name) for step in steps for name in step.get("with", {}).get("exempt", [])}
        for step in steps:
            vetoes = {veto for veto in step.get("with", {}).get("vetoes", []) if (step["on"], veto) not in exempt}
            if step["do"] == "evaluate" and {"falsified", "refused", "grave_consequence"} & vetoes:
                yield f"{file}: {step['on']}"


@pytest.mark.parametrize("file", FILES)
def test_every_response_that_the_steps_create_is_expected_in_full(file: str) -> None:
    assert gaps(load(file)) == []


@pytest.mark.parametrize("key", MUST_STATE)
def test_an_expectation_that_leaves_something_out_is_refused(key: str) -> None:
    scenario = copy.deepcopy(load("01a_restaurant_sign.json"))
    name = responses_created(scenario)[0]
    del scenario["expect"]["responses"][name][key]

    assert f"{name} lacks {key}" in gaps(scenario)


def test_a_response_that_is_not_mentioned_at_all_is_refused() -> None:
    scenario = copy.deepcopy(load("05_return_upheld.json"))
    replacement = responses_created(scenario)[-1]
    del scenario["expect"]["responses"][replacement]

    assert gaps(scenario) == [f"{replacement} lacks {key}" for key in MUST_STATE]


def test_a_department_that_one_whistle_calls_again_gets_a_number() -> None:
    scenario = copy.deepcopy(load("23_escalation.json"))
    first, *_ = responses_created(scenario)
    escalation = next(step for step in scenario["steps"] if step["do"] == "escalate_whistle")
    escalation["with"]["lead"] = first.split("/")[1]

    assert f"{first}#2" in responses_created(scenario)


@pytest.mark.parametrize("file", FILES)
def test_the_expected_refusals_are_exactly_the_refused_steps(file: str) -> None:
    scenario = load(file)
    refused = [
        {"step": index, "code": step["refused"]} for index, step in enumerate(scenario["steps"]) if "refused" in step
    ]

    assert scenario["expect"]["refusals"] == refused


@pytest.mark.parametrize("file", FILES)
def test_steps_are_told_in_order_by_known_actors_and_end_before_the_clock_does(file: str) -> None:
    scenario = load(file)
    times = [datetime.fromisoformat(step["at"]) for step in scenario["steps"]]
    times.append(datetime.fromisoformat(scenario["until"]))

    assert times == sorted(times)
    assert all(at.utcoffset() is not None for at in times)
    assert {step["by"] for step in scenario["steps"]} == set(scenario["actors"])


@pytest.mark.parametrize("file", FILES)
def test_every_officer_who_is_named_is_among_the_people(file: str) -> None:
    scenario = load(file)
    people = {person["name"] for person in scenario.get("people", [])}
    named = {officer for step in scenario["steps"] for officer in step.get("with", {}).get("officers", [])}

    assert named <= people


def test_every_final_sheet_adds_up_and_is_capped_by_its_outcome() -> None:
    checked, vetoed = 0, set(zeroed_by_veto())
    assert vetoed
    for where, response in expected_sheets():
        sheet = response["evaluation"]
        if sheet["state"] == "drafted":
            continue
        raw = raw_of(sheet["dimensions"])
        assert Decimal(str(sheet["raw"])) == raw, where
        cap = CAPS.get(response["outcome"], Decimal(100))
        assert Decimal(str(sheet["score"])) == (Decimal(0) if where in vetoed else min(raw, cap)), where
        checked += 1
    assert checked > len(THEMES) // 2


def test_a_drafted_sheet_has_only_the_part_that_the_system_scores() -> None:
    drafted = [response for _, response in expected_sheets() if response["evaluation"]["state"] == "drafted"]

    assert drafted
    for response in drafted:
        sheet = response["evaluation"]
        assert [key for key, points in sheet["dimensions"].items() if points is None] == ["E", "F", "G"]
        assert sheet["raw"] is sheet["score"] is response["outcome"] is None


def test_what_was_taken_off_is_what_the_deductions_say() -> None:
    for where, response in expected_sheets():
        sheet = response["evaluation"]
        for key, points in sheet["dimensions"].items():
            if points is None or "deductions" not in sheet:
                continue
            lost = sum(taken["points"] for taken in sheet["deductions"] if taken["dimension"] == key)
            assert points == max(0, MAXIMA[key] - lost), f"{where}, dimension {key}"


def test_every_refusal_code_occurs_in_some_file() -> None:
    refused = {step["refused"] for file in FILES for step in load(file)["steps"] if "refused" in step}

    assert refused == {refusal.code for refusal in REFUSALS}


def test_every_outcome_occurs_in_some_file() -> None:
    outcomes = {response["outcome"] for _, response in expected_sheets()}

    assert outcomes == {"commend", "remind", "interview", "record", None}


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_is_told_by_its_file(theme: str) -> None:
    for file, marks in THEMES[theme].items():
        steps = load(file)["steps"]
        happened = {step["do"] for step in steps if "refused" not in step}
        happened |= {f"!{step['refused']}" for step in steps if "refused" in step}
        assert set(marks) <= happened
