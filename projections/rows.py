"""Rows in memory: what handlers read and change. They never touch SQL; a store loads and writes these rows.

The same handlers therefore fold a live batch and a rebuild, and a batch of one gives the same rows as one of 5,000.
What is known is kept case by case, because an event touches the rows of its own case and of no other.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import add
from typing import Any, NamedTuple

from projections.events import PREFIX
from projections.tables import Append, Counter, Entity, Keyed, Row

Key = tuple[Any, ...]
Loader = Callable[[Iterable[Entity], str], Iterable[tuple[Entity, Row]]]
Settle = Callable[[Row, "Rows"], None]

CHANGED = "changed!"
"""The private key that marks a row as changed since it was last written. Only a table's columns are ever written."""

_VERSION_AT = 14
_IN_CASES = "7"


def in_cases(case: str) -> bool:
    """Whether an id is a case's: those begin with UUIDs of version 7, all others are named by version 5."""
    return case[_VERSION_AT] == _IN_CASES


class SettleError(Exception):
    """What was left to be done before a row is written failed; it names the row, and the cause."""

    def __init__(self, entity: Entity, row: Row, cause: Exception) -> None:
        super().__init__(f"{row[entity.first]} of {entity.name} could not be settled: {type(cause).__name__}: {cause}")


class Changes(NamedTuple):
    """What is to be written. Rows of entities are as they stand; `Entity.written` gives their columns.

    `puts` are whole rows, `drops` keys under which nothing is to stand; no key is in both. `counted` are amounts to be
    added behind their key; those that add nothing are left out. A counter's row whose amounts have all become 0 is no
    row: after adding, the store deletes it. Only a key to which something negative was added can get there.
    """

    entities: dict[Entity, list[Row]]
    puts: dict[Keyed, list[Key]]
    drops: dict[Keyed, list[Key]]
    appended: dict[Append, list[Key]]
    counted: dict[Counter, list[Key]]


class _Case:
    """All that is known of one case: its entity rows, and which keyed rows were put or (None) dropped.

    `fresh` says that nothing of it can be stored yet; `period` is the last one in which an event touched it.
    """

    __slots__ = ("fresh", "keyed", "period", "rows")

    def __init__(self, *, fresh: bool, period: int) -> None:
        self.fresh = fresh
        self.period = period
        self.rows: defaultdict[Entity, dict[str, Row]] = defaultdict(dict)
        self.keyed: dict[Keyed, dict[Key, Key | None]] = {}


