"""Where views live: a database that can be thrown away and folded again, so it is quick, not precious.

Rows, positions and what was put aside are written in one transaction. A position is kept per view. `sqlite` and
`postgres` say how each database does it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from sqlalchemy import BigInteger, Boolean, Column, Connection, Engine, MetaData, String, Table, Text, inspect, select
from sqlalchemy.schema import CreateIndex, CreateTable

from projections.physical import PARTS, REPLACED, SCRATCH, SHADOW, Load, TableSet, Write
from projections.sqlite import SqliteBackend
from projections.tables import Entity, Row
from projections.view import View

_OWN = MetaData()
POSITIONS = Table(
    "positions",
    _OWN,
    Column("view", Text, primary_key=True),
    Column("position", BigInteger),
    Column("generation", BigInteger),
)
"""Up to where each view is folded. The generation grows when a view's tables are swapped for rebuilt ones."""

PARKED = Table(
    "parked", _OWN,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("case_id", String(36), index=True),
    Column("topic", Text),
    Column("error", Text),
    Column("retry", Boolean),
)  # fmt: skip
"""Events that were put aside: the first of a case failed, the later ones wait behind it and have no error.

`retry` asks the leader to fold the case again.
"""

SCHEMA_VERSION = "schema_version"
"""The migrations' own table, which lies in the views' schema of PostgreSQL."""


class Place(NamedTuple):
    """How far a view is folded, and how often its tables were swapped."""

    view: str
    position: int
    generation: int


class Backend(Protocol):
    """What a database does for views."""

    shared: bool
    apart: bool
    path: Path | None
    engine: Engine

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of all views."""

    def glancing(self) -> AbstractContextManager[Connection]:
        """A connection of which each statement sees one state by itself, which is less work than `reading`."""

    def looking_up(self) -> AbstractContextManager[Connection]:
        """A connection for `fetch`, beside one that writes."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A connection that writes, all or nothing."""

    def loading(self) -> AbstractContextManager[Connection]:
        """A connection that fills tables which nobody else reads yet."""

    def try_to_lead(self) -> bool:
        """Whether this process leads now; without waiting."""

    def step_down(self) -> None:
        """Lead no more."""

    def rebuilding(self) -> AbstractContextManager[None]:
        """Nobody else rebuilds meanwhile. Raises RuntimeError where somebody does."""

    def take_turns(self, db: Connection) -> None:
        """Wait until nobody else prepares these views."""

    def nobody_rebuilds(self, db: Connection) -> bool:
        """Whether tables that a rebuild left behind may be dropped."""

    def lock_positions(self, db: Connection, patience_seconds: float | None = None) -> None:
        """Nobody else folds or swaps until this is committed. With patience, no lock is waited for any longer."""

    def fetch(self, db: Connection, tables: TableSet, cases: Iterable[str]) -> Iterator[tuple[Entity, Row]]:
        """Every entity row of these cases."""

    def write(self, db: Connection, tables: TableSet, writes: Iterable[Write]) -> None:
        """Write over what is there."""

    def load(self, db: Connection, tables: TableSet, rows: Iterable[Load]) -> None:
        """Add rows to tables that have no key yet."""

    def add_up(self, tables: TableSet, at_once: int) -> None:
        """Add up the parts of the counters, so many counters at once where that is possible."""

    def index(self, tables: TableSet, at_once: int, tag: str) -> None:
        """Give loaded tables their keys and indexes, so many at once where that is possible."""

    def vacuum(self, tables: TableSet, at_once: int) -> None:
        """Make loaded tables as quick to read as those that are long in use, so many at once."""

    def options(self, *, parts: bool) -> dict[str, Any]:
        """How a table that is loaded is made."""

    def close(self) -> None:
        """Give back every connection."""


