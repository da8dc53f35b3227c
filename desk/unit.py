"""The unit of work of one command: what was loaded, what was begun, and what is saved, all or nothing.

Everything loaded joins the read set: at the commit its version must still be the same, or the command is decided
again. So a rule that spans several streams of a case (the lead is verified last) holds under concurrency.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Self, TypeVar
from uuid import UUID

from eventsourcing.utils import get_topic

from desk.actors import Actor
from desk.world import World
from domain.dispatch.case import Case
from domain.dispatch.evaluation import Evaluation
from domain.dispatch.interview import Interview
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.dispatch.standing import Standing, standing_id
from domain.dispatch.timekeeping import Party, Timekeeper
from domain.dispatch.whistle import Whistle
from domain.errors import Invalid, Unknown
from domain.kernel import Act, CaseAggregate, Kind, case_of, child, kind_of, ordinal_of
from domain.registry.organisations import City, Organisation, OrganisationKind
from domain.registry.people import Person
from store.log import CaseStreams, CommandRow, Recorded, Saved

A = TypeVar("A", bound=CaseAggregate)

KINDS: tuple[type[CaseAggregate], ...] = (Report, Case, Whistle, Response, Evaluation, Interview, Standing, Person)
"""Every aggregate there is; the log is opened for these."""

BY_KIND: dict[int, type[CaseAggregate]] = {
    Kind.REPORT: Report,
    Kind.CASE: Case,
    Kind.WHISTLE: Whistle,
    Kind.RESPONSE: Response,
    Kind.EVALUATION: Evaluation,
    Kind.INTERVIEW: Interview,
}

Ahead = Mapping[UUID, Sequence[Recorded]] | CaseStreams
"""Streams that were read ahead, many at once: those of one case, or what a timer goes through in many cases."""

RESPONSES_A_WHISTLE = 256
INTERVIEWS_A_RESPONSE = 8


class Unit:
    """One command's view of the log, and what it decided; a block that ends when it is saved, or given up."""

    def __init__(self, world: World, act: Act, actor: Actor, ahead: Ahead | None = None) -> None:
        """`ahead` holds streams that were read already; where one has moved on since, saving finds the conflict."""
        self.world, self.act, self.actor = world, act, actor
        self._ahead: Ahead = ahead or {}
        self.ids: dict[str, UUID] = {}
        self.counters: dict[str, int] = {}
        self._held: dict[UUID, CaseAggregate | None] = {}
        self._read: dict[UUID, int] = {}
        self._turns = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._turns.close()

    @property
    def city(self) -> City:
        """The city's divisions and organisations."""
        return self.world.city

    @property
    def organisation(self) -> Organisation:
        """The organisation that the actor acts for."""
        return self.city.get(self.actor.organisation)

    # Loading.

    def find(self, kind: type[A], stream_id: UUID) -> A | None:
        """The aggregate, or None; either way it joins the read set."""
        if stream_id not in self._held:
            ahead = self._ahead.get(stream_id)
            log = self.world.log
            loaded = log.load(kind, stream_id) if ahead is None else log.fold(kind, ahead)
            self._held[stream_id] = loaded
            self._read[stream_id] = loaded.version if loaded is not None else 0
        held = self._held[stream_id]
        return held if isinstance(held, kind) else None

    def need(self, kind: type[A], stream_id: UUID) -> A:
        """The aggregate; refuse with UNKNOWN where there is none."""
        found = self.find(kind, stream_id)
        if found is None:
            raise Unknown(f"There is no {kind.__name__.lower()} {stream_id}.", id=str(stream_id))
        return found

    def begin(self, aggregate: A) -> A:
        """Take in an aggregate that the command began; its stream must not exist yet when it is saved."""
        self._read.setdefault(aggregate.id, 0)
        self._held[aggregate.id] = aggregate
        return aggregate

    def case(self, member: UUID) -> Case:
        """The case that a stream belongs to."""
        return self.need(Case, case_of(member))

    def report_of(self, case: Case) -> Report:
        """The report that a case was filed from."""
        return self.need(Report, case.report)

    def whistle_of(self, response: Response) -> Whistle | None:
        """The whistle that a response answers; None for direct handling."""
        return self.need(Whistle, response.whistle) if response.whistle else None

    def whistles(self, case: Case) -> list[Whistle]:
        """Every whistle of a case, in order."""
        return [self.need(Whistle, each) for each in case.whistles]

    def responses(self, whistle: Whistle) -> list[Response]:
        """Every response to a whistle, released ones too, in order."""
        return [self.need(Response, each.response) for each in whistle.dispatches]

    def responses_of(self, case: Case) -> list[Response]:
        """Every response of a case, in order: those to its whistles, then direct handling's."""
        called = [response for whistle in self.whistles(case) for response in self.responses(whistle)]
        return [*called, self.need(Response, case.direct)] if case.direct is not None else called

    def evaluation(self, response: UUID) -> Evaluation | None:
        """The evaluation of a response, or None while there is none."""
        return self.find(Evaluation, evaluation_id(response))

    def interviews(self, response: UUID) -> list[Interview]:
        """The interviews that a response led to, in order."""
        return list(_until_none(lambda n: self.find(Interview, interview_id(response, n))))

    def standing(self, department: str) -> Standing:
        """A department's standing, begun where there is none."""
        found = self.find(Standing, standing_id(department))
        return found or self.begin(Standing.begin(department, self.act))

    def target(self, stream_id: UUID) -> CaseAggregate:
        """Whatever a stream id names; refuse with UNKNOWN where there is nothing."""
        kind = BY_KIND.get(kind_of(stream_id))
        if kind is None or self.find(kind, stream_id) is None:
            raise Unknown(f"There is nothing with the id {stream_id}.", id=str(stream_id))
        return self.need(kind, stream_id)

    # Ruling.

    def keeper(self, department: str | None = None, street: str | None = None) -> Timekeeper:
        """A timekeeper in the slots of those who must act."""
        slots = {}
        for party, code in ((Party.DEPARTMENT, department), (Party.STREET, street)):
            if code is not None and self.city.has(code):
                slots[party] = self.city.get(code).slots
        return Timekeeper(self.world.rules, slots)

    def keeper_of(self, response: Response) -> Timekeeper:
        """The timekeeper of a response: its department's slots, and its street's for those who verify."""
        return self.keeper(response.department, self.case(response.id).street)

    def department(self, name: str) -> Organisation:
        """A department by name or code; UNKNOWN, AMBIGUOUS, or INVALID where it is not a department."""
        found = self.city.find(name)
        if found.kind is not OrganisationKind.DEPARTMENT:
            raise Invalid(f"{found.name} is no department; name one.", organisation=found.code)
        return found

    # Saving.

    def draw(self, counter: str) -> int:
        """A counter's value, which is one more once the unit is saved; a unit draws from one counter.

        Whoever draws in this process has the counter to itself until its unit ends. In another process somebody may
        be faster, and then saving finds the conflict.
        """
        assert not self.counters, "who waits for two turns at once may wait for ever"
        self._turns.enter_context(self.world.turns.of(counter))
        self.counters[counter] = self.world.log.counter(counter)
        return self.counters[counter]

    def save(self, command: CommandRow | None) -> Saved:
        """Commit everything decided, with the command, in one transaction; raises the store's Conflict."""
        changed = [each for each in self._held.values() if each is not None and each.pending_events]
        written = {each.id for each in changed}
        reads = {stream: version for stream, version in self._read.items() if stream not in written}
        return self.world.log.save(changed, reads, command, self.counters)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The topics decided so far, stream by stream."""
        held = (each for each in self._held.values() if each is not None)
        return tuple(get_topic(type(fact)) for each in held for fact in each.pending_events)


def response_id(whistle: UUID, n: int) -> UUID:
    """The stream of a whistle's n-th response."""
    return child(whistle, Kind.RESPONSE, ordinal_of(whistle) * RESPONSES_A_WHISTLE + n)


def direct_id(case: UUID) -> UUID:
    """The stream of direct handling's one response."""
    return child(case, Kind.RESPONSE, 0)


def evaluation_id(response: UUID) -> UUID:
    """The stream of a response's evaluation."""
    return child(response, Kind.EVALUATION, ordinal_of(response))


def interview_id(response: UUID, n: int) -> UUID:
    """The stream of the n-th interview that a response led to."""
    return child(response, Kind.INTERVIEW, ordinal_of(response) * INTERVIEWS_A_RESPONSE + n)


def _until_none(nth: Callable[[int], Interview | None]) -> Iterator[Interview]:
    for n in range(INTERVIEWS_A_RESPONSE):
        found = nth(n)
        if found is None:
            return
        yield found
