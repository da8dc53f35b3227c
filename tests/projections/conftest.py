"""Views on either database, thrown away after the test."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from projections.storage import ViewStore
from store.postgres_schema import migrate

Opener = Callable[[], ViewStore]


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same views, as often as one likes."""
    opened: list[ViewStore] = []

    def sqlite() -> ViewStore:
        opened.append(ViewStore(tmp_path / "views.db"))
        return opened[-1]

    def postgres() -> ViewStore:
        opened.append(ViewStore.connect(url))
        return opened[-1]

    if request.param == "postgres":
        url = request.getfixturevalue("database")
        migrate(url, datetime(2026, 3, 2, tzinfo=UTC))
    yield sqlite if request.param == "sqlite" else postgres
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> ViewStore:
    return opener()
