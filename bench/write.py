"""How fast one event with its command row is saved, beside the barest way the same database can keep the same bytes.

The ceiling is one INSERT and one COMMIT an event, on a plain connection a thread, into a table of the same columns and
keys. Ours is `EventLog.save` of one event with its command: checks, command row and a second table more. The stock
library stores the event alone. All of them wait for the disk before they say it is done, and each ratio is between
runs of the same round. The last row is not the store alone: every command of whole cases is permitted, loaded, decided,
saved and acknowledged by the desk.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from bench.commands import carry_cases
from bench.harness import Sample, interleaved, measure, real_folder, row
from bench.write_stores import PostgresStore, SqliteStore, WriteStore
from domain.kernel import Act, CaseAggregate, Kind, Meta, Opening, child, event, new_family
from domain.policy.deadlines import Clock, Limit, Stage, Unit
from store.log import CommandRow, EventLog

EVENTS = 1000
BARS: Mapping[str, Mapping[int, float]] = {"sqlite": {1: 0.6}, "postgres": {1: 0.45, 8: 0.35, 32: 0.5}}
"""The least ratio to the ceiling, by store and number of threads."""

_THREADS = {"sqlite": (1, 8), "postgres": (1, 8, 32)}
_RAW_THREADS = {"sqlite": {1: 1, 8: 1}, "postgres": {1: 1, 8: 8, 32: 32}}
"""With how many threads the ceiling is reached: SQLite has one writer, so more only get in each other's way."""

_EVENTS_A_THREAD = 100
_AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Load(CaseAggregate):
    """A stream of one event as large as those of the trade: with meta and two clocks."""

    TOPIC = "bench-load"

    class LoadPut(Opening):
        """There is something to store."""

        TOPIC: ClassVar[str] = "bench-load.put.v1"
        text: str

    @event(LoadPut)
    def __init__(self, text: str) -> None:
        self.text = text


def run(store: str) -> list[dict[str, object]]:
    """The rows of the bench; `store` is "sqlite" or "postgres"."""
    with real_folder() as folder, _opened(store, folder) as place:
        commands: list[int] = []

        def desk() -> Sample:
            sample, given = carry_cases(place.fresh_folder())
            commands.append(given)
            return sample

        contenders: dict[str, Callable[[], Sample]] = {}
        for threads in _THREADS[store]:
            contenders[f"save {threads}"] = partial(_save, place, threads)
            contenders[f"stock {threads}"] = partial(_store, place.stock, threads)
        for threads in set(_RAW_THREADS[store].values()):
            contenders[f"raw {threads}"] = partial(_store, place.raw, threads)
        if store == "sqlite":
            contenders["desk"] = desk
        samples = interleaved(contenders)
    rows = []
    for threads in _THREADS[store]:
        ceiling = samples[f"raw {_RAW_THREADS[store][threads]}"]
        where = f"{threads} thread{'s' if threads > 1 else ''}"
        bar = BARS[store].get(threads)
        rows += [
            row(f"{where}: plain INSERT and COMMIT an event, the ceiling", ceiling),
            row(f"{where}: save of one event with its command row", samples[f"save {threads}"], ceiling)
            | ({"bar": bar} if bar else {}),
            row(f"{where}: the stock library, the event alone", samples[f"stock {threads}"], ceiling),
        ]
    if store == "sqlite":
        each = samples["desk"][0].events / commands[0]
        rows.append(
            row(f"whole cases through the desk, {each:.1f} events a command", samples["desk"], samples["raw 1"])
        )
    return rows


@contextmanager
def _opened(store: str, folder: Path) -> Iterator[WriteStore]:
    if store == "sqlite":
        yield SqliteStore(folder)
        return
    with PostgresStore(folder, _AT) as place:
        yield place


def _count(threads: int) -> int:
    return max(EVENTS, threads * _EVENTS_A_THREAD)


def _save(place: WriteStore, threads: int) -> Sample:
    """Through our log, each thread its share."""
    work = [(aggregate, _command()) for aggregate in _aggregates(_count(threads))]
    with place.log([Load]) as log:

        def save(pairs: list[tuple[Load, CommandRow]]) -> None:
            for aggregate, command in pairs:
                log.save([aggregate], command=command)

        return _shared(work, threads, save)


def _store(opened: Callable[[int], Any], threads: int) -> Sample:
    """Through something that stores one event a transaction."""
    with opened(threads) as store_one:

        def store(events: list[StoredEvent]) -> None:
            for stored in events:
                store_one(stored)

        return _shared(_stored(_count(threads)), threads, store)


def _shared(work: list[Any], threads: int, each: Callable[[list[Any]], None]) -> Sample:
    """Time the work dealt out to so many threads, which have all been used before."""
    warm_up, work = work[:threads], work[threads:]
    if threads == 1:
        each(warm_up)
        return measure(len(work), lambda: each(work))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(each, [[one] for one in warm_up]))
        shares = [work[first::threads] for first in range(threads)]
        return measure(len(work), lambda: list(pool.map(each, shares)).clear())


def _stored(count: int) -> list[StoredEvent]:
    with EventLog.in_memory([Load]) as log:
        return [log.mapper.to_stored_event(each) for one in _aggregates(count) for each in one.pending_events]


def _aggregates(count: int) -> list[Load]:
    clocks = tuple(_clock(stage) for stage in (Stage.SIGNATURE, Stage.ARRIVAL))
    return [
        Load.open(
            Load.LoadPut, child(new_family(_AT), Kind.CASE), _act(), text="占道经营，影响通行。" * 5, clocks=clocks
        )
        for _ in range(count)
    ]


def _act() -> Act:
    meta = Meta(
        actor=UUID(int=1), role="street_officer", organisation="220204001", command_id=uuid4(), correlation_id=uuid4()
    )
    return Act(at=_AT, meta=meta)


def _clock(stage: Stage) -> Clock:
    named: dict[str, Any] = dict.fromkeys(("rule", "policy", "calendar", "slots"), "2026-1")
    limit = Limit(amount=2, unit=Unit.WORKING_HOURS)
    return Clock(stage=stage, limit=limit, started_at=_AT, due_at=_AT + timedelta(hours=2), **named)


def _command() -> CommandRow:
    return CommandRow(
        id=uuid4(), actor=UUID(int=1), name="sign", request_hash="ab" * 32, result='{"version": 2}', at=_AT
    )
