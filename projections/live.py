"""Folding a batch into tables that are there: what the batch needs is fetched at once, and what it changed written.

The live projector folds the log's end this way, and a rebuild what came in while it was at work.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from projections.events import case_of, dashed
from projections.folding import FIRST, Folder, undisturbed
from projections.physical import TableSet, Write, writes
from projections.storage import ViewStore
from projections.view import empty_rows
from store.recorder import RawEvent

CACHED_CASES = 20_000
"""How many cases' rows are kept in memory between batches, the most recently touched ones."""


class Live:
    """Folds batches into one set of tables, and keeps the rows of recent cases in memory."""

    def __init__(self, store: ViewStore, tables: TableSet) -> None:
        self._store = store
        self._tables = tables
        self._folder = Folder(tables.views)
        self._rows = empty_rows(tables.views)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Around whatever folds and writes: where it fails, what is in memory is forgotten."""
        try:
            yield
        except BaseException:
            self._rows.forget()
            raise
        self._rows.forget(self._rows.idle(CACHED_CASES))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes what is folded, remembering it."""
        with self.remembering(), self._store.writing() as db:
            yield db

    def put(self, db: Connection, raws: Sequence[RawEvent]) -> None:
        """Fold events, in order, and write what they changed. Raises PoisonError or SettleError."""
        self.write(db, self.fold(db, raws))

    def fold(self, db: Connection, raws: Sequence[RawEvent]) -> list[Write]:
        """Fold events, in order; answers what they changed. Raises PoisonError or SettleError.

        In memory it counts as written from here on, so that the next events can be folded: write it, or `forget`.
        """
        missing = self._rows.missing(_needed(raws))
        if missing:
            self._rows.admit(missing, self._store.backend.fetch(db, self._tables, missing))
        # A stream may belong to a case that its id does not tell.
        self._rows.loader = lambda _, case: self._store.backend.fetch(db, self._tables, [case])
        with undisturbed():
            self._folder.fold(raws, self._rows)
            changed = writes(self._rows.changes())
        self._rows.settle()
        return changed

    def write(self, db: Connection, changed: Sequence[Write]) -> None:
        """Write what was folded, after all that was folded before it."""
        self._store.backend.write(db, self._tables, changed)
        self._tables.rows_written += sum(each.written for each in changed)

    def forget(self) -> None:
        """Forget what is in memory, because the tables hold other rows."""
        self._rows.forget()


def _needed(raws: Iterable[RawEvent]) -> Iterator[str]:
    """The cases that something may be stored about: not those that begin with this batch."""
    begun: set[str] = set()
    for _, stream, version, topic, _ in raws:
        case = case_of(dashed(stream))
        if topic == FIRST and version == 1:
            begun.add(case)
        elif case not in begun:
            yield case
