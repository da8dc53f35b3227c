"""The log's end, folded a batch a transaction; where a server writes, the next batch is folded meanwhile.

Rows and positions are written in one transaction, under a lock on the positions. What is folded ahead is in memory
alone until its own transaction has found everything as it was taken to be; else it is forgotten, and folded again.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from projections.events import Log
from projections.folding import case_keys, undisturbed
from projections.live import Live
from projections.parking import positions_of, put_aside, take_back, waiting_cases
from projections.physical import TableSet, Write
from projections.storage import ViewStore
from store.recorder import RawEvent

log = structlog.get_logger(__name__)


class Ground(NamedTuple):
    """What a batch is folded on: up to where the views are folded, how often they were swapped, what is put aside."""

    position: int = 0
    generations: tuple[int, ...] = ()
    waiting: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Batch:
    """So many events, at most `limit`, and what came of them; `position` is that of the last.

    `changed` is what they changed, `aside` are those that wait behind others of their case.
    """

    limit: int
    events: int
    changed: Sequence[Write]
    aside: Sequence[tuple[RawEvent, str]]
    position: int


class Batches:
    """Folds batch after batch, by one caller at a time."""

    def __init__(self, source: Log, store: ViewStore, tables: TableSet) -> None:
        self._source, self._store, self._tables = source, store, tables
        self._live = Live(store, tables)
        self._ground = Ground()
        self._ahead: Batch | None = None
        self.asked: Sequence[str] = ()
        """The cases put aside that somebody asks to be folded again, as the last batch found them."""

    @property
    def position(self) -> int:
        """Up to where the views were folded when the last batch was written, or began and failed."""
        return self._ground.position

    def fold(self, limit: int) -> Batch:
        """Fold and write the next events, `limit` at most. Raises PoisonError, SettleError, or what the store does."""
        ahead, self._ahead = self._ahead, None
        # Reading a batch makes thousands of values at once: the collector would come for them, too.
        with undisturbed(), self._live.remembering(), ThreadPoolExecutor(1) as beside:
            with self._store.writing() as db:
                on = self._look(db)
                if on != self._ground or (ahead is not None and ahead.limit != limit):
                    # Tables were swapped, a case was put aside or taken back, another projector was at work, or another
                    # number of events is asked for: what is in memory may be old, or holds what nobody will write.
                    self._live.forget()
                    ahead = None
                self._ground = on
                batch = ahead or self._next(db, on, limit)
                on = on._replace(position=batch.position)
                behind = beside.submit(self._fold_ahead, on, limit) if self._more_follows(batch) else None
                self._write(db, batch)
            self._ground = on
            self._ahead = behind.result() if behind else None
        return batch

    def fold_again(self, case: str) -> None:
        """Fold a case that was put aside, from where it stopped. Raises as `fold` does."""
        self._forget()
        with self._live.writing() as db:
            self._store.backend.lock_positions(db)
            positions = positions_of(db, case)
            self._live.put(db, [raw for position in positions for raw in self._source.raw(position - 1, 1)])
            take_back(db, case)

    def put_aside(self, raw: RawEvent, case: str, problem: Exception) -> None:
        """Put the next event aside with its case, because it cannot be folded."""
        self._forget()
        with self._store.writing() as db:
            self._store.backend.lock_positions(db)
            put_aside(db, raw, case, str(problem))
            self._store.move(db, self._tables.views, raw[0])

    def _forget(self) -> None:
        """Forget what is in memory, because the tables hold other rows, or soon will."""
        self._ahead = None
        self._live.forget()

    def _look(self, db: Connection) -> Ground:
        """What the next batch is to be folded on. Nobody else folds or swaps until this transaction ends."""
        self._store.backend.lock_positions(db)
        places = self._store.positions(db)
        waiting = waiting_cases(db)
        self.asked = [case for case, asked in waiting.items() if asked]
        position = min((place.position for place in places), default=0)
        return Ground(position, tuple(place.generation for place in places), frozenset(waiting))

    def _next(self, db: Connection, on: Ground, limit: int) -> Batch:
        """Fold the next events, but for those of cases that are put aside. Raises PoisonError or SettleError."""
        raws = self._source.raw(on.position, limit)
        fresh, aside = raws, []
        if on.waiting:
            keys = [next((key for key in case_keys(raw) if key in on.waiting), None) for raw in raws]
            fresh = [raw for raw, key in zip(raws, keys, strict=True) if key is None]
            aside = [(raw, key) for raw, key in zip(raws, keys, strict=True) if key is not None]
        position = raws[-1][0] if raws else on.position
        return Batch(limit, len(raws), self._live.fold(db, fresh), aside, position)

    def _more_follows(self, batch: Batch) -> bool:
        """Whether it pays to fold ahead: the batch is full, and a server writes it."""
        return self._store.backend.apart and batch.events == batch.limit

    def _write(self, db: Connection, batch: Batch) -> None:
        if batch.events:
            self._live.write(db, batch.changed)
            for raw, case in batch.aside:
                put_aside(db, raw, case, None)
            self._store.move(db, self._tables.views, batch.position)

    def _fold_ahead(self, on: Ground, limit: int) -> Batch | None:
        """Fold the batch behind one that is being written; None where there is none, or it cannot be folded.

        What is not in memory was not touched by the batch that is being written: it reads the same before and after.
        """
        try:
            with self._store.backend.looking_up() as db:
                batch = self._next(db, on, limit)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is met again when it is this batch's turn
            log.info("a batch is not folded ahead", problem=str(getattr(problem, "orig", problem)))
            self._live.forget()
            return None
        return batch if batch.events else None
