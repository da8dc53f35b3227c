"""What the API needs from the rest of the house, handed in by wiring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from limits import RateLimitItem, parse
from prometheus_client import CollectorRegistry

from desk.desk import Desk
from domain.policy.rules import Rules
from domain.registry.organisations import City
from projections.storage import ViewStore
from store.log import EventLog
from store.photos import Photos
from store.tokens import Tokens
from store.vault import Vault

__all__ = ["Clock", "Deps", "Following", "Limits"]


class Clock(Protocol):
    """The house's clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""


class Following(Protocol):
    """How far the views have come: this process's own projector, or a follower of another's."""

    @property
    def position(self) -> int:
        """Up to which position of the log the views are folded, as far as is known here; never waits for a store."""

    @property
    def failing(self) -> bool:
        """Whether it fails for a reason that nobody foresaw, so that the views stand still here."""

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds until the views have reached a position; whether they have."""

    def parked(self) -> Sequence[object]:
        """The cases that were put aside."""


@dataclass(frozen=True)
class Limits:
    """What the edge allows; all of it our default, settable by wiring. Sizes are in bytes, times in seconds."""

    page_size: int = 50
    page_size_at_most: int = 200
    body_at_most: int = 1 << 20
    photo_at_most: int = 10 << 20
    wait_at_most: float = 10.0
    heartbeat_every: float = 15.0
    stream_poll_every: float = 0.25
    retry_for: float = 5.0
    """How long a command is tried again while the store is away."""
    stream_at_most: float = 600.0
    """A stream ends after this long, and the client comes back with Last-Event-ID and its token is looked up anew."""
    streams_per_token: int = 10
    ready_lag_events: int = 10_000
    requests: RateLimitItem = field(default_factory=lambda: parse("600/minute"))
    failed_logins: RateLimitItem = field(default_factory=lambda: parse("60/minute"))

    def rows_of(self, asked: int | None) -> int:
        """How many rows a page has for which so many were asked."""
        return min(asked or self.page_size, self.page_size_at_most)


@dataclass(frozen=True)
class Deps:
    """The parts of the house that the API uses. `metrics_token` opens /metrics to others than the machine itself.

    `known_position` answers the log's position without waiting for a store, where asking the log itself would.
    """

    desk: Desk
    log: EventLog
    views: ViewStore
    projector: Following
    tokens: Tokens
    vault: Vault
    photos: Photos
    clock: Clock
    city: City
    rules: Rules
    version: str = "0"
    metrics_token: str | None = None
    known_position: Callable[[], int] | None = None
    limits: Limits = field(default_factory=Limits)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
