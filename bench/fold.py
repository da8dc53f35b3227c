"""Folding all views: live batches and a rebuild, beside the raw ceilings of reading and of writing.

Interleaved synthetic cases through the real facts, stored in the real log, folded into every view there is. The
ceilings are measured in the same rounds: reading and decoding the same events, and writing the rows of a part of them
with bare executemany into the same tables.
"""

import cProfile
import pstats
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bench.harness import Sample, interleaved, measure, real_folder, row
from bench.histories import interleaved as told
from desk.unit import KINDS
from domain.policy.rules import Rules
from projections.events import decode
from projections.projector import BATCH, Projector
from projections.registry import views
from projections.storage import TableSet, ViewStore
from projections.timing import RulesTiming
from shaoxiang.resources import documents
from store.log import EventLog
from store.migrations import migrate

EVENTS = 200_000
WRITTEN_EVENTS = 40_000
"""How many of the events give the rows that the writing ceiling writes; they are kept in memory."""

SINGLE_EVENTS = 2_000
"""How many events are folded one at a time, as when the house is idle."""

ROUNDS = 3
UNIT = 1_000
TOP = 12

Statement = tuple[str, list[tuple[Any, ...]]]
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536")


def run(store: str) -> list[dict[str, object]]:
    """The figures; `store` is the kind of log, only sqlite for now."""
    assert store == "sqlite"
    with real_folder() as folder, _log(folder / "log.db") as log:
        return _Bench(folder, log).rows()


class _Bench:
    """The contenders, on one log."""

    def __init__(self, folder: Path, log: EventLog) -> None:
        self.folder, self.log = folder, log
        self.timing = RulesTiming(
            Rules.from_dicts(*(documents(k) for k in ("policy", "calendar", "catalogue", "rubric")))
        )
        self.written = 0
        self.statements = self._captured()

    def rows(self) -> list[dict[str, object]]:
        """Measure, and lay out the figures."""
        samples = interleaved(
            {"read": self.read, "write": self.write, "live": self.live, "rebuild": self.rebuild, "single": self.single},
            ROUNDS,
        )
        read, write = samples["read"], samples["write"]
        live = row("live, all views", samples["live"], read)
        live["rows_per_event"] = round(self.written / EVENTS, 2)
        writing = row("live, against writing", samples["live"], write)
        return [
            row("ceiling: read and decode only", read),
            row("ceiling: executemany of the same rows", write),
            live,
            {"name": writing["name"], "ratio_to_ceiling": writing["ratio_to_ceiling"]},
            row("rebuild, all views, one process", samples["rebuild"], read),
            row("one event a transaction", samples["single"]),
            {"name": "top of the profile (microseconds an event)", **self.profile()},
        ]

    def read(self) -> Sample:
        """Read and decode every event, and nothing else."""

        def work() -> None:
            after = 0
            while raws := self.log.raw(after, BATCH):
                for raw in raws:
                    decode(raw)
                after = raws[-1][0]

        return measure(EVENTS, work)

    def write(self) -> Sample:
        """Write the captured rows, batch by batch, with nothing between them and the driver."""
        path = self._fresh("raw.db")
        prepared = ViewStore(path)
        prepared.prepare(views(self.timing))
        prepared.close()
        db = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            db.execute(f"PRAGMA {pragma}")

        def work() -> None:
            for batch in self.statements:
                db.execute("BEGIN IMMEDIATE")
                for statement, values in batch:
                    db.executemany(statement, values)
                db.execute("COMMIT")

        sample = measure(WRITTEN_EVENTS, work)
        db.close()
        return sample

    def live(self) -> Sample:
        """Catch up from nothing, in live batches."""
        projector = self._projector("live.db")
        sample = measure(EVENTS, lambda: _whole(projector))
        self.written = projector.rows_written
        projector.store.close()
        return sample

    def rebuild(self) -> Sample:
        """Fold everything again beside the live views, and swap."""
        projector = Projector(self.log, ViewStore(self.folder / "live.db"), views(self.timing))
        _whole(projector)
        sample = measure(EVENTS, lambda: _rebuilt(projector))
        projector.store.close()
        return sample

    def single(self) -> Sample:
        """Fold one event at a time, each in a transaction of its own."""
        projector = self._projector("single.db")

        def work() -> None:
            for _ in range(SINGLE_EVENTS):
                projector.step(1)

        sample = measure(SINGLE_EVENTS, work)
        projector.store.close()
        return sample

    def profile(self) -> dict[str, float]:
        """Where the time of a live fold goes, by the function's own time."""
        projector = self._projector("profile.db")
        profiler = cProfile.Profile()
        profiler.enable()
        projector.catch_up(until=WRITTEN_EVENTS)
        profiler.disable()
        projector.store.close()
        found = pstats.Stats(profiler).sort_stats("tottime").get_stats_profile().func_profiles
        top = sorted(found.items(), key=lambda item: -item[1].tottime)[:TOP]
        return {name: round(each.tottime / WRITTEN_EVENTS * 1e6, 2) for name, each in top}

    def _captured(self) -> list[list[Statement]]:
        """The statements that fold the first events, a list for each batch."""
        batches: list[list[Statement]] = []

        class Capturing(TableSet):
            def _many(self, db: Connection, statement: str, values: list[tuple[Any, ...]]) -> None:
                if values:
                    batches[-1].append((statement, list(values)))
                super()._many(db, statement, values)

        projector = self._projector("captured.db")
        projector._tables = Capturing(projector.views)  # noqa: SLF001 - the bench looks over its shoulder
        while projector.position < WRITTEN_EVENTS:
            batches.append([])
            projector.step()
        projector.store.close()
        return batches

    def _projector(self, name: str) -> Projector:
        return Projector(self.log, ViewStore(self._fresh(name)), views(self.timing))

    def _fresh(self, name: str) -> Path:
        for leftover in self.folder.glob(f"{name}*"):
            leftover.unlink()
        return self.folder / name


def _log(path: Path) -> EventLog:
    """A log of so many synthetic events."""
    migrate(path)
    log = EventLog.open(path, KINDS)
    facts: Iterator[Any] = told(EVENTS)
    while unit := list(islice(facts, UNIT)):
        log.append(unit)
    return log


def _whole(projector: Projector) -> None:
    projector.catch_up()
    parked = projector.parked()
    assert not parked, parked


def _rebuilt(projector: Projector) -> None:
    assert projector.rebuild() == projector.source.position()
