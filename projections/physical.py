"""The tables of some views as they lie in a database: the live ones, or others beside them under a suffix.

Both databases write over what is there in the same words; SQLite a row at a time, PostgreSQL all rows that it is given.
A key is a unique index rather than a constraint, so that a table can be filled first and get its key last, on both.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Column, Index, MetaData, Table
from sqlalchemy.sql.elements import quoted_name

from projections.rows import Changes
from projections.tables import Append, Counter, Entity, ViewTable
from projections.view import View

SHADOW = "__shadow"
"""The suffix of tables that a rebuild fills."""

SCRATCH = "__check"
"""The suffix of tables that a check fills."""

REPLACED = "__replaced"
"""The suffix of tables whose place a rebuild has taken, until they are dropped."""

PARTS = "__parts"
"""The suffix of tables that hold a counter's amounts before they are added up."""


class TableSet:
    """The tables of some views, live or beside them (with a suffix), for one folding."""

    def __init__(self, views: Iterable[View], suffix: str = "") -> None:
        self.views = tuple(views)
        self.suffix = suffix
        self.tables: tuple[ViewTable, ...] = tuple(table for view in self.views for table in view.tables)
        self.rows_written = 0

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """The tables whose rows are read while folding."""
        return tuple(table for table in self.tables if isinstance(table, Entity))

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """The tables that are added up, but for the coarser ones, which are summed from these."""
        counters = [table for table in self.tables if isinstance(table, Counter)]
        coarse = {coarser for counter in counters for coarser, _ in counter.coarser}
        return tuple(counter for counter in counters if counter not in coarse)

    def name(self, declared: ViewTable) -> str:
        """What the table is called in the database."""
        return declared.name + self.suffix

    def made(self, declared: ViewTable, suffix: str = "") -> Table:
        """The table without its key and indexes, under the name that it has here, and a suffix."""
        columns = (Column(each.name, each.type) for each in declared.table.columns)
        return Table(self.name(declared) + suffix, MetaData(), *columns)

    def indexes(self, declared: ViewTable, tag: str = "") -> list[Index]:
        """Its key and its indexes. `tag` tells their names from those of the table that it will replace."""
        copy = declared.table.to_metadata(MetaData(), name=self.name(declared))
        found = sorted(copy.indexes, key=lambda index: str(index.name))
        for index in found:
            index.name = quoted_name(f"{index.name}{tag or self.suffix}", quote=None)
        key = (copy.c[name] for name in declared.key)
        return [Index(f"{declared.name}_key{tag or self.suffix}", *key, unique=True), *found]


def quoted(names: Iterable[str]) -> str:
    """Columns as SQL lists them."""
    return ", ".join(f'"{name}"' for name in names)


def marks(columns: Sequence[str]) -> str:
    """What stands in SQLite for the values of a row with these columns."""
    return ", ".join("?" * len(columns))


def insertion(declared: ViewTable, name: str) -> str:
    """The beginning of a statement that adds rows to the table of that name."""
    return f"INSERT INTO {name} ({quoted(declared.columns)})"


def on_conflict(declared: ViewTable, name: str) -> str:
    """The end of such a statement: what becomes of a row whose key is there.

    Counters are added up, other rows replaced. A row that is only ever added and is there already would mean that an
    event was folded twice, so that fails.
    """
    if isinstance(declared, Append):
        return ""
    rest = [column for column in declared.columns if column not in declared.key]
    if not rest:
        return f" ON CONFLICT ({quoted(declared.key)}) DO NOTHING"
    added = isinstance(declared, Counter)
    sets = (
        f'"{each}" = {name}."{each}" + excluded."{each}"' if added else f'"{each}" = excluded."{each}"' for each in rest
    )
    return f" ON CONFLICT ({quoted(declared.key)}) DO UPDATE SET {', '.join(sets)}"


def upsert(declared: ViewTable, name: str) -> str:
    """Insert a row, or change the one that stands under its key; in SQLite."""
    return f"{insertion(declared, name)} VALUES ({marks(declared.columns)}){on_conflict(declared, name)}"


