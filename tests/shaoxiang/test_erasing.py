"""Who is to be forgotten is forgotten, also where the vault was away when it was asked for."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from desk.actors import Actor, Role
from domain.dispatch.report import Report
from shaoxiang import erasing
from shaoxiang.erasing import Eraser
from shaoxiang.house import Premises, open_house, open_premises
from shaoxiang.settings import Settings
from store.erasures import Erasures, Mark
from store.errors import StoreAway
from store.vault import Vault
from tests.backup.kit import NAME, PHONE, settings_of

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路"}
CITIZEN = {"name": NAME, "phone": PHONE}
REPORT = {"source": "grid", "description": "井盖缺失", "place": PLACE, "reporter": CITIZEN}


@pytest.fixture(params=["folder", "database"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A migrated, empty store of either kind."""
    return settings_of(tmp_path / "store", request.getfixturevalue("database") if request.param == "database" else None)


@pytest.fixture
def premises(settings: Settings) -> Iterator[Premises]:
    with open_premises(settings, lambda: NOW) as opened:
        yield opened


def place_of(premises: Premises) -> Path | str:
    return premises.settings.database_url or premises.settings.vault_db


def reported(premises: Premises) -> tuple[UUID, UUID]:
    """A citizen's report; answers it, and who reported."""
    stream = do(premises, "submit_report", None, Role.GRID_WORKER, "德胜街道", REPORT)["report"]
    report = premises.house.log.load(Report, stream)
    assert report is not None
    assert report.reporter is not None
    return stream, report.reporter


def erase(premises: Premises, report: UUID) -> None:
    do(premises, "erase_reporter", report, Role.COMMAND_OFFICER, "吉林市指挥中心", {"reason": "上报人要求删除个人信息"})


def do(premises: Premises, name: str, on: UUID | None, role: Role, organisation: str, given: Any) -> dict[str, UUID]:
    world = premises.house.world
    actor = Actor(person=uuid4(), role=role, organisation=world.city.find(organisation).code)
    return premises.house.desk.do(name, on, given, actor, command_id=uuid4()).ids


def away(*_: object) -> None:
    msg = "the vault is away"
    raise StoreAway(msg)


def erased_too_late(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Somebody whose erasure the log records and whom the vault still knows."""
    report, person = reported(premises)
    with monkeypatch.context() as broken:
        broken.setattr(Vault, "erase", away)
        with pytest.raises(StoreAway):
            erase(premises, report)
    assert premises.vault.reveal(person).name == NAME
    return person


@contextmanager
def working(settings: Settings, premises: Premises) -> Iterator[None]:
    """The projector at work: beside the house on a database, inside it in a folder."""
    stop = threading.Event()
    if settings.database is None:
        thread = threading.Thread(target=premises.house.projector.run, args=(stop,))
        thread.start()
        yield
    else:
        with open_house(settings, lambda: NOW, folds=True) as house:
            thread = threading.Thread(target=house.projector.run, args=(stop,))
            thread.start()
            yield
            stop.set()
            thread.join()
    stop.set()
    thread.join()


def soon(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_an_erasure_that_the_vault_missed_is_carried_out_by_whoever_folds(
    settings: Settings, premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, (_, other) = erased_too_late(premises, monkeypatch), reported(premises)
    with working(settings, premises):
        soon(lambda: premises.vault.masked(person).erased)
    assert premises.vault.reveal(other).phone == PHONE


def test_it_is_tried_again_until_it_is_done(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    person = erased_too_late(premises, monkeypatch)
    monkeypatch.setattr(erasing, "PAUSE_SECONDS", 0.0)
    with closing(Eraser(premises.house.log, place_of(premises))) as eraser:
        with monkeypatch.context() as broken, capture_logs() as told:
            broken.setattr(Erasures, "carry_out", away)
            eraser()
            eraser()
        assert [each["event"] for each in told] == ["erasures cannot be carried out for now"] * 2
        assert not premises.vault.masked(person).erased
        eraser()
    assert premises.vault.masked(person).erased


def test_a_vault_that_fails_is_left_alone_for_a_while(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    erased_too_late(premises, monkeypatch)
    tries: list[object] = []

    def failing(*given: object) -> None:
        tries.append(given)
        away()

    monkeypatch.setattr(Erasures, "carry_out", failing)
    with closing(Eraser(premises.house.log, place_of(premises))) as eraser:
        eraser()
        eraser()
    assert len(tries) == 1


def test_what_was_carried_out_is_not_looked_for_again(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    erased_too_late(premises, monkeypatch)
    log, place = premises.house.log, place_of(premises)
    with closing(Eraser(log, place)) as eraser:
        eraser()
    monkeypatch.setattr(type(log), "of_topic", away)
    with closing(Eraser(log, place)) as eraser, capture_logs() as told:
        eraser()
    assert told == []


def test_a_long_log_is_gone_through_stretch_by_stretch(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "STRETCH", 2)
    monkeypatch.setattr(erasing, "NOTED_EVERY", 4)
    persons = [erased_too_late(premises, monkeypatch) for _ in range(3)]
    marks = list[Mark]()
    with (
        closing(Eraser(premises.house.log, place_of(premises))) as eraser,
        closing(Erasures(place_of(premises))) as vault,
    ):
        for _ in range(20):
            eraser()
            marks.append(vault.mark())
    assert all(premises.vault.masked(person).erased for person in persons)
    assert marks[-1].position > premises.house.log.position() - 4
    assert marks == sorted(marks)


def test_in_another_epoch_the_whole_log_is_gone_through_again(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, log = erased_too_late(premises, monkeypatch), premises.house.log
    with closing(Erasures(place_of(premises))) as vault:
        # It came along from the history before the restore, which was longer.
        vault.carry_out((), Mark(0, log.position()))
        epoch = log.new_epoch(NOW)
        with closing(Eraser(log, place_of(premises))) as eraser:
            eraser()
        assert vault.mark() == Mark(epoch.number, log.position())
    assert premises.vault.masked(person).erased


def test_an_older_copy_of_the_vault_that_was_put_back_forgets_them_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "store")
    with open_premises(settings, lambda: NOW) as premises:
        report, person = reported(premises)
        premises.vault._database.forget()
        shutil.copy(settings.vault_db, tmp_path / "older.db")
        erase(premises, report)
        with closing(Eraser(premises.house.log, settings.vault_db)) as eraser:
            eraser()
    shutil.copy(tmp_path / "older.db", settings.vault_db)
    with open_premises(settings, lambda: NOW) as premises:
        assert premises.vault.reveal(person).name == NAME
        with working(settings, premises):
            soon(lambda: premises.vault.masked(person).erased)
