"""The processes that answer nobody, on PostgreSQL: `work` folds the views, `tick` fires the timers.

Each runs as often as one likes. Beside its work it answers /health, /ready and /metrics, and it stops by SIGINT or
SIGTERM after what it has in hand.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from api.app import create_watch
from api.routes.health import Watched
from scheduler.shards import Shards
from scheduler.ticker import Ticker
from shaoxiang.clock import SystemClock
from shaoxiang.house import open_house
from shaoxiang.parts import House, Timers
from shaoxiang.server import SHUTDOWN_SECONDS, limits_of, run
from shaoxiang.settings import Settings

__all__ = ["Background", "LeaderMetrics", "ShardMetrics", "tick", "work"]

SETTLE = timedelta(seconds=5)
"""How long a fired row may stay in the views before it is tried again: another process folds them."""

log = structlog.get_logger(__name__)


class Background(Protocol):
    """A process that works in the background until it is told to stop."""

    __name__: str

    def __call__(self, settings: Settings, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Work, and answer on the socket how it goes; `ready` is called when it begins to."""


class LeaderMetrics:
    """Whether this process folds the views, or stands by."""

    def __init__(self, registry: CollectorRegistry, leads: Callable[[], bool]) -> None:
        gauge = Gauge("shaoxiang_view_leader", "1 where this process folds the views, 0 on standby.", registry=registry)
        gauge.set_function(lambda: float(leads()))


class ShardMetrics:
    """How large this process's part of the timers is."""

    def __init__(self, registry: CollectorRegistry, held: Callable[[], object]) -> None:
        gauge = Gauge("shaoxiang_timer_shards", "Of 16 shards of the timers, those of this process.", registry=registry)
        gauge.set_function(lambda: len(held()))  # type: ignore[arg-type]


def work(settings: Settings, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Fold the views while this process leads them, and stand by while another one does."""
    with open_house(settings, SystemClock().now, folds=True) as house:
        LeaderMetrics(house.registry, lambda: house.projector.leads)
        stop = threading.Event()
        thread = threading.Thread(target=house.projector.run, args=(stop,), name="projector", daemon=True)
        thread.start()
        try:
            run(_watch(house, settings), sock, ready)
        finally:
            stop.set()
            thread.join(SHUTDOWN_SECONDS)


def tick(settings: Settings, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Fire the timers of this process's shards."""
    url = settings.database_url
    assert url is not None, "the embedded store has one ticker, inside `serve`"
    clock, shards = SystemClock(), Shards(url)
    timers = Timers(shards.held, settings.timer_threads, SETTLE)
    with open_house(settings, clock.now, folds=False, timers=timers) as house:
        ShardMetrics(house.registry, shards.held)
        ticker = Ticker(house.sweeper.sweep, clock.now, settings.tick_every)
        with _ticking(ticker, shards):
            run(_watch(house, settings), sock, ready)


@contextmanager
def _ticking(ticker: Ticker, shards: Shards) -> Iterator[None]:
    """The ticker at work; it gives its shards back only after its last sweep."""
    ticker.start()
    shards.start(ticker.wake)
    try:
        yield
    finally:
        ticker.stop()
        shards.stop()


def _watch(house: House, settings: Settings) -> FastAPI:
    token = settings.metrics_token
    return create_watch(
        Watched(
            log=house.log,
            projector=house.following,
            metrics_token=token.get_secret_value() if token else None,
            limits=limits_of(settings),
            registry=house.registry,
        )
    )
