"""One sweep: what is due goes to the desk, oldest first. The due rows are hints; the case's own stream decides."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Engine

from domain.errors import Refusal
from projections.due import Due, next_due
from projections.times import micros, moment

__all__ = ["Desk", "DueRows", "DueView", "Failure", "SweepMetrics", "Sweeper", "Swept"]

BATCH_ROWS = 500
SETTLE = timedelta(seconds=1)
"""How long a row that was fired may stay in the view before it is tried again; the view is catching up."""

BACK_OFF_FIRST = timedelta(seconds=2)
BACK_OFF_MOST = timedelta(minutes=5)
NEVER = 2**63 - 1
"""Later than everything, in microseconds."""

log = structlog.get_logger(__name__)


class DueRows(Protocol):
    """The due view, as far as a sweep asks it."""

    def next_due(self, until: int, limit: int, *, inclusive: bool) -> Sequence[Due]:
        """What fires before `until` (microseconds; `inclusive`: or at it), oldest first, at most `limit` rows."""


class DueView:
    """The due view in its store; each question has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def next_due(self, until: int, limit: int, *, inclusive: bool) -> Sequence[Due]:
        """See `DueRows`."""
        with self._engine.connect() as db:
            return next_due(db, until, limit, inclusive=inclusive)


class Desk(Protocol):
    """The desk's door for the scheduler."""

    def fire(self, stream_id: UUID, at: datetime) -> datetime | None:
        """Fire what is overdue on the stream; the earliest time to try again where nothing could be, else None."""


class Failure(NamedTuple):
    """A stream that could not be fired, and the error, so that one bad case is seen and not hidden."""

    stream_id: UUID
    error: Exception


@dataclass(frozen=True)
class Swept:
    """What one sweep did. `next_at` is when the next row is due, as far as the view knows."""

    fired: tuple[UUID, ...] = ()
    refused: tuple[Failure, ...] = ()
    failed: tuple[Failure, ...] = ()
    next_at: datetime | None = None
    full: bool = False
    """The batch was full: more may be due already."""


class SweepMetrics:
    """Sweeps, what came of the streams in them, and how late the oldest due row was found, in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series; one registry belongs to one sweeper."""
        self.sweeps = Histogram("shaoxiang_sweep_seconds", "How long sweeps took.", registry=registry)
        self.streams = Counter(
            "shaoxiang_timers", "Streams with due clocks, by outcome.", ("outcome",), registry=registry
        )
        self.behind = Gauge(
            "shaoxiang_timers_behind_seconds", "How late the oldest due clock was found.", registry=registry
        )


class Sweeper:
    """Fires what is due. It holds no truth: everything in it may be lost and is found again by the next sweep."""

    def __init__(self, due: DueRows, desk: Desk, metrics: SweepMetrics, *, settle: timedelta = SETTLE) -> None:
        """`settle` is zero where the views are caught up after each sweep, as in a play."""
        self._due = due
        self._desk = desk
        self._metrics = metrics
        self._settle = settle
        # A clock that moved is another row, so an old delay never holds up a new due time.
        self._not_before: dict[Due, datetime] = {}
        self._failures: dict[UUID, int] = {}

    def sweep(self, now: datetime, *, inclusive: bool = False) -> Swept:
        """Fire what is due before `now`, oldest first; with `inclusive`, what is due at `now` as well.

        Live, people go first: what they do at a moment comes before what is due at it, so only earlier dues fire.
        """
        with self._metrics.sweeps.time():
            limit = BATCH_ROWS + len(self._not_before)
            rows = self._due.next_due(micros(now), limit, inclusive=inclusive)
            self._forget_except(rows)
            ready = [row for row in rows if self._ready(row, now)]
            self._metrics.behind.set((now - moment(ready[0].fire_at)).total_seconds() if ready else 0)
            outcome = self._fire_all(ready, now)
            return Swept(*outcome, next_at=self.next_at(ready), full=len(rows) >= limit)

    def next_at(self, fired: Iterable[Due] = ()) -> datetime | None:
        """When the next row is due that is neither fired just now nor put off; None where there is none."""
        done = set(fired)
        rows = self._due.next_due(NEVER, len(done | self._not_before.keys()) + 1, inclusive=True)
        times = [moment(row.fire_at) for row in rows if row not in self._not_before and row not in done]
        times.extend(self._not_before.values())
        return min(times, default=None)

    def _ready(self, row: Due, now: datetime) -> bool:
        return self._not_before.get(row, now) <= now

    def _forget_except(self, rows: Sequence[Due]) -> None:
        """Keep delays and failures only of what is still due."""
        alive = set(rows)
        self._not_before = {row: at for row, at in self._not_before.items() if row in alive}
        streams = {row.stream for row in rows}
        self._failures = {stream: times for stream, times in self._failures.items() if stream in streams}

    def _fire_all(
        self, ready: Sequence[Due], now: datetime
    ) -> tuple[tuple[UUID, ...], tuple[Failure, ...], tuple[Failure, ...]]:
        streams: dict[UUID, list[Due]] = {}
        for row in ready:
            streams.setdefault(row.stream, []).append(row)
        fired: list[UUID] = []
        refused: list[Failure] = []
        failed: list[Failure] = []
        for stream_id, rows in streams.items():
            try:
                again = self._desk.fire(stream_id, now)
            except Refusal as refusal:
                refused.append(Failure(stream_id, refusal))
                log.warning("timer refused", stream=str(stream_id), code=refusal.code)
                self._back_off(rows, now)
            except Exception as error:  # noqa: BLE001 - see below
                # One bad case stops nobody, and is not hidden: it is handed back, logged, counted and tried again.
                failed.append(Failure(stream_id, error))
                frames = traceback.format_exception(error)
                log.error("timer failed", stream=str(stream_id), frames=frames)  # noqa: TRY400 - without local variables
                self._back_off(rows, now)
            else:
                self._failures.pop(stream_id, None)
                if again is None:
                    fired.append(stream_id)
                self._put_off(rows, again or now + self._settle, now)
        for outcome, found in (("fired", fired), ("refused", refused), ("failed", failed)):
            self._metrics.streams.labels(outcome).inc(len(found))
        return tuple(fired), tuple(refused), tuple(failed)

    def _back_off(self, rows: Sequence[Due], now: datetime) -> None:
        """Try the stream again later, and each time twice as late."""
        stream_id = rows[0].stream
        times = self._failures[stream_id] = self._failures.get(stream_id, 0) + 1
        self._put_off(rows, now + min(BACK_OFF_FIRST * 2 ** min(times - 1, 20), BACK_OFF_MOST), now)

    def _put_off(self, rows: Sequence[Due], until: datetime, now: datetime) -> None:
        if until > now:
            self._not_before.update(dict.fromkeys(rows, until))
