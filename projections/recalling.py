"""Asking for the history: who did what, when, and by which rule, along the log itself, and in one case.

A page looks through a bounded part of the log. It goes along what leaves least of it: a case's or a stream's own
events, those of whoever acted, or else one event after the other. It may therefore be short, and names where to go on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder
from sqlalchemy import Connection, Select, func, select

from domain.kernel import Kind, kind_of
from projections import history
from projections.events import Event, case_of, dashed
from projections.history import ACTORS, ACTS, HOURS, OUTSIDE, RECORDS, number_of
from projections.tables import Append
from projections.times import HOUR, micros_of, optional_micros
from store.recorder import RawEvent

__all__ = ["LONGEST", "Line", "Log", "Wanted", "page", "timeline"]

LONGEST = 10_000
"""A timeline is not read beyond so many events at once."""

STEPS = (2_000,) * 5
"""How many events a page looks at after those that would fill it if all of them matched, a step at a time."""

PERSONS = 16
"""Of an organisation for which so many acted, all that was done is found; of a larger one, something is everywhere."""

Line = dict[str, Any]
"""One line of the history. Times are microseconds since the epoch; without `at`, nobody here can read the event."""


class Log(Protocol):
    """What asking for the history needs of the event log."""

    def raw(self, after: int, limit: int) -> Sequence[RawEvent]:
        """Up to `limit` stored events behind a position, in order."""

    def before(self, position: int, limit: int) -> Sequence[RawEvent]:
        """Up to `limit` stored events before a position, the latest first."""

    def at(self, positions: Sequence[int]) -> Mapping[int, RawEvent]:
        """The stored events at these positions; where there is none any more, nothing."""

    def raw_case(self, member: UUID) -> Sequence[RawEvent]:
        """The stored events of all streams of the case that `member` belongs to, in order."""

    def raw_streams(self, streams: Sequence[UUID]) -> Sequence[RawEvent]:
        """The stored events of these streams, each stream's in order."""


class Wanted(NamedTuple):
    """Which lines: those with all of these values, within these times (microseconds), the latest first or not."""

    equal: Mapping[str, Any]
    since: int | None = None
    until: int | None = None
    falling: bool = False

    def holds(self, line: Line) -> bool:
        """Whether it is one of them."""
        return all(line[name] == value for name, value in self.equal.items()) and self.within(line["at"])

    def within(self, at: int | None) -> bool:
        """Whether the time is; that of an event which nobody can read is not known to be."""
        if self.since is None and self.until is None:
            return True
        return at is not None and (self.since or 0) <= at and (self.until is None or at <= self.until)


class Part(NamedTuple):
    """A part of the log: what lies behind one position and before another."""

    after: int = 0
    before: int = (1 << 63) - 1


Looked = Sequence[tuple[int, RawEvent | None]]
"""Events by their positions, in the order that is wanted; None for one that was taken out of the log."""

Source = Callable[[Part, int], Looked]
"""The next events of a part of the log, up to so many, in the order that is wanted."""

Visible = Callable[[list[Line]], list[Line]]
"""Leaves out what the reader may not see."""


def page(
    db: Connection, log: Log, wanted: Wanted, place: int | None, limit: int, visible: Visible = list
) -> tuple[list[Line], int | None]:
    """Up to `limit` lines behind a place, and the place from which to go on; None on the last page."""
    source, part = _source(db, log, wanted)
    found: list[tuple[Line, RawEvent]] = []
    onward = place
    for step in (limit + 1, *STEPS):
        if onward is not None:
            part = part._replace(before=onward) if wanted.falling else part._replace(after=onward)
        looked = source(part, step)
        found += _matching(looked, wanted, visible)
        if len(found) > limit:
            onward = found[limit - 1][0]["position"]
            break
        onward = looked[-1][0] if len(looked) == step else None
        if onward is None:
            break
    return [line | _said(raw) for line, raw in found[:limit]], onward


def timeline(db: Connection, log: Log, member: UUID, as_of: int | None = None, limit: int = LONGEST) -> list[Line]:
    """What happened in the case, in order, up to a moment where given (microseconds)."""
    raws = _of_case(db, log, member)[:limit]
    return [
        line | _said(raw) for line, raw in _matching([(raw[0], raw) for raw in raws], Wanted({}, until=as_of), list)
    ]


def _matching(looked: Looked, wanted: Wanted, visible: Visible) -> list[tuple[Line, RawEvent]]:
    raws = {position: raw for position, raw in looked if raw is not None}
    lines = [line for line in map(_line, raws.values()) if wanted.holds(line)]
    return [(line, raws[line["position"]]) for line in visible(lines)]


class _Meta(Struct):
    actor: str
    role: str
    organisation: str
    imported: bool
    case_id: str | None = None


class _Envelope(Struct):
    """What every event carries, and a line of the history is made of."""

    timestamp: str
    meta: _Meta


_envelope = Decoder(_Envelope).decode
_OF_META = ("actor", "role", "organisation", "imported")
_NOT_READ: Line = dict.fromkeys(("at", "case_id", *_OF_META))


