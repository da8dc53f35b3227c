"""A store of views without a database: dicts under the keys, and the three ways of folding into them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from projections.events import case_of, dashed
from projections.folding import Folder
from projections.rows import Changes, in_cases
from projections.tables import Counter, Entity, Row, ViewTable
from projections.view import View, closure, empty_rows
from store.recorder import RawEvent

Key = tuple[Any, ...]


class Shelf:
    """What a database would hold, by table and key."""

    def __init__(self) -> None:
        self.tables: dict[ViewTable, dict[Key, Key]] = {}

    def write(self, changes: Changes) -> None:
        """Write what the contract of `Changes` says."""
        for entity, rows in changes.entities.items():
            self._put(entity, [entity.written(row) for row in rows])
        for keyed, keys in changes.drops.items():
            for key in keys:
                self._of(keyed).pop(key, None)
        for keyed, puts in changes.puts.items():
            self._put(keyed, puts)
        for table, added in changes.appended.items():
            assert not {values[: table.width] for values in added} & self._of(table).keys(), "appended twice"
            self._put(table, added)
        for counter, amounts in changes.counted.items():
            self._add(counter, amounts)

    def load(self, entities: Iterable[Entity], case: str) -> Iterator[tuple[Entity, Row]]:
        """All entity rows of a case."""
        for entity in entities:
            for key, values in self._of(entity).items():
                if key[0][:28] == case[:28]:
                    yield entity, entity.read(values)

    def everything(self) -> dict[str, list[Key]]:
        """Every row of every table that has any, in order of the keys."""
        return {table.name: [rows[key] for key in sorted(rows)] for table, rows in self.tables.items() if rows}

    def _of(self, table: ViewTable) -> dict[Key, Key]:
        return self.tables.setdefault(table, {})

    def _put(self, table: ViewTable, rows: Iterable[Key]) -> None:
        self._of(table).update((values[: table.width], values) for values in rows)

    def _add(self, counter: Counter, rows: Iterable[Key]) -> None:
        there = self._of(counter)
        for row in rows:
            key, amounts = row[: counter.width], row[counter.width :]
            before = there.get(key, (*key, *[0] * len(amounts)))[counter.width :]
            after = tuple(old + new for old, new in zip(before, amounts, strict=True))
            if any(after):
                there[key] = (*key, *after)
            else:
                assert min(amounts) < 0, "only what is taken back can bring a row to nothing"
                there.pop(key, None)


def live(raws: Iterable[RawEvent], views: Iterable[View], sizes: Sequence[int], keep: int = 10**9) -> Shelf:
    """Fold in batches of these sizes, the last of them again and again, keeping `keep` cases between two batches."""
    views, shelf, pending, turn = closure(views), Shelf(), iter(raws), 0
    folder, rows = Folder(views), empty_rows(views)
    rows.loader = shelf.load
    while batch := list(islice(pending, sizes[min(turn, len(sizes) - 1)])):
        folder.fold(batch, rows)
        shelf.write(rows.changes())
        rows.settle()
        rows.forget(rows.idle(keep))
        turn += 1
    return shelf


def rebuilt(raws: Sequence[RawEvent], views: Iterable[View]) -> Shelf:
    """Fold as a rebuild does: nothing is loaded, nothing settled, and each case is released after its last event."""
    views, shelf = closure(views), Shelf()
    folder, rows = Folder(views), empty_rows(views)
    last = {raw[1][:12]: raw[0] for raw in raws}
    for raw in raws:
        folder.fold([raw], rows)
        case = case_of(dashed(raw[1]))
        if last[raw[1][:12]] == raw[0] and in_cases(case):
            shelf.write(rows.release([case]))
    shelf.write(rows.changes())
    return shelf
