"""The desk: the one door for every command, and for every timer.

A command is looked up by its id first, then its target is loaded, the actor's permission asked, what is overdue on
the target settled, the guard asked, the arguments read, the decision made, and everything saved in one transaction.
Where somebody else was faster, it is decided again.
"""

import hmac
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from pydantic import BaseModel, ValidationError

from desk import consequences
from desk.actors import STREET_ROLES, SYSTEM, Actor, Role
from desk.arguments import Arguments
from desk.commands import COMMANDS, Target
from desk.errors import Busy, CommandInFlight, CommandReused, StaleVersion
from desk.handlers import Handlers, cases, evaluations, people, reports, responses, whistles
from desk.permissions import permit
from desk.subjects import answered, subject_of
from desk.unit import BY_KIND, Ahead, Unit
from desk.world import World
from domain.dispatch import dunning, oversight
from domain.dispatch.case import Case
from domain.dispatch.evaluation import Evaluation
from domain.dispatch.interview import Interview
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.dispatch.timekeeping import Timekeeper
from domain.errors import Invalid, Refusal, Unknown
from domain.kernel import Act, CaseAggregate, Frozen, Meta, case_of, kind_of
from domain.registry.people import Person
from store.errors import Conflict
from store.log import CommandRow, Recorded

TRIES = 20
"""How often a command is decided again when others keep changing what it looked at (our default)."""

BEFORE = timedelta(microseconds=1)
"""What is due at a moment happens after what people do at that moment, so a command settles only what is earlier."""

FIRINGS = UUID("a5e7c3d2-4b1f-5e86-9d70-6f2c8b9a0d14")
"""The namespace of the command ids under which timers act."""

HANDLERS: Handlers = {
    **reports.HANDLERS,
    **cases.HANDLERS,
    **whistles.HANDLERS,
    **responses.HANDLERS,
    **evaluations.HANDLERS,
    **people.HANDLERS,
}
"""Command name → its guard and its decision; as total as the table of commands."""


class Done(Frozen):
    """The answer to a command: where the log stands, and what came of it.

    `version` and `state` are those of what the command created, else of its subject (see `subjects`), as they are now.
    """

    position: int
    version: int
    ids: dict[str, UUID]
    events: tuple[str, ...]
    state: str | None = None
    number: str | None = None


