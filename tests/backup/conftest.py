"""Stores of both kinds, and one backup with something in each of its parts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

import pytest

from bench.postgres import Postgres
from shaoxiang.backup import back_up
from shaoxiang.clock import VirtualClock
from shaoxiang.settings import Settings
from tests.backup import kit

LATER = datetime(2024, 1, 8, 1, 0, tzinfo=UTC)
"""A Monday, long after everything that the plays tell."""

PERSON = uuid5(UUID(int=0), "somebody")

EmptyStore = Callable[[], Settings]


class Original(NamedTuple):
    """A store in a folder, and the backup that was taken of it."""

    settings: Settings
    file: Path
    photo: str


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A town of three plays, with persons, tokens, a photo, an import, and its backup."""
    folder = tmp_path_factory.mktemp("original")
    settings = kit.settings_of(folder / "store")
    with kit.opened(settings, VirtualClock(LATER)) as town:
        for prefix in kit.PLAYED:
            kit.play(town, prefix)
        town.vault.register(PERSON, kit.NAME, kit.PHONE)
        town.tokens.create(PERSON, "auditor", "2202", "audit", LATER)
        revoked = town.tokens.create(PERSON, "auditor", "2202", "old", LATER)
        town.tokens.revoke(revoked.id, LATER)
        photo = town.photos.put(kit.a_photo(80), "image/png")
        settings.imports.mkdir()
        (settings.imports / "old-system.json").write_text("{}", encoding="utf-8")
        taken = back_up(settings, folder / "backups", lambda: LATER)
    return Original(settings, taken.file, photo)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmptyStore]:
    """Makes migrated, empty stores of one kind, and the test runs for both."""
    databases: list[str] = []

    def make() -> Settings:
        name = f"test_{uuid4().hex}"
        if request.param == "sqlite":
            return kit.settings_of(tmp_path / name)
        server: Postgres = request.getfixturevalue("postgres")
        databases.append(name)
        return kit.settings_of(tmp_path / name, server.create(name))

    yield make
    for name in databases:
        request.getfixturevalue("postgres").drop(name)


@pytest.fixture
def later() -> VirtualClock:
    """A clock that stands long after everything that the plays tell."""
    return VirtualClock(LATER)
