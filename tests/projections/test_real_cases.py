"""Cases played through the real desk: nothing is parked, and the live views equal a fresh fold in batches of one."""

from pathlib import Path
from typing import Any

import pytest

from domain.registry.organisations import City
from projections.events import case_of
from projections.folding import Folder
from projections.projector import Projector
from projections.rebuilding import check
from projections.rows import Rows
from projections.storage import ViewStore
from projections.tables import Entity, Row
from projections.view import closure
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import house_in_memory
from shaoxiang.player import Player, read_scenario
from store.recorder import RawEvent
from tests.projections.kit import RULES, VIEWS, everything
from tests.projections.shelf import live, rebuilt


class Watched(Rows):
    """Rows that nobody may ask about another case than that of the event at hand."""

    def enter(self, case: str, *, begins: bool = False) -> None:
        self.at = case
        super().enter(case, begins=begins)

    def get(self, entity: Entity, key: str) -> Row | None:
        assert case_of(key) == self.at, (entity, key)
        return super().get(entity, key)

    def edit(self, entity: Entity, key: str) -> Row | None:
        assert case_of(key) == self.at, (entity, key)
        return super().edit(entity, key)

    def new(self, entity: Entity, key: str, **columns: Any) -> Row:
        assert case_of(key) == self.at, (entity, key)
        return super().new(entity, key, **columns)


def stays_within_its_case(raws: list[RawEvent]) -> None:
    """Fold with rows that are watched; a handler that strays fails."""
    watched = Watched(entity for view in VIEWS for entity in view.entities)
    Folder(closure(VIEWS)).fold(raws, watched)


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
    raws = house.log.raw(0, 10_000)
    expected = live(raws, VIEWS, [1]).everything()
    assert expected == {name: rows for name, rows in everything(house.views).items() if rows}
    assert live(raws, VIEWS, [len(raws)]).everything() == expected
    assert live(raws, VIEWS, [3], keep=1).everything() == expected
    assert rebuilt(raws, VIEWS).everything() == expected
    stays_within_its_case(raws)
    house.close()
