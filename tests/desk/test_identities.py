"""Who reported lies in the vault alone: no event, no view and no command row tells, and an erasure is for good."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from desk.unit import KINDS
from domain.errors import WrongState
from shaoxiang.house import Premises
from store.log import EventLog
from tests.desk.town import MARKET, Town

NAME, PHONE, PARTY = "不该出现的来电人", "13912345678", "不该出现的当事店铺"
REPORTER = {"name": NAME, "phone": PHONE}


@pytest.fixture
def told(solid_town: Town) -> Town:
    """A town on disk with a case told from the report to the rating, in which a reporter and a party were named."""
    town = solid_town
    case = town.filed(reporter=REPORTER)
    comply_by = {"party": PARTY, "comply_by": "2022-12-20T09:00:00+08:00"}
    town.do("street", "order_rectification", case, comply_by)
    response = town.whistled(MARKET, case=case)[0]
    town.completed(response)
    town.closed(response)
    town.house.projector.catch_up()
    return town


def report_of(town: Town) -> Any:
    return town.state(town.state(town.ids["case"]).report)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of the store, with what databases keep beside themselves."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_byte_of_the_store_tells_who_reported_or_who_is_complained_about(told: Town, premises: Premises) -> None:
    files = bytes_of(premises.settings.dir)
    assert {"log.db", "views.db", "vault.db"} <= set(files)
    assert any("巡查发现问题".encode() in content for content in files.values()), "the log is read as it is"
    secrets = [each.encode() for each in (NAME, PHONE, PARTY)]
    assert not [name for name, content in files.items() if any(secret in content for secret in secrets)]


def test_the_events_carry_an_id_under_which_the_vault_knows_the_person(told: Town, premises: Premises) -> None:
    reporter = report_of(told).reporter
    assert premises.vault.masked(reporter).name == "不**"
    assert premises.vault.masked(reporter).phone == "139****5678"
    assert premises.vault.reveal(reporter).phone == PHONE


def test_looking_at_an_identity_is_on_record_with_the_reason(told: Town, premises: Premises) -> None:
    report = report_of(told)
    done = told.do("command", "unmask_reporter", report.id, {"reason": "回电核实地点"})
    assert premises.vault.reveal(done.ids["person"]).name == NAME
    fact = told.log.stream(report.id)[-1].event
    assert (fact.TOPIC, fact.reason) == ("report.reporter-unmasked.v1", "回电核实地点")  # type: ignore[attr-defined]
    assert fact.meta.actor == told.actor("command").person


def test_an_erasure_is_for_good_and_leaves_every_event_as_it_was(told: Town, premises: Premises) -> None:
    report, command = report_of(told), uuid4()
    before = told.log.raw(0, 10_000)
    done = told.do("command", "erase_reporter", report.id, {"reason": "本人要求"}, command_id=command)
    person = done.ids["person"]
    assert premises.vault.masked(person).erased
    with pytest.raises(WrongState, match="was erased"):
        premises.vault.reveal(person)
    assert told.log.raw(0, 10_000)[: len(before)] == before
    again = told.do("command", "erase_reporter", report.id, {"reason": "本人要求"}, command_id=command)
    assert again == done


def test_an_erasure_that_was_recorded_but_not_carried_out_is_carried_out_by_the_retry(
    told: Town, premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, command = report_of(told), uuid4()

    def dies(_: object) -> None:
        raise OSError("the machine went down")

    with monkeypatch.context() as broken:
        broken.setattr(premises.vault, "erase", dies)
        with pytest.raises(OSError, match="went down"):
            told.do("command", "erase_reporter", report.id, {"reason": "本人要求"}, command_id=command)
    person = told.do("command", "erase_reporter", report.id, {"reason": "本人要求"}, command_id=command).ids["person"]
    assert premises.vault.masked(person).erased


def test_a_report_without_a_reporter_has_nobody_to_unmask(solid_town: Town) -> None:
    report = solid_town.reported()
    assert solid_town.refused("command", "unmask_reporter", report, {"reason": "回电"}) == "UNKNOWN"


def test_a_retry_names_the_same_person(solid_town: Town, premises: Premises) -> None:
    command = uuid4()
    given = {
        "source": "grid",
        "description": "巡查发现问题",
        "place": {"lat": 43.85, "lon": 126.56},
        "reporter": REPORTER,
    }
    for _ in range(2):
        report = solid_town.do("grid", "submit_report", None, given, command_id=command).ids["report"]
    assert premises.vault.reveal(solid_town.state(report).reporter).name == NAME


def test_the_log_can_be_read_beside_its_writer_without_the_vault(told: Town, premises: Premises) -> None:
    with EventLog.open(premises.settings.log_db, KINDS, read_only=True) as reader:
        assert reader.position() == told.log.position()
        assert NAME not in "".join(str(recorded.event) for recorded in reader.events(0, 10_000))
