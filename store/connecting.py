"""Connections to PostgreSQL: several hosts, none of them for ever, and errors that say what to do.

After a failover every open connection is dead or leads to a server that only reads. Such a connection is thrown away
and the statement tried again on a fresh one, which libpq makes with whichever host of the URL takes writes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from store.errors import StoreAway, StoreError, StoreFull

Connection = psycopg.Connection[Any]
T = TypeVar("T")

PATIENCE_SECONDS = 5.0
"""How long a statement is tried again before StoreAway is raised."""

_PAUSE_SECONDS = 0.1
_POOL_SECONDS = 1.0
# A host that answers nothing is left for the next one soon, and a dead peer is noticed in seconds, not hours.
_DEFAULTS: dict[str, str] = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
    "application_name": "shaoxiang",
}
# Every statement here has its index. Without this, a plan that is made once for all positions may sort a whole year, or
# start two more processes for the few events of a case, because it takes them for a half percent of a large log.
PLANS = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c max_parallel_workers_per_gather=0"
_OPTIONS = f"{PLANS} -c timezone=UTC"
# What is acknowledged is on disk (and on the standby, where there is a synchronous one), whatever the server's default.
_DURABLE = """SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')"""
# Of the connection; of the server going down; of the machine beneath it.
_AWAY_CLASSES = ("08", "57P", "58")
# Each undoes what it meets, and none is the statement's fault: too many connections; no memory; a server that only
# reads; a unit whose process hung for so long that the server ended it; a statement that somebody, or a time limit of
# the site's, cancelled; and one that was in the way of what a standby applies, or in a ring of locks.
_AWAY = ("53300", "53200", "25006", "25P03", "57014", "40001", "40P01")


def conninfo(url: str, options: str = "") -> str:
    """The URL with our defaults where it says nothing. Raises StoreError for one that libpq cannot read."""
    try:
        given: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError as problem:
        # The problem's own words would repeat the URL, and the password in it.
        raise StoreError("the database's URL cannot be read: see docs/settings.md for how to write it") from problem
    given["options"] = f"{given.get('options') or ''} {options}".strip()
    return make_conninfo(**{**_DEFAULTS, **given})


def connect(url: str, options: str = "") -> Connection:
    """A connection of one's own, in autocommit mode. Raises StoreAway."""
    try:
        return psycopg.connect(conninfo(url, options), autocommit=True)
    except psycopg.OperationalError as problem:
        raise away(problem) from problem


def make_durable(connection: Connection) -> None:
    """Let this session's commits wait for the disk, and for a synchronous standby, whatever the server's default."""
    connection.execute(_DURABLE)


def is_away(problem: Exception) -> bool:
    """Whether the connection or the server, not the statement, is what failed."""
    if not isinstance(problem, psycopg.Error):
        return False
    if problem.diag.severity_nonlocalized == "PANIC":
        # The disk of the write-ahead log is full: the server goes down, and what it was committing may yet stand.
        return True
    state = problem.sqlstate
    if state is None:
        return isinstance(problem, psycopg.OperationalError)
    return state.startswith(_AWAY_CLASSES) or state in _AWAY


def away(problem: Exception) -> StoreAway:
    """The error to raise for such a failure."""
    if isinstance(problem, StoreAway):
        return StoreAway(*problem.args)
    return StoreAway(f"the database cannot be reached just now ({_said(problem)}): try again, and look at the server")


def full(problem: Exception) -> StoreFull:
    """The error to raise when the server's disk is full."""
    return StoreFull(f"the disk of the database is full ({_said(problem)}): make room; nothing was stored")


def _said(problem: Exception) -> str:
    """The first line; what follows are statements and hints."""
    return str(problem).strip().partition("\n")[0]


@contextmanager
def told() -> Iterator[None]:
    """Turn the driver's errors into the store's, for a statement that is not tried again."""
    try:
        yield
    except errors.DiskFull as problem:
        raise full(problem) from problem
    except psycopg.Error as problem:
        if is_away(problem):
            raise away(problem) from problem
        raise


class _Connections(ConnectionPool[Connection]):
    """Connections of which the one that was used last is given first, and the one that rested longest is closed first.

    Its statements are prepared, its catalogue is loaded and its memory warm. Given in turns, as the library does, each
    of many goes cold between two uses.
    """

    def _get_ready_connection(self, timeout: float | None) -> Connection | None:
        # The library takes from the left, puts back on the right, and holds the pool's lock meanwhile.
        self._pool.rotate(1)
        return super()._get_ready_connection(timeout)


class Pool:
    """Some connections to one database, made when first needed, that outlive a failover."""

    def __init__(
        self,
        url: str,
        *,
        size: int = 8,
        options: str = _OPTIONS,
        patience: float = PATIENCE_SECONDS,
        rehearse: Callable[[Connection], None] | None = None,
    ) -> None:
        """`size` connections at most, opened with libpq's `options`; `patience` is in seconds.

        `rehearse` is carried out on a new connection before it is given to anybody.
        """
        self._patience = patience
        self._pool = _Connections(
            conninfo(url, options),
            configure=rehearse,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=size,
            timeout=min(patience, _POOL_SECONDS),
            # After this long without success the pool gives up until somebody asks again, instead of pausing longer
            # and longer, so that it finds a new primary at once.
            reconnect_timeout=1.0,
            num_workers=1,
            open=True,
        )

    def run(self, work: Callable[[Connection], T]) -> T:
        """What the work answers, given a connection; tried again on another one when the first is dead.

        The work must be safe to do twice. Raises StoreAway when no connection came to life in time, or StoreFull.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with self._pool.connection() as connection:
                    return work(connection)
            except errors.DiskFull as problem:
                raise full(problem) from problem
            except psycopg.Error as problem:
                if not is_away(problem):
                    raise
                if time.monotonic() > deadline or isinstance(problem, PoolClosed):
                    raise away(problem) from problem
                if not isinstance(problem, PoolTimeout):
                    # What failed here has failed for all the others too.
                    self._pool.drain()
            time.sleep(_PAUSE_SECONDS)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for work that is not tried again. Raises StoreAway or StoreFull."""
        with told(), self._pool.connection() as connection:
            yield connection

    def close(self) -> None:
        """Close all of them; safe to do twice."""
        self._pool.close()
