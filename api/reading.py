"""What reads share: waiting for a position, and connections to the views."""

import re
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Response
from pydantic import BeforeValidator

from api.identity import Caller, Identity, Parts
from desk.commands import Moment

__all__ = ["POSITION_MOST", "Day", "Instant", "Reader", "fresh"]

POSITION_MOST = 2**63 - 1
"""The largest position that a store can hold."""


def _as_written(value: Any) -> Any:
    """Days and moments are written out: a bare number would be taken for seconds since 1970."""
    if isinstance(value, str) and not WRITTEN.match(value):
        raise ValueError("must be written as in 2026-03-02, a moment with its offset")
    return value


WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")
Day = Annotated[date, BeforeValidator(_as_written)]
Instant = Annotated[Moment, BeforeValidator(_as_written)]

WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")


def fresh(
    response: Response,
    deps: Parts,
    who: Caller,
    prefer: Annotated[str | None, Header(max_length=200, description="wait=SECONDS")] = None,
    position: Annotated[int | None, Query(ge=0, le=POSITION_MOST, description="the position to wait for")] = None,
    x_log_position: Annotated[int | None, Header(ge=0, le=POSITION_MOST)] = None,
) -> Identity:
    """Wait, where the caller prefers to, until the views have reached a position: the one named, else the log's own.

    `Preference-Applied` says that they have; without it the answer may be older than what was asked for.
    """
    found = WAIT.search(prefer or "")
    if found:
        wanted = position if position is not None else x_log_position
        seconds = min(float(found[1]), deps.limits.wait_at_most)
        if deps.projector.wait_for(deps.log.position() if wanted is None else wanted, seconds):
            response.headers["Preference-Applied"] = f"wait={found[1]}"
    return who


Reader = Annotated[Identity, Depends(fresh)]
"""The caller of a read, after the wait that was preferred."""
