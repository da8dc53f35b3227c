"""A town for each test: in memory, or on disk where threads race or files are read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from shaoxiang.clock import VirtualClock
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.settings import Settings
from tests.desk.town import Town, town_in_memory
from tests.kit import local


@pytest.fixture
def town() -> Iterator[Town]:
    """A town in memory, on a plain Wednesday at 09:10."""
    yield from town_in_memory()


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of the town on disk, at 09:10 on a plain Wednesday."""
    return VirtualClock(local("09:10"))


@pytest.fixture
def premises(tmp_path: Path, clock: VirtualClock) -> Iterator[Premises]:
    """A house on disk, with vault, photos and tokens."""
    settings = Settings(dir=tmp_path / "store")
    migrate_all(settings)
    with open_premises(settings, clock.now) as opened:
        yield opened


@pytest.fixture
def shared_town(database: str, tmp_path: Path, clock: VirtualClock) -> Iterator[Town]:
    """A town on PostgreSQL, which other processes may share; nobody folds its views."""
    settings = Settings(dir=tmp_path / "shared", database=SecretStr(database))
    migrate_all(settings)
    with open_premises(settings, clock.now, folds=False) as opened:
        yield Town(opened.house, clock)


@pytest.fixture
def solid_town(premises: Premises, clock: VirtualClock) -> Town:
    """A town on disk."""
    return Town(premises.house, clock)
