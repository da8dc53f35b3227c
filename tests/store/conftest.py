"""Real files for the store's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.log import EventLog
from store.migrations import migrate
from tests.store.aggregates import KINDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated, empty log."""
    place = tmp_path / "log.db"
    migrate(place)
    return place


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    """The log, open for writing."""
    with EventLog.open(path, KINDS) as opened:
        yield opened