class Desk:
    """Decides commands and fires timers. Safe to use from many threads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._in_flight: set[UUID] = set()
        self._lock = threading.Lock()

    # Commands.

    def do(
        self,
        name: str,
        on: UUID | None,
        given: Mapping[str, Any] | BaseModel,
        actor: Actor,
        *,
        command_id: UUID,
        at: datetime | None = None,
        expected_version: int | None = None,
    ) -> Done:
        """Decide one command, once: asked again with the same id it gives the same answer.

        `expected_version` is the version that the caller saw of the command's subject; None stands for any.
        Raises a `Refusal` of the domain, CommandReused, CommandInFlight, StaleVersion, or Busy.
        """
        request = _digest(self.world.digest_key, name, on, given)
        with self._lock:
            if command_id in self._in_flight:
                raise CommandInFlight("The same command is being decided; ask again in a moment.")
            self._in_flight.add(command_id)
        try:
            return self._decide_until_saved(name, on, given, actor, command_id, at, expected_version, request)
        finally:
            with self._lock:
                self._in_flight.discard(command_id)

    def read_ahead(self, streams: Iterable[UUID]) -> Mapping[UUID, Sequence[Recorded]]:
        """What firing these streams will look at, in one question to the store: the streams, and their cases."""
        wanted = {member for stream in streams for member in _family(stream)}
        return self.world.log.streams(sorted(wanted))

    def fire(self, stream_id: UUID, at: datetime, ahead: Ahead | None = None) -> datetime | None:
        """Record what is overdue on one stream at `at`, and what follows from it; `ahead` is what was read ahead.

        Answers when to try again where something waits for the end of the quiet hours, else None. The truth lies in
        the stream: nothing happens where nothing is due any more.
        """
        for lost in range(1, TRIES + 1):
            unit = Unit(self.world, _timer_act(stream_id, at), TIMER, ahead)
            kind = BY_KIND.get(kind_of(stream_id))
            target = unit.find(kind, stream_id) if kind is not None else None
            if target is None:
                return None
            self._settle(unit, target, unit.act)
            try:
                if unit.recorded:
                    unit.save(None)
            except Conflict:
                # What was read ahead is old.
                ahead = None
                self.world.pause(lost)
                continue
            return dunning.next_try(target, at, unit.keeper_of(target)) if isinstance(target, Response) else None
        raise Busy(f"Stream {stream_id} kept changing while its timers fired.")

    # The way of a command.

    def _decide_until_saved(
        self,
        name: str,
        on: UUID | None,
        given: Mapping[str, Any] | BaseModel,
        actor: Actor,
        command_id: UUID,
        at: datetime | None,
        expected_version: int | None,
        request: str,
    ) -> Done:
        for lost in range(1, TRIES + 1):
            if (earlier := self._earlier(command_id, actor, request)) is not None:
                return earlier
            when = at or self.world.now()
            try:
                with Unit(self.world, _act(actor, command_id, on, when), actor, self._whole_case(on)) as unit:
                    return self._decide(unit, name, on, given, command_id, expected_version, request)
            except Conflict:
                self.world.pause(lost)
            except (Refusal, StaleVersion):
                # A twin may have been stored by another process since the look-up, and be what is in the way.
                if (earlier := self._earlier(command_id, actor, request)) is not None:
                    return earlier
                raise
        raise Busy("Others kept changing what the command looked at; ask again with the same id.")

    def _whole_case(self, on: UUID | None) -> Ahead | None:
        """A decision looks at most of a case, stream by stream, and asks the store once for all of them."""
        return self.world.log.case_streams(on) if on is not None and kind_of(on) in BY_KIND else None

    def _decide(
        self,
        unit: Unit,
        name: str,
        on: UUID | None,
        given: Mapping[str, Any] | BaseModel,
        command_id: UUID,
        expected_version: int | None,
        request: str,
    ) -> Done:
        target = self._target(unit, name, on)
        permit(unit, name, target)
        subject = subject_of(unit, name, target)
        if expected_version is not None and subject is not None and subject.version != expected_version:
            kind = type(subject).__name__.lower()
            raise StaleVersion(
                f"The {kind} is at version {subject.version} now, not {expected_version}; read it again."
            )
        if target is not None:
            self._settle(unit, target, _timer_act(target.id, unit.act.at - BEFORE))
            if name in EVALUATED and isinstance(target, Response):
                self._settle_sheet(unit, target)
        handler = HANDLERS[name]
        handler.guard(unit, target)
        arguments = _read(COMMANDS[name].arguments, given)
        _take_on(unit, target)
        handler.decide(unit, target, arguments)
        return self._save(unit, name, target, command_id, request)

    def _target(self, unit: Unit, name: str, on: UUID | None) -> CaseAggregate | None:
        if name not in COMMANDS:
            raise Unknown(f"There is no command {name!r}.", command=name)
        wanted = COMMANDS[name].target
        if wanted is Target.NOTHING:
            return None
        if on is None:
            raise Invalid(f"{name} acts on a {wanted.value}: say which.", command=name)
        if wanted is Target.PERSON:
            return unit.need(Person, on)
        found = unit.target(on)
        if type(found).__name__.lower() != wanted.value:
            raise Unknown(f"{on} is a {type(found).__name__.lower()}; {name} acts on a {wanted.value}.", id=str(on))
        return found

    def _settle(self, unit: Unit, target: CaseAggregate, act: Act) -> None:
        """Record what is overdue on a stream at the act's time, with all that follows."""
        first = len(target.pending_events)
        keeper = _keeper(unit, target)
        if isinstance(target, Case) and oversight.resumption_is_due(target, act.at):
            oversight.resume(target, act, keeper, automatic=True)
            consequences.resumed(unit, target, act)
        if isinstance(target, Response):
            dunning.fire(target, act, keeper)
        elif isinstance(target, Report | Case | Evaluation | Interview):
            target.fire(act, keeper)
        consequences.after_timers(unit, target, first, act)

    def _settle_sheet(self, unit: Unit, response: Response) -> None:
        evaluation = unit.evaluation(response.id)
        if evaluation is not None:
            act = _timer_act(evaluation.id, unit.act.at - BEFORE)
            self._settle(unit, evaluation, act)

    def _save(self, unit: Unit, name: str, target: CaseAggregate | None, command_id: UUID, request: str) -> Done:
        events = unit.recorded
        shown = answered(unit, name, target)
        case = unit.find(Case, case_of(shown.id)) if isinstance(shown, tuple(BY_KIND.values())) else None
        done = Done(
            position=0,
            version=shown.version,
            ids=unit.ids,
            events=events,
            state=getattr(getattr(shown, "state", None), "value", None),
            number=case.number if case is not None else None,
        )
        row = CommandRow(
            id=command_id,
            actor=unit.actor.person,
            name=name,
            request_hash=request,
            result=done.model_dump_json(),
            at=unit.act.at,
        )
        saved = unit.save(row)
        self._after(name, done)
        return done.model_copy(update={"position": saved.position})

    def _earlier(self, command_id: UUID, actor: Actor, request: str) -> Done | None:
        row = self.world.log.command(command_id)
        if row is None:
            return None
        if row.actor != actor.person or row.request_hash != request:
            raise CommandReused("This command id was used before, for something else; use a new one.")
        done = Done.model_validate_json(row.result).model_copy(update={"position": row.position})
        self._after(row.name, done)
        return done

    def _after(self, name: str, done: Done) -> None:
        """What cannot be undone comes after the record of it, and again when a retry finds the record."""
        if name == "erase_reporter" and self.world.vault is not None:
            self.world.vault.erase(done.ids["person"])


