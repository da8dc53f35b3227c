"""The house that tests of the whole API share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.house import Office, build


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Office]:
    """A fresh house on disk."""
    tested = build(tmp_path)
    yield tested
    tested.close()
