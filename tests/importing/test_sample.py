"""The sample of New York's service requests: every row is accounted for, and views agree with an independent count."""

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from projections.board import BOARD
from projections.due import DUE, earliest
from projections.notices import NOTICES
from projections.rebuilding import check
from projections.statistics import indicators
from shaoxiang.clock import VirtualClock
from shaoxiang.import_map import ImportMap
from shaoxiang.importing import ImportResult, import_file
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.resources import load_city
from tests.conftest import START
from tests.importing import count_nyc
from tests.importing.conftest import SAMPLE

COUNTED = count_nyc.count(SAMPLE)


@pytest.fixture(scope="module")
def imported(nyc: ImportMap, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, ImportResult, Path]]:
    house = house_in_memory(load_rules(), load_city(), VirtualClock(START).now)
    report = tmp_path_factory.mktemp("import") / "refused.csv"
    yield house, import_file(house, SAMPLE, nyc, report_path=report), report
    house.close()


@pytest.fixture(scope="module")
def house(imported: tuple[House, ImportResult, Path]) -> House:
    return imported[0]


def departments(counts: Counter[str]) -> dict[str, int]:
    return {f"nyc-{agency.lower()}": many for agency, many in counts.items()}


def areas(nyc: ImportMap, counts: Counter[str]) -> dict[str, int]:
    return {nyc.divisions.values[borough]: many for borough, many in counts.items()}


def denominators(house: House, indicator: str, by: str) -> dict[str, int]:
    with house.views.reading() as db:
        figures = indicators(db, by=(by,), names=(indicator,))
    total = {each.group[by]: int(each.denominator + each.adjustment_denominator) for each in figures}
    return {group: many for group, many in total.items() if many}


def test_every_row_is_accepted_or_refused(imported: tuple[House, ImportResult, Path]) -> None:
    result = imported[1]
    assert (result.rows, result.accepted, result.already) == (1000, COUNTED["accepted"], 0)
    assert result.accepted + result.refused == 1000


def test_the_report_names_each_refused_row_with_its_reason(imported: tuple[House, ImportResult, Path]) -> None:
    with imported[2].open(encoding="utf-8", newline="") as file:
        refused = list(csv.DictReader(file))
    assert sorted(row["key"] for row in refused) == COUNTED["refused"]
    assert [int(row["row"]) for row in refused] == COUNTED["refused_rows"]
    assert Counter(row["column"] for row in refused) == {
        "latitude, longitude": 22, "latitude, longitude, borough": 1, "closed_date": 1,
    }  # fmt: skip
    assert all(row["reason"].endswith((".", "mapping.")) for row in refused)


def test_the_board_agrees_with_the_count_by_agency_borough_and_status(house: House, nyc: ImportMap) -> None:
    column = BOARD.table.c
    with house.views.reading() as db:
        rows = db.execute(
            select(column.lead, column.jurisdiction, column.state, func.count()).group_by(
                column.lead, column.jurisdiction, column.state
            )
        ).all()
    counted = {
        (f"nyc-{agency.lower()}", nyc.divisions.values[borough], "closed" if closed else "whistled"): many
        for (agency, borough, closed), many in COUNTED["board"].items()
    }
    assert {(lead, area, state): many for lead, area, state, many in rows} == counted


def test_the_board_shows_items_and_numbers_of_the_source(house: House) -> None:
    column = BOARD.table.c
    with house.views.reading() as db:
        items = db.execute(select(column.item_name, func.count().label("many")).group_by(column.item_name)).all()
        numbers = db.execute(select(func.count()).where(column.number.startswith("NYC-"))).scalar_one()
    assert Counter({each.item_name: each.many for each in items}) == COUNTED["by_item"]
    assert numbers == COUNTED["accepted"]


def test_indicators_agree_with_the_count(house: House, nyc: ImportMap) -> None:
    assert denominators(house, "accurate_dispatch_rate", "department") == departments(COUNTED["by_agency"])
    assert denominators(house, "filing_rate", "street") == areas(nyc, COUNTED["by_borough"])
    assert denominators(house, "filing_rate", "day") == COUNTED["by_day"]
    assert denominators(house, "rework_rate", "department") == departments(COUNTED["closed_by_agency"])
    assert denominators(house, "rework_rate", "day") == COUNTED["closed_by_day"]
    assert sum(denominators(house, "closing_rate", "day").values()) == COUNTED["closed_with_due"]


def test_imported_history_starts_no_clock_and_tells_nobody(house: House) -> None:
    facts = [recorded.event for recorded in house.log.events(0, 100_000)]
    assert all(fact.meta.imported and fact.clocks == () for fact in facts)
    with house.views.reading() as db:
        assert earliest(db) is None
        assert [db.execute(select(func.count()).select_from(each.table)).scalar_one() for each in (DUE, NOTICES)] == [
            0,
            0,
        ]


def test_facts_keep_their_original_times(house: House) -> None:
    times = [recorded.event.timestamp for recorded in house.log.events(0, 100_000)]
    assert (min(times).isoformat(), max(times).isoformat()) == (
        "2024-04-16T02:51:53+00:00", "2024-04-16T07:03:15+00:00",
    )  # fmt: skip


def test_the_live_views_equal_a_fresh_fold_and_nothing_is_parked(house: House) -> None:
    assert house.projector.parked() == []
    assert check(house.log, house.views, house.projector.views, lambda _done, _total: None) == []


def test_a_second_run_adds_nothing(house: House, nyc: ImportMap) -> None:
    before = house.log.position()
    again = import_file(house, SAMPLE, nyc)
    assert (again.accepted, again.already, again.refused) == (0, COUNTED["accepted"], len(COUNTED["refused"]))
    assert again.position == house.log.position() == before


def test_the_independent_count_runs_by_itself() -> None:
    script: Any = count_nyc.__file__
    printed = subprocess.run(
        [sys.executable, "-I", script, str(SAMPLE)], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed)["accepted"] == COUNTED["accepted"]
