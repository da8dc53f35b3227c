"""Where views live: a database beside the log. It can be thrown away and folded again, so it is quick, not precious.

Rows, positions and what was put aside are written in one transaction. A position is kept per view.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
)  # fmt: skip
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from projections.events import PREFIX
from projections.rows import Rows
from projections.tables import Entity, Row, ViewTable
from projections.view import View

_OWN = MetaData()
POSITIONS = Table(
    "positions",
    _OWN,
    Column("view", Text, primary_key=True),
    Column("position", Integer),
    Column("generation", Integer),
)
"""Up to where each view is folded. The generation grows when a view's tables are swapped for rebuilt ones."""

PARKED = Table(
    "parked", _OWN,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("case_id", String(36), index=True),
    Column("topic", Text),
    Column("error", Text),
)  # fmt: skip
"""Events that were put aside: the first of a case failed, the later ones wait behind it and have no error."""

_DIALECT = sqlite.dialect()


def _begin(connection: Connection) -> None:
    """Writing units take the lock at once: a read that turns into a write would find the database locked."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _connected(dbapi_connection: Any, _: object) -> None:
    dbapi_connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "cache_size=-65536"):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def open_engine(path: Path | None) -> Engine:
    """An engine on the views' file, or on one kept in memory for a play where `path` is None."""
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, max_overflow=-1)
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin)
    return engine


class _Target:
    """One physical table: a live one, or its shadow, with the statements that write it."""

    def __init__(self, declared: ViewTable, suffix: str) -> None:
        self.declared = declared
        self.table = declared.table
        if suffix:
            self.table = declared.table.to_metadata(MetaData(), name=declared.name + suffix)
        key = self.table.primary_key.columns
        compiled = declared.upsert(self.table).compile(dialect=_DIALECT)
        assert tuple(compiled.positiontup or ()) == declared.columns, declared.name
        self.upsert = str(compiled)
        self.delete = f"DELETE FROM {self.table.name} WHERE " + " AND ".join(f"{each.name} = ?" for each in key)  # noqa: S608 - names are declared in code
        names = ", ".join(f'"{name}"' for name in declared.columns)
        first = next(iter(key)).name
        # All rows of one case lie in one range of the key, because the key begins with a stream's id.
        self.fetch = f"SELECT {names} FROM {self.table.name} WHERE {first} >= ? AND {first} < ?"  # noqa: S608 - as above


class TableSet:
    """The tables of some views, live or shadow (with a suffix), for one folding."""

    def __init__(self, views: Iterable[View], suffix: str = "") -> None:
        self.views = tuple(views)
        self.suffix = suffix
        self._targets = {table: _Target(table, suffix) for view in self.views for table in view.tables}
        self.rows_written = 0

    @property
    def entities(self) -> list[Entity]:
        """The tables whose rows are read while folding."""
        return [table for table in self._targets if isinstance(table, Entity)]

    def loader(self, db: Connection) -> "Loader":
        """What fetches a case's rows over a connection."""
        return Loader(db, self._targets)

    def create(self, db: Connection, *, indexes: bool) -> None:
        """Create the tables that are not there."""
        there = set(inspect(db).get_table_names())
        for target in self._targets.values():
            if target.table.name not in there:
                db.execute(CreateTable(target.table))
                if indexes:
                    self._index(db, target)

    def drop(self, db: Connection) -> None:
        """Drop the tables that are there."""
        there = set(inspect(db).get_table_names())
        for target in self._targets.values():
            if target.table.name in there:
                db.execute(DropTable(target.table))

    def rename_to_live(self, db: Connection) -> None:
        """Put shadows in place of the live tables, which are dropped, and index them."""
        there = set(inspect(db).get_table_names())
        for declared, target in self._targets.items():
            if declared.name in there:
                db.execute(DropTable(declared.table))
            db.exec_driver_sql(f"ALTER TABLE {target.table.name} RENAME TO {declared.name}")
            for index in declared.table.indexes:
                db.execute(CreateIndex(index))

    def write(self, db: Connection, rows: Rows) -> None:
        """Write what the rows remember as changed."""
        for entity, changed in rows.changed.items():
            self._many(db, self._targets[entity].upsert, [entity.written(row) for row in changed.values()])
        for keyed, puts in rows.keyed.items():
            self._many(db, self._targets[keyed].delete, [key for key, values in puts.items() if values is None])
            self._many(db, self._targets[keyed].upsert, [values for values in puts.values() if values is not None])
        for table, added in rows.appended.items():
            self._many(db, self._targets[table].upsert, added)
        for counter, amounts in rows.counted.items():
            self._many(db, self._targets[counter].upsert, [(*key, *those) for key, those in amounts.items()])

    def _many(self, db: Connection, statement: str, values: list[tuple[Any, ...]]) -> None:
        if values:
            db.exec_driver_sql(statement, values)
            self.rows_written += len(values)

    def _index(self, db: Connection, target: _Target) -> None:
        for index in target.declared.table.indexes:
            db.execute(CreateIndex(index))


class Loader:
    """Fetches the entity rows of one case."""

    def __init__(self, db: Connection, targets: dict[ViewTable, _Target]) -> None:
        self._db = db
        self._targets = targets

    def __call__(self, entities: Iterable[Entity], case: str) -> Iterator[tuple[Entity, Row]]:
        """Every row of the case in every entity table."""
        low, high = case[:PREFIX], case[:PREFIX] + "~"
        for entity in entities:
            found = self._db.exec_driver_sql(self._targets[entity].fetch, (low, high))
            for values in found:
                yield entity, entity.read(tuple(values))


class ViewStore:
    """The views' database."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.engine = open_engine(path)

    @cached_property
    def _memory(self) -> bool:
        return self.path is None

    def prepare(self, views: Iterable[View]) -> None:
        """Create what is missing, and drop what is left over: other versions of views, and shadows."""
        views = tuple(views)
        declared = {table.name for view in views for table in view.tables} | {POSITIONS.name, PARKED.name}
        with self.writing() as db:
            for name in inspect(db).get_table_names():
                if name not in declared:
                    db.exec_driver_sql(f'DROP TABLE "{name}"')
            _OWN.create_all(db)
            known = {view.name for view in views}
            for view, _, _ in self.positions(db):
                if view not in known:
                    db.execute(POSITIONS.delete().where(POSITIONS.c.view == view))
            TableSet(views).create(db, indexes=True)
            there = {view for view, _, _ in self.positions(db)}
            for missing in known - there:
                db.execute(POSITIONS.insert().values(view=missing, position=0, generation=0))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of all views."""
        with self.engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that writes, all or nothing."""
        with self.engine.connect().execution_options(writes=True) as db, db.begin():
            yield db

    def positions(self, db: Connection) -> list[tuple[str, int, int]]:
        """Every view with its position and generation."""
        rows = db.execute(select(POSITIONS.c.view, POSITIONS.c.position, POSITIONS.c.generation).order_by("view"))
        return [(view, position, generation) for view, position, generation in rows]

    def move(self, db: Connection, views: Iterable[View], position: int) -> None:
        """Write the position of these views."""
        names = [view.name for view in views]
        db.execute(POSITIONS.update().where(POSITIONS.c.view.in_(names)).values(position=position))

    def next_generation(self, db: Connection, views: Iterable[View], position: int) -> None:
        """Write the position of views whose tables were swapped, so that whoever keeps rows in memory drops them."""
        names = [view.name for view in views]
        changed = {"position": position, "generation": POSITIONS.c.generation + 1}
        db.execute(POSITIONS.update().where(POSITIONS.c.view.in_(names)).values(**changed))

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()
