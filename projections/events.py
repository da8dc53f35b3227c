"""What a view sees of an event: decoded once for all views, straight from the log's JSON.

Views do not build the domain's models: folding needs a few fields of each event, millions of times over. Only those are
made into objects; the rest of the JSON is passed over, unless somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import orjson
from msgspec import UNSET, Struct, convert, defstruct
from msgspec.json import Decoder

from domain.kernel import Fact, Kind
from projections.times import micros_of, optional_micros
from projections.topics import FACTS
from store.recorder import RawEvent

PREFIX = 28
"""How many characters of a stream's id, written with dashes, are shared by all streams of its case."""

_CASE_TAIL = f"{Kind.CASE:02x}000000"
_ENVELOPE = frozenset(("timestamp", "meta", "clocks", "originator_topic", "originator_id", "originator_version"))


class Log(Protocol):
    """What the projections need of the event log."""

    def raw(self, after: int, limit: int) -> Sequence[RawEvent]:
        """Up to `limit` stored events behind position `after`, in order."""

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""

    def wait(self, position: int, timeout: float) -> int:
        """Wait, `timeout` seconds at most, until the log has grown beyond `position`."""

    def detached(self) -> Sequence[str]:
        """The years that were taken out of the log."""


Tick = tuple[str, int, int | None, bool, bool, bool]
"""A clock as views look at it: its stage; when it is due and when it turns yellow (microseconds since the epoch);
whether it was met, whether it was missed, and whether it stands still (stopped for good or paused)."""


FIELDS = (
    "again_at", "area", "arrived_at", "because", "cause", "children", "count", "criticise_at", "department",
    "departments", "division", "done", "drill", "due_to_close", "evidence", "exempt", "into", "item", "item_name",
    "kind", "minutes", "notify_at", "number", "of", "on_time", "part", "place", "replaces", "report", "reports",
    "resolved", "response", "satisfaction", "sheet", "since", "source", "stage", "step", "street", "upheld", "urgency",
    "whistle",
)  # fmt: skip
"""What views ask of events besides the envelope. Another field is found, too, but at the price of the whole JSON."""


class Meta(Struct, gc=False):
    """What views look at of the circumstances under which a fact was recorded."""

    actor: str
    organisation: str
    imported: bool


class _Clock(Struct, gc=False):
    """A clock, as far as views look at it."""

    stage: str
    due_at: str
    warn_at: str | None
    met_at: str | None
    missed_at: str | None
    stopped_at: str | None
    paused_at: str | None


def _said(fact: type[Fact]) -> Any:
    """What is made of such an event's JSON: room for those of `FIELDS` that it has, and for no others."""
    own = [(field, Any, UNSET) for field in FIELDS if field in fact.model_fields]
    return defstruct(
        "_Said", [("timestamp", str), ("meta", Meta), ("clocks", list[_Clock] | None, None), *own], gc=False
    )


_SAID = {topic: _said(fact) for topic, fact in FACTS.items()}
_READ = {topic: Decoder(said).decode for topic, said in _SAID.items()}
_read_envelope = Decoder(_said(Fact)).decode
"""For a kind of event that is not known here, as beside a newer release: who folds it has to know what to do."""


class Event:
    """One event. `stream`, `case` and ids in `data` are text with dashes; `at` is in microseconds since the epoch.

    `ticks` are the clocks that it started, moved or ended, read once for all views.
    """

    __slots__ = ("_data", "_said", "_state", "at", "case", "meta", "position", "stream", "ticks", "topic", "version")

    def __init__(self, raw: RawEvent) -> None:
        """Read a stored event, brought to today's form. Raises where the JSON is broken or lacks time or meta."""
        self.position, identity, self.version, self.topic, self._state = raw
        self._data: dict[str, Any] | None = None
        topic = self.topic
        said = self._said = (
            convert(self.data, _SAID[topic]) if topic in _UPCAST else _READ.get(topic, _read_envelope)(self._state)
        )
        self.at = micros_of(said.timestamp)
        self.meta: Meta = said.meta
        self.stream, self.case = _named(identity)
        self.ticks: list[Tick] = [
            (
                clock.stage,
                micros_of(clock.due_at),
                optional_micros(clock.warn_at),
                clock.met_at is not None,
                clock.missed_at is not None,
                clock.stopped_at is not None or clock.paused_at is not None,
            )
            for clock in said.clocks or ()
        ]

    def __getitem__(self, field: str) -> Any:
        value = getattr(self._said, field, UNSET)
        return self.data[field] if value is UNSET else value

    @property
    def data(self) -> dict[str, Any]:
        """All that it says."""
        if self._data is None:
            self._data = all_of(self.topic, self._state)
        return self._data

    @property
    def clocks(self) -> list[dict[str, Any]]:
        """The clocks that it started, moved or ended, as they are written."""
        return self.data.get("clocks") or []

    @property
    def ref(self) -> str:
        """How other facts cite this one."""
        return f"{self.stream}/{self.version}"

    @property
    def facts(self) -> dict[str, Any]:
        """The event's own fields, without what every event carries."""
        return facts_of(self.data)

    @property
    def rules(self) -> list[list[str]]:
        """[stage, rule, policy, calendar, due] of each clock that the event moved."""
        return [[clock[name] for name in ("stage", "rule", "policy", "calendar", "due_at")] for clock in self.clocks]


@lru_cache(maxsize=1 << 14)
def _named(identity: bytes) -> tuple[str, str]:
    """A stream's id and its case's as text. Events of a stream lie near each other: hence the cache."""
    stream = dashed(identity)
    return stream, case_of(stream)


_UPCAST = {topic: fact for topic, fact in FACTS.items() if getattr(fact, "class_version", 1) > 1}


def all_of(topic: str, state: bytes) -> dict[str, Any]:
    """All that a stored event says, brought to today's form."""
    data: dict[str, Any] = orjson.loads(state)
    if topic in _UPCAST:
        fact: Any = _UPCAST[topic]
        for step in range(data.pop("class_version", 1), fact.class_version):
            getattr(fact, f"upcast_v{step}_v{step + 1}")(data)
    return data


def facts_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's own fields, without what every event carries."""
    return {name: value for name, value in data.items() if name not in _ENVELOPE}


def decode(raw: RawEvent) -> Event:
    """A stored event as views see it, decoded once for all of them. Raises as `Event` does."""
    return Event(raw)


def dashed(stream: bytes) -> str:
    """A stream's id of 16 bytes as text with dashes."""
    text = stream.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def case_of(stream: str) -> str:
    """The id of the case that a stream belongs to, as text."""
    return stream[:PREFIX] + _CASE_TAIL


def sibling(stream: str, kind: int) -> str:
    """The stream of another kind with the same ordinal in the same case: the response of an evaluation, say."""
    return f"{stream[:PREFIX]}{kind:02x}{stream[PREFIX + 2 :]}"


def report_of(case: str) -> str:
    """The report from which a case grew."""
    return f"{case[:PREFIX]}{Kind.REPORT:02x}000000"


def kind_of(stream: str) -> int:
    """What a stream is, as in `domain.kernel.Kind`."""
    return int(stream[PREFIX : PREFIX + 2], 16)
