"""The process that serves the API. On an embedded store the projector and the ticker work in it as well."""

import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from importlib.metadata import version

import structlog
import uvicorn
from fastapi import FastAPI
from limits import parse

from api.app import create_app
from api.deps import Deps, Limits
from scheduler.ticker import Ticker
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises
from shaoxiang.protocol import BoundedProtocol
from shaoxiang.settings import Settings

SHUTDOWN_SECONDS = 5
RUBBISH_AFTER = 20_000
"""After how many new objects rubbish is looked for: a request makes thousands, and nearly all go by themselves."""

SWITCH_SECONDS = 0.002
"""How long one thread of the interpreter may keep the others waiting (our default)."""

log = structlog.get_logger(__name__)


def build_app(premises: Premises, clock: SystemClock) -> FastAPI:
    """The HTTP application over a house on disk."""
    house, settings = premises.house, premises.settings
    token = settings.metrics_token
    return create_app(
        Deps(
            desk=house.desk,
            log=house.log,
            views=house.views,
            projector=house.following,
            tokens=premises.tokens,
            vault=premises.vault,
            photos=premises.photos,
            clock=clock,
            city=house.world.city,
            rules=house.world.rules,
            version=version("shaoxiang"),
            metrics_token=token.get_secret_value() if token else None,
            limits=limits_of(settings),
            registry=house.registry,
            known_position=None if settings.database is None else lambda: house.following.position,
        )
    )


def limits_of(settings: Settings) -> Limits:
    """What the edge allows, by the settings."""
    return Limits(
        page_size=settings.page_size,
        page_size_at_most=settings.page_size_at_most,
        body_at_most=settings.body_at_most,
        photo_at_most=settings.photo_at_most,
        retry_for=settings.retry_for.total_seconds(),
        wait_at_most=settings.wait_at_most.total_seconds(),
        heartbeat_every=settings.heartbeat_every.total_seconds(),
        requests=parse(f"{settings.requests_per_minute}/minute"),
    )


@contextmanager
def working(premises: Premises, now: Callable[[], datetime]) -> Iterator[None]:
    """The projector and the ticker at work in the background, for as long as the block lasts."""
    house, stop = premises.house, threading.Event()
    thread = threading.Thread(target=house.projector.run, args=(stop,), name="projector", daemon=True)
    ticker = Ticker(house.sweeper.sweep, now, premises.settings.tick_every)
    thread.start()
    ticker.start()
    try:
        yield
    finally:
        ticker.stop()
        stop.set()
        thread.join(SHUTDOWN_SECONDS)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises OSError where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family)
    # The event loop turns Nagle's delay (40 ms an answer) off only where the socket names its protocol. One that
    # `create_server` made does not; made anew from its descriptor, it asks the kernel.
    return socket.socket(fileno=made.detach())


def serve(premises: Premises, clock: SystemClock, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until told to stop by SIGINT or SIGTERM; what was acknowledged by then is on disk."""
    app = build_app(premises, clock)
    for year in (clock.now().year, clock.now().year + 1):
        for alert in premises.house.world.rules.calendar_alerts(year):
            log.warning("calendar", kind=alert.kind, year=alert.year, said=alert.message)
    with nullcontext() if premises.settings.database is not None else working(premises, clock.now):
        run(app, sock, ready)


def run(app: FastAPI, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until told to stop by SIGINT or SIGTERM; `ready` is called when it begins to."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
    )
    # The app's own objects, some hundred thousand, live as long as the process. Looking through all of them for rubbish
    # would hold every request up for a tenth of a second, now and then.
    gc.collect()
    gc.freeze()
    gc.set_threshold(RUBBISH_AFTER, *gc.get_threshold()[1:])
    # A request changes threads several times. Whoever reckons in Python for long, such as a dashboard, would keep each
    # change of all the others waiting for five milliseconds, which is the interpreter's default.
    sys.setswitchinterval(SWITCH_SECONDS)
    with _outlived():
        _Announcing(config, ready).run(sockets=[sock])


@contextmanager
def _outlived() -> Iterator[None]:
    """Let the process outlive the signal that ends its server, so that the rest of it can finish what it has in hand.

    The server takes the signals itself, and when it has ended raises them again for whoever had them before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Announcing(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()
