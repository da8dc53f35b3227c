"""The clock. This file alone reads the time; everybody else is handed it."""

import threading
from datetime import UTC, datetime


class SystemClock:
    """The server's time: aware UTC, and never earlier than what this process has seen before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The present moment. When the machine's clock is set back, time stands still until it has caught up."""
        with self._lock:
            self._latest = max(self._latest, datetime.now(UTC))
            return self._latest


class VirtualClock:
    """A clock that stands where it is put, for plays and tests: aware UTC, and it never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        """The moment that the clock stands at."""
        return self._now

    def advance_to(self, at: datetime) -> None:
        """Put the clock forward to `at`; raises `ValueError` for a moment that has passed or is naive."""
        moment = _aware(at)
        if moment < self._now:
            msg = f"The clock stands at {self._now.isoformat()} and cannot go back to {moment.isoformat()}."
            raise ValueError(msg)
        self._now = moment


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        msg = f"The time {at.isoformat()} has no offset: give an aware time."
        raise ValueError(msg)
    return at.astimezone(UTC)
