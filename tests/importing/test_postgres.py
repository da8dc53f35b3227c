"""An import into a store on PostgreSQL, beside everybody who works on it: the same cases, and none of them twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from projections.board import BOARD
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.import_map import ImportMap
from shaoxiang.importing import import_file
from shaoxiang.settings import Settings
from tests.importing.conftest import MAP, SAMPLE
from tests.shaoxiang.commandline import shaoxiang

ROWS = 120


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    found = Settings(dir=tmp_path / "shared", database=SecretStr(database))
    migrate_all(found)
    return found


@pytest.fixture
def premises(settings: Settings) -> Iterator[Premises]:
    with open_premises(settings, SystemClock().now) as opened:
        yield opened


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """The first rows of the sample."""
    path = tmp_path / "few.csv"
    with SAMPLE.open(encoding="utf-8") as sample:
        path.write_text("".join(islice(sample, ROWS + 1)), encoding="utf-8")
    return path


def test_every_row_is_accounted_for_shown_and_not_brought_in_again(
    premises: Premises, nyc: ImportMap, few: Path
) -> None:
    house = premises.house
    first = import_file(house, few, nyc, keep_in=premises.settings.imports)
    assert (first.rows, first.already, first.accepted + first.refused) == (ROWS, 0, ROWS)
    assert first.accepted > ROWS / 2
    with house.views.reading() as db:
        assert db.execute(select(func.count()).select_from(BOARD.table)).scalar_one() == first.accepted
    assert house.projector.check() == []
    again = import_file(house, few, nyc)
    assert (again.accepted, again.already, again.position) == (0, first.accepted, first.position)


def test_what_two_machines_import_at_once_is_there_once(
    settings: Settings, premises: Premises, nyc: ImportMap, few: Path
) -> None:
    with open_premises(settings, SystemClock().now) as other, ThreadPoolExecutor(2) as both:
        one, two = both.map(lambda each: import_file(each.house, few, nyc), (premises, other))
    assert one.refused == two.refused
    assert one.accepted == two.already
    assert two.accepted == one.already
    assert one.accepted + two.accepted == ROWS - one.refused
    with premises.house.views.reading() as db:
        assert db.execute(select(func.count()).select_from(BOARD.table)).scalar_one() == ROWS - one.refused
    assert premises.house.projector.check() == []


def test_the_command_imports_into_the_database_that_the_settings_name(
    settings: Settings, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAOXIANG_DIR", str(settings.dir))
    monkeypatch.setenv("SHAOXIANG_DATABASE", settings.database_url or "")
    first, again = (shaoxiang("import", few, "--map", MAP, "--json") for _ in range(2))
    assert (first.code, again.code) == (0, 0)
    assert first.document["accepted"] == again.document["already"] > 0
    assert shaoxiang("check", "--json").document["clean"]
