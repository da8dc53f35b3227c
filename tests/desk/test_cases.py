"""What reaches from one case to the rest of the house: drills, calls by phone, the repeat ladder, whose case it is."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from domain.dispatch.standing import standing_id
from projections.timeliness import INDICATOR_COUNTS
from tests.desk.town import CAST, IN_LIST, MARKET, PLACE, POLICE, Town
from tests.kit import local

# Drills.


def counted(town: Town) -> int:
    """All that the indicators count, numerators and denominators together."""
    town.house.projector.catch_up()
    column = INDICATOR_COUNTS.table.c
    with town.house.views.reading() as db:
        total = db.execute(select(func.sum(column.numerator + column.denominator))).scalar()
    return int(total or 0)


def told_to_the_end(town: Town, *, drill: bool) -> UUID:
    """A case in which one department is late for everything, until its evaluation is final."""
    response = town.whistled(drill=drill)[0]
    town.until("2022-12-14 16:30")
    town.completed(response)
    town.closed(response)
    town.do("street", "evaluate", response)
    town.until("2022-12-30 17:30")
    return response


def test_a_drill_runs_like_a_case_and_counts_nowhere(town: Town) -> None:
    response = told_to_the_end(town, drill=True)
    topics = {topic for topic, _ in town.case_topics(response)}
    assert {"response.arrival-missed", "interview.opened", "evaluation.finalised"} <= topics
    assert counted(town) == 0
    assert town.topics(standing_id(town.city.find(MARKET).code)) == []


def test_the_same_case_in_earnest_counts(town: Town) -> None:
    told_to_the_end(town, drill=False)
    assert counted(town) > 0
    assert town.topics(standing_id(town.city.find(MARKET).code)) == ["standing.opened", "standing.mark-entered"]


# By phone first.

CALL = {
    "source": "hotline", "description": "墙体坍塌", "place": PLACE, "item": "牌匾标识内容错误", "lead": POLICE,
}  # fmt: skip


def phoned(time: str) -> dict[str, Any]:
    return {**CALL, "phoned_at": local(time).isoformat()}


@pytest.mark.parametrize("who", ["street", "command"])
def test_a_call_becomes_report_case_and_whistle_in_one_command(town: Town, who: str) -> None:
    done = town.do(who, "phone_whistle", None, phoned("09:00"))
    assert {"report", "case", "whistle"} <= set(done.ids)
    for stream in (done.ids["report"], done.ids["case"], done.ids["whistle"]):
        fact = town.log.stream(stream)[0].event
        assert fact.backfilled is True  # type: ignore[attr-defined]
        assert fact.meta.occurred_at == local("09:00")
        assert fact.timestamp == local("09:10")
    assert town.state(done.ids["whistle"]).kind == "emergency"
    assert town.state(town.response(POLICE)).state == "dispatched"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (phoned("09:11"), "INVALID"),
        (phoned("07:09"), "TOO_LATE"),
        ({**CALL, "urgency": "urgent"}, "INVALID"),
        ({**CALL, "lead": "月亮局"}, "UNKNOWN"),
        ({**CALL, "item": IN_LIST}, "ITEM_IN_LIST"),
    ],
)
def test_a_call_that_does_not_qualify_leaves_nothing_behind(town: Town, given: dict[str, Any], code: str) -> None:
    assert town.refused("street", "phone_whistle", None, given) == code


def test_a_call_may_be_written_up_until_two_hours_later_to_the_second(town: Town) -> None:
    assert town.do("street", "phone_whistle", None, phoned("07:10")).ids["whistle"]
    late = {**CALL, "phoned_at": "2022-12-14T07:09:59+08:00"}
    assert town.refused("street", "phone_whistle", None, late) == "TOO_LATE"


# The repeat ladder.


def steps_of(town: Town, department: str = MARKET) -> list[str]:
    """The steps of the ladder that stand against a department."""
    standing = town.state(standing_id(town.city.find(department).code))
    return [step.name for step in standing.steps] if standing else []


def reminded(town: Town) -> UUID:
    """A department comes at once and does nothing; its reminder is due at the end of the fifth working day."""
    response = town.whistled()[0]
    town.arrived(response)
    return response


def test_two_reminders_are_a_yellow_letter_and_a_third_calls_the_deputy(town: Town) -> None:
    reminded(town)
    town.until("2022-12-22 09:10")
    assert steps_of(town) == []
    reminded(town)
    town.until("2022-12-30 09:10")
    assert steps_of(town) == ["yellow_letter"]
    reminded(town)
    town.until("2023-01-10 09:10")
    assert steps_of(town) == ["yellow_letter", "deputy_interview"]


def test_two_reminders_more_than_thirty_days_apart_are_no_letter(town: Town) -> None:
    reminded(town)
    town.until("2023-01-18 09:10")
    reminded(town)
    town.until("2023-02-01 09:10")
    reminders = [topic for topic, _ in _all_topics(town) if topic == "response.reminder-issued"]
    assert len(reminders) == 2
    assert steps_of(town) == []


def _all_topics(town: Town) -> list[tuple[str, UUID]]:
    found = (each.event for each in town.log.events(0, 100_000))
    return [(event.TOPIC.removesuffix(".v1"), event.originator_id) for event in found]  # type: ignore[attr-defined]


def test_two_interviews_are_a_listing_and_a_third_ends_the_awards(town: Town) -> None:
    for _ in range(2):
        town.whistled()
    town.until("2022-12-14 11:10")
    assert steps_of(town) == ["listing"]
    town.whistled()
    town.until("2022-12-14 16:00")
    assert steps_of(town) == ["listing", "no_awards"]


def test_an_interview_that_is_withdrawn_takes_its_step_back(town: Town) -> None:
    first, second = (town.whistled()[0] for _ in range(2))
    whistle = town.ids["whistle"]
    town.until("2022-12-14 11:10")
    assert steps_of(town) == ["listing"]
    town.do("street", "withdraw_whistle", whistle, {"reason": "误报"})
    assert steps_of(town) == []
    assert [topic for topic, _ in town.case_topics(second)].count("interview.withdrawn") == 1
    assert "interview.withdrawn" not in {topic for topic, _ in town.case_topics(first)}


# Whose case it is.


def test_a_case_from_the_hotline_belongs_to_the_first_street_that_acts(town: Town) -> None:
    case = town.filed(report=town.reported(who="command", source="hotline"))
    assert town.state(case).street is None
    given = {"kind": "enforcement", "lead": MARKET}
    town.do("other street", "blow_whistle", case, given)
    assert town.state(case).street == town.city.find(CAST["other street"][1]).code
    assert "case.located" in town.topics(case)
    assert town.refused("street", "withdraw_whistle", town.ids["whistle"], {"reason": "误报"}) == "NOT_PERMITTED"


def test_a_street_that_was_refused_has_not_taken_the_case_on(town: Town) -> None:
    case = town.filed(report=town.reported(who="command", source="hotline"))
    assert town.refused("other street", "blow_whistle", case, {"kind": "enforcement", "lead": "月亮局"}) == "UNKNOWN"
    town.do("street", "blow_whistle", case, {"kind": "enforcement", "lead": MARKET})
    assert town.state(case).street == town.city.find(CAST["street"][1]).code


def test_a_case_that_a_grid_worker_reported_is_that_streets_from_the_start(town: Town) -> None:
    case = town.filed(report=town.reported(who="grid"))
    assert town.state(case).street == town.city.find(CAST["grid"][1]).code
    given = {"kind": "enforcement", "lead": MARKET}
    assert town.refused("other street", "blow_whistle", case, given) == "NOT_PERMITTED"


def test_a_case_without_a_street_cannot_be_handled_directly_by_the_command_centre(town: Town) -> None:
    case = town.filed(item=IN_LIST, report=town.reported(who="command", source="hotline"))
    assert town.refused("command", "route_direct", case) == "INVALID"
    assert town.do("street", "route_direct", case).state == "dispatched"
    assert town.state(case).state == "direct"


def test_a_pushed_case_is_taken_on_by_the_street_that_verifies(town: Town) -> None:
    case = town.filed(report=town.reported(who="command", source="hotline"))
    town.do("command", "push_case", case, {"lead": MARKET})
    response = town.response(MARKET)
    town.completed(response)
    assert town.state(case).street is None
    town.do("grid", "pass_verification", response)
    assert town.state(case).street == town.city.find(CAST["grid"][1]).code
