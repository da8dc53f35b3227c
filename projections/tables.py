"""The four kinds of tables that a view may declare. The kind says how a batch of changes is written.

* `Entity`: one changing row per key, read before it is changed. Its key is text that begins with the id of a stream,
  so that all rows of one case lie beside each other and can be fetched together.
* `Keyed`: rows that are put or dropped, never read while folding.
* `Append`: one or more rows an event, never changed.
* `Counter`: additive amounts under a key.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from sys import intern
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, text
from sqlalchemy.types import TypeEngine

Row = dict[str, Any]
Values = Callable[[Row], tuple[Any, ...]]

BY_CODE_POINT = "C"
"""The collation under which PostgreSQL sorts text as SQLite and Python do."""

POSITION: TypeEngine[int] = Integer().with_variant(BigInteger(), "postgresql")
"""The type of a position in the log: SQLite's integers have room for it, PostgreSQL's have 32 bits."""

METADATA = MetaData()
"""Every live table of every view."""


def _by_code_point(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The column type, sorting text by code point whichever database holds it, so that all of them give one order."""
    if not isinstance(kind, String):
        return kind
    return kind.with_variant(type(kind)(kind.length, collation=BY_CODE_POINT), "postgresql")


def always(_: Mapping[str, Any]) -> bool:
    """What may always be used."""
    return True


def never(_: Mapping[str, Any]) -> bool:
    """For an index that is counted along and never walked, since it lacks the key that makes its order total."""
    return False


def without(column: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    """For an index that leaves out the rows with this value: whether another value is asked for."""
    return lambda asked: asked.get(column, value) != value


class Indexed(NamedTuple):
    """An index over columns in this order. `where`, in SQL that both stores read, keeps it to some of the rows.

    `when` tells from the columns that a query fixes, with their values, whether all that it asks for is among these
    rows. `name` tells apart indexes that begin alike. `whole` says that the index holds few rows and every column that
    may be asked for, so that it may be looked through from end to end.
    """

    columns: tuple[str, ...]
    where: str | None = None
    when: Callable[[Mapping[str, Any]], bool] = always
    name: str | None = None
    whole: bool = False

    def on(self, table: Table) -> Index:
        """The index itself."""
        kept = None if self.where is None else text(self.where)
        name = self.name or "_".join(self.columns[:3])
        columns = (table.c[column] for column in self.columns)
        return Index(f"{table.name}_by_{name}", *columns, sqlite_where=kept, postgresql_where=kept)


class ViewTable:
    """A declared table: its name carries the view's version, and `key` names its primary key.

    `documents` names the columns that hold a JSON value rather than a scalar.
    """

    def __init__(
        self,
        name: str,
        *columns: Column[Any],
        indexes: tuple[tuple[str, ...] | Indexed, ...] = (),
        documents: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.documents = documents
        for column in columns:
            column.type = _by_code_point(column.type)
        self.table = Table(name, METADATA, *columns)
        self.indexes = tuple(each if isinstance(each, Indexed) else Indexed(each) for each in indexes)
        for each in self.indexes:
            each.on(self.table)
        # Plain texts, which SQLAlchemy's names are not: with those as keys, a look into a row takes twice as long.
        self.columns: tuple[str, ...] = tuple(intern(str(column.name)) for column in self.table.columns)
        self.key: tuple[str, ...] = tuple(intern(str(column.name)) for column in self.table.primary_key)
        self.width = len(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class Entity(ViewTable):
    """One changing row per key. Its documents are written and read as canonical JSON."""

    def __init__(
        self,
        name: str,
        *columns: Column[Any],
        indexes: tuple[tuple[str, ...] | Indexed, ...] = (),
        documents: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, *columns, indexes=indexes, documents=documents)
        self.first = self.key[0]
        self.blank: Row = dict.fromkeys(self.columns)
        self.values: Values = itemgetter(*self.columns)
        self._places = tuple(self.columns.index(name) for name in documents)

    def written(self, row: Row) -> tuple[Any, ...]:
        """The row as the store keeps it, documents as canonical JSON text."""
        values = self.values(row)
        if not self._places:
            return values
        texts = list(values)
        for place in self._places:
            texts[place] = orjson.dumps(texts[place]).decode()
        return tuple(texts)

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


def picking(places: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What picks the values at these places, one or more or none."""
    if not places:
        return lambda _: ()
    if len(places) == 1:
        # An itemgetter of one place answers the value itself.
        return lambda values: (values[places[0]],)
    return itemgetter(*places)


class Counter(ViewTable):
    """Amounts that are added up under a key; the columns after the key are the amounts, whole numbers.

    A row whose amounts are all 0 is no row: whoever writes deletes it, so that rows do not tell how often they moved.
    `coarser` are counters of the same amounts under fewer of the key's columns. Nobody adds to those: their amounts are
    summed from this one's when they are handed out to be written.
    """

    def __init__(
        self,
        name: str,
        *columns: Column[Any],
        indexes: tuple[Indexed | tuple[str, ...], ...] = (),
        coarser: tuple["Counter", ...] = (),
    ) -> None:
        super().__init__(name, *columns, indexes=indexes)
        self.coarser = tuple((each, picking([self.key.index(name) for name in each.key])) for each in coarser)
