"""Rows in memory: what handlers read and change. They never touch SQL; a store loads and writes these rows.

The same handlers therefore fold a live batch and a rebuild, and a batch of one gives the same rows as one of 5,000.
"""

from collections.abc import Callable, Iterable
from typing import Any

from projections.events import case_of
from projections.tables import Append, Counter, Entity, Keyed, Row

Key = tuple[Any, ...]
Loader = Callable[[Iterable[Entity], str], Iterable[tuple[Entity, Row]]]

DROPPED = None
"""Stands under the key of a `Keyed` row that is to be deleted."""


class Rows:
    """The rows of a set of views around the cases that are being folded.

    Entity rows stay cached between batches; what changed is remembered until `settle`. `loader` fetches all entity
    rows of one case from the store, and is asked once per case; it is set anew for each batch.
    """

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._entities = tuple(entities)
        self.loader: Loader = _nothing_stored
        self._known: dict[Entity, dict[str, Row]] = {entity: {} for entity in self._entities}
        self._cases: set[str] = set()
        self.changed: dict[Entity, dict[str, Row]] = {entity: {} for entity in self._entities}
        self.keyed: dict[Keyed, dict[Key, Key | None]] = {}
        self.appended: dict[Append, list[Key]] = {}
        self.counted: dict[Counter, dict[Key, list[int]]] = {}

    @property
    def cases(self) -> int:
        """How many cases are cached."""
        return len(self._cases)

    def begin_case(self, case: str) -> None:
        """Say that nothing can be stored about a case yet, because its very first event is being folded."""
        self._cases.add(case)

    def get(self, entity: Entity, key: str) -> Row | None:
        """The row under a key, or None. To change it, use `edit`."""
        row = self._known[entity].get(key)
        if row is None:
            case = case_of(key)
            if case not in self._cases:
                self._load(case)
                row = self._known[entity].get(key)
        return row

    def edit(self, entity: Entity, key: str) -> Row | None:
        """The row under a key, to be changed in place, or None."""
        row = self.get(entity, key)
        if row is not None:
            self.changed[entity][key] = row
        return row

    def new(self, entity: Entity, key: str, **columns: Any) -> Row:
        """A new row under a key; columns that are not given are None."""
        row = entity.blank | columns
        row[entity.key[0]] = key
        case = case_of(key)
        if case not in self._cases:
            self._load(case)
        self._known[entity][key] = row
        self.changed[entity][key] = row
        return row

    def put(self, table: Keyed, *values: Any) -> None:
        """Put a row; `values` in the order of the table's columns, the key first."""
        self.keyed.setdefault(table, {})[values[: table.width]] = values

    def drop(self, table: Keyed, *key: Any) -> None:
        """Drop the row under a key, if it is there."""
        self.keyed.setdefault(table, {})[key] = DROPPED

    def append(self, table: Append, *values: Any) -> None:
        """Add a row; `values` in the order of the table's columns."""
        self.appended.setdefault(table, []).append(values)

    def add(self, table: Counter, key: Key, *amounts: int) -> None:
        """Add to the amounts under a key."""
        amounts_there = self.counted.setdefault(table, {}).get(key)
        if amounts_there is None:
            self.counted[table][key] = list(amounts)
        else:
            for index, amount in enumerate(amounts):
                amounts_there[index] += amount

    def settle(self) -> None:
        """Forget what was changed, because it has been written; keep the entity rows."""
        for rows in self.changed.values():
            rows.clear()
        self.keyed.clear()
        self.appended.clear()
        self.counted.clear()

    def forget(self) -> None:
        """Forget everything: the store may hold other rows now, or memory should be given back."""
        self.settle()
        self._cases.clear()
        for known in self._known.values():
            known.clear()

    def _load(self, case: str) -> None:
        self._cases.add(case)
        for entity, row in self.loader(self._entities, case):
            self._known[entity][row[entity.key[0]]] = row


def _nothing_stored(_: Iterable[Entity], __: str) -> Iterable[tuple[Entity, Row]]:
    return ()
