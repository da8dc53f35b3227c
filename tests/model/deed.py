"""What somebody tries, and what the model says to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from desk.actors import Actor
from tests.model.things import Response, Thing

Verdict = frozenset[str]
"""The answers that the rules leave open; nearly always there is just one."""

FINE: Verdict = frozenset({"OK"})
WRONG: Verdict = frozenset({"WRONG_STATE"})
ALREADY: Verdict = frozenset({"ALREADY_DONE"})
EITHER = WRONG | ALREADY
"""The effect stands already, but the state has gone beyond it as well: the rules name no order between the two."""
LATE: Verdict = frozenset({"TOO_LATE"})
INVALID: Verdict = frozenset({"INVALID"})
NOT_PERMITTED: Verdict = frozenset({"NOT_PERMITTED"})
SAME_PERSON: Verdict = frozenset({"SAME_PERSON"})


@dataclass
class Deed:
    """One command: who, what, on what, with what, when."""

    name: str
    on: Thing | None
    actor: Actor
    given: dict[str, Any]
    at: datetime
    malformed: bool = False
    expected_version: int | None = None
    stale: bool = False
    ids: Mapping[str, UUID] = field(default_factory=dict)
    """What the desk named the things that came of it."""

    @property
    def role(self) -> str:
        return self.actor.role.value

    @property
    def person(self) -> UUID:
        return self.actor.person


Guard = Callable[[Any, Deed], Verdict]
Effect = Callable[[Any, Deed], None]


class Rule(NamedTuple):
    """When a command is refused for the state of things, then for its arguments, and what it brings about."""

    state: Guard
    arguments: Callable[[Any, Deed], set[str]]
    effect: Effect


def sound(thing: Any, deed: Deed) -> set[str]:
    """The command takes nothing that could be wrong in itself."""
    return set()


def named(code: str) -> set[str]:
    """What is wrong with a department's name: nothing, or that there is none of the name, or that it is none."""
    if code.startswith("unknown"):
        return {"UNKNOWN"}
    return set() if code in DEPARTMENTS else {"INVALID"}


DEPARTMENTS = ("2202-scjg", "2202-sthj", "2202-gaj", "220204-cgdd")
"""The departments that the model's city plays with; three of them are called, the fourth comes in as a replacement."""


def during(moment: datetime, response: Response, at: datetime) -> bool:
    """Whether a moment lies between the dispatch of a response and now."""
    assert response.at is not None
    return response.at <= moment <= at
