"""Who is asking: a bearer token tied to an actor of the city, and how often it may ask."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem

from api.deps import Deps
from api.outages import patiently
from api.problems import ApiProblem
from desk.actors import Actor, Role

__all__ = ["Allowance", "Caller", "Identity", "Parts", "caller", "parts"]

TIDY_SECONDS = 60.0

bearer = HTTPBearer(auto_error=False, description="A token tied to an actor of the city.")


@dataclass(frozen=True)
class Identity:
    """The actor behind a token; `label` is what the token was called when it was issued."""

    actor: Actor
    label: str
    token: str
    """The token's own id, never the token."""


async def parts(request: Request) -> Deps:
    """What wiring handed to the app. It waits for nothing, so it needs no thread of its own."""
    deps: Deps = request.app.state.deps
    return deps


Parts = Annotated[Deps, Depends(parts)]


def caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> Identity:
    """The actor who asks. 401 without a token that is known and not revoked; 429 when asking too often."""
    # Taken from the app and not asked for: the framework would solve that anew for whoever asks for the caller.
    deps: Deps = request.app.state.deps
    host = request.client.host if request.client else "unknown"
    allowance: Allowance = request.app.state.allowance
    if credentials is None:
        detail = "Send a token: 'Authorization: Bearer <token>'."
        raise ApiProblem(401, detail, WWW_Authenticate="Bearer")
    known = patiently(request, deps, lambda: deps.tokens.lookup(credentials.credentials))
    if known is None:
        allowance.spend(deps.limits.failed_logins, "failed", host)
        detail = "The token is not known, or has been revoked. Ask the operator for a new one."
        raise ApiProblem(401, detail, WWW_Authenticate='Bearer error="invalid_token"')
    identity = Identity(
        actor=Actor(person=known.person, role=Role(known.role), organisation=known.organisation),
        label=known.name,
        token=str(known.id),
    )
    request.state.role, request.state.organisation = known.role, known.organisation
    allowance.spend(deps.limits.requests, "requests", identity.token)
    return identity


Caller = Annotated[Identity, Depends(caller)]


class Allowance:
    """How often each may still ask this process, within any stretch of a limit's length. Safe from many threads.

    The library's own counts in memory start a thread, and look through everything counted, for every request.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._lock = Lock()
        self._clock = clock
        self._spent: dict[tuple[str, ...], deque[float]] = {}
        """Who asked → until when each of the requests counts, the oldest first."""
        self._tidy_at = 0.0

    def spend(self, limit: RateLimitItem, *key: str) -> None:
        """Count one request against a limit; 429 with Retry-After (seconds) where it is used up."""
        now = self._clock()
        with self._lock:
            if now >= self._tidy_at:
                self._tidy(now)
            spent = self._spent.setdefault(key, deque())
            while spent and spent[0] <= now:
                spent.popleft()
            if len(spent) < limit.amount:
                spent.append(now + limit.get_expiry())
                return
            wait = spent[0] - now
        detail = f"More than {limit}; wait and try again."
        raise ApiProblem(429, detail, Retry_After=str(math.ceil(wait)))

    def _tidy(self, now: float) -> None:
        """Forget those of whom nothing counts any more."""
        self._spent = {key: spent for key, spent in self._spent.items() if spent and spent[-1] > now}
        self._tidy_at = now + TIDY_SECONDS