class Rows:
    """The rows of a set of views around the cases that are being folded.

    Rows stay until their case is released or forgotten; what changed since the last `settle` is told apart.
    `loader` fetches all entity rows of one case that was not admitted before; it is set anew for each batch.
    """

    def __init__(self, entities: Iterable[Entity], settles: Mapping[Entity, Settle] | None = None) -> None:
        """`settles` are called with each changed row of their entity just before it is written (`View.settles`)."""
        self._entities = tuple(entities)
        self._settles = dict(settles or {})
        self.loader: Loader = _nothing_stored
        # The order is that of the last touch.
        self._cases: OrderedDict[str, _Case] = OrderedDict()
        self._period = 1
        self._here = _Case(fresh=False, period=0)
        self._known = self._here.rows
        self._appended: defaultdict[Append, list[Key]] = defaultdict(list)
        self._counted: defaultdict[Counter, dict[Key, list[int]]] = defaultdict(dict)

    # What handlers use. All of it is about the case of the event at hand.

    def get(self, entity: Entity, key: str) -> Row | None:
        """The row under a key, or None. To change it, use `edit`."""
        return self._known[entity].get(key)

    def edit(self, entity: Entity, key: str) -> Row | None:
        """The row under a key, to be changed in place, or None."""
        row = self._known[entity].get(key)
        if row is not None:
            row[CHANGED] = True
        return row

    def new(self, entity: Entity, key: str, **columns: Any) -> Row:
        """A new row under a key; columns that are not given are None."""
        row = entity.blank | columns
        row[entity.first] = key
        row[CHANGED] = True
        self._known[entity][key] = row
        return row

    def put(self, table: Keyed, *values: Any) -> None:
        """Put a row; `values` in the order of the table's columns, the key first."""
        keyed = self._here.keyed
        if table not in keyed:
            keyed[table] = {}
        keyed[table][values[: table.width]] = values

    def drop(self, table: Keyed, *key: Any) -> None:
        """Drop the row under a key, if it is there."""
        here = self._here
        if not here.fresh:
            here.keyed.setdefault(table, {})[key] = None
        elif table in here.keyed:
            here.keyed[table].pop(key, None)

    def append(self, table: Append, *values: Any) -> None:
        """Add a row; `values` in the order of the table's columns."""
        self._appended[table].append(values)

    def counted(self, table: Counter) -> dict[Key, list[int]]:
        """The amounts to be added under each key, to be added to in place."""
        return self._counted[table]

    # What folding and the stores use.

    @property
    def cases(self) -> int:
        """How many cases are in memory."""
        return len(self._cases)

    def enter(self, case: str, *, begins: bool = False) -> None:
        """Turn to the case of the next event; `begins` says that nothing can be stored about it yet."""
        here = self._cases.get(case)
        if here is self._here and here.period == self._period:
            return
        if here is None:
            here = self._cases[case] = _Case(fresh=begins, period=self._period)
            if not begins:
                for entity, row in self.loader(self._entities, case):
                    here.rows[entity][row[entity.first]] = row
        else:
            self._cases.move_to_end(case)
            here.period = self._period
        self._here = here
        self._known = here.rows

    def missing(self, cases: Iterable[str]) -> list[str]:
        """Which of these cases are not in memory, each once, for a bulk prefetch."""
        known = self._cases
        return [case for case in dict.fromkeys(cases) if case not in known]

    def admit(self, cases: Iterable[str], found: Iterable[tuple[Entity, Row]]) -> None:
        """Take in what the store holds of these cases, maybe nothing. `found` are rows of these cases alone."""
        by_prefix: dict[str, _Case] = {}
        for case in cases:
            by_prefix[case[:PREFIX]] = self._cases[case] = _Case(fresh=False, period=0)
            # Nobody has touched it yet; behind it stand only those that were, in the order of their touch.
            self._cases.move_to_end(case, last=False)
        for entity, row in found:
            key = row[entity.first]
            by_prefix[key[:PREFIX]].rows[entity][key] = row

    def changes(self, *, coarser: bool = True) -> Changes:
        """What changed since the last settle; `coarser` counters may be left to whoever adds up the finer ones."""
        touched: list[_Case] = []
        for case in reversed(self._cases.values()):
            if case.period != self._period:
                break
            touched.append(case)
        touched.reverse()
        return self._told(touched, only_changed=True, coarser=coarser)

    def settle(self) -> None:
        """Forget what was changed, because it has been written; keep the entity rows."""
        for case in reversed(self._cases.values()):
            if case.period != self._period:
                break
            case.fresh = False
            case.keyed = {}
            for rows in case.rows.values():
                for row in rows.values():
                    row.pop(CHANGED, None)
        self._begin()

    def _begin(self) -> None:
        self._period += 1
        self._appended = defaultdict(list)
        self._counted = defaultdict(dict)

    def forget(self, cases: Iterable[str] | None = None) -> None:
        """Forget everything, because the store may hold other rows now; or these cases, to give memory back."""
        if cases is None:
            self._cases.clear()
            self._begin()
        else:
            for case in cases:
                self._cases.pop(case, None)

    def idle(self, keep: int) -> list[str]:
        """The cases beyond `keep`, least recently touched first; never a stream outside cases, such as a standing.

        Nor what the last settled batch touched or came after it: that may be on its way to the store.
        """
        surplus = len(self._cases) - keep
        found: list[str] = []
        for case, known in self._cases.items():
            if len(found) >= surplus or known.period >= self._period - 1:
                break
            if in_cases(case):
                found.append(case)
        return found

    def release(self, cases: Iterable[str]) -> Changes:
        """All that is known of these cases, which are forgotten; with it all that was appended and counted so far.

        For a fold from nothing that never settles: what it hands out is final, unless a case is touched again.
        """
        gone = [self._cases.pop(case) for case in cases if case in self._cases]
        told = self._told(gone, only_changed=False, coarser=True)
        self._appended = defaultdict(list)
        self._counted = defaultdict(dict)
        return told

    def _told(self, cases: Iterable[_Case], *, only_changed: bool, coarser: bool) -> Changes:
        entities: defaultdict[Entity, list[Row]] = defaultdict(list)
        puts: defaultdict[Keyed, list[Key]] = defaultdict(list)
        drops: defaultdict[Keyed, list[Key]] = defaultdict(list)
        for case in cases:
            for entity, rows in case.rows.items():
                changed = [row for row in rows.values() if CHANGED in row] if only_changed else rows.values()
                if changed:
                    entities[entity].extend(changed)
            for table, keyed in case.keyed.items():
                puts[table].extend(values for values in keyed.values() if values is not None)
                drops[table].extend(key for key, values in keyed.items() if values is None)
        for entity, settle in self._settles.items():
            for row in entities.get(entity, ()):
                try:
                    settle(row, self)
                except Exception as cause:
                    # As with an event that cannot be folded: one row must not stop the others.
                    raise SettleError(entity, row, cause) from cause
        return Changes(
            dict(entities), dict(puts), dict(drops), dict(self._appended), dict(self._amounts(coarser=coarser))
        )

    def _amounts(self, *, coarser: bool) -> Iterator[tuple[Counter, list[Key]]]:
        for table, found in self._counted.items():
            yield table, _amounts_of(found)
            for coarse, fewer in table.coarser if coarser else ():
                sums: dict[Key, list[int]] = {}
                for key, amounts in found.items():
                    less = fewer(key)
                    there = sums.get(less)
                    sums[less] = amounts if there is None else list(map(add, there, amounts))
                yield coarse, _amounts_of(sums)


def _amounts_of(found: dict[Key, list[int]]) -> list[Key]:
    return [(*key, *amounts) for key, amounts in found.items() if any(amounts)]


def _nothing_stored(_: Iterable[Entity], __: str) -> Iterable[tuple[Entity, Row]]:
    return ()
