"""The live projector: follows the log in batches, and puts a case aside rather than stop for it.

One projector leads a views' database. Rows and positions are written in one transaction, so a death at any moment
loses and repeats nothing. What cannot be folded is tried once more alone and then parked with its whole case: the
case's later events wait behind it, an alarm is raised, and every other case goes on.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from projections.events import Log
from projections.folding import Folder, PoisonError, case_keys, undisturbed
from projections.rebuilding import rebuild
from projections.rows import Rows
from projections.storage import PARKED, TableSet, ViewStore
from projections.view import View, closure
from store.recorder import RawEvent

BATCH = 5000
"""How many events are folded in one transaction at most."""

CACHED_CASES = 20_000
"""How many cases' rows are kept in memory between batches; beyond that all are given back."""

POLL_SECONDS = 1.0
"""How long to sleep at most when nothing is new. A write in this process wakes the projector at once."""

log = structlog.get_logger(__name__)


class Parked(NamedTuple):
    """A case that was put aside: why, from which position on, and how many of its events wait."""

    case_id: str
    position: int
    topic: str
    error: str
    waiting: int


@dataclass(frozen=True)
class _Batch:
    """What one transaction folds: the events to fold, those to put aside with their case, and the new position."""

    raws: Sequence[RawEvent]
    aside: Sequence[tuple[RawEvent, str]]
    position: int


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
    ) -> None:
        """`batch` is how many events one transaction folds, `poll_seconds` how long it sleeps without a hint."""
        self.source = source
        self.store = store
        self.views = closure(views)
        self._alarm = alarm
        self._batch, self._poll_seconds = batch, poll_seconds
        self._folder = Folder(self.views)
        self._tables = TableSet(self.views)
        self._rows = Rows(self._tables.entities)
        self._folding = threading.RLock()
        self._moved = threading.Condition()
        self._position = 0
        self._generations: list[int] = []
        self._start()

    def _start(self) -> None:
        """Make the database ready. Views that lag behind the others, such as new ones, are folded beside them."""
        self.store.prepare(self.views)
        with self.store.reading() as db:
            positions = {view: position for view, position, _ in self.store.positions(db)}
        behind = [view for view in self.views if positions[view.name] < max(positions.values())]
        if behind:
            self.rebuild(behind)
        self._position = max(positions.values(), default=0)

    @property
    def position(self) -> int:
        """Up to which position of the log the views are folded."""
        return self._position

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
        """Follow the log until told to stop."""
        while not stop.is_set():
            try:
                if not self.step():
                    self.source.wait(self._position, self._poll_seconds)
            except OperationalError as problem:
                # Another process holds the database, or the disk is full: nothing is lost, so try again.
                log.warning("views cannot be written for now", problem=str(problem.orig))
                stop.wait(self._poll_seconds)

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds until the views have reached a position; whether they have."""
        with self._moved:
            return self._moved.wait_for(lambda: self._position >= position, timeout)

    def step(self, limit: int | None = None) -> int:
        """Fold one batch, `limit` events at most; answers how many events it moved past."""
        with self._folding:
            try:
                return self._fold(limit or self._batch)
            except PoisonError as poison:
                return self._around(poison)

    def parked(self) -> list[Parked]:
        """The cases that were put aside."""
        with self.store.reading() as db:
            return parked_cases(db)

    def retry_parked(self) -> int:
        """Fold parked cases again, after a repair; answers how many are well now. The others stay parked."""
        with self._folding:
            return sum(self._retry(case.case_id) for case in self.parked())

    def rebuild(self, views: Iterable[View] | None = None) -> int:
        """Fold views afresh beside the live ones and swap them in; answers the position. See `rebuilding`."""
        with self._folding:
            position = rebuild(self.source, self.store, self.views if views is None else views)
            self._rows.forget()
            return position

    def _fold(self, limit: int) -> int:
        with self._writing() as db:
            batch = self._next(db, limit)
            if batch.raws or batch.aside:
                self._put(db, batch.raws)
                for raw, case in batch.aside:
                    self._aside(db, raw, case, None)
                self.store.move(db, self.views, batch.position)
        self._reached(batch.position)
        return len(batch.raws) + len(batch.aside)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that folds. What is changed in memory is taken for stored only once it is."""
        try:
            with self.store.writing() as db:
                yield db
        except BaseException:
            self._rows.forget()
            raise
        if self._rows.cases > CACHED_CASES:
            self._rows.forget()
        else:
            self._rows.settle()

    def _put(self, db: Connection, raws: Iterable[RawEvent]) -> None:
        """Fold events and write what they changed."""
        self._rows.loader = self._tables.loader(db)
        with undisturbed():
            self._folder.fold(raws, self._rows)
            self._tables.write(db, self._rows)

    def _next(self, db: Connection, limit: int) -> _Batch:
        """The next events, those of parked cases apart."""
        positions = self.store.positions(db)
        generations = [generation for _, _, generation in positions]
        if generations != self._generations:
            self._rows.forget()
            self._generations = generations
        position = min((position for _, position, _ in positions), default=0)
        if position != self._position:
            # Another projector has been at work on this database; what is kept in memory may be old.
            self._rows.forget()
        raws = self.source.raw(position, limit)
        if not raws:
            return _Batch((), (), position)
        waiting = set(db.execute(select(PARKED.c.case_id).distinct()).scalars())
        if not waiting:
            return _Batch(raws, (), raws[-1][0])
        keys = [next((key for key in case_keys(raw) if key in waiting), None) for raw in raws]
        fresh = [raw for raw, key in zip(raws, keys, strict=True) if key is None]
        aside = [(raw, key) for raw, key in zip(raws, keys, strict=True) if key is not None]
        return _Batch(fresh, aside, raws[-1][0])

    def _around(self, poison: PoisonError) -> int:
        """Fold what lies before the event that failed, try it once more alone, and park its case."""
        raws = self.source.raw(self._position, BATCH)
        before = sum(raw[0] < poison.position for raw in raws)
        moved = self._fold(before) if before else 0
        try:
            return moved + self._fold(1)
        except PoisonError as again:
            self._park(raws[before], again)
            return moved + 1

    def _park(self, raw: RawEvent, poison: PoisonError) -> None:
        case = case_keys(raw)[0]
        with self.store.writing() as db:
            self._aside(db, raw, case, str(poison))
            self.store.move(db, self.views, raw[0])
        self._reached(raw[0])
        log.error("case parked", case=case, position=raw[0], topic=raw[3], error=str(poison))
        if self._alarm is not None:
            self._alarm(Parked(case, raw[0], raw[3], str(poison), 1))

    def _aside(self, db: Connection, raw: RawEvent, case: str, error: str | None) -> None:
        db.execute(PARKED.insert().values(position=raw[0], case_id=case, topic=raw[3], error=error))

    def _retry(self, case: str) -> bool:
        with self.store.reading() as db:
            query = select(PARKED.c.position).where(PARKED.c.case_id == case).order_by(PARKED.c.position)
            positions = list(db.execute(query).scalars())
        raws = (raw for position in positions for raw in self.source.raw(position - 1, 1))
        self._rows.forget()
        try:
            with self._writing() as db:
                self._put(db, raws)
                db.execute(PARKED.delete().where(PARKED.c.case_id == case))
        except PoisonError as poison:
            log.warning("case stays parked", case=case, error=str(poison))
            return False
        return True

    def _reached(self, position: int) -> None:
        with self._moved:
            self._position = position
            self._moved.notify_all()


def parked_cases(db: Connection) -> list[Parked]:
    """The cases that were put aside, by the position of the event that failed."""
    column = PARKED.c
    counts = select(column.case_id, func.count()).group_by(column.case_id)
    waiting: dict[str, int] = {row[0]: row[1] for row in db.execute(counts)}
    failed = select(column.case_id, column.position, column.topic, column.error).where(column.error.is_not(None))
    rows = db.execute(failed.order_by(column.position))
    return [Parked(case, position, topic, error, waiting[case]) for case, position, topic, error in rows]
