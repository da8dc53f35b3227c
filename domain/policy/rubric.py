"""The 100-point evaluation: facts in, a sheet out, by a versioned rubric.

Facts decide the outcome before the score does; every deduction cites the event that caused it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from domain.errors import Invalid
from domain.policy.calendar import WorkCalendar
from domain.policy.deadlines import Clock
from domain.policy.units import Frozen, Version, Versions

__all__ = [
    "Band", "Deduction", "Facts", "Mark", "Outcome", "Rating", "Rubric", "Rubrics", "Sheet", "StreetPart",
    "SystemPart", "annual", "arrival_band", "disposal_band", "score", "signature_band", "system_part",
]  # fmt: skip

UNREACHABLE = "unreachable"
TENTH = Decimal("0.1")
Dimension = Literal["A", "B", "C", "D", "E", "F", "G"]
SYSTEM: tuple[Dimension, ...] = ("A", "B", "C", "D")
CLOCKS: Mapping[str, Dimension] = {"signature": "A", "arrival": "B", "disposal": "C"}
"""Clock → the dimension that it decides."""


class Band(StrEnum):
    """How a clock was kept. Which bands a clock may have is the rubric's table."""

    ON_TIME = "on_time"
    BEFORE_ARRIVAL = "before_arrival"
    WITHIN_ALLOWANCE = "within_allowance"
    ONE_DAY = "one_day"
    THREE_DAYS = "three_days"
    LATE = "late"
    NEVER = "never"


class Outcome(StrEnum):
    """What follows: 约谈, 提醒, 通报表扬 or 记录在案."""

    INTERVIEW = "interview"
    REMIND = "remind"
    COMMEND = "commend"
    RECORD = "record"


class Mark(Frozen):
    """How a clock was kept, and the event that shows it."""

    band: Band
    event: str


class Facts(Frozen):
    """What the log says of a response. The tuples cite one event for each occurrence."""

    signature: Mark
    arrival: Mark
    disposal: Mark
    failed_verifications: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    second_extension: str | None = None


class StreetPart(Frozen):
    """What the street saw: entries of conduct, cooperation and vetoes, and the event that recorded them."""

    conduct: tuple[str, ...] = ()
    cooperation: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    event: str


class Rating(Frozen):
    """The reporter's satisfaction (satisfied, fairly, not or unreachable), and the event that recorded it."""

    satisfaction: str
    event: str


class Deduction(Frozen):
    """Points taken off one dimension (a positive number), by which rule, because of which event."""

    dimension: Dimension
    points: float
    rule: str
    event: str


class SystemPart(Frozen):
    """Dimensions A to D, which are known when a response ends."""

    dimensions: dict[str, float]
    deductions: tuple[Deduction, ...]


class Sheet(Frozen):
    """A whole sheet. `raw` is before vetoes and caps, `score` after; G is empty when nobody could be reached."""

    rubric: str
    dimensions: dict[str, float | None]
    deductions: tuple[Deduction, ...]
    vetoes: tuple[str, ...]
    raw: float
    score: float
    outcome: Outcome


class Entry(Frozen):
    """A conduct or cooperation entry: what it costs, once or each time."""

    points: Decimal = Field(ge=0)
    each_time: bool = False


class Rubric(Version):
    """One version of the rubric: maxima, points awarded by band, points taken by entry, vetoes, caps and weights."""

    maxima: Mapping[Dimension, Decimal]
    signature: Mapping[Band, Decimal]
    arrival: Mapping[Band, Decimal]
    disposal: Mapping[Band, Decimal]
    disposal_bands_working_days: Mapping[Band, int]
    second_extension: Decimal
    failed_verification: Decimal
    reopened: Decimal
    conduct: Mapping[str, Entry]
    cooperation: Mapping[str, Entry]
    vetoes: Mapping[str, Literal["zero", "no_commendation"]]
    satisfaction: Mapping[str, Decimal]
    cap_interview: Decimal
    cap_remind: Decimal
    commend_from: Decimal
    annual_weights: Mapping[str, Decimal]

    @model_validator(mode="after")
    def _consistent(self) -> "Rubric":
        if set(self.maxima) != set("ABCDEFG") or sum(self.maxima.values()) != 100:  # noqa: PLR2004 - of one hundred
            raise ValueError("the rubric needs maxima for A to G that add up to 100")
        for clock, dimension in CLOCKS.items():
            if self.bands(clock).get(Band.ON_TIME) != self.maxima[dimension]:
                raise ValueError(f"{clock} on time must earn the whole of dimension {dimension}")
        return self

    def bands(self, clock: str) -> Mapping[Band, Decimal]:
        """The points that each band of a clock earns."""
        return {"signature": self.signature, "arrival": self.arrival, "disposal": self.disposal}[clock]

    @property
    def exemptible(self) -> frozenset[str]:
        """Everything an upheld review may exempt."""
        own = {"failed_verification", "reopened", "second_extension"}
        return frozenset({*CLOCKS, *self.conduct, *self.cooperation, *self.vetoes, *own})

    def check_street_part(self, conduct: Iterable[str], cooperation: Iterable[str], vetoes: Iterable[str]) -> None:
        """Refuse with Invalid what the rubric does not know."""
        for what, names, known in (
            ("conduct", conduct, self.conduct),
            ("cooperation", cooperation, self.cooperation),
            ("vetoes", vetoes, self.vetoes),
        ):
            _known(what, names, known)

    def check_exempt(self, names: Iterable[str]) -> None:
        """Refuse with Invalid what cannot be exempted."""
        _known("exempt", names, self.exemptible)

    def check_satisfaction(self, satisfaction: str) -> None:
        """Refuse with Invalid a rating that the rubric does not know."""
        _known("satisfaction", (satisfaction,), (*self.satisfaction, UNREACHABLE))


