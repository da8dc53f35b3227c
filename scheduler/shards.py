"""Which due rows are whose, where several tickers work on one PostgreSQL store.

The due rows fall into shards. A ticker works on those whose session advisory lock it holds. Every ticker also holds a
place, a lock that they share, so that each can count how many there are and take its fair part: who holds more gives
back, who holds less takes what is free. A ticker that is killed loses its connection, and the server frees its locks
at once; one that hangs, or is cut off, is ended by the server within `LEASE_SECONDS`. Nothing legal hangs on it: two
tickers on one shard for a moment meet at the stream's version, and none on it for a moment makes a firing later.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from projections.due import SHARDS

if TYPE_CHECKING:
    import psycopg

__all__ = ["BEAT_SECONDS", "LEASE_SECONDS", "Shards"]

BEAT_SECONDS = 0.5
"""How often a ticker counts the others and settles its part; a dead one's shards are taken over by the next beat."""

LEASE_SECONDS = 3
"""After how long the server ends the session of a ticker that hangs, or that it cannot reach any more."""

CONNECT_SECONDS = 5

SPACE = 0x5368_0001
"""The first of the two numbers of our advisory locks; the second is the place, or the shard."""

PLACE = 1000

_SESSION = {
    "idle_session_timeout": LEASE_SECONDS * 1000,
    "tcp_user_timeout": LEASE_SECONDS * 1000,
    "tcp_keepalives_idle": 1,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 2,
}
"""What the server is to hold this session to; times in milliseconds, those of the keepalives in seconds."""

_TAKE_PLACE = "SELECT pg_advisory_lock_shared(%s, %s)"
_COUNT = """SELECT count(DISTINCT pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %s AND objid::bigint = %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_TAKE = "SELECT pg_try_advisory_lock(%s, %s)"
_GIVE = "SELECT pg_advisory_unlock(%s, %s)"

log = structlog.get_logger(__name__)


class Shards:
    """This ticker's part of the shards, kept up by a thread of its own. Holds none while the store is away."""

    def __init__(self, url: str, gained: Callable[[], None] = lambda: None) -> None:
        """`url` is the store's; `gained` is called when shards were added, so that they are swept at once."""
        self._url, self._gained = url, gained
        self._held: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="shards", daemon=True)

    def start(self, gained: Callable[[], None] | None = None) -> None:
        """Take part, from now until stopped; `gained` as above."""
        self._gained = gained or self._gained
        self._thread.start()

    def held(self) -> frozenset[str]:
        """The shards that are this ticker's now."""
        return self._held

    def stop(self) -> None:
        """Give everything back."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CONNECT_SECONDS)

    def _keep(self) -> None:
        # The driver is an extra that only a store on PostgreSQL needs.
        import psycopg  # noqa: PLC0415

        from store.connecting import conninfo  # noqa: PLC0415

        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    # Of several hosts, the one that takes writes: a lock that a standby gave would bind nobody.
                    conninfo(self._url),
                    autocommit=True,
                    connect_timeout=CONNECT_SECONDS,
                    keepalives_idle=1,
                    keepalives_interval=1,
                    keepalives_count=2,
                    tcp_user_timeout=LEASE_SECONDS * 1000,
                    application_name="shaoxiang shards",
                ) as db:
                    self._serve(db)
            except (psycopg.Error, OSError) as problem:
                # What the session held is free by now, for whoever can reach the store.
                self._held = frozenset()
                log.warning("shards are lost for now", problem=str(problem).strip())
                self._stop.wait(BEAT_SECONDS)
        self._held = frozenset()

    def _serve(self, db: "psycopg.Connection[Any]") -> None:
        """Beat until told to stop. One connection holds all locks, so that they end with it."""
        for name, value in _SESSION.items():
            db.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
        db.execute(_TAKE_PLACE, (SPACE, PLACE))
        held: set[str] = set()
        while not self._stop.is_set():
            before = len(held)
            self._settle(db, held)
            self._held = frozenset(held)
            if len(held) > before:
                self._gained()
            if len(held) != before:
                log.info("shards", held="".join(sorted(held)))
            self._stop.wait(BEAT_SECONDS)

    def _settle(self, db: "psycopg.Connection[Any]", held: set[str]) -> None:
        """Give back what is more than the fair part, or take what is missing of it and free."""
        tickers = max(1, int(_one(db, _COUNT, SPACE, PLACE)))
        fair = -(-len(SHARDS) // tickers)
        for shard in sorted(held)[fair:]:
            # No longer ours before it can be another's.
            held.discard(shard)
            self._held = frozenset(held)
            _one(db, _GIVE, SPACE, SHARDS.index(shard))
        for shard in SHARDS:
            if len(held) >= fair:
                return
            if shard not in held and _one(db, _TAKE, SPACE, SHARDS.index(shard)):
                held.add(shard)


def _one(db: "psycopg.Connection[Any]", statement: str, *values: int) -> Any:
    row = db.execute(statement.encode(), values).fetchone()
    return row[0] if row else None
