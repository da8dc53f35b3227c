"""Views in PostgreSQL, in the schema `views` of the log's database: many processes read them, one leads and writes.

The leader holds an advisory lock in the very session in which it writes. When that session is lost, so are the lock and
every write that was under way: a process that was the leader cannot write one row after another has taken over.
A leader that is stopped, or hangs, keeps its session though; after `LEASE_SECONDS` of
silence the server ends that, or whoever stands by does.
"""

import select
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError

from projections import finishing
from projections.copying import copied
from projections.events import PREFIX
from projections.literals import literals, unnested
from projections.physical import Load, TableSet, Write, deletions, insertion, on_conflict, quoted
from projections.tables import Entity, Row, ViewTable
from store.connecting import conninfo

LEASE_SECONDS = 3
"""After how long without a word the server ends the leader's session; it has something to say at least every second."""

_LEADS, _REBUILDS, _PREPARES = (7_202_212_150, 7_202_212_151, 7_202_212_152)
"""Advisory locks: of the leader, of a rebuild, and of whoever makes tables."""

_END_SILENT = f"""SELECT pg_terminate_backend(held.pid) FROM pg_locks AS held JOIN pg_stat_activity AS said USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.classid::bigint << 32 | held.objid::bigint = {_LEADS}
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND said.state <> 'idle' AND said.wait_event_type = 'Client'
      AND said.state_change < clock_timestamp() - interval '{LEASE_SECONDS} s'"""  # noqa: S608 - our own numbers
"""Ends a leader that stopped in the middle of a row of statements: no time limit of the server's counts while it waits
there for its client. One that works for long does not wait for it."""

# A page reads little: compiling a plan, or starting processes for it, would take longer.
_READ = "-c search_path=views -c jit=off -c max_parallel_workers_per_gather=0 -c timezone=UTC"
# Whoever writes here looks rows up by key and nothing else, however many the planner believes there are. What is lost
# in a crash is folded again, because rows and position are lost together; so nobody waits for the disk.
_WRITE = (
    f"{_READ} -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
    "-c synchronous_commit=off -c client_min_messages=warning "
    # A leader whose machine is gone keeps its lock until the server gives its connection up.
    "-c tcp_keepalives_idle=2 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3 -c tcp_user_timeout=5000 "
    # Whoever is no leader, and hangs in the middle of writing, such as a swap, keeps the leader waiting no longer.
    "-c idle_in_transaction_session_timeout=30s"
)
_POOL_SECONDS = 5
"""How long a reader waits for one of the connections, before it is told to come back."""


