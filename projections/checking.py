"""Checking: the live views are compared, row by row, with a fresh fold of the same events."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from projections.bulk import load_all, refuse_without_years
from projections.events import Log
from projections.parking import positions_aside
from projections.physical import SCRATCH, TableSet
from projections.storage import ViewStore
from projections.view import View, closure

MOST_DIFFERENCES = 100
"""A check stops after so many: by then it is clear that the view must be rebuilt."""

_ROWS = 1000
"""How many rows are fetched at a time."""


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
        with place.backend.loading() as db:
            place.backend.add_up(db, tables)
        place.backend.index(tables, "")
        with place.reading() as db:
            return [*lagging, *islice(_differences(live, db, tables), MOST_DIFFERENCES)]


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


def _differences(live: Connection, fresh: Connection, tables: TableSet) -> Iterator[Difference]:
    """Both sides in order of the key, one row of each in memory."""
    for declared in tables.tables:
        name = declared.name
        mine, other = _ordered(live, declared.table, declared.key), _ordered(fresh, tables.made(declared), declared.key)
        left, right = next(mine, None), next(other, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left[0] < right[0]):
                assert left is not None
                yield Difference(name, left[1], None)
                left = next(mine, None)
            elif left is None or right[0] < left[0]:
                yield Difference(name, None, right[1])
                right = next(other, None)
            else:
                if left[1] != right[1]:
                    yield Difference(name, left[1], right[1])
                left, right = next(mine, None), next(other, None)


def _ordered(db: Connection, table: Table, key: tuple[str, ...]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    columns = [table.c[name] for name in key]
    places = [list(table.c).index(column) for column in columns]
    result = db.execution_options(yield_per=_ROWS).execute(select(table).order_by(*columns))
    for row in result:
        values = tuple(row)
        yield tuple(values[place] for place in places), values