Rubrics = Versions[Rubric]
"""All versions of the rubric."""


def system_part(rubric: Rubric, facts: Facts, exempt: Collection[str] = ()) -> SystemPart:
    """Dimensions A to D with their deductions, for the draft. Invalid for an unknown exemption or band."""
    rubric.check_exempt(exempt)
    deductions = _system_deductions(rubric, facts, exempt)
    dimensions: dict[str, float] = {name: float(_left(rubric, name, deductions)) for name in SYSTEM}
    return SystemPart(dimensions=dimensions, deductions=tuple(deductions))


def score(
    rubric: Rubric, facts: Facts, street_part: StreetPart | None, rating: Rating | None, exempt: Collection[str] = ()
) -> Sheet:
    """The whole sheet. Without a street's part E and F are full; without a rating nobody was reachable.

    Invalid for a conduct, cooperation or veto entry, a rating, an exemption or a band that the rubric does not know.
    """
    rubric.check_exempt(exempt)
    deductions = _system_deductions(rubric, facts, exempt)
    vetoes: tuple[str, ...] = ()
    if street_part is not None:
        rubric.check_street_part(street_part.conduct, street_part.cooperation, street_part.vetoes)
        deductions += _entries("E", rubric.conduct, street_part.conduct, street_part.event, exempt)
        deductions += _entries("F", rubric.cooperation, street_part.cooperation, street_part.event, exempt)
        vetoes = tuple(name for name in dict.fromkeys(street_part.vetoes) if name not in exempt)
    reached = rating is not None and rating.satisfaction != UNREACHABLE
    if rating is not None:
        rubric.check_satisfaction(rating.satisfaction)
        if reached:
            deductions += _loss(rubric, "G", rubric.satisfaction[rating.satisfaction], "satisfaction", rating.event)

    points = {name: _left(rubric, name, deductions) for name in rubric.maxima if name != "G" or reached}
    whole = sum((rubric.maxima[name] for name in points), Decimal())
    raw = _tenth(sum(points.values(), Decimal()) * 100 / whole)
    outcome = _outcome(rubric, facts, raw, vetoes, exempt)
    dimensions = {name: float(points[name]) if name in points else None for name in sorted(rubric.maxima)}
    return Sheet(
        rubric=rubric.version, dimensions=dimensions, deductions=tuple(deductions), vetoes=vetoes,
        raw=float(raw), score=float(_capped(rubric, raw, outcome, vetoes)), outcome=outcome,
    )  # fmt: skip


def annual(rubric: Rubric, weight_kind: str, street: Sequence[tuple[float, int]], home: float) -> float:
    """The annual assessment of a posted officer: w of the street's score, the rest of the home unit's.

    `street` holds a score and its days for each posting of the year, so that a transfer counts by days. Invalid
    for an unknown kind, or without days.
    """
    _known("weight kind", (weight_kind,), rubric.annual_weights)
    days = sum(served for _, served in street)
    if days <= 0 or any(served < 0 for _, served in street):
        raise Invalid("An annual assessment needs the days of each posting: give at least one day.", days=days)
    weight = rubric.annual_weights[weight_kind]
    posted = sum((Decimal(str(mark)) * served for mark, served in street), Decimal()) / days
    return float(_tenth(weight * posted + (1 - weight) * Decimal(str(home))))


def signature_band(signature: Clock, arrival_due: datetime) -> Band:
    """How SIGN was kept; what is late still earns something until the arrival is due."""
    if signature.met_at is None:
        return Band.NEVER
    if signature.on_time(signature.met_at):
        return Band.ON_TIME
    return Band.BEFORE_ARRIVAL if signature.met_at <= arrival_due else Band.LATE