def _line(raw: RawEvent) -> Line:
    """Who did what, and when."""
    position, identity, version, topic, state = raw
    stream, kind = dashed(identity), topic.partition(".")[0]
    line = {"position": position, **_NOT_READ, "stream": stream, "kind": kind, "topic": topic, "version": version}
    try:
        said = _envelope(state)
        line["at"] = micros_of(said.timestamp)
    except (MsgspecError, ValueError):
        # Whatever is wrong with one event must not hide the others; its case is parked.
        return line
    line["case_id"] = said.meta.case_id if kind in OUTSIDE else case_of(stream)
    return line | {name: getattr(said.meta, name) for name in _OF_META}


def _said(raw: RawEvent) -> Line:
    """What was said besides.

    That is when it happened where a device reported late, the command, `rules` ([stage, rule, policy, calendar, due]
    for each clock that it moved), and `facts`.
    """
    try:
        event = Event(raw)
        meta = event.data["meta"]
        occurred_at = optional_micros(meta["occurred_at"])
        return {"occurred_at": occurred_at, "command": meta["command_id"], "rules": event.rules, "facts": event.facts}
    except Exception:  # noqa: BLE001 - as above
        return {"occurred_at": None, "command": None, "rules": [], "facts": {}}


def _source(db: Connection, log: Log, wanted: Wanted) -> tuple[Source, Part]:
    """What to go along, and in which part of the log."""
    stream, case = (wanted.equal.get(name) for name in ("stream", "case_id"))
    if stream is not None:
        # A record goes on for years; what belongs to a case has an end.
        if kind_of(UUID(stream)) == Kind.OUTSIDE:
            return _along(db, log, RECORDS, [stream], wanted), Part()
        return _among(log.raw_streams([UUID(stream)]), wanted), Part()
    if case is not None:
        return _among(_of_case(db, log, UUID(case)), wanted), Part()
    part, persons = _within(db, wanted), _persons(db, wanted)
    if persons is None:
        return _whole(log, wanted), part
    return _along(db, log, ACTS, [number_of(person) for person in persons], wanted), part


def _persons(db: Connection, wanted: Wanted) -> list[str] | None:
    """Those whose acts are to be gone along, if they are few: whoever is named, or acted for the organisation."""
    if (actor := wanted.equal.get("actor")) is not None:
        return [actor]
    if (organisation := wanted.equal.get("organisation")) is None:
        return None
    column = ACTORS.table.c
    query = select(column.actor).where(column.organisation == organisation).limit(PERSONS + 1)
    found = list(db.execute(query).scalars())
    return found if len(found) <= PERSONS else None


def _whole(log: Log, wanted: Wanted) -> Source:
    """One event after the other."""

    def source(part: Part, step: int) -> Looked:
        most = max(min(step, part.before - part.after - 1), 0)
        raws = log.before(part.before, most) if wanted.falling else log.raw(part.after, most)
        return [(raw[0], raw) for raw in raws if part.after < raw[0] < part.before]

    return source


def _among(raws: Iterable[RawEvent], wanted: Wanted) -> Source:
    """Along events that are there."""
    ordered = sorted(raws, reverse=wanted.falling)

    def source(part: Part, step: int) -> Looked:
        return [(raw[0], raw) for raw in ordered if part.after < raw[0] < part.before][:step]

    return source


def _along(db: Connection, log: Log, index: Append, keys: Sequence[Any], wanted: Wanted) -> Source:
    """Along what stands under some keys, each of which gives its positions in order."""

    def source(part: Part, step: int) -> Looked:
        found = {at for key in keys for at in db.execute(_positions(index, key, part, step, wanted)).scalars()}
        positions = sorted(found, reverse=wanted.falling)[:step]
        raws = log.at(positions)
        return [(position, raws.get(position)) for position in positions]

    return source


def _positions(index: Append, key: Any, part: Part, step: int, wanted: Wanted) -> Select[Any]:
    first, position = (index.table.c[name] for name in index.key)
    query = select(position).where(first == key, position > part.after, position < part.before)
    return query.order_by(position.desc() if wanted.falling else position).limit(step)


def _of_case(db: Connection, log: Log, member: UUID) -> list[RawEvent]:
    """The events of a case, in order, with those of records that name it."""
    column = RECORDS.table.c
    positions = list(db.execute(select(column.position).where(column.about == case_of(str(member)))).scalars())
    return sorted([*log.raw_case(member), *log.at(positions).values()])


def _within(db: Connection, wanted: Wanted) -> Part:
    """The part of the log in which events of these times stand. In it may stand others, too."""
    if wanted.since is None and wanted.until is None:
        return Part()
    column = HOURS.table.c
    query = select(func.min(column.stretch), func.max(column.stretch))
    if wanted.since is not None:
        query = query.where(column.hour >= wanted.since // HOUR)
    if wanted.until is not None:
        query = query.where(column.hour <= wanted.until // HOUR)
    first, last = db.execute(query).one()
    if first is None:
        return Part(0, 1)
    return Part(max(first * history.STRETCH - 1, 0), (last + 1) * history.STRETCH)