TIMER = Actor(person=SYSTEM, role=Role.ADMIN, organisation="-")
"""Who fires."""

EVALUATED = frozenset(evaluations.HANDLERS)
"""Commands that act on a response's sheet, whose own windows are settled first."""


def _act(actor: Actor, command_id: UUID, on: UUID | None, at: datetime) -> Act:
    case_id = case_of(on) if on is not None and kind_of(on) in BY_KIND else None
    meta = Meta(
        actor=actor.person,
        role=actor.role.value,
        organisation=actor.organisation,
        case_id=case_id,
        command_id=command_id,
        correlation_id=case_id or command_id,
    )
    return Act(at=at, meta=meta)


def _family(stream: UUID) -> tuple[UUID, ...]:
    """A stream and its case, whose street says in whose hours its clocks run."""
    return (stream, case_of(stream)) if kind_of(stream) in BY_KIND else (stream,)


def _timer_act(stream_id: UUID, at: datetime) -> Act:
    """A timer's act."""
    command_id = uuid5(FIRINGS, f"{stream_id}/{at.isoformat()}")
    case_id = case_of(stream_id) if kind_of(stream_id) in BY_KIND else None
    meta = Meta(
        actor=SYSTEM,
        role="system",
        organisation="system",
        case_id=case_id,
        command_id=command_id,
        correlation_id=case_id or command_id,
    )
    return Act(at=at, meta=meta)


def _keeper(unit: Unit, target: CaseAggregate) -> Timekeeper:
    if isinstance(target, Report | Person) or kind_of(target.id) not in BY_KIND:
        return unit.keeper()
    department = getattr(target, "department", None)
    return unit.keeper(department, unit.case(target.id).street)


def _take_on(unit: Unit, target: CaseAggregate | None) -> None:
    """A case that no street has acted on yet belongs to the first street that does."""
    if target is None or unit.actor.role not in STREET_ROLES or kind_of(target.id) not in BY_KIND:
        return
    street = unit.city.street_of(unit.organisation.division).code
    report = target if isinstance(target, Report) else None
    case = unit.find(Case, case_of(target.id))
    if case is not None:
        case.locate(street, unit.act)
    elif report is not None:
        report.locate(street, unit.act)


def _read(arguments: type[Arguments], given: Mapping[str, Any] | BaseModel) -> Arguments:
    if isinstance(given, arguments):
        return given
    try:
        return arguments.model_validate_json(json.dumps(given, default=str))
    except ValidationError as problem:
        fields = {".".join(map(str, each["loc"])) or "arguments": each["msg"] for each in problem.errors()}
        said = "; ".join(f"{field}: {message}" for field, message in fields.items())
        raise Invalid(f"The arguments do not fit: {said}", fields=fields) from None


def _digest(key: bytes, name: str, on: UUID | None, given: Mapping[str, Any] | BaseModel) -> str:
    """A keyed fingerprint of the request, the same for the same body."""
    plain = given.model_dump(mode="json") if isinstance(given, BaseModel) else given
    body = json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)
    return hmac.digest(key, f"{name}\n{on}\n{body}".encode(), "sha256").hex()
