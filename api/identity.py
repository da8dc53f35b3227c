"""Who is asking: a bearer token tied to an actor of the city, and how often it may ask."""

from dataclasses import dataclass
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.deps import Deps
from api.outages import patiently
from api.problems import ApiProblem
from desk.actors import Actor, Role

__all__ = ["Allowance", "Caller", "Identity", "Parts", "caller", "parts"]

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
    deps: Parts,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> Identity:
    """The actor who asks. 401 without a token that is known and not revoked; 429 when asking too often."""
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
    """How often each may still ask this process. Safe to use from many threads, which the library's counts are not."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, limit: RateLimitItem, *key: str) -> None:
        """Count one request against a limit; 429 with Retry-After (seconds) where it is used up."""
        with self._lock:
            left = self._windows.hit(limit, *key)
        if left:
            return
        detail = f"More than {limit}; wait and try again."
        raise ApiProblem(429, detail, Retry_After=str(limit.get_expiry()))