class ViewStore:
    """The views' database."""

    def __init__(self, path: Path | None, backend: Backend | None = None) -> None:
        """The SQLite file at `path`, or one in memory where it is None; or any backend."""
        self.backend: Backend = SqliteBackend(path) if backend is None else backend
        self.path = path
        self.again: Callable[[], ViewStore] | None = None if path is None else partial(ViewStore, path)
        """How another process opens the same views; None where only this one can."""

    @classmethod
    def connect(cls, url: str, connections: int = 8) -> Self:
        """The schema `views` of the PostgreSQL database at the URL, which may name several hosts.

        `connections` is how many read at once at most.
        """
        # The driver is an extra: the embedded store does without it.
        from projections.postgres import PostgresBackend  # noqa: PLC0415

        store = cls(None, PostgresBackend(url, connections))
        store.again = partial(cls.connect, url)
        return store

    @property
    def engine(self) -> Engine:
        """For those who only read."""
        return self.backend.engine

    def prepare(self, views: Iterable[View], *, tidy: bool = True) -> None:
        """Create what is missing, and drop what is left over: other versions of views, and shadows.

        Where others may still be at work with what is left over, leave it to the leader: `tidy` is False then.
        """
        views = tuple(views)
        with self.writing() as db:
            self.backend.take_turns(db)
            if tidy:
                self._drop_left_over(db, views)
            _OWN.create_all(db)
            self._add_columns(db)
            self.create(db, TableSet(views), indexes=True)
            there = {place.view for place in self.positions(db)}
            for view in views:
                if view.name not in there:
                    db.execute(POSITIONS.insert().values(view=view.name, position=0, generation=0))

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of all views."""
        return self.backend.reading()

    def glancing(self) -> AbstractContextManager[Connection]:
        """A connection of which each statement sees one state by itself, which is less work than `reading`."""
        return self.backend.glancing()

    def writing(self) -> AbstractContextManager[Connection]:
        """A connection that writes, all or nothing."""
        return self.backend.writing()

    def create(self, db: Connection, tables: TableSet, *, indexes: bool) -> None:
        """Create the tables that are not there."""
        there = set(inspect(db).get_table_names())
        for declared in tables.tables:
            if tables.name(declared) not in there:
                db.execute(CreateTable(tables.made(declared)))
                for index in tables.indexes(declared) if indexes else ():
                    db.execute(CreateIndex(index))

    def create_for_loading(self, db: Connection, tables: TableSet) -> None:
        """Create the tables anew, without indexes, with those in which counters gather."""
        self.drop(db, tables)
        for declared in tables.tables:
            made = tables.made(declared)
            db.execute(CreateTable(_with(made, self.backend.options(parts=False))))
        for counter in tables.counters:
            db.execute(CreateTable(_with(tables.made(counter, PARTS), self.backend.options(parts=True))))

    def drop(self, db: Connection, tables: TableSet) -> None:
        """Drop these tables and their parts, where they are there."""
        for declared in tables.tables:
            for suffix in ("", PARTS):
                db.exec_driver_sql(f"DROP TABLE IF EXISTS {tables.name(declared)}{suffix}")

    def rename_to_live(self, db: Connection, tables: TableSet) -> None:
        """Put shadows in place of the live tables: a server drops those at once.

        SQLite would hold up everybody who writes for as long as that takes, so there they step aside.
        """
        there = set(inspect(db).get_table_names())
        for name in (declared.name for declared in tables.tables):
            db.exec_driver_sql(f"DROP TABLE IF EXISTS {name if self.backend.shared else name + REPLACED}")
            if name in there and not self.backend.shared:
                db.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}{REPLACED}")
            db.exec_driver_sql(f"ALTER TABLE {name}{tables.suffix} RENAME TO {name}")

    def drop_replaced(self) -> None:
        """Drop what stepped aside, an index or a table at a time, so that others may write between."""
        with self.reading() as db:
            asked = inspect(db)
            names = [name for name in asked.get_table_names() if name.endswith(REPLACED)]
            pieces = [f'INDEX "{index["name"]}"' for name in names for index in asked.get_indexes(name)]
        for piece in (*pieces, *(f"TABLE {name}" for name in names)):
            with self.writing() as db:
                db.exec_driver_sql(f"DROP {piece}")

    def positions(self, db: Connection) -> list[Place]:
        """Every view with its position and generation."""
        rows = db.execute(select(POSITIONS.c.view, POSITIONS.c.position, POSITIONS.c.generation).order_by("view"))
        return [Place(view, position, generation) for view, position, generation in rows]

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
        self.backend.close()

    def _drop_left_over(self, db: Connection, views: tuple[View, ...]) -> None:
        declared = {table.name for view in views for table in view.tables} | {*_OWN.tables, SCHEMA_VERSION}
        left_over = [name for name in inspect(db).get_table_names() if name not in declared]
        beside = [name for name in left_over if any(suffix in name for suffix in (SHADOW, SCRATCH, REPLACED))]
        if beside and not self.backend.nobody_rebuilds(db):
            left_over = [name for name in left_over if name not in beside]
        for name in left_over:
            db.exec_driver_sql(f'DROP TABLE "{name}"')
        if POSITIONS.name in inspect(db).get_table_names():
            known = [view.name for view in views]
            db.execute(POSITIONS.delete().where(POSITIONS.c.view.not_in(known)))

    def _add_columns(self, db: Connection) -> None:
        """Bring a store of an earlier release up to date."""
        there = {column["name"] for column in inspect(db).get_columns(PARKED.name)}
        if PARKED.c.retry.name not in there:
            db.exec_driver_sql(f"ALTER TABLE {PARKED.name} ADD COLUMN retry BOOLEAN")


def _with(table: Table, options: dict[str, Any]) -> Table:
    columns = (Column(each.name, each.type) for each in table.columns)
    return Table(table.name, MetaData(), *columns, **options)