class PostgresBackend:
    """How views are read and written in PostgreSQL."""

    shared = True
    """Whether other processes may write the views, too."""

    apart = True
    """Whether a server writes, so that this process may fold meanwhile."""

    path: Path | None = None

    def __init__(self, url: str, connections: int = 8) -> None:
        """`url` is libpq's, and may name several hosts; `connections` is how many read at once at most."""
        self.url = url
        self.engine = _engine(lambda: _reader(url), pool_size=connections, max_overflow=0, pool_timeout=_POOL_SECONDS)
        self._writers = _engine(lambda: psycopg.connect(conninfo(url, _WRITE)), pool_size=2, max_overflow=8)
        self._leader: Connection | None = None
        self._one_at_a_time = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of all views."""
        with self.engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """A connection of which each statement sees one state by itself: one round trip instead of three."""
        with self.engine.connect() as db:
            driver = _driver(db)
            driver.autocommit = True
            try:
                yield db
            finally:
                if driver.info.transaction_status == TransactionStatus.IDLE:
                    driver.autocommit = False
                else:
                    db.invalidate()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that writes, all or nothing: the leader's own, where this process leads.

        Raises ConnectionError where it led and its session is gone.
        """
        with self._one_at_a_time:
            if self._leader is None:
                with self._writers.connect() as db, db.begin():
                    yield db
                return
            gone = "the session in which this process led is gone: another may lead by now"
            if self._leader.invalidated:
                self.step_down()
                raise ConnectionError(gone)
            try:
                with self._leader.begin():
                    yield self._leader
            except Exception as problem:
                if not _is_gone(self._leader):
                    raise
                self.step_down()
                raise ConnectionError(gone) from problem

    def looking_up(self) -> AbstractContextManager[Connection]:
        """A connection for `fetch`, beside one that writes: such a one, because it looks up by key and nothing else."""
        return self.loading()

    @contextmanager
    def loading(self) -> Iterator[Connection]:
        """A connection of those that write, beside the leader's: it fills tables which nobody else sees yet."""
        with self._writers.connect() as db, db.begin():
            yield db

    def try_to_lead(self) -> bool:
        """Whether this process leads now; without waiting."""
        with self._one_at_a_time:
            if self._leader is not None and not self._leader.invalidated:
                return True
            self.step_down()
            db = self._writers.connect()
            try:
                leads = bool(db.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LEADS})").scalar())
                if leads:
                    _lease(db, LEASE_SECONDS)
                else:
                    db.exec_driver_sql(_END_SILENT).all()
                db.commit()
            except BaseException:
                db.invalidate()
                db.close()
                raise
            if leads:
                self._leader = db
            else:
                db.close()
            return leads

    def step_down(self) -> None:
        """Lead no more, so that another may; the session ends, and the lock with it."""
        with self._one_at_a_time:
            leader, self._leader = self._leader, None
            if leader is not None:
                _let_go(leader, _LEADS)
                leader.close()

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Nobody else rebuilds or drops what a rebuild makes meanwhile. Raises RuntimeError where somebody does."""
        with self._writers.connect() as db:
            if not db.exec_driver_sql(f"SELECT pg_try_advisory_lock({_REBUILDS})").scalar():
                db.rollback()
                msg = "these views are being rebuilt already: wait until that has ended, or end it"
                raise RuntimeError(msg)
            db.commit()
            try:
                with self._at_leisure():
                    yield
            finally:
                _let_go(db, _REBUILDS)

    @contextmanager
    def _at_leisure(self) -> Iterator[None]:
        """Where this process leads, it has other work than its session's for as long as this lasts."""
        if self._leader is None:
            yield
            return
        with self.writing() as db:
            _lease(db, 0)
        try:
            yield
        finally:
            if self._leader is not None:
                with self.writing() as db:
                    _lease(db, LEASE_SECONDS)

    def take_turns(self, db: Connection) -> None:
        """Wait until nobody else prepares these views."""
        db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PREPARES})")

    def nobody_rebuilds(self, db: Connection) -> bool:
        """Whether tables that a rebuild left behind may be dropped; no rebuild begins until this is committed."""
        return bool(db.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_REBUILDS})").scalar())

    def lock_positions(self, db: Connection, patience_seconds: float | None = None) -> None:
        """Nobody else folds or swaps until this is committed. With patience, no lock is waited for any longer."""
        if patience_seconds is not None:
            db.exec_driver_sql(f"SET LOCAL lock_timeout = {int(patience_seconds * 1000)}")
        db.exec_driver_sql("SELECT 1 FROM positions ORDER BY view FOR UPDATE").all()

    def fetch(self, db: Connection, tables: TableSet, cases: Iterable[str]) -> Iterator[tuple[Entity, Row]]:
        """Every entity row of these cases."""
        lows = [case[:PREFIX] for case in cases]
        with _cursor(db) as cursor:
            for entity in tables.entities:
                name, first = tables.name(entity), f'"{entity.key[0]}"'
                # All rows of one case lie in one range of the key, because the key begins with a stream's id.
                cursor.execute(
                    f"SELECT {quoted(entity.columns)} FROM unnest(%b::text[]) AS low CROSS JOIN LATERAL "  # noqa: S608 - names are declared in code
                    f"(SELECT * FROM {name} WHERE {first} >= low AND {first} < low || '~') AS found",
                    (lows,),
                )
                for values in cursor:
                    yield entity, entity.read(values)

    def write(self, db: Connection, tables: TableSet, writes: Iterable[Write]) -> None:
        """Write over what is there."""
        # The server is at work from the first statement on, and is waited for once, at the end.
        with _cursor(db) as cursor, cursor.connection.pipeline():
            for write in writes:
                cursor.execute(_over(write.table, tables.name(write.table), gone=write.gone), literals(write.rows))

    def load(self, db: Connection, tables: TableSet, rows: Iterable[Load]) -> None:
        """Add rows to tables that have no key yet."""
        with _cursor(db) as cursor:
            for load in rows:
                table = load.table
                statement, text = copied(tables.name(table) + load.suffix, table.columns, load.rows, table.documents)
                with cursor.copy(statement) as copy:
                    copy.write(text)
                tables.rows_written += len(load.rows)

    def add_up(self, tables: TableSet, at_once: int) -> None:
        """Add up the parts of the counters."""
        finishing.add_up(self._writers, tables, at_once)

    def index(self, tables: TableSet, at_once: int, tag: str) -> None:
        """Give loaded tables their keys and indexes, and their statistics."""
        finishing.index(self._writers, tables, at_once, tag)

    def vacuum(self, tables: TableSet, at_once: int) -> None:
        """Vacuum loaded tables: until then no index answers alone."""
        finishing.vacuum(self._writers, tables, at_once)

    def options(self, *, parts: bool) -> dict[str, Any]:
        """How a table that is loaded is made. Parts are gone before anybody reads the rest, so they are not logged."""
        return {"prefixes": ["UNLOGGED"]} if parts else {"postgresql_with": {"autovacuum_enabled": False}}

    def close(self) -> None:
        """Give back every connection."""
        self.step_down()
        self.engine.dispose()
        self._writers.dispose()


