"""What changed, as server-sent events: position, topic, stream and case, and nothing personal.

`id:` is the log's epoch and a position in it. A client that comes back sends it as Last-Event-ID and misses nothing.
After a restore from a backup there is a new epoch, in which positions mean other events than before: whoever comes
back from an older one is told to read everything again, instead of being sent what does not follow.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from api.deps import Deps
from api.identity import Caller, Identity, Parts
from api.outages import outage_of
from api.problems import ApiProblem, declared
from api.read_route import known_parameters
from api.reading import POSITION_MOST
from api.sight import seen, sight_of
from domain.kernel import case_of

__all__ = ["Changed", "Reset", "changes", "router"]

router = APIRouter(tags=["events"], dependencies=[Depends(known_parameters)])

BATCH_EVENTS = 500
_ID = re.compile(r"(?:([0-9]{1,19})-)?([0-9]{1,19})")
STREAMS_OF_A_CASE = frozenset({"report", "case", "whistle", "response", "evaluation", "interview"})


class Changed(BaseModel):
    """One event of the log, without what it says: read the resource to see that."""

    position: int
    topic: str
    stream: UUID
    version: int
    case: UUID


class Reset(BaseModel):
    """What the client knew is of another history: it reads its lists again, and hears what comes after `position`."""

    epoch: int
    position: int


class Start(NamedTuple):
    """Where a stream begins, and whether the client first has to read everything again."""

    epoch: int
    after: int
    reset: bool = False


def start_after(
    request: Request,
    deps: Parts,
    who: Caller,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)] = None,
    after: Annotated[int | None, Query(ge=0, le=POSITION_MOST, description="for a first connection")] = None,
) -> Start:
    """Where the stream begins: after Last-Event-ID, else after `after`, else now. 400 where it cannot be read.

    An id of another epoch, or of none, and a position that the log has not reached, are of another history.
    """
    if request.app.state.streams[who.token] >= deps.limits.streams_per_token:
        detail = f"This token has {deps.limits.streams_per_token} streams open already; close one of them."
        raise ApiProblem(429, detail, Retry_After="5")
    now = Start(deps.log.epoch().number, deps.projector.position)
    if last_event_id is not None:
        known = _ID.fullmatch(last_event_id)
        if known is None:
            detail = "Last-Event-ID is the id of the last event received: an epoch, a dash and a position."
            raise ApiProblem(400, detail)
        epoch, after = known[1], int(known[2])
        if epoch is None or int(epoch) != now.epoch:
            return now._replace(reset=True)
    if after is None:
        return now
    return now._replace(reset=True) if after > deps.log.position() else now._replace(after=after)


@router.get(
    "/events",
    operation_id="changes",
    summary="What changed, as it happens",
    response_class=EventSourceResponse,
    responses=declared(400, 401, 422, 429, 500),
)
async def stream(
    request: Request, deps: Parts, who: Caller, start: Annotated[Start, Depends(start_after)]
) -> AsyncIterator[ServerSentEvent]:
    """Events after a position and then as they come, those that the caller may see; a comment when it is quiet.

    First of all a `reset`, where the client's last event is of another history.
    """
    epoch, after, reset = start
    loop = asyncio.get_running_loop()
    ends, quiet_since = loop.time() + deps.limits.stream_at_most, loop.time()
    request.app.state.streams[who.token] += 1
    request.app.state.metrics.streams.inc()
    try:
        # The first comment tells the client, and any proxy, that the stream stands.
        yield ServerSentEvent(comment="open", retry=1000)
        if reset:
            yield ServerSentEvent(id=f"{epoch}-{after}", event="reset", data=Reset(epoch=epoch, position=after))
        while loop.time() < ends:
            if deps.projector.position > after:
                reached, found = await run_in_threadpool(_when_there, deps, who, after)
                for change in found:
                    yield ServerSentEvent(id=f"{epoch}-{change.position}", event="changed", data=change)
                if found:
                    quiet_since = loop.time()
                if reached > after:
                    after = reached
                    continue
            if loop.time() - quiet_since >= deps.limits.heartbeat_every:
                yield ServerSentEvent(comment="still here")
                quiet_since = loop.time()
            await asyncio.sleep(deps.limits.stream_poll_every)
    finally:
        request.app.state.metrics.streams.dec()
        request.app.state.streams[who.token] -= 1


def _when_there(deps: Deps, who: Identity, after: int) -> tuple[int, list[Changed]]:
    """As `changes`; nothing new while the store is away, so that the stream outlives a failover."""
    try:
        return changes(deps, who, after)
    except Exception as error:
        if outage_of(error) is None:
            raise
        return after, []


def changes(deps: Deps, who: Identity, after: int) -> tuple[int, list[Changed]]:
    """The next batch after a position, and where it ends; what the caller may not see is left out.

    It goes no further than the views do: whoever hears of a change finds it when reading.
    """
    folded = deps.projector.position
    rows = [row for row in deps.log.raw(after, BATCH_EVENTS) if row[0] <= folded]
    streams = {str(UUID(bytes=row[1])) for row in rows if _of_a_case(row[3])}
    reader = sight_of(deps, who.actor)
    with deps.views.reading() as db:
        visible = seen(db, reader, streams) if reader.cases else set()
    found = [
        Changed(position=position, topic=topic, stream=stream, version=version, case=case_of(stream))
        for position, stream_id, version, topic, _ in rows
        if str(stream := UUID(bytes=stream_id)) in visible
    ]
    return (rows[-1][0] if rows else after), found


def _of_a_case(topic: str) -> bool:
    return topic.partition(".")[0] in STREAMS_OF_A_CASE
