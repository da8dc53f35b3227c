"""Case numbers are sequential per district and day, without gaps, however many file at once."""

import threading
from typing import Any
from uuid import UUID

import pytest

from store.errors import Conflict
from tests.desk.town import SIGN_BOARD, Town

FILERS, CASES_EACH = 4, 5


def number_of(town: Town, case: UUID) -> str:
    number: str = town.state(case).number
    return number


def test_numbers_count_up_in_the_district_of_the_street(town: Town) -> None:
    assert [number_of(town, town.filed()) for _ in range(3)] == [
        "船营221214-001",
        "船营221214-002",
        "船营221214-003",
    ]


def test_every_district_counts_for_itself(town: Town) -> None:
    first = number_of(town, town.filed())
    elsewhere = number_of(town, town.filed(report=town.reported(who="other street")))
    assert (first, elsewhere) == ("船营221214-001", "龙潭221214-001")


def test_a_new_day_begins_at_local_midnight(town: Town) -> None:
    town.filed()
    town.until("2022-12-14 23:59")
    last = number_of(town, town.filed())
    town.until("2022-12-15 00:00")
    assert (last, number_of(town, town.filed())) == ("船营221214-002", "船营221215-001")


def test_what_is_refused_takes_no_number(town: Town) -> None:
    report = town.reported()
    assert town.refused("command", "file_case", report, {"item": "没有的事项", "urgency": "general"}) == "UNKNOWN"
    assert number_of(town, town.filed(report=report)) == "船营221214-001"
    assert town.refused("command", "file_case", report, {"item": SIGN_BOARD, "urgency": "general"}) == "ALREADY_DONE"
    assert number_of(town, town.filed()) == "船营221214-002"


@pytest.mark.parametrize("kind", ["solid_town", "shared_town"])
def test_filing_at_once_leaves_no_gap_and_no_double_and_nobody_loses_a_race(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    town: Town = request.getfixturevalue(kind)
    cases: list[UUID] = []
    lost: list[Conflict] = []
    save = town.log.save

    def watched(*arguments: Any) -> Any:
        try:
            return save(*arguments)
        except Conflict as conflict:
            lost.append(conflict)
            raise

    monkeypatch.setattr(town.log, "save", watched)
    reports = [[town.reported() for _ in range(CASES_EACH)] for _ in range(FILERS)]

    def file(own: list[UUID]) -> None:
        for report in own:
            given = {"item": SIGN_BOARD, "urgency": "general"}
            cases.append(town.do("command", "file_case", report, given).ids["case"])

    threads = [threading.Thread(target=file, args=(own,)) for own in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    numbers = sorted(number_of(town, case) for case in cases)
    assert numbers == [f"船营221214-{n:03d}" for n in range(1, FILERS * CASES_EACH + 1)]
    assert lost == [], "those of one process wait for each other"


def test_whoever_is_overtaken_from_another_process_draws_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    first = town.reported()
    save = town.log.save

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.setattr(town.log, "save", save)
        save([], {}, None, {"220204/2022-12-14": 0})
        return save(*arguments)

    monkeypatch.setattr(town.log, "save", overtaken)
    assert number_of(town, town.filed(report=first)) == "船营221214-002"
