"""Folding afresh: rebuilding views beside the live ones.

The live views serve on meanwhile, and the live projector folds on. Everything up to where the live views were is folded
in bulk (see `bulk`); what came in since is folded after it, in order, like any live batch, whether its case is new or
was written long ago; then new tables and positions take the old ones' place in one transaction, for which the live
projector waits a moment.

Cases that are parked stay parked: their events are left out, just as in the live views. An event that fails only now
ends the rebuild with PoisonError, and the live views stay as they are.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from projections.bulk import at_once, load_all, refuse_without_years
from projections.checking import MOST_DIFFERENCES, Difference, check
from projections.events import Log
from projections.live import Live
from projections.parking import forget_folded, positions_aside
from projections.physical import SHADOW, TableSet
from projections.storage import ViewStore
from projections.view import View, closure

__all__ = ["MOST_DIFFERENCES", "Difference", "Rebuild", "check", "rebuild"]

CHUNK = 5_000
"""How many events that came in meanwhile are folded in one transaction."""

SWAPS = 20
"""How often the swap is tried. Each time it waits a moment for those who are reading."""

SWAP_PATIENCE_SECONDS = 2.0

Progress = Callable[[int, int], None]
"""Called with the position reached and the position aimed at."""

ViewMaker = Callable[[], Iterable[View]]
"""Makes the same views in another process; it can be pickled."""

log = structlog.get_logger(__name__)


class Figures(NamedTuple):
    """What a rebuild took: events and rows of the bulk, seconds by phase, and each process's peak memory in bytes."""

    events: int
    late: int
    rows: int
    seconds: dict[str, float]
    peaks: dict[int, int]


class Rebuild:
    """One rebuild of some views, and those that they read."""

    def __init__(
        self,
        source: Log,
        store: ViewStore,
        views: Iterable[View],
        progress: Progress | None = None,
        *,
        again: ViewMaker | None = None,
        processes: int | None = None,
    ) -> None:
        """`processes` fold in parallel where `again` says how they make the views; by default one for each core."""
        self._source, self._store = source, store
        self._views = closure(views)
        self._progress = progress
        self._again = again
        self._processes = processes
        self._tables = TableSet(self._views, SHADOW)
        self._position = 0
        self._at_once = 1
        self._left_out: frozenset[int] = frozenset()
        self._events = self._late = self._rows = 0
        self._seconds: dict[str, float] = {}
        self._peaks: dict[int, int] = {}

    @property
    def figures(self) -> Figures:
        """What it took."""
        return Figures(self._events, self._late, self._rows, self._seconds, self._peaks)

    def run(self) -> int:
        """Fold, and swap; answers the position reached.

        Raises PoisonError, and changes nothing, where an event cannot be folded; RuntimeError where the same views are
        being rebuilt already; StoreError while years are out of the log.
        """
        refuse_without_years(self._source)
        with self._store.backend.rebuilding(), self._shadows():
            with self._timed("bulk"):
                self._bulk()
            with self._timed("counters"):
                self._store.backend.add_up(self._tables, self._at_once)
            with self._timed("indexes"):
                self._store.backend.index(self._tables, self._at_once, f"_{secrets.token_hex(3)}")
            with self._timed("vacuum"):
                self._store.backend.vacuum(self._tables, self._at_once)
            with self._timed("late"):
                self._catch_up()
            with self._timed("swap"):
                reached = self._swap()
            with self._timed("dropping"):
                self._drop_replaced()
            return reached

    @contextmanager
    def _shadows(self) -> Iterator[None]:
        """Tables beside the live ones; whatever is left of them is dropped."""
        with self._store.writing() as db:
            self._store.create_for_loading(db, self._tables)
            live = self._live_position(db)
            # Where nothing was ever folded, nobody knows of failures yet, and the bulk can go on to the log's end.
            self._position = live or self._source.position()
            # The processes that fold give way to others, but the server does not when it makes indexes for them.
            self._at_once = at_once(beside=live > 0)
            self._left_out = positions_aside(db)
        try:
            yield
        except BaseException:
            with self._store.writing() as db:
                self._store.drop(db, self._tables)
            raise

    def _bulk(self) -> None:
        for told in load_all(
            self._source,
            self._store,
            self._tables,
            self._position,
            self._left_out,
            again=self._again,
            processes=self._processes,
        ):
            self._events += told.events
            self._rows += told.rows
            self._peaks[told.process] = max(told.peak_bytes, self._peaks.get(told.process, 0))
            if self._progress is not None:
                self._progress(min(self._events, self._position), self._position)

    def _catch_up(self) -> None:
        """Fold what came in meanwhile, until there is little left."""
        live = Live(self._store, self._tables)
        folded = CHUNK
        while folded >= CHUNK:
            with live.writing() as db:
                folded = self._follow(db, live, CHUNK)
        self._live = live

    def _follow(self, db: Connection, live: Live, limit: int) -> int:
        """Fold what the live views hold and these do not, `limit` events at most; answers how many."""
        target = self._live_position(db)
        # Where nobody has folded for long, much lies behind the target, which is not to be read here.
        limit = min(limit, max(target - self._position, 0))
        aside = positions_aside(db)
        # What waited when this began and waits no more was folded into the live views meanwhile.
        raws = [raw for position in sorted(self._left_out - aside) for raw in self._source.raw(position - 1, 1)]
        following = [raw for raw in self._source.raw(self._position, limit) if raw[0] <= target] if limit else []
        raws += [raw for raw in following if raw[0] not in aside]
        live.put(db, raws)
        self._left_out = aside
        self._late += len(raws)
        if following:
            self._position = following[-1][0]
        return len(following)

    def _swap(self) -> int:
        for attempt in range(SWAPS):
            try:
                return self._swapped()
            except OperationalError as problem:
                if attempt == SWAPS - 1:
                    raise
                log.warning("views cannot be swapped for now", problem=str(problem.orig))
                time.sleep(SWAP_PATIENCE_SECONDS)
                self._catch_up()
        raise AssertionError

    def _swapped(self) -> int:
        before = self._position, self._left_out
        try:
            with self._live.writing() as db:
                self._store.backend.lock_positions(db, SWAP_PATIENCE_SECONDS)
                self._follow(db, self._live, 2**31)
                everything = {place.view for place in self._store.positions(db)} == {view.name for view in self._views}
                if everything:
                    forget_folded(db, self._position, self._left_out)
                self._store.rename_to_live(db, self._tables)
                self._store.next_generation(db, self._views, self._position)
                return self._position
        except BaseException:
            self._position, self._left_out = before
            raise

    def _drop_replaced(self) -> None:
        try:
            self._store.drop_replaced()
        except OperationalError as problem:
            # The new views serve all the same, and the next start drops what is left.
            log.warning("replaced views could not be dropped", problem=str(problem.orig))

    def _live_position(self, db: Connection) -> int:
        return max((place.position for place in self._store.positions(db)), default=0)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[phase] = time.perf_counter() - began


def rebuild(
    source: Log,
    store: ViewStore,
    views: Iterable[View],
    progress: Progress | None = None,
    *,
    again: ViewMaker | None = None,
    processes: int | None = None,
) -> int:
    """Fold views, and those that they read, into tables beside the live ones and swap them in; see `Rebuild`."""
    return Rebuild(source, store, views, progress, again=again, processes=processes).run()
