"""Views in an SQLite file, or in memory for a play: one process, which needs no leader among others."""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.schema import CreateIndex

from projections.events import PREFIX
from projections.physical import Load, TableSet, Write, additions, deletion, marks, quoted, upsert
from projections.tables import Entity, Row

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "cache_size=-65536")
_LOADING_PAGES = 16_384
"""How long the write-ahead file grows while tables are filled: 64 MiB."""


def _begin(connection: Connection) -> None:
    """Writing units take the lock at once: a read that turns into a write would find the database locked."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _connected(dbapi_connection: Any, _: object) -> None:
    dbapi_connection.isolation_level = None
    for pragma in _PRAGMAS:
        dbapi_connection.execute(f"PRAGMA {pragma}")


class SqliteBackend:
    """How views are read and written in SQLite."""

    shared = False
    """Whether other processes may write the views, too."""

    apart = False
    """Whether a server writes, so that this process may fold meanwhile."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is None:
            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        else:
            engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, max_overflow=-1)
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begin)
        self.engine: Engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of all views."""
        with self.engine.connect() as db, db.begin():
            yield db

    def glancing(self) -> AbstractContextManager[Connection]:
        """The same: nothing is saved by less."""
        return self.reading()

    def looking_up(self) -> AbstractContextManager[Connection]:
        """As `reading`: whoever reads here keeps nobody from writing."""
        return self.reading()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that writes, all or nothing; others who write wait."""
        with self.engine.connect().execution_options(writes=True) as db, db.begin():
            yield db

    @contextmanager
    def loading(self) -> Iterator[Connection]:
        """A connection that fills tables which nobody else reads yet; it takes turns with all others who write."""
        with self._turn(), self.engine.connect().execution_options(writes=True) as db:
            # A small write-ahead file would be carried over, and the disk waited for, several times a band.
            db.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_LOADING_PAGES}")
            db.commit()
            with db.begin():
                yield db

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Those who load wait here in line. SQLite itself would have them look again and again, ever less often."""
        if self.path is None:
            yield
            return
        with self.path.with_name(self.path.name + ".turn").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def try_to_lead(self) -> bool:
        """The log's file has one process, and that leads."""
        return True

    def step_down(self) -> None:
        """Nobody else could lead."""

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Nobody else rebuilds or drops what a rebuild makes meanwhile. Raises RuntimeError where somebody does."""
        with self._rebuild_lock() as taken:
            if not taken:
                msg = "these views are being rebuilt already: wait until that has ended, or end it"
                raise RuntimeError(msg)
            yield

    def take_turns(self, db: Connection) -> None:
        """Whoever writes is alone already."""

    def nobody_rebuilds(self, db: Connection) -> bool:
        """Whether tables that a rebuild left behind may be dropped."""
        del db
        with self._rebuild_lock() as taken:
            return taken

    @contextmanager
    def _rebuild_lock(self) -> Iterator[bool]:
        """A lock that ends with the process, however that dies; whether it was free."""
        if self.path is None:
            yield True
            return
        with self.path.with_name(self.path.name + ".rebuild").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def lock_positions(self, db: Connection, patience_seconds: float | None = None) -> None:
        """Whoever writes is alone already."""

    def fetch(self, db: Connection, tables: TableSet, cases: Iterable[str]) -> Iterator[tuple[Entity, Row]]:
        """Every entity row of these cases."""
        lows = orjson.dumps([case[:PREFIX] for case in cases]).decode()
        for entity in tables.entities:
            name, first = tables.name(entity), f'"{entity.key[0]}"'
            # All rows of one case lie in one range of the key, because the key begins with a stream's id.
            query = (
                "WITH wanted (low) AS (SELECT value FROM json_each(?)) "  # noqa: S608 - names are declared in code
                f"SELECT {quoted(entity.columns)} FROM wanted CROSS JOIN {name} "
                f"WHERE {first} >= low AND {first} < low || '~'"
            )
            for values in db.exec_driver_sql(query, (lows,)):
                yield entity, entity.read(tuple(values))

    def write(self, db: Connection, tables: TableSet, writes: Iterable[Write]) -> None:
        """Write over what is there."""
        for write in writes:
            statement = deletion if write.gone else upsert
            db.exec_driver_sql(statement(write.table, tables.name(write.table)), write.rows)

    def load(self, db: Connection, tables: TableSet, rows: Iterable[Load]) -> None:
        """Add rows to tables that have no key yet."""
        for load in rows:
            name = tables.name(load.table) + load.suffix
            db.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks(load.table.columns)})", load.rows)  # noqa: S608 - as above
            tables.rows_written += len(load.rows)

    def add_up(self, tables: TableSet, at_once: int) -> None:
        """Add up the parts of the counters, one after the other: only one may write."""
        del at_once
        with self.loading() as db:
            for counter in tables.counters:
                for statement in additions(counter, tables):
                    db.exec_driver_sql(statement)

    def index(self, tables: TableSet, at_once: int, tag: str) -> None:
        """Give loaded tables their keys and indexes, a table at a time, so that others may write between."""
        del at_once
        for declared in tables.tables:
            with self.writing() as db:
                for index in tables.indexes(declared, tag):
                    db.execute(CreateIndex(index))

    def vacuum(self, tables: TableSet, at_once: int) -> None:
        """Nothing: a table in a file is as quick to read from the first moment on."""

    def options(self, *, parts: bool) -> dict[str, Any]:
        """How a table that is loaded is made."""
        del parts
        return {}

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()