def arrival_band(arrival: Clock, calendar: WorkCalendar) -> Band:
    """How ARRIVAL was kept; the allowance again is one more limit in the same unit after the due time."""
    if arrival.met_at is None:
        return Band.NEVER
    if arrival.on_time(arrival.met_at):
        return Band.ON_TIME
    return Band.WITHIN_ALLOWANCE if arrival.met_at <= arrival.allowance_again(calendar) else Band.LATE


def disposal_band(disposal: Clock, calendar: WorkCalendar, rubric: Rubric) -> Band:
    """How DISPOSAL was kept, by the completion that passed: n working days late ends at that day's close."""
    if disposal.met_at is None:
        return Band.NEVER
    if disposal.on_time(disposal.met_at):
        return Band.ON_TIME
    for band, days in sorted(rubric.disposal_bands_working_days.items(), key=lambda pair: pair[1]):
        if disposal.within_working_days(disposal.met_at, days, calendar):
            return band
    return Band.LATE


def _known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise Invalid(f"{what}: {name!r} is not one of {', '.join(sorted(known))}.", name=name)


def _system_deductions(rubric: Rubric, facts: Facts, exempt: Collection[str]) -> list[Deduction]:
    """What A to D lose, in the order of the dimensions."""
    found: list[Deduction] = []
    marks = {"signature": facts.signature, "arrival": facts.arrival, "disposal": facts.disposal}
    for clock, dimension in CLOCKS.items():
        mark = marks[clock]
        _known(f"{clock} band", (mark.band,), rubric.bands(clock))
        if clock not in exempt:
            found += _loss(rubric, dimension, rubric.bands(clock)[mark.band], clock, mark.event)
    occurrences: tuple[tuple[Dimension, str, Decimal, tuple[str, ...]], ...] = (
        ("C", "second_extension", rubric.second_extension, (facts.second_extension,) if facts.second_extension else ()),
        ("D", "failed_verification", rubric.failed_verification, facts.failed_verifications),
        ("D", "reopened", rubric.reopened, facts.reopened),
    )
    for dimension, rule, points, events in occurrences:
        if rule not in exempt:
            found += [Deduction(dimension=dimension, points=float(points), rule=rule, event=each) for each in events]
    return found


def _loss(rubric: Rubric, dimension: Dimension, earned: Decimal, rule: str, event: str) -> list[Deduction]:
    """The deduction that leaves `earned` points, or none where nothing was lost."""
    points = rubric.maxima[dimension] - earned
    return [Deduction(dimension=dimension, points=float(points), rule=rule, event=event)] if points else []


def _entries(
    dimension: Dimension, table: Mapping[str, Entry], names: Sequence[str], event: str, exempt: Collection[str]
) -> list[Deduction]:
    """The street's entries: named twice they count once, but for those that count each time."""
    counted = [name for n, name in enumerate(names) if table[name].each_time or name not in names[:n]]
    return [
        Deduction(dimension=dimension, points=float(table[name].points), rule=name, event=event)
        for name in counted
        if name not in exempt
    ]


def _left(rubric: Rubric, dimension: Dimension, deductions: Iterable[Deduction]) -> Decimal:
    """What remains of a dimension: never below nothing."""
    lost = sum((Decimal(str(one.points)) for one in deductions if one.dimension == dimension), Decimal())
    return max(rubric.maxima[dimension] - lost, Decimal())


def _outcome(rubric: Rubric, facts: Facts, raw: Decimal, vetoes: Collection[str], exempt: Collection[str]) -> Outcome:
    """Facts first: an arrival or a disposal that was missed decides, whatever the score."""
    effects = {rubric.vetoes[name] for name in vetoes}
    if (facts.arrival.band is not Band.ON_TIME and "arrival" not in exempt) or "zero" in effects:
        return Outcome.INTERVIEW
    if facts.disposal.band is not Band.ON_TIME and "disposal" not in exempt:
        return Outcome.REMIND
    return Outcome.COMMEND if raw >= rubric.commend_from and not effects else Outcome.RECORD


def _capped(rubric: Rubric, raw: Decimal, outcome: Outcome, vetoes: Collection[str]) -> Decimal:
    """The score after vetoes and caps."""
    if any(rubric.vetoes[name] == "zero" for name in vetoes):
        return Decimal()
    caps = {Outcome.INTERVIEW: rubric.cap_interview, Outcome.REMIND: rubric.cap_remind}
    return min(raw, caps.get(outcome, raw))


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(TENTH, rounding=ROUND_HALF_UP)
