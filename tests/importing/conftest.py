"""A house to import into, and the sample of New York's service requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shaoxiang.clock import VirtualClock
from shaoxiang.import_map import ImportMap, read_map
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.resources import data_folder, load_city
from tests.conftest import START

MAP = data_folder() / "import" / "nyc-311.json"
SAMPLE = data_folder() / "samples" / "nyc-311-sample.csv"


@pytest.fixture(scope="session")
def nyc() -> ImportMap:
    return read_map(MAP)


@pytest.fixture
def house(nyc: ImportMap) -> Iterator[House]:
    """An empty house that knows New York's agencies, as it does once the mapping is kept."""
    built = house_in_memory(load_rules(), nyc.joined_to(load_city()), VirtualClock(START).now)
    yield built
    built.close()


@pytest.fixture
def sample() -> Path:
    return SAMPLE
