"""Live folding of all views, beside the raw ceilings of reading and of writing, on either store.

A city's traffic in the real log, folded into every view there is, in batches of 5,000 and one event at a time. The
ceilings are measured in the same rounds: reading and decoding, and writing the rows of a part ready-made.
"""

import cProfile
import pstats
from collections.abc import Mapping
from typing import Any

from bench.harness import Sample, interleaved, measure, row
from bench.views import Place, Rows, place, read
from projections.events import Log
from projections.projector import Projector
from store.log import EventLog
from store.recorder import RawEvent

OPTIONS: Mapping[str, int] = {"events": 200_000, "rounds": 3}
"""Events in the log, and rounds."""

CEILING_EVENTS = 40_000
PROFILED_EVENTS = 40_000
SINGLE_EVENTS = 1_000
"""How many events are folded one at a time, as when the house is idle."""

TOP = 15


def run(store: str, *, events: int, rounds: int) -> list[dict[str, object]]:
    """The figures."""
    with place(store, events) as where:
        return _Bench(where).rows(rounds)


class _Bench:
    """The contenders, on one log."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self.ready = Rows(where, CEILING_EVENTS)
        self.rows_per_event = 0.0

    def rows(self, rounds: int) -> list[dict[str, object]]:
        """Measure, and lay out the figures."""
        contenders = {"read": self.read, "write": self.ready.write, "live": self.live, "single": self.single}
        samples = interleaved(contenders, rounds)
        live = row("live, all views", samples["live"], samples["read"])
        return [
            row("ceiling: read and decode only", samples["read"]),
            row("ceiling: the rows of a rebuild, ready-made", samples["write"]),
            {**live, "rows_per_event": round(self.rows_per_event, 2)},
            row("one event a transaction", samples["single"]),
            {"name": "top of the profile (microseconds an event)", **self.profile()},
        ]

    def read(self) -> Sample:
        """Read and decode, and nothing else."""
        return read(self.where, CEILING_EVENTS)

    def live(self) -> Sample:
        """Catch up from nothing, in live batches."""
        projector = self._projector()
        sample = measure(self.where.log.position(), lambda: _whole(projector))
        self.rows_per_event = projector.rows_written / self.where.log.position()
        projector.store.close()
        return sample

    def single(self) -> Sample:
        """Fold one event at a time, each in a transaction of its own."""
        projector = self._projector(_Dripping(self.where.log))

        def work() -> None:
            for _ in range(SINGLE_EVENTS):
                projector.step()

        sample = measure(SINGLE_EVENTS, work)
        projector.store.close()
        return sample

    def profile(self) -> dict[str, float]:
        """Where the time of a live fold goes, by the function's own time; one thread does all of it here."""
        projector = self._projector()
        projector.store.backend.apart = False
        profiler = cProfile.Profile()
        profiler.enable()
        projector.catch_up(until=min(PROFILED_EVENTS, self.where.log.position()))
        profiler.disable()
        folded = projector.position
        projector.store.close()
        found = pstats.Stats(profiler).sort_stats("tottime").get_stats_profile().func_profiles
        top = sorted(found.items(), key=lambda item: -item[1].tottime)[:TOP]
        return {name: round(each.tottime / folded * 1e6, 2) for name, each in top}

    def _projector(self, log: Log | None = None) -> Projector:
        store = self.where.fresh()
        assert store.backend.try_to_lead()
        return Projector(log or self.where.log, store, self.where.views)


class _Dripping:
    """A log of which one event more is there at each look, as when the house is idle."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        return self._log.raw(after, min(limit, 1))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def _whole(projector: Projector) -> None:
    projector.catch_up()
    parked = projector.parked()
    assert not parked, parked
