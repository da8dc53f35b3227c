"""What all tests share: hypothesis profiles, the city that ships, a clock, and a moment to start from."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bench.postgres import Postgres
from domain.registry.organisations import City
from shaoxiang.clock import VirtualClock
from shaoxiang.resources import load_city
from store.postgres_schema import migrate

# The short form runs with every change; the long form (10,000 examples) before a release. The command line's
# --hypothesis-profile overrides the variable.
_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("short", max_examples=100, deadline=None, suppress_health_check=_QUIET, print_blob=True)
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=_QUIET, print_blob=True)
settings.load_profile(os.environ.get("SHAOXIANG_HYPOTHESIS", "short"))

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A plain Monday, 09:00 in the city."""


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """Commands of the command line set up the log; the next test finds it as it was."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def city() -> City:
    """The city that ships."""
    return load_city()


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands at the start until a test moves it."""
    return VirtualClock(START)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for this run of tests, a real one that waits for the disk."""
    with Postgres.start() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database, empty and not migrated."""
    name = f"test_{uuid4().hex}"
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def _migrated_template(postgres: Postgres) -> str:
    name = "migrated"
    migrate(postgres.create(name), START)
    return name


@pytest.fixture
def migrated(postgres: Postgres, _migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database with all of the store's schemas, and nothing in them."""
    name = f"test_{uuid4().hex}"
    yield postgres.create(name, template=_migrated_template)
    postgres.drop(name)
