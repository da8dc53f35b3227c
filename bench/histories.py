"""Synthetic histories: cases told through the real facts, interleaved as in a busy city. No randomness without a seed.

The facts are built directly, with plain clocks, so that folding can be measured and tested apart from deciding.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import interview as interviews
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.dispatch.facts import whistle as whistles
from domain.dispatch.values import Dispatch, Part, Place
from domain.kernel import Fact, Kind, Meta, Opening, case_of, child
from domain.policy.deadlines import Clock, Limit, Stage, Unit
from domain.policy.rubric import Facts, Mark, Outcome, Sheet, SystemPart
from store.recorder import RawEvent

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NAMES = UUID("0b0a4a3e-3c57-5d0e-9f6f-2f8f3f3b7a10")
STREETS = ("220204001", "220204002", "220203008", "220211003")
DEPARTMENTS = ("2202-scjg", "2202-gaj", "220204-cgj", "2202-zjj", "2202-hbj")
ITEMS = ("signboard", "stall", "wiring", "manhole")

LATE_SHARE = 0.1
"""How many of the synthetic cases have a department that comes late."""

SYSTEM = {"A": 10.0, "B": 25.0, "C": 25.0, "D": 20.0}

_OUTSIDE = {"originator_id", "originator_version"}


def raw(position: int, fact: Fact) -> RawEvent:
    """A fact as the log would hand it out."""
    topic = str(getattr(type(fact), "TOPIC", ""))
    state = fact.model_dump_json(exclude=_OUTSIDE).encode()
    return position, fact.originator_id.bytes, fact.originator_version, topic, state


class MemoryLog:
    """A log in memory, of facts that are not yet stored anywhere."""

    def __init__(self, facts: Sequence[Fact] = ()) -> None:
        self.rows: list[RawEvent] = []
        self.add(*facts)

    def add(self, *facts: Fact) -> None:
        """Append facts; positions count from 1."""
        for fact in facts:
            self.rows.append(raw(len(self.rows) + 1, fact))

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        """Up to `limit` events behind a position."""
        return self.rows[after : after + limit]

    def before(self, position: int, limit: int) -> list[RawEvent]:
        """Up to `limit` events before a position, the latest first."""
        return self.rows[: max(position - 1, 0)][::-1][:limit]

    def at(self, positions: Sequence[int]) -> dict[int, RawEvent]:
        """The events at these positions."""
        return {position: self.rows[position - 1] for position in positions if position <= len(self.rows)}

    def raw_case(self, member: UUID) -> list[RawEvent]:
        """The events of the streams of a case."""
        return [row for row in self.rows if row[1][:12] == member.bytes[:12]]

    def raw_streams(self, streams: Sequence[UUID]) -> list[RawEvent]:
        """The events of these streams."""
        return [row for stream in streams for row in self.rows if row[1] == stream.bytes]

    def position(self) -> int:
        """The last position."""
        return len(self.rows)

    def detached(self) -> list[str]:
        """It has no years that could be taken out."""
        return []

    def wait(self, position: int, timeout: float) -> int:
        """Nothing comes by waiting."""
        del position, timeout
        return len(self.rows)


class Story:
    """One case being told: hands out facts with rising versions, at times that the teller moves on."""

    def __init__(self, number: int, *, seed: int = 0, drill: bool = False, imported: bool = False) -> None:
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.at = START + timedelta(minutes=number % 100_000)
        milliseconds = int(self.at.timestamp() * 1000)
        tail = uuid5(NAMES, f"{seed}/{number}").int & (1 << 78) - 1 >> 32 << 32
        self.report = UUID(int=milliseconds << 80 | 0x7 << 76 | tail & ~(0xF << 76))
        self.case = case_of(self.report)
        self.whistle = child(self.report, Kind.WHISTLE)
        self.versions: dict[UUID, int] = {}
        self.drill = drill
        self.imported = imported
        self.street = self.random.choice(STREETS)
        self.item = self.random.choice(ITEMS)
        self.place = Place(lat=43.85, lon=126.56, address=None)
        self.clocks: dict[tuple[UUID, Stage], Clock] = {}

    def response(self, ordinal: int = 0) -> UUID:
        """The id of a response."""
        return child(self.report, Kind.RESPONSE, ordinal)

    def evaluation(self, ordinal: int = 0) -> UUID:
        """The id of the evaluation of a response."""
        return child(self.report, Kind.EVALUATION, ordinal)

    def interview(self, ordinal: int = 0) -> UUID:
        """The id of an interview."""
        return child(self.report, Kind.INTERVIEW, ordinal)

    def later(self, **delta: float) -> "Story":
        """Let time pass."""
        self.at += timedelta(**delta)
        return self

    def meta(self, role: str, organisation: str) -> Meta:
        """By whom; one person stands for a role in an organisation."""
        command = uuid5(NAMES, f"{self.report}/{sum(self.versions.values())}")
        return Meta(
            actor=uuid5(NAMES, f"{role}/{organisation}"), role=role, organisation=organisation, case_id=self.case,
            command_id=command, correlation_id=command, imported=self.imported,
        )  # fmt: skip

    def start(self, stream: UUID, stage: Stage, hours: float) -> Clock:
        """A clock that starts now."""
        due = self.at + timedelta(hours=hours)
        clock = Clock(
            stage=stage, limit=Limit(amount=int(hours), unit=Unit.URGENT_HOURS), rule=f"{stage}/general",
            policy="2026-1", calendar="cn-1", slots="office", started_at=self.at, due_at=due,
            warn_at=self.at + timedelta(hours=hours * 0.8),
        )  # fmt: skip
        self.clocks[stream, stage] = clock
        return clock

    def met(self, stream: UUID, stage: Stage) -> tuple[Clock, ...]:
        """The clock as it stands when it is met now; nothing for imported history, which has no clocks."""
        if (stream, stage) not in self.clocks:
            return ()
        self.clocks[stream, stage] = self.clocks[stream, stage].meet(self.at)
        return (self.clocks[stream, stage],)

    def missed(self, stream: UUID, stage: Stage) -> tuple[Clock, ...]:
        """The clock as it stands when it is missed."""
        self.clocks[stream, stage] = self.clocks[stream, stage].miss()
        return (self.clocks[stream, stage],)

    def fact(
        self, what: type[Fact], stream: UUID, by: tuple[str, str] = ("command_officer", "2202-zhzx"), /, **facts: Any
    ) -> Fact:
        """The next fact of a stream."""
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        if issubclass(what, Opening):
            facts["originator_topic"] = str(vars(what)["TOPIC"]).split(".", 1)[0]
        if self.imported:
            facts["clocks"] = ()
        meta = self.meta(*by)
        return what(originator_id=stream, originator_version=version, timestamp=self.at, meta=meta, **facts)

    # Chapters, in the order in which a case runs.

    def reported(self) -> Iterator[Fact]:
        """上报."""
        yield self.fact(
            reports.ReportSubmitted, self.report, ("grid_worker", self.street), source="grid", description="a sign",
            place=self.place, item=None, photos=(), reporter=None, drill=self.drill, area=self.street[:6],
            street=self.street, division=f"{self.street}001002",
            clocks=(self.start(self.report, Stage.TRIAGE, 2),),
        )  # fmt: skip

    def filed(self) -> Iterator[Fact]:
        """立案."""
        yield self.fact(
            cases.CaseFiled, self.case, number=f"2202-{self.number}", report=self.report, item=self.item,
            item_name=self.item, item_limit=None, catalogue="2026-1", urgency="general", place=self.place,
            source="grid", area=self.street[:6], street=self.street, division=f"{self.street}001002",
            drill=self.drill, clocks=(self.start(self.case, Stage.DISPATCH, 2),),
        )  # fmt: skip
        clocks = self.met(self.report, Stage.TRIAGE)
        yield self.fact(reports.ReportFiled, self.report, case=self.case, on_time=True, clocks=clocks)

    def blown(self, departments: Sequence[str]) -> Iterator[Fact]:
        """吹哨; the first of the departments leads."""
        by = ("street_leader", self.street)
        parts = [Part.LEAD, *[Part.SUPPORT] * (len(departments) - 1)]
        called = tuple(
            Dispatch(response=self.response(ordinal), department=department, part=part)
            for ordinal, (department, part) in enumerate(zip(departments, parts, strict=True))
        )
        yield self.fact(
            whistles.WhistleBlown, self.whistle, by, kind="enforcement", street=self.street, responses=called,
            appointed_at=None, reason=None, drill=self.drill,
        )  # fmt: skip
        clocks = self.met(self.case, Stage.DISPATCH)
        yield self.fact(
            cases.CaseWhistled, self.case, by, whistle=self.whistle, responses=called, on_time=True, clocks=clocks
        )
        for dispatch in called:
            yield self.fact(
                responses.ResponseDispatched, dispatch.response, by, whistle=self.whistle,
                department=dispatch.department, part=dispatch.part, kind="enforcement", urgency="general",
                item=self.item, street=self.street, place=self.place, drill=self.drill,
                clocks=(
                    self.start(dispatch.response, Stage.SIGNATURE, 1),
                    self.start(dispatch.response, Stage.ARRIVAL, 2),
                    self.start(dispatch.response, Stage.DISPOSAL, 48),
                ),
            )  # fmt: skip

    def signed(self, response: UUID, department: str) -> Iterator[Fact]:
        """签收."""
        clocks = self.met(response, Stage.SIGNATURE)
        by = ("department_liaison", department)
        yield self.fact(responses.ResponseSigned, response, by, on_time=True, band="on_time", clocks=clocks)

    def arrived(self, response: UUID, department: str) -> Iterator[Fact]:
        """报到."""
        clocks = self.met(response, Stage.ARRIVAL)
        on_time = not clocks or clocks[0].missed_at is None
        yield self.fact(
            responses.ArrivalRecorded, response, ("department_liaison", department), officers=(), place=self.place,
            distance_m=3.0, device_at=None, arrived_at=self.at, on_time=on_time,
            band="on_time" if on_time else "late", clocks=clocks,
        )  # fmt: skip

    def arrival_missed(self, response: UUID, department: str) -> Iterator[Fact]:
        """未及时报到, and an interview opened on it."""
        clocks = self.missed(response, Stage.ARRIVAL)
        again = self.at + timedelta(hours=2)
        by = ("system", "2202-zhzx")
        yield self.fact(responses.ArrivalMissed, response, by, again_at=again, clocks=clocks)
        yield self.fact(
            interviews.InterviewOpened, self.interview(), by, response=response, department=department,
            because="arrival", drill=self.drill, clocks=(self.start(self.interview(), Stage.INTERVIEW_LIMIT, 48),),
        )  # fmt: skip

    def done(self, response: UUID, department: str) -> Iterator[Fact]:
        """办结反馈, then 核查通过."""
        submitted = self.at
        disposal = self.clocks.get((response, Stage.DISPOSAL))
        clocks: tuple[Clock, ...] = (
            () if disposal is None else (disposal.pause(self.at, "done"), self.start(response, Stage.VERIFICATION, 4))
        )
        yield self.fact(
            responses.CompletionSubmitted, response, ("department_liaison", department), result="done", photos=(),
            on_time=True, clocks=clocks,
        )  # fmt: skip
        self.later(minutes=20)
        verified: tuple[Clock, ...] = self.met(response, Stage.VERIFICATION)
        if disposal is not None:
            verified = (*verified, disposal.meet(submitted))
        yield self.fact(
            responses.VerificationPassed, response, ("grid_worker", self.street), disposed_at=submitted, on_time=True,
            band="on_time", clocks=verified,
        )  # fmt: skip

    def drafted(self, ordinal: int, department: str) -> Iterator[Fact]:
        """The system's part of the sheet."""
        mark = Mark(band="on_time", event=f"{self.response(ordinal)}/2")
        yield self.fact(
            evaluations.EvaluationDrafted, self.evaluation(ordinal), response=self.response(ordinal),
            department=department, drill=self.drill, rubric="2026-1",
            facts=Facts(signature=mark, arrival=mark, disposal=mark), part=SystemPart(dimensions=SYSTEM, deductions=()),
        )  # fmt: skip

    def closed(self) -> Iterator[Fact]:
        """结案."""
        yield self.fact(whistles.WhistleResolved, self.whistle)
        due = self.at + timedelta(hours=40)
        yield self.fact(
            cases.CaseClosed, self.case, due_to_close=None if self.imported else due, on_time=True,
            reports=(self.report,), clocks=(self.start(self.case, Stage.CALLBACK, 72),),
        )  # fmt: skip

    def rated(self, satisfaction: str = "satisfied") -> Iterator[Fact]:
        """回访."""
        clocks = self.met(self.case, Stage.CALLBACK)
        yield self.fact(
            cases.ReporterRated, self.case, satisfaction=satisfaction, resolved=satisfaction != "not", on_time=True,
            clocks=clocks,
        )  # fmt: skip

    def final(self, ordinal: int, score: float, outcome: str) -> Iterator[Fact]:
        """The sheet is served and becomes final, and what follows is proposed."""
        evaluation, by = self.evaluation(ordinal), ("street_leader", self.street)
        yield self.fact(evaluations.StreetPartGiven, evaluation, by, conduct=(), cooperation=(), vetoes=())
        sheet = self.sheet(score, outcome)
        clocks: tuple[Clock, ...] = (self.start(evaluation, Stage.OBJECTION, 72),)
        yield self.fact(evaluations.EvaluationServed, evaluation, by, sheet=sheet, clocks=clocks)
        self.later(hours=73)
        clocks = self.missed(evaluation, Stage.OBJECTION) if not self.imported else ()
        yield self.fact(evaluations.EvaluationFinalised, evaluation, sheet=sheet, because="silence", clocks=clocks)
        if outcome == "commend":
            yield self.fact(evaluations.CommendationProposed, evaluation)

    def sheet(self, score: float, outcome: str) -> Sheet:
        """A sheet with a given score."""
        dimensions: dict[str, float | None] = {**SYSTEM, "E": 10.0, "F": 5.0, "G": 5.0}
        return Sheet(
            rubric="2026-1", dimensions=dimensions, deductions=(), vetoes=(), raw=score, score=score,
            outcome=Outcome(outcome),
        )  # fmt: skip

    def whole(self) -> Iterator[Fact]:
        """A whole case, in one of several courses."""
        departments = self.random.sample(DEPARTMENTS, self.random.choice((1, 1, 2)))
        late = self.random.random() < LATE_SHARE
        yield from self.reported()
        self.later(minutes=20)
        yield from self.filed()
        self.later(minutes=30)
        yield from self.blown(departments)
        for ordinal, department in enumerate(departments):
            yield from self.later(minutes=5).signed(self.response(ordinal), department)
        self.later(minutes=30)
        if late:
            yield from self.later(hours=2).arrival_missed(self.response(), departments[0])
            self.later(minutes=30)
        for ordinal, department in enumerate(departments):
            yield from self.arrived(self.response(ordinal), department)
        for ordinal, department in enumerate(departments):
            yield from self.later(hours=1).done(self.response(ordinal), department)
            yield from self.drafted(ordinal, department)
        yield from self.later(minutes=10).closed()
        yield from self.later(hours=3).rated(self.random.choice(("satisfied", "satisfied", "fairly", "not")))
        for ordinal, _ in enumerate(departments):
            outcome = "interview" if late and ordinal == 0 else "commend"
            yield from self.final(ordinal, 59.0 if outcome == "interview" else 100.0, outcome)


def interleaved(events: int, *, seed: int = 0, open_cases: int = 500) -> Iterator[Fact]:
    """So many facts of cases that run side by side, `open_cases` at a time."""
    chance = random.Random(seed)
    number = 0
    running: list[Iterator[Fact]] = []
    told = 0
    while told < events:
        while len(running) < open_cases:
            number += 1
            running.append(Story(number, seed=seed).whole())
        index = chance.randrange(len(running))
        fact = next(running[index], None)
        if fact is None:
            running[index] = running[-1]
            running.pop()
            continue
        told += 1
        yield fact