def deletion(declared: ViewTable, name: str) -> str:
    """Delete the row under a key; of a counter, only where nothing is left of its amounts; in SQLite."""
    conditions = [f'"{each}" = ?' for each in declared.key]
    return f"DELETE FROM {name} WHERE {' AND '.join(conditions + _nothing_left(declared))}"  # noqa: S608 - names are declared in code


def deletions(declared: ViewTable, name: str, given: str) -> str:
    """The same in PostgreSQL for all the keys that are `given` as rows, each looked up by itself.

    Nobody else writes these rows meanwhile, so they stay where they are found.
    """
    conditions = " AND ".join([f'"{each}" = given."{each}"' for each in declared.key] + _nothing_left(declared))
    found = f"SELECT ctid AS place FROM {name} WHERE {conditions} OFFSET 0"  # noqa: S608 - as above
    places = f"SELECT place FROM {given} CROSS JOIN LATERAL ({found}) AS found"  # noqa: S608 - as above
    return f"DELETE FROM {name} WHERE ctid = ANY (ARRAY({places}))"  # noqa: S608 - as above


def _nothing_left(declared: ViewTable) -> list[str]:
    """What must hold of a counter's row before it may go."""
    if not isinstance(declared, Counter):
        return []
    return [f'"{each}" = 0' for each in declared.columns if each not in declared.key]


def additions(counter: Counter, tables: TableSet) -> Iterator[str]:
    """Add up a counter's parts, and drop them; then sum the coarser counters from what came of it."""
    name = tables.name(counter)
    yield addition(counter, name, name + PARTS)
    yield f"DROP TABLE {name}{PARTS}"
    for coarser, _ in counter.coarser:
        yield addition(coarser, tables.name(coarser), name)


def addition(counter: Counter, target: str, parts: str) -> str:
    """Add up what lies in the parts; amounts that come to nothing are no row."""
    amounts = [each for each in counter.columns if each not in counter.key]
    sums = ", ".join(f'sum("{each}") AS "{each}"' for each in amounts)
    some = " OR ".join(f'sum("{each}") <> 0' for each in amounts)
    return (
        f"{insertion(counter, target)} SELECT {quoted(counter.key)}, {sums} FROM {parts} "  # noqa: S608 - as above
        f"GROUP BY {quoted(counter.key)} HAVING {some}"
    )


class Load(NamedTuple):
    """Rows for one table; `suffix` is that of a counter's parts."""

    table: ViewTable
    suffix: str
    rows: list[tuple[Any, ...]]


class Write(NamedTuple):
    """Rows for one table, over what is there; or the keys of those that are to go."""

    table: ViewTable
    rows: list[tuple[Any, ...]]
    gone: bool = False

    @property
    def written(self) -> int:
        """How many rows that writes; that a counter's goes where nothing is left is part of adding to it."""
        return 0 if self.gone and isinstance(self.table, Counter) else len(self.rows)


def writes(changes: Changes) -> list[Write]:
    """What writes the changes, in this order. The rows in memory may go on changing meanwhile."""
    found = [Write(entity, [entity.written(row) for row in rows]) for entity, rows in changes.entities.items()]
    found += [Write(keyed, keys, gone=True) for keyed, keys in changes.drops.items()]
    found += [Write(table, rows) for table, rows in (*changes.puts.items(), *changes.appended.items())]
    for counter, counted in changes.counted.items():
        found += [Write(counter, counted), Write(counter, spent(counter, counted), gone=True)]
    return [write for write in found if write.rows]


def loads(changes: Changes) -> list[Load]:
    """What was folded from nothing, as rows to be added. What was dropped was never there.

    The changes are those without coarser counters: they are summed from the finer ones at the end.
    """
    found = [Load(entity, "", [entity.written(row) for row in rows]) for entity, rows in changes.entities.items()]
    found += [Load(table, "", rows) for table, rows in (*changes.puts.items(), *changes.appended.items())]
    found += [Load(counter, PARTS, rows) for counter, rows in changes.counted.items()]
    return [load for load in found if load.rows]


def spent(counter: Counter, counted: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The keys of a counter under which nothing may be left, because something negative was added."""
    width = counter.width
    return [row[:width] for row in counted if any(amount < 0 for amount in row[width:])]
