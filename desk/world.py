"""What the desk reaches for: the log, the rules, the city, and where identities and photos lie."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from desk.contention import Turns, at_once
from domain.kernel import Act, new_family
from domain.policy.rules import Rules
from domain.registry.organisations import City
from store.log import EventLog


class Vault(Protocol):
    """Where identities lie."""

    def register(self, person_id: UUID, name: str, phone: str | None) -> object:
        """Keep an identity under the person's own key; doing it twice changes nothing."""

    def erase(self, person_id: UUID) -> object:
        """Destroy the person's key; doing it twice changes nothing."""


class Photos(Protocol):
    """Where photos lie."""

    def exists(self, content_hash: str) -> bool:
        """Whether a photo of that content was uploaded."""


def drawn(act: Act) -> UUID:
    """The id of a report that comes in: its time, and random bits."""
    return new_family(act.at)


@dataclass(frozen=True)
class World:
    """Handed in by wiring. Without a vault identities are dropped, without photos any hash is taken, as in a play.

    `family` draws the id of a new report; made-up traffic draws ids that follow from its commands.
    `digest_key` keys the fingerprints of requests, so that whoever holds the log cannot confirm a guess at a name.
    `pause` is called before a command is decided again, with how often others were faster; `turns` are this process's.
    """

    log: EventLog
    rules: Rules
    city: City
    now: Callable[[], datetime]
    vault: Vault | None = None
    photos: Photos | None = None
    digest_key: bytes = b"play"
    family: Callable[[Act], UUID] = drawn
    pause: Callable[[int], None] = at_once
    turns: Turns = field(default_factory=Turns)
