"""Checking: the live views are compared, row by row, with a fresh fold of the same events."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from projections.bulk import at_once, load_all, refuse_without_years
from projections.events import Log
from projections.parking import positions_aside
from projections.physical import SCRATCH, TableSet
from projections.storage import ViewStore
from projections.tables import ViewTable
from projections.view import View, closure

MOST_DIFFERENCES = 100
"""A check stops after so many: by then it is clear that the view must be rebuilt."""

_ROWS = 1000
"""How many rows are fetched, and compared, at a time."""

Values = Sequence[Any]
"""A row's values, in the order of the table's columns."""


class Difference(NamedTuple):
    """A row that the live view and a fresh fold do not share; None stands for a row that is not there."""

    table: str
    live: tuple[Any, ...] | None
    fresh: tuple[Any, ...] | None


def check(
    source: Log,
    store: ViewStore,
    views: Iterable[View],
    progress: Callable[[int, int], None] | None = None,
    *,
    again: Callable[[], Iterable[View]] | None = None,
    processes: int | None = None,
) -> list[Difference]:
    """Fold everything afresh beside the views, and name every row in which the live views differ from it.

    The live views may be folded on meanwhile: what is compared is one state of them. `processes` fold in parallel
    where `again` says how they make the views; by default one for each core. Raises StoreError while years are out of
    the log.
    """
    refuse_without_years(source)
    views = closure(views)
    with store.reading() as live, _scratch(store, views) as (place, tables):
        positions = {each.view: each.position for each in store.positions(live)}
        target, aside = max(positions.values(), default=0), positions_aside(live)
        lagging = [
            Difference(f"positions of {view}", (at,), (target,)) for view, at in positions.items() if at < target
        ]
        folded = 0
        for each in load_all(source, place, tables, target, aside, again=again, processes=processes):
            folded += each.events
            if progress is not None:
                progress(min(folded, target), target)
        place.backend.add_up(tables, at_once(beside=True))
        place.backend.index(tables, at_once(beside=True), "")
        with place.reading() as db, closing(_differences(live, db, tables)) as differences:
            return [*lagging, *islice(differences, MOST_DIFFERENCES)]


@contextmanager
def _scratch(store: ViewStore, views: tuple[View, ...]) -> Iterator[tuple[ViewStore, TableSet]]:
    """Tables to fold into: in the same database where it takes many writers, in a file of their own where not."""
    tables = TableSet(views, SCRATCH)
    if store.backend.shared:
        with store.backend.rebuilding():
            try:
                with store.backend.loading() as db:
                    store.create_for_loading(db, tables)
                yield store, tables
            finally:
                with store.backend.loading() as db:
                    store.drop(db, tables)
        return
    with TemporaryDirectory(prefix="views-check-") as folder:
        scratch = ViewStore(Path(folder) / "views.db")
        try:
            with scratch.writing() as db:
                scratch.create_for_loading(db, tables)
            yield scratch, tables
        finally:
            scratch.close()


def _differences(live: Connection, fresh: Connection, tables: TableSet) -> Generator[Difference, None, None]:
    """Both sides in order of the key: many rows at a time as long as they are alike, and then row by row."""
    for declared in tables.tables:
        mine, other = (
            _ordered(db, table, declared.key) for db, table in ((live, declared.table), (fresh, tables.made(declared)))
        )
        for left, right in zip_longest(mine, other, fillvalue=()):
            if left != right:
                rest = (chain(first, chain.from_iterable(more)) for first, more in ((left, mine), (right, other)))
                yield from _merged(declared, *rest)
                break


def _ordered(db: Connection, table: Table, key: tuple[str, ...]) -> Iterator[Sequence[Values]]:
    """Whole rows, in order of the key, some at a time."""
    query = select(table).order_by(*(table.c[name] for name in key))
    with db.execution_options(yield_per=_ROWS).execute(query) as rows:
        yield from rows.partitions()


def _merged(declared: ViewTable, mine: Iterator[Values], other: Iterator[Values]) -> Iterator[Difference]:
    places = [declared.columns.index(name) for name in declared.key]

    def key(row: Values) -> tuple[Any, ...]:
        return tuple(row[place] for place in places)

    left, right = next(mine, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and key(left) < key(right)):
            assert left is not None
            yield Difference(declared.name, tuple(left), None)
            left = next(mine, None)
        elif left is None or key(right) < key(left):
            yield Difference(declared.name, None, tuple(right))
            right = next(other, None)
        else:
            if left != right:
                yield Difference(declared.name, tuple(left), tuple(right))
            left, right = next(mine, None), next(other, None)
