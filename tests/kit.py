"""Given, when, then: a test of an aggregate says what happened, what is asked for, and what follows.

    given(called(), signed("13:20")).when(lambda response: sign(response, act("13:30"), KEEPER)).refuses(AlreadyDone)

The history goes through the real mapper before the aggregate is built from it, and so does whatever a command
records; so each of these tests also proves that the facts survive the log, and that a replay ends where deciding did.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest

from domain.dispatch.case import Case
from domain.dispatch.evaluation import Evaluation
from domain.dispatch.interview import Interview
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.dispatch.standing import Standing
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.whistle import Whistle
from domain.errors import Refusal
from domain.kernel import Act, CaseAggregate, Meta
from domain.policy.deadlines import Stage
from domain.policy.rules import Rules
from domain.registry.people import Person
from shaoxiang.resources import documents
from store.mapper import EventMapper

KINDS: tuple[type[CaseAggregate], ...] = (
    Report, Case, Whistle, Response, Evaluation, Interview, Standing, Person,
)  # fmt: skip
MAPPER = EventMapper(KINDS)
RULES = Rules.from_dicts(*(documents(kind) for kind in ("policy", "calendar", "catalogue", "rubric")))
KEEPER = Timekeeper(RULES)
ZONE = ZoneInfo("Asia/Shanghai")
DAY = "2022-12-14"
"""A plain Wednesday, which a time without a day is on."""

_NAMES = UUID("0e0c0d52-8c1b-5b8a-9f0d-3f1f6a1c2b77")

A = TypeVar("A", bound=CaseAggregate)


def local(text: str) -> datetime:
    """A local time, such as "2022-12-14 13:00" or "13:00" on the plain Wednesday, as aware UTC."""
    whole = text if "-" in text else f"{DAY} {text}"
    return datetime.fromisoformat(whole).replace(tzinfo=ZONE).astimezone(UTC)


def shown(at: object) -> object:
    """A moment as the site's clock shows it, in the form that `local` reads; anything else as it is."""
    if not isinstance(at, datetime):
        return at
    return at.astimezone(ZONE).replace(tzinfo=None).isoformat(" ").removesuffix(":00").removeprefix(f"{DAY} ")


def person(name: str) -> UUID:
    """The id of somebody whom a test calls by a name."""
    return uuid5(_NAMES, name)


def act(at: str, actor: str = "someone", role: str = "command_officer", **meta: Any) -> Act:
    """Somebody acts at a local time."""
    by = Meta(
        actor=person(actor), role=role, organisation="test", command_id=person(f"{actor} {at}"),
        correlation_id=person(at), **meta,
    )  # fmt: skip
    return Act(at=local(at), meta=by)


def _facts(aggregate: CaseAggregate) -> list[CaseAggregate.Event]:
    """What an aggregate has recorded and not yet handed over."""
    return [fact for fact in aggregate.collect_events() if isinstance(fact, CaseAggregate.Event)]


def _agree(found: object, wanted: dict[str, object]) -> None:
    """What is found has the wanted attributes; the message shows both."""
    had = {name: shown(getattr(found, name)) for name in wanted}
    assert had == wanted, f"{type(found).__name__} has {had}, not {wanted}"


def replayed(history: list[CaseAggregate.Event]) -> Any:
    """The aggregate that a history makes, once the history has been through the mapper."""
    aggregate: Any = None
    for fact in history:
        stored = MAPPER.to_stored_event(fact)
        read = MAPPER.to_domain_event(stored)
        assert MAPPER.to_stored_event(read) == stored, f"{type(fact).__name__} changed on its way through the log"
        aggregate = read.mutate(aggregate)
    return aggregate


class Given(Generic[A]):
    """What happened so far, and the aggregate that was built from it."""

    def __init__(self, opening: Callable[[], A], *steps: Callable[[A], object]) -> None:
        live = opening()
        for step in steps:
            step(live)
        self.history: list[CaseAggregate.Event] = _facts(live)
        self.aggregate: A = replayed(self.history)

    def when(self, command: Callable[[A], object]) -> "When[A]":
        """Ask for something; each question finds the aggregate as the history left it."""
        return When(self.history, replayed(self.history), command)


class When(Generic[A]):
    """What a command recorded, or how it was refused."""

    def __init__(self, history: list[CaseAggregate.Event], aggregate: A, command: Callable[[A], object]) -> None:
        self.refusal: Refusal | None = None
        try:
            command(aggregate)
        except Refusal as refusal:
            self.refusal = refusal
        self.recorded: list[CaseAggregate.Event] = _facts(aggregate)
        self.aggregate: A = replayed([*history, *self.recorded])
        self._left = list(self.recorded)
        assert self.aggregate == aggregate, "a replay ends elsewhere than deciding did"

    def then(self, fact: type[CaseAggregate.Event], **fields: object) -> Self:
        """The next fact that was recorded is of this kind, and has these fields; moments in the form of `local`."""
        self._not_refused()
        assert self._left, f"expected {fact.__name__}, but nothing more was recorded: {self._names()}"
        found = self._left.pop(0)
        assert isinstance(found, fact), f"expected {fact.__name__}, but found {self._names()}"
        _agree(found, fields)
        return self

    def nothing_more(self) -> Self:
        """No further fact was recorded; as the only expectation: none at all."""
        self._not_refused()
        assert not self._left, f"expected nothing more, but found {[type(fact).__name__ for fact in self._left]}"
        return self

    def clock(self, stage: Stage, **fields: object) -> Self:
        """The clock of a stage now has these fields or properties; moments in the form of `local`."""
        self._not_refused()
        _agree(self.aggregate.clocks[stage], fields)
        return self

    def has(self, **attributes: object) -> Self:
        """The aggregate now has these attributes; moments in the form of `local`."""
        self._not_refused()
        _agree(self.aggregate, attributes)
        return self

    def refuses(self, kind: type[Refusal]) -> None:
        """The command is refused by exactly this type, with a message, and nothing was recorded."""
        if self.refusal is None:
            pytest.fail(f"expected {kind.__name__}, but the command recorded {self._names()}")
        assert type(self.refusal) is kind, f"expected {kind.__name__}, got {self.refusal!r}"
        assert self.refusal.message.endswith(".")
        assert not self.recorded, f"refused, yet it recorded {self._names()}"

    def _not_refused(self) -> None:
        assert self.refusal is None, f"the command was refused: {self.refusal!r}"

    def _names(self) -> list[str]:
        return [type(fact).__name__ for fact in self.recorded]


def given(opening: Callable[[], A], *steps: Callable[[A], object]) -> Given[A]:
    """What happened: how the stream was opened, and the commands that followed."""
    return Given(opening, *steps)
