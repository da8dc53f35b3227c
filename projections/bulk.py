"""Folding from nothing: whole cases, a band of the log at a time, by as many processes as there are cores.

A band holds all events of its cases, so nothing is looked up, every row is written once, and a process holds one band
in memory, however long the log is. Tables get their keys and indexes when all is in.
"""

import gc
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from projections.events import Log
from projections.folding import Folder
from projections.physical import TableSet, loads
from projections.storage import ViewStore
from projections.view import View, empty_rows
from store.bands import Band, BandReader, Bands
from store.errors import StoreError
from store.recorder import RawEvent

BAND_EVENTS = 10_000
"""About how many events a band has: enough to write in bulk, and few enough to hold in memory."""

BESIDE = 50_000
"""Shorter logs are folded in this process: starting others would take longer."""

_READ_AHEAD = 2

_GIVES_WAY = 10
"""By how much the processes that fold are nicer than others, where nothing better is to be had (see nice(2))."""


def at_once(*, beside: bool) -> int:
    """How many things to do at a time: one for each core, but for one core where others are served meanwhile."""
    cores = os.cpu_count() or 1
    return max(1, cores - 1) if beside else cores


class Told(NamedTuple):
    """What came of a band: events folded, rows written, and the process's peak memory in bytes."""

    events: int
    rows: int
    process: int
    peak_bytes: int


@dataclass(frozen=True)
class Work:
    """What a process needs to know, in a form that can be handed to it.

    `views` makes the views as they are here; `names` are those to be folded, into tables with the suffix.
    """

    bands: Bands
    store: Callable[[], ViewStore]
    views: Callable[[], Iterable[View]]
    names: tuple[str, ...]
    suffix: str
    until: int
    aside: frozenset[int]


class Loader:
    """Folds bands into tables that nobody else reads yet."""

    def __init__(self, store: ViewStore, tables: TableSet, until: int, aside: frozenset[int]) -> None:
        self._store, self._tables = store, tables
        self._until, self._aside = until, aside
        self._folder = Folder(tables.views)
        self._rows = empty_rows(tables.views)

    def load(self, raws: list[RawEvent]) -> Told:
        """Fold the events of whole cases, each in order of position, and write all that is known of them.

        Raises PoisonError.
        """
        if self._aside:
            raws = [raw for raw in raws if raw[0] not in self._aside]
        before = self._tables.rows_written
        try:
            self._folder.fold(raws, self._rows)
            # Made ready first: on some stores those who write take turns.
            rows = loads(self._rows.changes(coarser=False))
            with self._store.backend.loading() as db:
                self._store.backend.load(db, self._tables, rows)
        finally:
            self._rows.forget()
        return Told(len(raws), self._tables.rows_written - before, os.getpid(), _peak())

    def read(self, reader: BandReader, band: Band) -> Told:
        """Read a band and load it. Raises PoisonError."""
        return self.load(reader.read(band, self._until))


def load_all(
    source: Log,
    store: ViewStore,
    tables: TableSet,
    until: int,
    aside: frozenset[int],
    *,
    again: Callable[[], Iterable[View]] | None,
    processes: int | None,
) -> Iterator[Told]:
    """Load everything, in `processes` where `again` says how they make the views; by default one for each core."""
    bands: Bands | None = getattr(source, "bands", None)
    count = processes or ((os.cpu_count() or 1) if until >= BESIDE else 1)
    if bands is None or store.again is None or again is None or count == 1:
        return load_here(source, store, tables, until, aside)
    names = tuple(view.name for view in tables.views)
    return load_beside(Work(bands, store.again, again, names, tables.suffix, until, aside), count)


def refuse_without_years(source: Log) -> None:
    """Raise StoreError while years are out of the log: folded without them, the views would lose their cases."""
    years = [name.removeprefix("event_") for name in source.detached()]
    if years:
        msg = (
            f"the log is without {', '.join(years)}, and views folded afresh would be without the cases that began "
            f"then: put each back first (shaoxiang years --attach {years[0]}), and take it out again afterwards"
        )
        raise StoreError(msg)


def load_here(source: Log, store: ViewStore, tables: TableSet, until: int, aside: frozenset[int]) -> Iterator[Told]:
    """Load everything in this process; tells of each band."""
    loader = Loader(store, tables, until, aside)
    bands: Bands | None = getattr(source, "bands", None)
    if bands is None:
        # A log in memory: it is small, so it is one band.
        raws = source.raw(0, max(until, 1))
        yield loader.load([raw for raw in raws if raw[0] <= until])
        return
    with bands.open() as reader:
        for band in reader.bands(BAND_EVENTS):
            yield loader.read(reader, band)


def load_beside(work: Work, processes: int) -> Iterator[Told]:
    """Load everything in so many processes; tells of each band as it is done. Raises PoisonError, or what befell one.

    A process that dies ends the loading with BrokenProcessPool; what was written stays, for the caller to drop.
    """
    context = get_context("spawn")
    with (
        work.bands.open() as reader,
        ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(work,)) as pool,
    ):
        bands = reader.bands(BAND_EVENTS)
        running: set[Future[Told]] = {pool.submit(_one, band) for band in islice(bands, processes * _READ_AHEAD)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_one, band) for band in islice(bands, len(done))}
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker(NamedTuple):
    loader: Loader
    reader: BandReader


_worker: _Worker | None = None
"""What this process works with, where it is one of those that load."""

_open = ExitStack()


def _begin(work: Work) -> None:
    """Get this process ready."""
    global _worker  # noqa: PLW0603 - a pool's initializer has no other way to hand something to its tasks
    Thread(target=_end_with_the_parent, daemon=True).start()
    give_way()
    # Rows make no cycles; looking for them again and again would cost a fifth of the time.
    gc.disable()
    views = [view for view in work.views() if view.name in work.names]
    store = work.store()
    _open.callback(store.close)
    loader = Loader(store, TableSet(views, work.suffix), work.until, work.aside)
    _worker = _Worker(loader, _open.enter_context(work.bands.open()))


def _one(band: Band) -> Told:
    assert _worker is not None
    return _worker.loader.read(_worker.reader, band)


def give_way() -> None:
    """Let whoever answers people go first, and at once: to a nice process alone they would lose a slice at each turn.

    See SCHED_IDLE in sched(7).
    """
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(_GIVES_WAY)


def _end_with_the_parent() -> None:
    """Nobody waits for what this process does once the one that started it is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _peak() -> int:
    """Of this process itself: what the kernel counts for `getrusage` begins with what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
