"""What a log's traffic is like: events a case, what is open, and how late whom; so that a bench says what it folded."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import mean, quantiles
from typing import Any
from uuid import UUID

from domain.kernel import CaseAggregate, Kind, kind_of
from store.log import EventLog

READ_ROWS = 5000

MISSED = {
    "response.signature-missed.v1": "signed_late",
    "response.arrival-missed.v1": "arrived_late",
    "response.disposal-missed.v1": "disposed_late",
    "response.verification-failed.v1": "reworked",
    "response.return-upheld.v1": "returned",
    "response.extension-granted.v1": "extended",
}
"""Topic → what it says of a response, once however often it happened."""


@dataclass
class _Counts:
    of_case: Counter[bytes] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    department: dict[bytes, str] = field(default_factory=dict)
    called: Counter[str] = field(default_factory=Counter)
    happened: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: set[tuple[bytes, str]] = field(default_factory=set)
    over: set[bytes] = field(default_factory=set)
    filed: set[bytes] = field(default_factory=set)


def describe(log: EventLog) -> dict[str, Any]:
    """Figures of a whole log; it is read once, and some bytes a case are kept."""
    counts, position = _Counts(), 0
    while rows := log.raw(position, READ_ROWS):
        position = rows[-1][0]
        for _, stream, version, topic, state in rows:
            _count(counts, bytes(stream), topic, log, (version, bytes(state)))
    sizes = sorted(counts.of_case.values())
    cuts = quantiles(sizes, n=20) if len(sizes) > 1 else [0.0] * 19
    return {
        "events": position,
        "reports": len(sizes),
        "cases_filed": len(counts.filed),
        "cases_open": len(counts.filed - counts.over),
        "open_share": _share(len(counts.filed - counts.over), len(counts.filed)),
        "events_a_report": {"mean": round(mean(sizes), 2), "p5": cuts[0], "p50": cuts[9], "p95": cuts[18],
                            "most": sizes[-1]},
        "shares": {name: _share(sum(n for (_, what), n in counts.happened.items() if what == name),
                                counts.called.total()) for name in MISSED.values()},
        "departments": {
            department: {"called": called}
            | {name: _share(counts.happened[department, name], called) for name in MISSED.values()}
            for department, called in counts.called.most_common()
        },
        "topics": dict(counts.topics.most_common()),
    }  # fmt: skip


def _count(counts: _Counts, stream: bytes, topic: str, log: EventLog, rest: tuple[int, bytes]) -> None:
    counts.topics[topic] += 1
    if kind_of(UUID(bytes=stream)) == Kind.OUTSIDE:
        return
    case = stream[:12]
    counts.of_case[case] += 1
    if topic == "case.filed.v1":
        counts.filed.add(case)
    elif topic in {"case.closed.v1", "case.cancelled.v1"}:
        counts.over.add(case)
    elif topic == "case.reopened.v1":
        counts.over.discard(case)
    elif topic == "response.dispatched.v1":
        fact: CaseAggregate.Event = log.mapper.decode(UUID(bytes=stream), rest[0], topic, rest[1])
        department = str(getattr(fact, "department", ""))
        name = "teams of streets" if department.endswith("-T") else department
        counts.department[stream] = name
        counts.called[name] += 1
    elif topic in MISSED and (stream, topic) not in counts.seen:
        counts.seen.add((stream, topic))
        counts.happened[counts.department[stream], MISSED[topic]] += 1


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
