"""Time in views: whole microseconds since the epoch, UTC, and nothing else. Lateness is never decided by text."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """An aware moment as microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND


def micros_of(text: str) -> int:
    """A moment as it is written in an event (ISO 8601 with an offset) as microseconds since the epoch."""
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def optional_micros(text: str | None) -> int | None:
    """As `micros_of`, and None for what has not happened."""
    return None if text is None else (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def moment(at: int) -> datetime:
    """Microseconds since the epoch as an aware moment, UTC."""
    return EPOCH + at * MICROSECOND


def local_day(at: int, zone: ZoneInfo) -> date:
    """The calendar day in the site's zone on which the moment `at` (microseconds) falls."""
    return moment(at).astimezone(zone).date()
