"""How the house is doing: alive, ready, and in numbers. Every process answers these, whatever else it does."""

import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from api.deps import Following, Limits
from api.outages import outage_of
from api.problems import ApiProblem, declared

__all__ = ["Watched", "router"]

router = APIRouter(tags=["health"])


class Positioned(Protocol):
    """The log, as far as health asks it."""

    def position(self) -> int:
        """The position of the last event."""


@dataclass(frozen=True)
class Watched:
    """What is watched in a process that serves nothing else; the parts of an API have these fields too."""

    log: Positioned
    projector: Following
    metrics_token: str | None = None
    limits: Limits = field(default_factory=Limits)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)


def watched(request: Request) -> Watched:
    """What wiring handed to the app."""
    found: Watched = request.app.state.deps
    return found


Parts = Annotated[Watched, Depends(watched)]


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """The store answers, and the views are near enough to the log to be shown; `parked` cases are put aside."""

    status: str
    log_position: int
    view_position: int
    lag_events: int
    parked: int


@router.get("/health", operation_id="health", summary="Whether the process is alive", responses=declared(500))
async def health() -> Health:
    """Alive; nothing else is looked at, and no thread is waited for, so that a slow store gets no process killed."""
    return Health(status="ok")


@router.get("/ready", operation_id="ready", summary="Whether it can take requests", responses=declared(500, 503))
def ready(deps: Parts) -> Readiness:
    """The positions of log and views. 503 while the views are too far behind, or stand still after a failure.

    Parked cases keep nobody waiting.
    """
    log, views = deps.log.position(), deps.projector.position
    lag = max(0, log - views)
    if lag > deps.limits.ready_lag_events:
        detail = f"The views are {lag} events behind the log and catching up; try again shortly."
        raise ApiProblem(503, detail, "NOT_READY", Retry_After="5")
    if deps.projector.failing:
        detail = "The views stand still after a failure that the log tells of; it is tried again by and by."
        raise ApiProblem(503, detail, "NOT_READY", Retry_After="5")
    parked = len(deps.projector.parked())
    return Readiness(status="ready", log_position=log, view_position=views, lag_events=lag, parked=parked)


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **declared(403, 500)},
)
def metrics(request: Request, deps: Parts) -> Response:
    """For the machine itself, or for whoever has the metrics token; 403 for others."""
    if not (_has_token(request, deps.metrics_token) or _from_this_machine(request)):
        detail = "Metrics are for this machine itself, or for the bearer of the metrics token of the settings."
        raise ApiProblem(403, detail)
    _measure(request, deps)
    return Response(generate_latest(deps.registry), media_type=CONTENT_TYPE_LATEST)


def _measure(request: Request, deps: Watched) -> None:
    """Look at the store. Where it is away that is a figure too, and the others stay as they were seen last."""
    shown = request.app.state.view_metrics
    try:
        log, views, parked = deps.log.position(), deps.projector.position, len(deps.projector.parked())
    except Exception as error:
        if outage_of(error) is None:
            raise
        shown.up.set(0)
        return
    shown.up.set(1)
    shown.log_position.set(log)
    shown.lag.set(max(0, log - views))
    shown.parked.set(parked)


def _has_token(request: Request, token: str | None) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return token is not None and secrets.compare_digest(given.encode(), token.encode())


def _from_this_machine(request: Request) -> bool:
    """Loopback, and not passed on by a proxy, behind which everybody would look local."""
    if request.client is None or {"forwarded", "x-forwarded-for"} & set(request.headers.keys()):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
