"""Looks at the log and the views, and compares them with the model after every step."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from domain.dispatch.interview import Interview as RealInterview
from domain.kernel import CaseAggregate
from projections.case_file import Part, folded
from projections.due import DUE
from projections.times import micros
from shaoxiang.parts import House
from tests.model.model import Model
from tests.model.things import Case, Interview, Report, Response, Sheet, Thing, Watch, Whistle

KINDS = ("Report", "Case", "Whistle", "Response", "Evaluation", "Interview")


class Witness:
    """Follows the log event by event, so that what each thing was built from is seen once and never changes."""

    def __init__(self, house: House, model: Model) -> None:
        self.house, self.model = house, model
        self.things: dict[UUID, CaseAggregate] = {}
        self.kept: list[Any] = []
        self.said: set[tuple[Any, ...]] = set()
        self.position = 0

    def version(self, stream: UUID) -> int:
        return self.things[stream].version

    def follow(self) -> None:
        """Take in what was recorded since: versions grow by one, no deadline is missed or urged for twice."""
        for raw in self.house.log.raw(self.position, 10_000):
            self.kept.append(raw)
        for recorded in self.house.log.events(self.position, 10_000):
            event = recorded.event
            thing = self.things.get(event.originator_id)
            assert event.originator_version == (thing.version if thing is not None else 0) + 1
            self.position = recorded.position
            self._said_once(event)
            grown: Any = event.mutate(thing)
            self.things[event.originator_id] = grown

    def _said_once(self, event: Any) -> None:
        topic, stream = event.TOPIC, event.originator_id
        if ".urge-issued." in topic and event.cause == "yellow":
            clock = self.things[stream].clocks[event.stage]
            told: tuple[Any, ...] = (stream, topic, event.stage, clock.started_at)
        elif topic.split(".")[1].endswith(("missed", "expired", "lapsed")):
            told = (stream, topic, event.clocks[0].started_at, event.clocks[0].due_at, len(event.clocks[0].ledger))
        else:
            return
        assert told not in self.said, f"{topic} on {stream} came twice"
        self.said.add(told)

    def compare(self) -> None:
        """Everything stands as the model has it; due times are taken over as given facts."""
        self.follow()
        seen = 0
        for thing in self.model.things():
            real = self._real(thing)
            thing.id = real.id
            seen += 1
            if isinstance(thing, Whistle) and thing.deferred:
                assert real.appointed_at >= thing.appointed_at, "a suspension moves an appointment onwards"
                thing.appointed_at, thing.deferred = real.appointed_at, False
            wanted, found = _modelled(thing), _found(thing, real)
            assert wanted == found, f"{type(thing).__name__} {thing.id}: the model has {wanted}, the log {found}"
            _compare_watches(thing, real)
        assert seen == sum(type(each).__name__ in KINDS for each in self.things.values())
        for whistle in (each for case in self.model.cases() for each in case.whistles):
            leads = [each for each in whistle.responses if each.open and each.lead]
            assert len(leads) <= 1, f"{len(leads)} departments lead whistle {whistle.id}"

    def _real(self, thing: Thing) -> Any:
        if thing.id is None and isinstance(thing, Sheet | Interview):
            assert thing.response is not None
            kind = "Interview" if isinstance(thing, Interview) else "Evaluation"
            own = [
                each for each in self.things.values()
                if type(each).__name__ == kind and each.response == thing.response.id  # type: ignore[attr-defined]
            ]  # fmt: skip
            place = thing.response.interviews.index(thing) if isinstance(thing, Interview) else 0
            assert len(own) > place, f"the model has a {kind} on {thing.response.id}, the log has none"
            return sorted(own, key=lambda each: each.id)[place]
        assert thing.id in self.things, f"the model has a {type(thing).__name__} that the log has not"
        return self.things[thing.id]

    def nothing_was_overlooked(self, at: datetime) -> None:
        """Everything that fell due earlier has been recorded as missed by now."""
        late = at - timedelta(microseconds=1)
        for thing in self.model.things():
            for stage, watch in thing.watches.items():
                overlooked = watch.overdue(late) and stage != "return"
                assert not overlooked, f"{stage} of {type(thing).__name__} {thing.id} fell due at {watch.due}"

    def at_the_end(self) -> None:
        """Nothing that was written ever changed, and the views say what the log says."""
        assert list(self.house.log.raw(0, 1_000_000)) == self.kept
        for stream, followed in self.things.items():
            assert self.house.log.load(type(followed), stream) == followed
        self.house.projector.catch_up()
        assert self.house.projector.parked() == []
        with self.house.views.reading() as db:
            dues = {(UUID(row.stream), row.kind): row.fire_at for row in db.execute(select(DUE.table))}
        files = {part.id: part for part in folded(self.house.log.raw(0, 1_000_000))}
        for thing in self.model.things():
            assert thing.id is not None
            self._as_in_the_views(thing, files[thing.id], dues)

    def _as_in_the_views(self, thing: Thing, part: Part, dues: dict[tuple[UUID, str], int]) -> None:
        assert thing.id is not None
        real = self.things[thing.id]
        document = part.document
        state = thing.state  # type: ignore[attr-defined]
        if isinstance(thing, Case) and thing.suspended and thing.under_way:
            assert document["suspended"]
            state = "reopened" if thing.reopened else thing.way
        assert (part.version, document["state"]) == (real.version, state), f"{type(thing).__name__} {thing.id}"
        for stage, watch in thing.watches.items():
            shown = dues.get((thing.id, stage))
            wanted = micros(watch.due) if watch.running and watch.due and stage != "return" else None
            assert shown == wanted, f"the due view has {shown} for {stage} of {type(thing).__name__}, not {wanted}"


def _modelled(thing: Thing) -> dict[str, Any]:
    """What the model says of a thing."""
    names = COMPARED[type(thing)]
    return {name: getattr(thing, name) for name in names} | _parts(thing)


def _parts(thing: Thing) -> dict[str, Any]:
    if isinstance(thing, Report):
        return {"into": thing.into.id if thing.into else None}
    if isinstance(thing, Whistle):
        return {"parts": {(each.id, each.department, each.lead) for each in thing.responses}}
    return {}


COMPARED: dict[type[Thing], tuple[str, ...]] = {
    Report: ("state", "street", "item"),
    Case: ("state", "street", "urgency", "suspended", "listed", "rated", "closed_at"),
    Whistle: ("state", "appointed_at"),
    Response: (
        "state", "lead", "urgency", "missed", "signed_at", "arrived_at", "completed_at", "pending", "granted",
        "failures", "return_pending", "reminded", "rulers",
    ),
    Sheet: ("state", "outcome", "exempt", "objected", "replied", "reviewed"),
    Interview: ("state",),
}  # fmt: skip


def _found(thing: Thing, real: Any) -> dict[str, Any]:
    """What the log says of it, in the model's words."""
    if isinstance(thing, Report):
        return {"state": real.state.value, "street": real.street, "item": thing.item, "into": real.into}
    if isinstance(thing, Case):
        same = ("street", "suspended", "listed", "rated", "closed_at")
        plain = {"state": real.state.value, "urgency": real.urgency.value}
        return {name: plain.get(name, getattr(real, name)) for name in ("state", "urgency", *same)}
    if isinstance(thing, Whistle):
        parts = {(each.response, each.department, each.part == "lead") for each in real.dispatches}
        return {"state": real.state.value, "appointed_at": real.appointed_at, "parts": parts}
    if isinstance(thing, Response):
        return _found_response(real)
    if isinstance(thing, Sheet):
        outcome = real.outcome.value if real.outcome else None
        known = {name: getattr(real, name) for name in ("objected", "replied", "reviewed")}
        return {"state": real.state.value, "outcome": outcome, "exempt": set(real.exempt), **known}
    assert isinstance(real, RealInterview)
    return {"state": real.state.value}


