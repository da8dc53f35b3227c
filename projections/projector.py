"""The live projector: follows the log in batches, and puts a case aside rather than stop for it.

One projector leads a views' database; others stand by and take over when it is gone. Rows and positions are written in
one transaction, so a death at any moment loses and repeats nothing. What cannot be folded is tried once more alone and
then parked with its whole case: the case's later events wait behind it, an alarm is raised, and every other case goes
on.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from projections.batches import Batches
from projections.events import Log
from projections.folding import PoisonError, case_keys
from projections.parking import (
    Parked,
    answer,
    ask,
    parked_cases,
    waiting_cases,
)
from projections.physical import TableSet
from projections.rebuilding import Difference, Progress, ViewMaker, check, rebuild
from projections.rows import SettleError
from projections.storage import ViewStore
from projections.view import View, closure
from store.errors import StoreError
from store.recorder import RawEvent

__all__ = ["BATCH", "POLL_SECONDS", "Parked", "Projector", "parked_cases"]

BATCH = 5000
"""How many events are folded in one transaction at most."""

POLL_SECONDS = 1.0
"""How long to sleep at most when nothing is new. A write in this process wakes the projector at once."""

GATHER_SECONDS = 0.05
"""How long it rests after a batch that was not full (our default): one event costs a transaction, like twenty.

What comes after a quiet moment is folded at once.
"""

LEADER_SECONDS = 1.0
"""How long a leader sleeps at most where others stand by, so that they know that it lives."""

STANDBY_SECONDS = 1.0
"""How often a projector that stands by tries to take over."""

ANSWER_SECONDS = 60.0
"""How long somebody who asked the leader to fold parked cases again waits for it."""

STOP_SECONDS = 0.1
"""How long a projector that waits for news goes on waiting when it is told to stop."""

FAILED_MOST_SECONDS = 30.0
"""How long to wait at most after a failure that nobody foresaw; the first time a poll's length, then twice as long."""

_REFUSED = (PoisonError, DataError, IntegrityError, SettleError)
"""An event cannot be folded, the database refuses a value that it holds, or a row cannot be made ready with it."""

_TROUBLE = (OperationalError, StoreError, ConnectionError)

log = structlog.get_logger(__name__)


