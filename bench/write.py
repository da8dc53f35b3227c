"""How fast one event with its command row is saved, beside the barest way SQLite can keep the same bytes.

The ceiling is one INSERT and one COMMIT an event on a plain connection with the same pragmas and a table of the same
columns and keys. Ours is `EventLog.save` of one event with its command: checks, command row and a second table more.
Both wait for the disk at every commit. The last row is not the store alone: every command of whole cases is permitted,
loaded, decided, saved and acknowledged by the desk.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from bench.commands import carry_cases
from bench.harness import Sample, interleaved, measure, real_folder, row
from domain.kernel import Act, CaseAggregate, Kind, Meta, Opening, child, event, new_family
from domain.policy.deadlines import Clock, Limit, Stage, Unit
from store.log import CommandRow, EventLog
from store.migrations import LOG, migrate

_EVENTS = 1000
_THREADS = 8
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
    """The rows of the bench; `store` is "sqlite"."""
    assert store == "sqlite"
    with real_folder() as folder:
        names = count()

        def fresh() -> Path:
            return folder / f"{next(names)}.db"

        commands: list[int] = []

        def desk() -> Sample:
            sample, given = carry_cases(fresh().with_suffix(""))
            commands.append(given)
            return sample

        samples = interleaved(
            {
                "raw": lambda: _raw(fresh()),
                "save": lambda: _save(fresh(), threads=1),
                "threads": lambda: _save(fresh(), threads=_THREADS),
                "desk": desk,
            }
        )
    each = samples["desk"][0].events / commands[0]
    return [
        row("plain INSERT and COMMIT an event, the ceiling", samples["raw"]),
        row("save of one event with its command row", samples["save"], samples["raw"]),
        row(f"the same from {_THREADS} threads", samples["threads"], samples["raw"]),
        row(f"whole cases through the desk, {each:.1f} events a command", samples["desk"], samples["raw"]),
    ]


def _aggregates() -> list[Load]:
    clocks = tuple(_clock(stage) for stage in (Stage.SIGNATURE, Stage.ARRIVAL))
    return [
        Load.open(
            Load.LoadPut, child(new_family(_AT), Kind.CASE), _act(), text="占道经营，影响通行。" * 5, clocks=clocks
        )
        for _ in range(_EVENTS)
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


def _save(path: Path, threads: int) -> Sample:
    migrate(path)
    work = [(aggregate, _command()) for aggregate in _aggregates()]
    with EventLog.open(path, [Load]) as log:

        def save(pairs: list[tuple[Load, CommandRow]]) -> None:
            for aggregate, command in pairs:
                log.save([aggregate], command=command)

        if threads == 1:
            return measure(_EVENTS, lambda: save(work))
        with ThreadPoolExecutor(threads) as pool:
            # Threads start when first used, which is not what is measured.
            list(pool.map(lambda _: log.position(), range(threads)))
            shares = [work[first::threads] for first in range(threads)]
            return measure(_EVENTS, _exhausted(lambda: pool.map(save, shares)))


def _exhausted(start: Callable[[], Any]) -> Callable[[], None]:
    return lambda: list(start()).clear()


def _raw(path: Path) -> Sample:
    with EventLog.in_memory([Load]) as log:
        stored = [log.mapper.to_stored_event(each) for aggregate in _aggregates() for each in aggregate.pending_events]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(next(statement for statement in LOG.steps[0] if "TABLE event" in statement))
        return measure(_EVENTS, lambda: _insert(connection, stored))


def _insert(connection: sqlite3.Connection, events: list[StoredEvent]) -> None:
    statement = "INSERT INTO event (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
    for stored in events:
        stream_id = stored.originator_id
        assert isinstance(stream_id, UUID)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(statement, (stream_id.bytes, stored.originator_version, stored.topic, stored.state))
        connection.execute("COMMIT")
