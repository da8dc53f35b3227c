"""The timers of a play: the real sweeper, asked through hints of the play's own.

The product finds what is due in a view, which a thread keeps up with the log. A play must know after every step what is
due next, so it keeps the same hints in memory, straight from the clocks that events carry. A hint too many does no
harm: the desk decides, and what came to nothing is forgotten.
"""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from desk.desk import Desk
from domain.kernel import case_of
from projections.due import Due
from projections.times import micros, micros_of
from scheduler.sweep import Sweeper, SweepMetrics
from store.log import EventLog

READ_ROWS = 1000

SAID_LATER = ("again_at", "criticise_at")
"""Fields of a miss that name a moment at which something more is said."""

Hint = tuple[int, UUID, str]
"""When (microseconds), which stream, and what for."""


class Hints:
    """What is due when, by what the log says; see `scheduler.sweep.DueRows`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._position = 0
        self._in_order: list[Hint] = []
        self._of: dict[UUID, dict[str, int]] = {}

    def next_due(self, until: int, limit: int, *, inclusive: bool) -> Sequence[Due]:
        """See `DueRows`."""
        end = (bisect_right if inclusive else bisect_left)(self._in_order, until, key=lambda hint: hint[0])
        return [Due(at, stream, kind, case_of(stream)) for at, stream, kind in self._in_order[: min(limit, end)]]

    def earliest(self, after: int) -> int | None:
        """See `DueRows`."""
        begin = bisect_right(self._in_order, after, key=lambda hint: hint[0])
        return self._in_order[begin][0] if begin < len(self._in_order) else None

    def catch_up(self) -> None:
        """Read what was recorded since."""
        while rows := self._log.raw(self._position, READ_ROWS):
            for position, stream, _, _, state in rows:
                self._position = position
                self._take(UUID(bytes=stream), state)

    def settled(self, stream: UUID, at: datetime) -> None:
        """The desk has looked at what was due on a stream by a moment."""
        now = micros(at)
        for kind in [kind for kind, due in self._of.get(stream, {}).items() if due <= now]:
            self._drop(stream, kind)

    def _take(self, stream: UUID, state: bytes) -> None:
        fact: dict[str, Any] = json.loads(state)
        for clock in fact["clocks"]:
            stage = clock["stage"]
            self._drop(stream, stage)
            self._drop(stream, f"warn_{stage}")
            if not any(clock[ended] for ended in ("met_at", "missed_at", "stopped_at", "paused_at")):
                self._put(stream, stage, clock["due_at"])
                if clock["warn_at"]:
                    self._put(stream, f"warn_{stage}", clock["warn_at"])
        for name in SAID_LATER:
            if fact.get(name):
                self._put(stream, name, fact[name])

    def _put(self, stream: UUID, kind: str, at: str) -> None:
        self._drop(stream, kind)
        due = micros_of(at)
        self._of.setdefault(stream, {})[kind] = due
        insort(self._in_order, (due, stream, kind))

    def _drop(self, stream: UUID, kind: str) -> None:
        due = self._of.get(stream, {}).pop(kind, None)
        if due is not None:
            del self._in_order[bisect_left(self._in_order, (due, stream, kind))]


class Timers:
    """Fires what is due on a log, through the real sweeper and desk."""

    def __init__(self, log: EventLog, desk: Desk) -> None:
        self._desk = desk
        self._hints = Hints(log)
        self._sweeper = Sweeper(self._hints, self, SweepMetrics(CollectorRegistry()), settle=timedelta(0))

    def next_at(self) -> datetime | None:
        """When something is due next."""
        self._hints.catch_up()
        return self._sweeper.next_at()

    def sweep(self, now: datetime) -> None:
        """Fire all that is due by now; raises whatever a stream raised."""
        swept = self._sweeper.sweep(now, inclusive=True)
        for failure in (*swept.failed, *swept.refused):
            raise failure.error

    def read_ahead(self, streams: Iterable[UUID]) -> Mapping[UUID, Any]:
        """For the sweeper: as the desk does."""
        return self._desk.read_ahead(streams)

    def fire(self, stream_id: UUID, at: datetime, ahead: Mapping[UUID, Any] | None = None) -> datetime | None:
        """For the sweeper: the desk decides, and hints that it has looked at are forgotten."""
        again = self._desk.fire(stream_id, at, ahead)
        if again is None:
            self._hints.settled(stream_id, at)
        return again
