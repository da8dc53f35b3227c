"""An imported case goes on like any other: commands work on it, or are refused for a stated reason.

History starts no clock, so what is done later is on time until a command starts one, and nothing earlier is held
against anybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from desk.actors import Actor, Role
from desk.desk import Done
from desk.unit import evaluation_id
from domain.dispatch.evaluation import Evaluation
from domain.dispatch.response import Response
from domain.errors import Refusal, TooLate, Unknown, WrongState
from domain.kernel import Kind, child
from domain.policy.deadlines import Stage
from domain.policy.rubric import Band
from projections.notices import NOTICES
from shaoxiang.clock import VirtualClock
from shaoxiang.import_map import ImportMap
from shaoxiang.importing import import_file
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.resources import load_city
from tests.conftest import START
from tests.importing.given import CLOSED, documents, row, write_csv

SPOT = {"lat": 40.7, "lon": -73.8}
COMMAND = (Role.COMMAND_OFFICER, "nyc-311")
DEPARTMENT = (Role.DEPARTMENT_LIAISON, "nyc-dot")
STREET = (Role.STREET_OFFICER, "Queens Board 13")
LEADER = (Role.STREET_LEADER, "Queens Board 13")


@dataclass
class Scene:
    """A house into which one row was imported, and the streams that came of it."""

    house: House

    @property
    def case(self) -> UUID:
        return UUID(documents(self.house, "case")[0]["id"])

    @property
    def response(self) -> UUID:
        return UUID(documents(self.house, "response")[0]["id"])

    def do(self, who: tuple[Role, str], name: str, on: UUID, **given: Any) -> Done:
        """A command by somebody, with whatever falls due before it fired."""
        city = self.house.world.city
        actor = Actor(person=uuid4(), role=who[0], organisation=city.find(who[1]).code)
        return self.house.desk.do(name, on, given, actor, command_id=uuid4())

    def load_response(self) -> Response:
        found = self.house.log.load(Response, self.response)
        assert found is not None
        return found

    def load_evaluation(self) -> Evaluation:
        found = self.house.log.load(Evaluation, evaluation_id(self.response))
        assert found is not None
        return found


@pytest.fixture
def empty(nyc: ImportMap) -> Iterator[House]:
    street = {"name": "Queens Board 13", "kind": "street", "parent": "360081"}
    city = nyc.joined_to(load_city()).with_extra([street])
    house = house_in_memory(load_rules(), city, VirtualClock(START).now)
    yield house
    house.close()


@pytest.fixture
def opened(empty: House, nyc: ImportMap, tmp_path: Path) -> Scene:
    import_file(empty, write_csv(tmp_path / "open.csv", [row()]), nyc)
    return Scene(empty)


@pytest.fixture
def closed(empty: House, nyc: ImportMap, tmp_path: Path) -> Scene:
    """Closed three days before the clock of the tests."""
    cells = {**CLOSED, "created_date": "2026-02-27T08:00:00", "closed_date": "2026-02-27T12:00:00"}
    import_file(empty, write_csv(tmp_path / "closed.csv", [row(**cells)]), nyc)
    return Scene(empty)


def test_an_imported_case_is_signed_arrived_at_done_verified_and_closed(opened: Scene) -> None:
    opened.do(DEPARTMENT, "sign", opened.response)
    opened.do(DEPARTMENT, "check_in", opened.response, place=SPOT)
    opened.do(DEPARTMENT, "complete", opened.response, result="Repaired.")
    opened.do(STREET, "pass_verification", opened.response)
    closed = opened.do(COMMAND, "close_case", opened.case)
    response = opened.load_response()
    assert closed.state == "closed"
    assert (response.signature and response.signature.band, response.arrival and response.arrival.band) == (
        Band.ON_TIME, Band.ON_TIME,
    )  # fmt: skip
    assert response.missed_clocks == []
    assert opened.load_evaluation().facts.disposal.band is Band.ON_TIME


def test_what_is_done_after_the_import_is_told_and_timed_again(opened: Scene) -> None:
    opened.do(DEPARTMENT, "sign", opened.response)
    opened.do(DEPARTMENT, "check_in", opened.response, place=SPOT)
    opened.do(DEPARTMENT, "complete", opened.response, result="Repaired.")
    assert opened.load_response().clocks[Stage.VERIFICATION].running
    opened.do(STREET, "pass_verification", opened.response)
    opened.do(COMMAND, "close_case", opened.case)
    opened.house.projector.catch_up()
    with opened.house.views.reading() as db:
        kinds = db.execute(select(NOTICES.table.c.kind)).scalars().all()
    assert kinds == ["case_closed"]


def test_an_arrival_without_a_position_is_confirmed_and_corrected_on_time(opened: Scene) -> None:
    opened.do(DEPARTMENT, "sign", opened.response)
    opened.do(DEPARTMENT, "check_in", opened.response)
    opened.do(STREET, "confirm_arrival", opened.response)
    opened.do(STREET, "correct_arrival", opened.response, at=START, reason="the watch was wrong")
    assert opened.load_response().missed_clocks == []


def test_a_return_may_be_asked_for_and_upheld_with_fresh_clocks(opened: Scene) -> None:
    opened.do(DEPARTMENT, "sign", opened.response)
    opened.do(DEPARTMENT, "request_return", opened.response, basis="a private road")
    done = opened.do(COMMAND, "uphold_return", opened.response, replacement="nyc-dep")
    heir = opened.house.log.load(Response, done.ids["response/nyc-dep"])
    assert heir is not None
    assert set(heir.clocks) == {Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL}


def test_an_imported_case_is_corrected_suspended_resumed_urged_and_cancelled(opened: Scene) -> None:
    moment = datetime.fromisoformat("2026-04-01T09:00:00+08:00")
    opened.do(COMMAND, "correct_case", opened.case, urgency="urgent", reason="on a school route")
    opened.do(COMMAND, "suspend_case", opened.case, reason="frost", resume_at=moment)
    opened.do(COMMAND, "resume_case", opened.case)
    opened.do(COMMAND, "urge", opened.response)
    assert opened.load_response().clocks == {}
    assert opened.do(COMMAND, "cancel_case", opened.case, reason="a duplicate").state == "cancelled"


@pytest.mark.parametrize(
    ("who", "name", "given", "refusal", "message"),
    [
        (COMMAND, "default_response", {}, WrongState, "imported without a deadline"),
        (
            DEPARTMENT,
            "request_extension",
            {"until": START.isoformat(), "reason": "frost"},
            WrongState,
            "imported without",
        ),
        (COMMAND, "grant_extension", {}, WrongState, "no extension is pending"),
        (DEPARTMENT, "complete", {"result": "Repaired."}, WrongState, "arrive first"),
    ],
)
def test_what_needs_a_deadline_is_refused_for_that(
    opened: Scene, who: tuple[Role, str], name: str, given: dict[str, Any], refusal: type[Refusal], message: str
) -> None:
    with pytest.raises(refusal, match=message):
        opened.do(who, name, opened.response, **given)


def test_an_item_of_the_source_must_be_corrected_before_the_case_is_whistled_anew(opened: Scene) -> None:
    whistle = child(opened.case, Kind.WHISTLE, 1)
    opened.do(LEADER, "withdraw_whistle", whistle, reason="another department's")
    again = {"kind": "enforcement", "lead": "nyc-dep"}
    with pytest.raises(Unknown, match="has no item 'nyc-street-condition': use a name or code that it lists"):
        opened.do(LEADER, "blow_whistle", opened.case, **again)
    opened.do(COMMAND, "correct_case", opened.case, item="噪声扰民", reason="our own catalogue")
    assert opened.do(LEADER, "blow_whistle", opened.case, **again).state == "blown"


def test_a_closed_import_is_rated_and_reopened_without_blame_for_what_was_not_imported(closed: Scene) -> None:
    closed.do(COMMAND, "rate", closed.case, satisfaction="satisfied", resolved=True)
    closed.do(COMMAND, "reopen_case", closed.case, reason="it broke again")
    assert closed.load_response().clocks[Stage.DISPOSAL].running
    closed.do(DEPARTMENT, "complete", closed.response, result="Repaired again.")
    closed.do(STREET, "pass_verification", closed.response)
    facts = closed.load_evaluation().facts
    assert (facts.signature.band, facts.arrival.band, facts.disposal.band) == (Band.ON_TIME,) * 3


def test_a_case_that_was_closed_long_ago_is_not_reopened(empty: House, nyc: ImportMap, tmp_path: Path) -> None:
    import_file(empty, write_csv(tmp_path / "old.csv", [row(**CLOSED)]), nyc)
    old = Scene(empty)
    with pytest.raises(TooLate):
        old.do(COMMAND, "reopen_case", old.case, reason="it broke again")
