"""Views on either database, thrown away after the test, and the beginning of a case."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.histories import Story
from domain.kernel import Fact
from projections.storage import ViewStore
from store.postgres_schema import migrate

Opener = Callable[[], ViewStore]

LEAD, SUPPORT = "2202-scjg", "2202-gaj"
"""Whom the case of these tests is whistled for."""


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


@pytest.fixture
def story() -> Story:
    return Story(1)


@pytest.fixture
def called(story: Story) -> list[Fact]:
    """A case that was whistled for two departments."""
    told = [*story.reported(), *story.later(minutes=5).filed()]
    return [*told, *story.later(minutes=5).blown([LEAD, SUPPORT])]
