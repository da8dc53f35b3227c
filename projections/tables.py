"""The four kinds of tables that a view may declare. The kind says how a batch of changes is written.

* `Entity`: one changing row per key, read before it is changed. Its key is text that begins with the id of a stream,
  so that all rows of one case lie beside each other and can be fetched together.
* `Keyed`: rows that are put or dropped, never read while folding.
* `Append`: one or more rows an event, never changed.
* `Counter`: additive amounts under a key.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Column, Index, MetaData, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import Insert

Row = dict[str, Any]
Values = Callable[[Row], tuple[Any, ...]]

METADATA = MetaData()
"""Every live table of every view."""


class ViewTable:
    """A declared table: its name carries the view's version, and `key` names its primary key.

    `documents` names the columns that hold a JSON value rather than a scalar.
    """

    def __init__(
        self,
        name: str,
        *columns: Column[Any],
        indexes: tuple[tuple[str, ...], ...] = (),
        documents: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.documents = documents
        self.table = Table(name, METADATA, *columns)
        for each in indexes:
            Index(f"{name}_by_{'_'.join(each)}", *(self.table.c[column] for column in each))
        self.columns: tuple[str, ...] = tuple(column.name for column in self.table.columns)
        self.key: tuple[str, ...] = tuple(column.name for column in self.table.primary_key)
        self.width = len(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def upsert(self, table: Table) -> Insert:
        """Insert a row, or replace what stands under its key. `table` may be a shadow of the live one."""
        insert = sqlite.insert(table)
        rest = {name: insert.excluded[name] for name in self.columns if name not in self.key}
        if not rest:
            return insert.on_conflict_do_nothing()
        return insert.on_conflict_do_update(index_elements=list(self.key), set_=rest)


class Entity(ViewTable):
    """One changing row per key. Its documents are written and read as canonical JSON."""

    def __init__(
        self,
        name: str,
        *columns: Column[Any],
        indexes: tuple[tuple[str, ...], ...] = (),
        documents: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, *columns, indexes=indexes, documents=documents)
        self.blank: Row = dict.fromkeys(self.columns)
        self.values: Values = itemgetter(*self.columns)

    def written(self, row: Row) -> tuple[Any, ...]:
        """The row as the store keeps it, documents as canonical JSON text."""
        if self.documents:
            row = row | {name: orjson.dumps(row[name]).decode() for name in self.documents}
        return self.values(row)

    def read(self, values: tuple[Any, ...]) -> Row:
        """The row as handlers see it."""
        row = dict(zip(self.columns, values, strict=True))
        for name in self.documents:
            row[name] = orjson.loads(row[name])
        return row


class Keyed(ViewTable):
    """Rows that are put or dropped; a handler never reads them."""


class Append(ViewTable):
    """Rows that are added and never changed."""

    def upsert(self, table: Table) -> Insert:
        """Insert a row; that one stands under its key already would mean that an event was folded twice."""
        return sqlite.insert(table)


class Counter(ViewTable):
    """Amounts that are added up under a key; the columns after the key are the amounts, whole numbers."""

    def upsert(self, table: Table) -> Insert:
        """Insert the amounts, or add them to what stands under the key."""
        insert = sqlite.insert(table)
        added = {name: table.c[name] + insert.excluded[name] for name in self.columns if name not in self.key}
        return insert.on_conflict_do_update(index_elements=list(self.key), set_=added)
