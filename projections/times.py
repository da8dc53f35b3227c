"""Time in views: whole microseconds since the epoch, UTC, and nothing else. Lateness is never decided by text."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
DAY_SECONDS = 86_400
HOUR = 3_600 * SECOND
"""An hour in microseconds."""


def micros(at: datetime) -> int:
    """An aware moment as microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND


@lru_cache(maxsize=1 << 14)
def micros_of(text: str) -> int:
    """A moment as it is written in an event (ISO 8601 with an offset) as microseconds since the epoch.

    The events of one command share their time, and a due time is told again whenever its clock moves: hence the cache.
    """
    passed = datetime.fromisoformat(text) - EPOCH
    return (passed.days * DAY_SECONDS + passed.seconds) * SECOND + passed.microseconds


def optional_micros(text: str | None) -> int | None:
    """As `micros_of`, and None for what has not happened."""
    return None if text is None else micros_of(text)


def moment(at: int) -> datetime:
    """Microseconds since the epoch as an aware moment, UTC."""
    return EPOCH + at * MICROSECOND


QUARTER = 15 * 60 * 1_000_000
"""A quarter of an hour in microseconds. Every zone in use is a whole number of quarters off, so that no day begins
within one."""


def local_day(at: int, zone: ZoneInfo) -> str:
    """The calendar day (YYYY-MM-DD) in the site's zone on which the moment `at` (microseconds) falls."""
    return _day_of_quarter(at // QUARTER, zone)


@lru_cache(maxsize=50_000)
def _day_of_quarter(quarter: int, zone: ZoneInfo) -> str:
    return moment(quarter * QUARTER).astimezone(zone).date().isoformat()
