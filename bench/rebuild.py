"""A rebuild of all views there are: indexes, catch-up, positions and swap included, with a process for each core.

Beside it, in the same run, the ceilings: reading and decoding the same log, and writing the same rows ready-made, each
in one process. Then the memory of each process, the seconds of each phase, the processors' time of the processes that
fold and of the server, and the profile of one process.
"""

import cProfile
import os
import pstats
import resource
from collections.abc import Mapping
from itertools import islice

import psutil

from bench.harness import measure, row
from bench.views import Place, Rows, place, read
from projections.bulk import BAND_EVENTS, Loader
from projections.folding import undisturbed
from projections.physical import SCRATCH, TableSet
from projections.rebuilding import Figures, Rebuild, check

OPTIONS: Mapping[str, int] = {"events": 1_000_000, "processes": 0, "rounds": 1, "check": 0}
"""Events in the log; processes that fold (0: one for each core); rounds; whether to compare with a fresh fold."""

CEILING_EVENTS = 200_000
PROFILED_EVENTS = 50_000
TOP = 15
_MEBIBYTE = 1 << 20


def run(store: str, *, events: int, processes: int, rounds: int, check: int) -> list[dict[str, object]]:
    """The figures."""
    with place(store, events) as where:
        return rows_for(where, processes=processes, rounds=rounds, compared=bool(check))


def rows_for(where: Place, *, processes: int = 0, rounds: int = 1, compared: bool = False) -> list[dict[str, object]]:
    """The rows of this bench for a log that is there; its views are the ones folded last."""
    return _Bench(where, processes or os.cpu_count() or 1).rows(rounds, compared=compared)


class _Bench:
    def __init__(self, where: Place, processes: int) -> None:
        self.where, self.processes = where, processes
        self.store = where.fresh()

    def rows(self, rounds: int, *, compared: bool) -> list[dict[str, object]]:
        """Measure, and lay out the figures."""
        position = self.where.log.position()
        ready = Rows(self.where, CEILING_EVENTS)
        reads, writes, rebuilds = [], [], []
        spent = _Processors(self.where)
        for _ in range(rounds):
            reads.append(read(self.where, CEILING_EVENTS))
            writes.append(ready.write())
            work = Rebuild(
                self.where.log, self.store, self.where.views, again=self.where.again, processes=self.processes
            )
            spent.begin()
            rebuilds.append(measure(position, lambda work=work: _run(work)))  # type: ignore[misc]
            spent.end()
        laid = [
            row("ceiling: read and decode only, one process", reads),
            {**row("ceiling: the same rows ready-made, one process", writes), "rows": ready.rows},
            {**row(f"rebuild, all views, {self.processes} processes", rebuilds, reads), **_told(work.figures)},
            {"name": "rebuild, against writing", "ratio_to_ceiling": row("", rebuilds, writes)["ratio_to_ceiling"]},
            {"name": "processors (microseconds an event)", **spent.each(position * rounds)},
            {"name": "profile of one process (microseconds an event)", **self.profile()},
        ]
        if compared:
            laid.append({"name": "check", "differences": len(check(self.where.log, self.store, self.where.views))})
        self.store.close()
        return laid

    def profile(self) -> dict[str, float]:
        """Where the time of one folding process goes, by the function's own time."""
        assert self.where.log.bands is not None
        tables = TableSet(self.where.views, SCRATCH)
        with self.store.writing() as db:
            self.store.create_for_loading(db, tables)
        loader = Loader(self.store, tables, self.where.log.position(), frozenset())
        profiler, folded = cProfile.Profile(), 0
        # Undisturbed, as the processes that fold are: collecting would stand in the account of whoever makes most.
        with self.where.log.bands.open() as reader, undisturbed():
            for band in islice(reader.bands(BAND_EVENTS), PROFILED_EVENTS // BAND_EVENTS):
                profiler.enable()
                folded += loader.read(reader, band).events
                profiler.disable()
        with self.store.writing() as db:
            self.store.drop(db, tables)
        found = pstats.Stats(profiler).sort_stats("tottime").get_stats_profile().func_profiles
        top = sorted(found.items(), key=lambda item: -item[1].tottime)[:TOP]
        return {name: round(each.tottime / max(folded, 1) * 1e6, 2) for name, each in top}


class _Processors:
    """What the processes that fold, this one, and the server's took of the processors."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._seconds = {"folding": 0.0, "leading": 0.0, "server": 0.0}

    def begin(self) -> None:
        self._before = self._now()

    def end(self) -> None:
        for name, seconds in self._now().items():
            self._seconds[name] += seconds - self._before[name]

    def each(self, events: int) -> dict[str, float]:
        """Microseconds an event."""
        return {name: round(seconds / events * 1e6, 2) for name, seconds in self._seconds.items() if seconds}

    def _now(self) -> dict[str, float]:
        folding, leading = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        return {
            "folding": folding.ru_utime + folding.ru_stime,
            "leading": leading.ru_utime + leading.ru_stime,
            "server": self._server(),
        }

    def _server(self) -> float:
        """Of the postmaster, with all its children that have ended, and those that have not."""
        if self._where.server is None:
            return 0.0
        postmaster = psutil.Process(int((self._where.server.folder / "data" / "postmaster.pid").read_text().split()[0]))
        own = postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in postmaster.children():
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return float(total)


def _run(work: Rebuild) -> None:
    work.run()


def _told(figures: Figures) -> dict[str, object]:
    """What a rebuild says of itself."""
    return {
        "rows_per_event": round(figures.rows / max(figures.events, 1), 2),
        "late_events": figures.late,
        "seconds": {name: round(seconds, 2) for name, seconds in figures.seconds.items()},
        "peak_mebibytes": [peak // _MEBIBYTE for peak in figures.peaks.values()],
    }
