"""Real stores for the store's tests: a file, and a database on a server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.log import EventLog
from store.migrations import migrate
from tests.store.aggregates import KINDS

Opening = Callable[[], EventLog]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated, empty log in a file."""
    place = tmp_path / "log.db"
    migrate(place)
    return place


@pytest.fixture
def url(migrated: str) -> str:
    """A migrated, empty database."""
    return migrated


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest) -> Opening:
    """Opens the same log each time it is called, in a file and in a database."""
    if request.param == "sqlite":
        place: Path = request.getfixturevalue("path")
        return lambda: EventLog.open(place, KINDS)
    address: str = request.getfixturevalue("url")
    return lambda: EventLog.connect(address, KINDS)


@pytest.fixture
def log(opening: Opening) -> Iterator[EventLog]:
    """The log, open for writing."""
    with opening() as opened:
        yield opened