class Projector:
    """Keeps views up to date with the log. Safe to ask from many threads; folding goes one batch at a time."""

    def __init__(
        self,
        source: Log,
        store: ViewStore,
        views: Iterable[View],
        alarm: Callable[[Parked], None] | None = None,
        *,
        batch: int = BATCH,
        poll_seconds: float = POLL_SECONDS,
        again: ViewMaker | None = None,
        errand: Callable[[], None] = lambda: None,
    ) -> None:
        """`batch` is how many events one transaction folds, `poll_seconds` how long it sleeps without a hint.

        `again` makes the same views in another process, where a rebuild may use several. `errand` is what whoever
        leads does besides, after each batch and each wait; it is quick and never raises.
        """
        self.source = source
        self.store = store
        self.views = closure(views)
        self._alarm = alarm
        self._batch, self._poll_seconds = batch, poll_seconds
        self._again, self._errand = again, errand
        self._tables = TableSet(self.views)
        self._batches = Batches(source, store, self._tables)
        self._folding = threading.RLock()
        self._moved = threading.Condition()
        self._position = 0
        self._ready = False
        self._leads = False
        self._failures = 0
        # Where others may lead, what is left over is theirs until this one does.
        store.prepare(self.views, tidy=not store.backend.shared)
        if not store.backend.shared:
            self._get_ready()

    def _get_ready(self) -> None:
        """Make the database ready. Views that lag behind the others, such as new ones, are folded beside them."""
        self.store.prepare(self.views)
        with self.store.reading() as db:
            positions = {place.view: place.position for place in self.store.positions(db)}
        behind = [view for view in self.views if positions[view.name] < max(positions.values())]
        if behind:
            self.rebuild(behind)
        self._position = max(positions.values(), default=0)
        self._ready = True

    @property
    def position(self) -> int:
        """Up to which position of the log the views are folded."""
        return self._position

    @property
    def leads(self) -> bool:
        """Whether this process led the views in its last turn; others stand by."""
        return self._leads

    @property
    def failing(self) -> bool:
        """Whether the last turn failed for a reason that nobody foresaw: the views stand still until one goes well."""
        return self._failures > 0

    @property
    def rows_written(self) -> int:
        """How many rows were written so far, for those who measure."""
        return self._tables.rows_written

    @property
    def lag(self) -> int:
        """How many positions the views are behind the log."""
        return max(0, self.source.position() - self._position)

    def catch_up(self, until: int | None = None) -> int:
        """Fold all there is, or up to a position at least; answers the position reached. For plays and tests."""
        while (until is None or self._position < until) and self.step():
            pass
        return self._position

    def run(self, stop: threading.Event) -> None:
        """Lead and follow the log, or stand by while another does, until told to stop."""
        leads = False
        try:
            while not stop.is_set():
                try:
                    leads = self._leads = self._turn(stop, leads=leads)
                    self._failures = 0
                except _TROUBLE as problem:
                    # Out of reach, or its disk is full: nothing is lost, so try again.
                    log.warning("views cannot be written for now", problem=str(getattr(problem, "orig", problem)))
                    stop.wait(self._poll_seconds)
                except Exception as error:  # noqa: BLE001 - see below
                    # A thread that ends would leave the views as they are for good, in a process that looks alive.
                    leads = self._leads = False
                    self._fail(error)
                    stop.wait(min(self._poll_seconds * 2 ** min(self._failures - 1, 20), FAILED_MOST_SECONDS))
        finally:
            self._leads = False
            self.store.backend.step_down()

    def _fail(self, error: Exception) -> None:
        """Note a failure that nobody foresaw, and let another process lead, which may be better off."""
        self._failures += 1
        # Local variables stay out of the log, and so do a statement's values, which the error itself would repeat.
        said = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
        log.error("folding failed", problem=said, times=self._failures, frames=traceback.format_tb(error.__traceback__))
        try:
            self.store.backend.step_down()
        except Exception as problem:  # noqa: BLE001 - the connection is what is broken, and ends by itself
            log.warning("the lead cannot be given back", problem=type(problem).__name__)

    def _turn(self, stop: threading.Event, *, leads: bool) -> bool:
        """One batch, or one wait; answers whether this process leads."""
        if not self.store.backend.try_to_lead():
            self._look()
            stop.wait(STANDBY_SECONDS)
            return False
        if not leads:
            log.info("leading the views")
            if self.store.backend.shared:
                self._get_ready()
        moved = self.step()
        if not moved:
            self._wait(stop)
        elif moved < self._batch:
            stop.wait(GATHER_SECONDS)
        self._errand()
        return True

    def _wait(self, stop: threading.Event) -> None:
        """Wait for news, for a poll's length at most, and not much longer than until told to stop."""
        nap = min(self._poll_seconds, LEADER_SECONDS) if self.store.backend.shared else self._poll_seconds
        until = time.monotonic() + nap
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self.source.wait(self._position, min(left, STOP_SECONDS)) > self._position:
                return

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds until the views have reached a position; whether they have."""
        with self._moved:
            return self._moved.wait_for(lambda: self._position >= position, timeout)

    def step(self, limit: int | None = None) -> int:
        """Fold one batch, `limit` events at most; answers how many events it moved past."""
        with self._folding:
            if not self._ready:
                self._get_ready()
            moved = self._narrowed(limit or self._batch)
            for case in self._batches.asked:
                self._retry(case)
            return moved

    def parked(self) -> list[Parked]:
        """The cases that were put aside."""
        with self.store.reading() as db:
            return parked_cases(db)

    def retry_parked(self) -> int:
        """Fold parked cases again, after a repair; answers how many are well now. The others stay parked.

        Where another process leads, it is asked to, and has a minute to answer.
        """
        if self.store.backend.shared and not self.store.backend.try_to_lead():
            return self._ask()
        with self._folding:
            if not self._ready:
                self._get_ready()
            return sum(self._retry(case.case_id) for case in self.parked())

    def rebuild(self, views: Iterable[View] | None = None, progress: Progress | None = None) -> int:
        """Fold views afresh beside the live ones and swap them in; answers the position. See `rebuilding`."""
        chosen = self.views if views is None else views
        return rebuild(self.source, self.store, chosen, progress, again=self._again)

    def check(self, progress: Progress | None = None) -> list[Difference]:
        """Compare the live views with a fresh fold of the log; answers the rows that differ. See `checking`."""
        return check(self.source, self.store, self.views, progress, again=self._again)

    def _narrowed(self, limit: int) -> int:
        """Fold a batch. Where it fails, an ever smaller one, until the event is found that is to blame."""
        try:
            return self._fold(limit)
        except PoisonError as poison:
            return self._around(poison)
        except _REFUSED as refused:
            if limit > 1:
                return self._narrowed(limit // 2)
            self._park(self.source.raw(self._batches.position, 1)[0], refused)
            return 1

    def _fold(self, limit: int) -> int:
        batch = self._batches.fold(limit)
        self._reached(batch.position)
        return batch.events

    def _around(self, poison: PoisonError) -> int:
        """Fold what lies before the event that failed. Where nothing does, try it alone again, then park its case."""
        raws = self.source.raw(self._batches.position, BATCH)
        before = sum(raw[0] < poison.position for raw in raws)
        if before:
            # One of these may be to blame, too. The event that failed comes first then.
            return self._narrowed(before)
        try:
            return self._fold(1)
        except _REFUSED as again:
            self._park(raws[0], again)
            return 1

    def _park(self, raw: RawEvent, problem: Exception) -> None:
        case = case_keys(raw)[0]
        self._batches.put_aside(raw, case, problem)
        self._reached(raw[0])
        log.error("case parked", case=case, position=raw[0], topic=raw[3], error=str(problem))
        if self._alarm is not None:
            self._alarm(Parked(case, raw[0], raw[3], str(problem), 1))

    def _retry(self, case: str) -> bool:
        try:
            self._batches.fold_again(case)
        except _REFUSED as problem:
            log.warning("case stays parked", case=case, error=str(problem))
            with self.store.writing() as db:
                answer(db, case)
            return False
        return True

    def _ask(self) -> int:
        """Ask the leader to fold parked cases again, and wait for it; answers how many are well."""
        with self.store.writing() as db:
            before = len(parked_cases(db))
            ask(db)
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            with self.store.reading() as db:
                waiting = waiting_cases(db)
            if not any(waiting.values()):
                return before - len(waiting)
            time.sleep(self._poll_seconds / 10)
        msg = (
            f"no leader has folded the parked cases again within {ANSWER_SECONDS:.0f} s: see that `shaoxiang work` runs"
        )
        raise RuntimeError(msg)

    def _look(self) -> None:
        """See how far the leader is."""
        with self.store.reading() as db:
            self._reached(min((place.position for place in self.store.positions(db)), default=0))

    def _reached(self, position: int) -> None:
        with self._moved:
            self._position = position
            self._moved.notify_all()
