"""What every request passes through: a request id, an access log without personal data, metrics, safe headers.

Pure ASGI, so that streams pass unbuffered.
"""

import contextlib
import re
import sqlite3
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import PROBLEM_TYPE, problem_response
from api.routing import PREFIX
from store.errors import StoreError

__all__ = ["SECURITY_HEADERS", "Envelope"]

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Sent with every answer; a route that sets one of them itself keeps its own."""

_SAFE = tuple((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())
_POSITION = b"x-log-position"
"""As they are sent: written out for each answer, they took a tenth of what the cheapest one takes."""

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
FRAMES = 8
"""How many frames of a failure are logged, the innermost ones."""

UNROUTED = "(no route)"

log = structlog.get_logger("access")


class Envelope:
    """Wraps the whole app. `position` gives the log's position for the X-Log-Position header, without waiting."""

    def __init__(self, app: ASGIApp, metrics: Metrics, position: Callable[[], int]) -> None:
        self._app = app
        self._metrics = metrics
        self._position = position

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; whatever fails inside becomes a 500 that says nothing about the inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = time.perf_counter()
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(MutableHeaders(scope=message), request_id)
            await send(message)

        answer = _Reworded(scope, receive, dressed)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                # Neither the message nor any local variable: both may hold what somebody sent.
                kind, frames = type(error).__name__, traceback.format_tb(error.__traceback__)[-FRAMES:]
                log.error("failed", route=_route(scope), error=kind, frames=frames)  # noqa: TRY400
                if status:
                    raise
                detail = f"Something failed inside; tell the operator the request id {request_id}."
                await problem_response(500, "INTERNAL", detail)(scope, receive, dressed)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _dress(self, headers: MutableHeaders, request_id: str) -> None:
        headers["X-Request-Id"] = request_id
        own = {name for name, _ in headers.raw}
        headers.raw.extend(each for each in _SAFE if each[0] not in own)
        if _POSITION not in own:
            # An answer leaves also while the store is away, and then does not know.
            with contextlib.suppress(StoreError, sqlite3.Error):
                headers.raw.append((_POSITION, str(self._position()).encode()))

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Log and count. The route's pattern is logged and not the path, which could name somebody."""
        route, state = _route(scope), scope.get("state", {})
        self._metrics.seconds.labels(_method(scope), route, str(status)).observe(seconds)
        if command := state.get("command"):
            outcome = state.get("outcome") or ("done" if status < HTTPStatus.BAD_REQUEST else str(status))
            self._metrics.commands.labels(command, outcome).inc()
        log.info(
            "request",
            method=_method(scope),
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            role=state.get("role"),
            organisation=state.get("organisation"),
        )


class _Reworded:
    """Sends on, but says the framework's plain-text 413 as a problem; its own limiter lets nobody else answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._said = False

    async def __call__(self, message: Message) -> None:
        if self._said:
            return
        self._said = _is_plain_413(message)
        if not self._said:
            await self._send(message)
            return
        problem = problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", "The body is too large for this.")
        await problem(self._scope, self._receive, self._send)


def _is_plain_413(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return False
    return not MutableHeaders(scope=message).get("content-type", "").startswith(PROBLEM_TYPE)


def _request_id(scope: Scope) -> str:
    """The caller's own request id where it is harmless, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def _method(scope: Scope) -> str:
    """The method, bounded: a made-up one must not make a new series."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


def _route(scope: Scope) -> str:
    """The route's whole pattern; an included router knows only what comes after its prefix."""
    pattern = getattr(scope.get("route"), "path", None)
    if pattern is None:
        return UNROUTED
    return f"{PREFIX}{pattern}" if scope["path"].startswith(f"{PREFIX}/") else str(pattern)
