"""What all tests share: hypothesis profiles, the city that ships, a clock, and a moment to start from."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings

from domain.registry.organisations import City
from shaoxiang.clock import VirtualClock
from shaoxiang.resources import load_city

# The short form runs with every change; the long form (10,000 examples) before a release. The command line's
# --hypothesis-profile overrides the variable.
_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("short", max_examples=100, deadline=None, suppress_health_check=_QUIET, print_blob=True)
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=_QUIET, print_blob=True)
settings.load_profile(os.environ.get("SHAOXIANG_HYPOTHESIS", "short"))

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A plain Monday, 09:00 in the city."""


@pytest.fixture(scope="session")
def city() -> City:
    """The city that ships."""
    return load_city()


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that stands at the start until a test moves it."""
    return VirtualClock(START)
