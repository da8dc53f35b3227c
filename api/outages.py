"""When the store is away or full: what a client is told, and how long a command waits for it to come back.

A store that fails over to its standby is away for some seconds. A command is asked again meanwhile, under its own id,
so that nothing happens twice; a read says at once that it cannot be answered just now. Everything goes on by itself
once the store is back.
"""

import sqlite3
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import structlog
from fastapi import FastAPI, Request
from sqlalchemy import exc
from starlette.responses import Response

from api.deps import Deps
from api.problems import problem_response
from store.errors import StoreAway, StoreFull

__all__ = ["Outage", "install_outages", "outage_of", "patiently"]

RETRY_SECONDS = 2
PAUSE_FIRST_SECONDS = 0.05
PAUSE_MOST_SECONDS = 0.5
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

DISK_FULL = "53100"
"""PostgreSQL's SQLSTATE for a full disk."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


UNDEFINED_TABLE = "42P01"
"""PostgreSQL's SQLSTATE where a table is not there, as before the first worker has made the views."""


class Outage(Enum):
    """What keeps the store from answering: status, code, and what a person is told."""

    AWAY = 503, "STORE_AWAY", "The store cannot be reached just now. Ask again shortly, a command with the same key."
    UNFOLDED = 503, "NOT_READY", "The views are not there yet: a worker makes them. Ask again shortly."
    FULL = 507, "STORE_FULL", "The store has no room left; nothing was changed. Tell the operator, then ask again."


def outage_of(error: BaseException) -> Outage | None:
    """The outage that an error stands for; None for one that is somebody's fault."""
    if isinstance(error, StoreFull):
        return Outage.FULL
    if isinstance(error, StoreAway | exc.TimeoutError):
        return Outage.AWAY
    if isinstance(error, sqlite3.Error):
        return SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        if (known := POSTGRES.get(getattr(error.orig, "sqlstate", None) or "")) is not None:
            return known
        if isinstance(error.orig, sqlite3.Error):
            return outage_of(error.orig)
        lost = isinstance(error, exc.OperationalError | exc.InterfaceError) or error.connection_invalidated
        return Outage.AWAY if lost else None
    return None


POSTGRES = {DISK_FULL: Outage.FULL, UNDEFINED_TABLE: Outage.UNFOLDED}
"""PostgreSQL's SQLSTATEs that pass, beside those of a lost connection."""

SQLITE = {
    sqlite3.SQLITE_FULL: Outage.FULL,
    sqlite3.SQLITE_BUSY: Outage.AWAY,
    sqlite3.SQLITE_LOCKED: Outage.AWAY,
    sqlite3.SQLITE_IOERR: Outage.AWAY,
    sqlite3.SQLITE_CANTOPEN: Outage.AWAY,
}
"""SQLite's primary result codes that pass. The others are faults of ours."""


def patiently(request: Request, deps: Deps, ask: Callable[[], T]) -> T:
    """Ask the store; where it is away, ask a command's question again until the request's patience is used up.

    Raises what asking raises. All questions of one request share its patience (`Limits.retry_for`).
    """
    if request.method not in WRITES:
        return ask()
    if not hasattr(request.state, "patient_until"):
        request.state.patient_until = time.monotonic() + deps.limits.retry_for
    pause = PAUSE_FIRST_SECONDS
    while True:
        try:
            return ask()
        except Exception as error:
            if outage_of(error) is not Outage.AWAY or time.monotonic() + pause > request.state.patient_until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, PAUSE_MOST_SECONDS)


def install_outages(app: FastAPI) -> None:
    """Answer an outage with its problem; what is none goes on its way."""
    for kind in (StoreAway, StoreFull, sqlite3.Error, exc.DBAPIError, exc.TimeoutError):
        app.add_exception_handler(kind, _outage)


def _outage(request: Request, error: Exception) -> Response:
    outage = outage_of(error)
    if outage is None:
        raise error
    status, code, detail = outage.value
    log.warning("store", code=code, error=type(error).__name__)
    request.state.outcome = code
    return problem_response(status, code, detail, headers={"Retry-After": str(RETRY_SECONDS)})