def _found_response(real: Any) -> dict[str, Any]:
    same = ("signed_at", "arrived_at", "completed_at", "return_pending")
    return {
        "state": real.state.value,
        "lead": real.part == "lead",
        "urgency": real.urgency.value,
        "missed": {stage.value for stage in real.missed_stages},
        "pending": real.pending.level if real.pending else 0,
        "granted": len(real.granted),
        "failures": len(real.failures),
        "reminded": real.reminder is not None,
        "rulers": real.ruled_by,
        **{name: getattr(real, name) for name in same},
    }


def _compare_watches(thing: Thing, real: Any) -> None:
    clocks = {stage.value: clock for stage, clock in real.clocks.items()}
    for stage, clock in clocks.items():
        assert stage in thing.watches or not clock.open, f"{stage} of {type(thing).__name__} runs, but not in the model"
    for stage, watch in thing.watches.items():
        assert stage in clocks, f"{type(thing).__name__} has no clock for {stage}"
        _take_over(watch, clocks[stage])
        clock = clocks[stage]
        found = (clock.paused_at is not None, clock.missed_at is not None, not clock.open)
        wanted = (watch.paused, watch.missed, watch.ended)
        story = f"{stage} of {type(thing).__name__} {thing.id}, due {clock.due_at}"
        assert wanted == found, f"{story}: (paused, missed, ended) is {wanted} in the model, {found} in the log"


def _take_over(watch: Watch, clock: Any) -> None:
    """The due time is a given fact; timers that asked before it was known are answered now."""
    watch.due = clock.due_at
    if watch.was_paused and watch.paused:
        watch.paused = clock.paused_at is not None or clock.met_at is not None
    watch.was_paused = False
    undecided = watch.running or (watch.paused and watch.blind)
    if watch.asked is not None and undecided and watch.due <= watch.asked:
        watch.missed, watch.paused = True, False
    watch.asked, watch.blind = None, False
