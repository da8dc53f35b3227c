"""Folding afresh: rebuilding views beside the live ones, and checking that the live ones equal a fresh fold.

Cases that are parked stay parked: their events are left out, just as in the live views. An event that fails only now
ends the rebuild with PoisonError, and the live views stay as they are.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from projections.events import Log
from projections.folding import Folder, undisturbed
from projections.rows import Rows
from projections.storage import PARKED, TableSet, ViewStore
from projections.view import View, closure

SHADOW = "__shadow"
CHUNK = 20_000
"""How many events are folded between two writes of a rebuild."""

CACHED_CASES = 50_000
"""How many cases' rows a rebuild keeps in memory; beyond that it fetches what it needs again."""

MOST_DIFFERENCES = 100
"""A check stops after so many: by then it is clear that the view must be rebuilt."""

Progress = Callable[[int, int], None]
"""Called with the position reached and the position aimed at."""


class Difference(NamedTuple):
    """A row that the live view and a fresh fold do not share; None stands for a row that is not there."""

    table: str
    live: tuple[Any, ...] | None
    fresh: tuple[Any, ...] | None


class _Fresh:
    """A fold from the beginning into one set of tables."""

    def __init__(self, source: Log, tables: TableSet) -> None:
        self._source = source
        self._tables = tables
        self._folder = Folder(tables.views)
        self._rows = Rows(tables.entities)
        self.position = 0

    def advance(self, db: Connection, until: int, aside: frozenset[int]) -> None:
        """Fold one chunk, no further than position `until`, leaving out the positions `aside`."""
        self._rows.loader = self._tables.loader(db)
        raws = [raw for raw in self._source.raw(self.position, CHUNK) if raw[0] <= until]
        with undisturbed():
            self._folder.fold((raw for raw in raws if raw[0] not in aside), self._rows)
            self._tables.write(db, self._rows)
        self.position = raws[-1][0] if raws else until
        if self._rows.cases > CACHED_CASES:
            self._rows.forget()
        else:
            self._rows.settle()


def rebuild(source: Log, store: ViewStore, views: Iterable[View], progress: Progress | None = None) -> int:
    """Fold views, and those that they read, into shadow tables and swap them in; answers the position reached.

    The live views serve on meanwhile. Raises PoisonError, and changes nothing, where an event cannot be folded.
    """
    chosen = closure(views)
    shadows = TableSet(chosen, SHADOW)
    fresh = _Fresh(source, shadows)
    with store.writing() as db:
        shadows.drop(db)
        shadows.create(db, indexes=False)
    try:
        while True:
            with store.writing() as db:
                target = max((position for _, position, _ in store.positions(db)), default=0)
                fresh.advance(db, target, _aside(db))
                if progress is not None:
                    progress(fresh.position, target)
                if fresh.position >= target:
                    shadows.rename_to_live(db)
                    store.next_generation(db, chosen, target)
                    return target
    except BaseException:
        with store.writing() as db:
            shadows.drop(db)
        raise


def check(source: Log, store: ViewStore, views: Iterable[View], progress: Progress | None = None) -> list[Difference]:
    """Fold everything afresh into a scratch database, and name every row in which the live views differ from it."""
    views = closure(views)
    with TemporaryDirectory(prefix="views-check-") as folder, store.reading() as live:
        scratch = ViewStore(Path(folder) / "views.db")
        try:
            scratch.prepare(views)
            positions = {view: position for view, position, _ in store.positions(live)}
            target, aside = max(positions.values(), default=0), _aside(live)
            lagging = [
                Difference(f"positions of {view}", (at,), (target,)) for view, at in positions.items() if at < target
            ]
            fresh = _Fresh(source, TableSet(views))
            while fresh.position < target:
                with scratch.writing() as db:
                    fresh.advance(db, target, aside)
                if progress is not None:
                    progress(fresh.position, target)
            with scratch.reading() as db:
                return [*lagging, *_differences(live, db, views)]
        finally:
            scratch.close()


def _aside(db: Connection) -> frozenset[int]:
    return frozenset(db.execute(select(PARKED.c.position)).scalars())


def _differences(live: Connection, fresh: Connection, views: Iterable[View]) -> list[Difference]:
    found: list[Difference] = []
    for table in (declared.table for view in views for declared in view.tables):
        for mine, other in zip_longest(_ordered(live, table), _ordered(fresh, table)):
            if mine != other:
                found.append(Difference(table.name, mine, other))
            if len(found) >= MOST_DIFFERENCES:
                return found
    return found


def _ordered(db: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    query = select(table).order_by(*table.primary_key.columns)
    for row in db.execution_options(stream_results=True).execute(query):
        yield tuple(row)