@cache
def _over(table: ViewTable, name: str, *, gone: bool) -> str:
    """The statement that writes rows over what is there, or drops those with these keys."""
    if gone:
        return deletions(table, name, unnested(table, table.key))
    rows = f"SELECT {quoted(table.columns)} FROM {unnested(table, table.columns)}"  # noqa: S608 - names are declared in code
    return f"{insertion(table, name)} {rows}{on_conflict(table, name)}"


@contextmanager
def _cursor(db: Connection) -> Iterator["psycopg.Cursor[Any]"]:
    """The driver's own cursor, for what SQLAlchemy has no words for. Its errors are told as SQLAlchemy tells them."""
    try:
        with _driver(db).cursor() as cursor:
            yield cursor
    except psycopg.Error as problem:
        dialect = db.dialect
        raise DBAPIError.instance(
            None, None, problem, psycopg.Error, connection_invalidated=_driver(db).closed, dialect=dialect
        ) from problem


def _lease(db: Connection, seconds: int) -> None:
    """Let the server end this session after so long without a word, within a transaction or not; 0 for never."""
    for setting in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
        db.exec_driver_sql(f"SET {setting} = '{seconds}s'")


def _let_go(db: Connection, lock: int) -> None:
    """Give a lock back and end the session. The server alone would notice that end a moment later."""
    try:
        db.rollback()
        db.exec_driver_sql(f"SELECT pg_advisory_unlock({lock})")
        db.commit()
    except DBAPIError:
        # The session is what broke, and the lock went with it.
        pass
    finally:
        db.invalidate()


def _is_gone(db: Connection | None) -> bool:
    """Whether a session has ended, or was given up in the meantime."""
    return db is not None and (db.invalidated or _driver(db).closed)


def _driver(db: Connection) -> "psycopg.Connection[Any]":
    """The driver's own connection, for what SQLAlchemy has no words for."""
    connection: psycopg.Connection[Any] = db.connection.driver_connection  # type: ignore[assignment]
    return connection


def _engine(creator: Callable[[], psycopg.Connection[Any]], **pool: int) -> Engine:
    # The connection that was used last comes first: its statements are prepared, and its memory is warm.
    given = {"use_native_hstore": False, "pool_use_lifo": True}
    engine = create_engine("postgresql+psycopg://", creator=creator, **given, **pool)
    event.listen(engine, "checkout", _must_be_quiet)
    return engine


def _reader(url: str) -> psycopg.Connection[Any]:
    """A connection whose transactions see one state of all views, said once and not before each of them."""
    connection = psycopg.connect(conninfo(url, _READ))
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _must_be_quiet(connection: psycopg.Connection[Any], *_: object) -> None:
    """See to it that a connection whose server is gone is replaced, and all its like with it.

    After a failover every connection there is leads nowhere. A server that ends one says so, or closes it, and either
    can be read; one that lives says nothing unasked. So nobody pays a round trip for asking.
    """
    heard = select.poll()
    if not connection.closed:
        heard.register(connection.fileno(), select.POLLIN)
    if connection.closed or heard.poll(0):
        raise InvalidatePoolError
