"""Cases played through the real desk: nothing is parked, and the live views equal a fresh fold in batches of one."""

from pathlib import Path

import pytest

from domain.registry.organisations import City
from projections.projector import Projector
from projections.rebuilding import check
from projections.storage import ViewStore
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import house_in_memory
from shaoxiang.player import Player, read_scenario
from tests.projections.kit import RULES, VIEWS, everything

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.mark.parametrize(
    "name",
    ["05_return_upheld", "12_objection_upheld_after_an_interview", "15_reopening", "14_merge_and_unmerge",
     "19_never_came_and_defaulted", "21_suspension_of_a_joint_whistle", "23_escalation"],
)  # fmt: skip
def test_a_played_case_folds_to_the_same_rows_however_it_is_folded(name: str, city: City) -> None:
    scenario = read_scenario(SCENARIOS / f"{name}.json")
    clock = VirtualClock(min(step.at for step in scenario.steps))
    house = house_in_memory(RULES, city, clock.now)
    Player(house, clock, scenario).play()
    house.projector.catch_up()
    assert house.projector.parked() == []
    assert check(house.log, house.views, house.projector.views) == []
    single = Projector(house.log, ViewStore(None), VIEWS)
    while single.step(1):
        pass
    assert everything(single.store) == everything(house.views)
    house.close()
