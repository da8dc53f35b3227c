"""One sweep: what is due goes to the desk, oldest first. The due rows are hints; the case's own stream decides.

Several sweepers may work on one store. Each asks for the shards that it holds; where two overlap for a moment, the
stream's version lets one of them record and tells the other that nothing is due any more.
"""

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Engine

from domain.errors import Refusal
from projections.due import Due, earliest, next_due
from projections.times import micros, moment
from store.errors import StoreAway, StoreError, StoreFull

__all__ = ["Desk", "DueRows", "DueView", "Failure", "SweepMetrics", "Sweeper", "Swept", "everything"]

BATCH_ROWS = 500
AHEAD = 128
"""How many streams are read at once where several threads fire: a question to the store each would cost the most."""

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

    def earliest(self, after: int) -> int | None:
        """When something fires next, later than `after` (microseconds both); None where nothing does."""


def everything() -> None:
    """The shards of a sweeper that is alone: all of them."""


class DueView:
    """The due view in its store; each question has a connection of its own.

    `shards` says which shards are this sweeper's at the moment; None stands for all.
    """

    def __init__(self, engine: Engine, shards: Callable[[], Collection[str] | None] = everything) -> None:
        self._engine = engine
        self._shards = shards

    def next_due(self, until: int, limit: int, *, inclusive: bool) -> Sequence[Due]:
        """See `DueRows`."""
        mine = self._shards()
        if mine is not None and not mine:
            return ()
        with self._engine.connect() as db:
            return next_due(db, until, limit, inclusive=inclusive, shards=mine)

    def earliest(self, after: int) -> int | None:
        """See `DueRows`."""
        mine = self._shards()
        if mine is not None and not mine:
            return None
        with self._engine.connect() as db:
            return earliest(db, after, mine)


class Desk(Protocol):
    """The desk's door for the scheduler."""

    def read_ahead(self, streams: Iterable[UUID]) -> Mapping[UUID, Any]:
        """What firing these streams will look at, asked for at once."""

    def fire(self, stream_id: UUID, at: datetime, ahead: Mapping[UUID, Any] | None = None) -> datetime | None:
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

    def __init__(
        self, due: DueRows, desk: Desk, metrics: SweepMetrics, *, settle: timedelta = SETTLE, threads: int = 1
    ) -> None:
        """`settle` is zero where the views are caught up after each sweep, as in a play.

        With more `threads` than one streams fire side by side, and begin in order; with one they fire in order.
        """
        self._due = due
        self._desk = desk
        self._metrics = metrics
        self._settle = settle
        self._pool = ThreadPoolExecutor(threads, "timer") if threads > 1 else None
        # A clock that moved is another row, so an old delay never holds up a new due time.
        self._not_before: dict[Due, datetime] = {}
        self._failures: dict[UUID, int] = {}

    def sweep(self, now: datetime, *, inclusive: bool = False) -> Swept:
        """Fire what is due before `now`, oldest first; with `inclusive`, what is due at `now` as well.

        Live, people go first: what they do at a moment comes before what is due at it, so only earlier dues fire.
        Raises StoreAway or StoreFull where the store takes nothing: then no stream is to blame.
        """
        with self._metrics.sweeps.time():
            until = micros(now)
            limit = BATCH_ROWS + len(self._not_before)
            rows = self._due.next_due(until, limit, inclusive=inclusive)
            self._forget_except(rows)
            ready = [row for row in rows if self._ready(row, now)]
            self._metrics.behind.set((now - moment(ready[0].fire_at)).total_seconds() if ready else 0)
            outcome = self._fire_all(ready, now)
            full = len(rows) >= limit
            return Swept(*outcome, next_at=None if full else self._next_after(until, inclusive=inclusive), full=full)

    def next_at(self) -> datetime | None:
        """When the next row is due that is not put off, past ones too; None where there is none. For plays."""
        rows = self._due.next_due(NEVER, len(self._not_before) + 1, inclusive=True)
        times = [moment(row.fire_at) for row in rows if row not in self._not_before]
        times.extend(self._not_before.values())
        return min(times, default=None)

    def close(self) -> None:
        """Let what is firing finish, and end the threads; safe to do twice."""
        if self._pool is not None:
            self._pool.shutdown()

    def _next_after(self, until: int, *, inclusive: bool) -> datetime | None:
        """When to sweep next, after everything due until then was read: one look into the index."""
        later = self._due.earliest(until if inclusive else until - 1)
        times = list(self._not_before.values())
        if later is not None:
            times.append(moment(later))
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
        for stream_id, came in self._answers(streams, now):
            rows = streams[stream_id]
            if isinstance(came, Refusal):
                refused.append(Failure(stream_id, came))
                log.warning("timer refused", stream=str(stream_id), code=came.code)
                self._back_off(rows, now)
            elif isinstance(came, Exception):
                # One bad case stops nobody, and is not hidden: it is handed back, logged, counted and tried again.
                failed.append(Failure(stream_id, came))
                log.error("timer failed", stream=str(stream_id), frames=traceback.format_exception(came))
                self._back_off(rows, now)
            else:
                self._failures.pop(stream_id, None)
                if came is None:
                    fired.append(stream_id)
                self._put_off(rows, came or now + self._settle, now)
        for outcome, found in (("fired", fired), ("refused", refused), ("failed", failed)):
            self._metrics.streams.labels(outcome).inc(len(found))
        return tuple(fired), tuple(refused), tuple(failed)

    def _answers(self, streams: Iterable[UUID], now: datetime) -> Iterator[tuple[UUID, datetime | Exception | None]]:
        """What came of each stream, in order. Where the store is away, the rest is left for the next sweep."""

        def fire(stream_id: UUID, ahead: Mapping[UUID, Any] | None = None) -> tuple[UUID, datetime | Exception | None]:
            try:
                return stream_id, self._desk.fire(stream_id, now, ahead)
            except (StoreAway, StoreFull):
                raise
            except Exception as error:  # noqa: BLE001 - told apart by whoever asked
                return stream_id, error

        if self._pool is None:
            yield from map(fire, streams)
            return
        waiting = list(streams)
        for first in range(0, len(waiting), AHEAD):
            some = waiting[first : first + AHEAD]
            yield from self._pool.map(fire, some, repeat(self._read_ahead(some)))

    def _read_ahead(self, streams: Sequence[UUID]) -> Mapping[UUID, Any] | None:
        """What these streams need, at once; None where something among it cannot be read: then each is by itself."""
        try:
            return self._desk.read_ahead(streams)
        except (StoreAway, StoreFull):
            raise
        except StoreError:
            return None

    def _back_off(self, rows: Sequence[Due], now: datetime) -> None:
        """Try the stream again later, and each time twice as late."""
        stream_id = rows[0].stream
        times = self._failures[stream_id] = self._failures.get(stream_id, 0) + 1
        self._put_off(rows, now + min(BACK_OFF_FIRST * 2 ** min(times - 1, 20), BACK_OFF_MOST), now)

    def _put_off(self, rows: Sequence[Due], until: datetime, now: datetime) -> None:
        if until > now:
            self._not_before.update(dict.fromkeys(rows, until))
