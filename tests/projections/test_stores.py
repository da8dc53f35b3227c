"""The same rows on both databases, however they come there: live, in batches of one, rebuilt, and while both go on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import inspect, update
from structlog.testing import capture_logs

from bench.histories import MemoryLog, interleaved
from domain.kernel import Fact
from projections import bulk
from projections.board import BOARD
from projections.due import DUE
from projections.folding import PoisonError
from projections.history import ACTORS
from projections.physical import REPLACED, SHADOW, TableSet, writes
from projections.projector import Projector
from projections.rebuilding import Rebuild, check, rebuild
from projections.rows import Changes
from projections.storage import ViewStore
from projections.tables import METADATA
from store.postgres_schema import migrate
from tests.conftest import START
from tests.projections.conftest import Opener
from tests.projections.kit import AGAIN, VIEWS, Everything, everything, folded, stored

FACTS: list[Fact] = list(interleaved(900, seed=11, open_cases=20))


@pytest.fixture(scope="module")
def expected() -> Everything:
    return everything(folded(FACTS).store)


def test_live_folding_gives_the_same_rows_on_both(store: ViewStore, expected: Everything) -> None:
    projector = Projector(MemoryLog(FACTS), store, VIEWS)
    projector.catch_up()
    assert everything(store) == expected


@pytest.mark.parametrize("size", [1, 7, 230])
def test_small_batches_with_restarts_give_the_same_rows(opener: Opener, expected: Everything, size: int) -> None:
    log = MemoryLog(FACTS[:250] if size == 1 else FACTS)
    for _ in range(3):
        projector = Projector(log, opener(), VIEWS)
        projector.step(size)
    while projector.step(size):
        pass
    assert everything(projector.store) == (everything(folded(FACTS[:250]).store) if size == 1 else expected)


def test_one_core_is_left_to_whoever_answers_people(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, alone, beside in ((None, 1, 1), (1, 1, 1), (2, 2, 1), (8, 8, 7)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert (bulk.at_once(beside=False), bulk.at_once(beside=True)) == (alone, beside)


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="the system knows no processes that run when others do not")
def test_a_process_that_folds_runs_when_others_do_not() -> None:
    asked = "import os; from projections.bulk import give_way; give_way(); print(os.sched_getscheduler(0))"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert int(said.stdout) == os.SCHED_IDLE


@pytest.mark.parametrize("many", [3, 300])
def test_what_is_dropped_goes_and_a_counter_only_where_nothing_is_left(store: ViewStore, many: int) -> None:
    store.prepare(VIEWS)
    tables, numbers = TableSet(VIEWS), range(many)
    due = [(f"{number:036}", "disposal", number, None) for number in numbers]
    begun = Changes({}, {DUE: due}, {}, {}, {ACTORS: [("a", str(number), 1 + number % 2) for number in numbers]})
    ended = Changes(
        {}, {}, {DUE: [row[:2] for row in due[1:]]}, {}, {ACTORS: [("a", str(each), -1) for each in numbers]}
    )
    for changes in (begun, ended):
        with store.writing() as db:
            store.backend.write(db, tables, writes(changes))
    left = everything(store)
    assert left[DUE.name] == due[:1]
    assert left[ACTORS.name] == sorted(("a", str(number), 1) for number in numbers if number % 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_rebuild_gives_the_same_rows(
    store: ViewStore, expected: Everything, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(bulk, "BAND_EVENTS", 100)
    with stored(FACTS, tmp_path / "log.db") as log:
        Projector(log, store, VIEWS).catch_up()
        with store.writing() as db:
            db.execute(update(BOARD.table).values(state="lost"))
        assert rebuild(log, store, VIEWS, again=AGAIN, processes=processes) == len(FACTS)
        assert everything(store) == expected
        assert check(log, store, VIEWS) == []
        assert not _shadows(store)


def test_views_that_were_never_folded_are_filled_by_a_rebuild(
    store: ViewStore, expected: Everything, tmp_path: Path
) -> None:
    with stored(FACTS, tmp_path / "log.db") as log:
        store.prepare(VIEWS)
        assert rebuild(log, store, VIEWS) == len(FACTS)
        assert everything(store) == expected


def test_after_a_rebuild_an_index_answers_alone(database: str, tmp_path: Path) -> None:
    migrate(database, START)
    store = ViewStore.connect(database)
    with stored(FACTS, tmp_path / "log.db") as log, closing(store):
        store.prepare(VIEWS)
        rebuild(log, store, VIEWS)
        with store.reading() as db:
            tables = db.exec_driver_sql(
                "SELECT relname, relpages, relallvisible FROM pg_class WHERE relkind = 'r' AND relpages > 0 "
                "AND relnamespace = 'views'::regnamespace"
            ).all()
    pages = {name: (every, visible) for name, every, visible in tables if name in METADATA.tables}
    assert pages[BOARD.name][0] > 0
    assert {name for name, (every, visible) in pages.items() if every != visible} == set()


def test_a_table_that_an_older_reader_keeps_from_being_quick_is_named(database: str, tmp_path: Path) -> None:
    migrate(database, START)
    store = ViewStore.connect(database)
    with stored(FACTS, tmp_path / "log.db") as log, closing(store):
        store.prepare(VIEWS)
        with store.reading() as db, capture_logs() as said:
            # Only from its first question on does a reader see one state.
            db.exec_driver_sql("SELECT 1").all()
            rebuild(log, store, VIEWS)
    named = {each["table"] for each in said if each["event"] == "a folded table is slow to read until it is vacuumed"}
    assert BOARD.name + SHADOW in named


def test_what_comes_in_while_a_rebuild_is_at_work_is_in_it(
    opener: Opener, expected: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also events of cases that were written long ago, and a live projector that goes on all the while."""
    log = MemoryLog(FACTS[:500])
    live = Projector(log, opener(), VIEWS)
    live.catch_up()
    rebuilding = opener()
    index = rebuilding.backend.index

    def meanwhile(*arguments: Any) -> None:
        index(*arguments)
        log.add(*FACTS[500:800])
        live.catch_up()
        log.add(*FACTS[800:])

    monkeypatch.setattr(rebuilding.backend, "index", meanwhile)
    work = Rebuild(log, rebuilding, VIEWS)
    assert work.run() == 800
    assert work.figures.late == 300
    live.catch_up()
    assert everything(live.store) == expected
    assert check(log, live.store, VIEWS) == []


def test_a_live_projector_and_a_rebuild_run_side_by_side(opener: Opener, expected: Everything, tmp_path: Path) -> None:
    with stored(FACTS, tmp_path / "log.db") as log:
        stop = threading.Event()
        live = Projector(log, opener(), VIEWS, batch=20, poll_seconds=0.05)
        follower = threading.Thread(target=live.run, args=(stop,))
        follower.start()
        try:
            for _ in range(3):
                rebuild(log, opener(), VIEWS)
            assert live.wait_for(len(FACTS), timeout=60)
        finally:
            stop.set()
            follower.join()
        assert everything(live.store) == expected


def test_a_rebuild_that_fails_leaves_nothing_behind(store: ViewStore) -> None:
    log = MemoryLog(FACTS)
    Projector(log, store, VIEWS).catch_up()
    before = everything(store)
    position, stream, version, topic, _ = log.rows[700]
    log.rows[700] = (position, stream, version, topic, b"{broken")
    with pytest.raises(PoisonError):
        rebuild(log, store, VIEWS)
    assert everything(store) == before
    assert not _shadows(store)


def test_a_worker_that_is_killed_ends_the_rebuild_and_leaves_the_live_views_whole(
    opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BAND_EVENTS", 20)
    with stored(FACTS, tmp_path / "log.db") as log:
        store = opener()
        Projector(log, store, VIEWS).catch_up()
        before = everything(store)

        def kill(done: int, _: int) -> None:
            for child in psutil.Process().children():
                # One that was killed already may still be listed.
                with suppress(psutil.NoSuchProcess):
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()

        with pytest.raises(BrokenProcessPool):
            rebuild(log, store, VIEWS, kill, again=AGAIN, processes=2)
        assert everything(store) == before
        assert not _shadows(store)


_REBUILDS_AND_HANGS = """
import sys, time
from pathlib import Path
from desk.unit import KINDS
from projections.rebuilding import rebuild
from projections.storage import ViewStore
from store.log import EventLog
from tests.projections.kit import AGAIN, VIEWS

def hang(done, aimed):
    print("folding", flush=True)
    time.sleep(60)

if __name__ == "__main__":
    log = EventLog.open(Path(sys.argv[1]), KINDS, read_only=True)
    store = ViewStore(Path(sys.argv[2])) if "://" not in sys.argv[2] else ViewStore.connect(sys.argv[2])
    rebuild(log, store, VIEWS, hang, again=AGAIN, processes=2)
"""


def test_a_rebuild_that_is_killed_leaves_the_live_views_whole_and_is_tidied_up_at_the_next_start(
    opener: Opener, tmp_path: Path
) -> None:
    with stored(FACTS, tmp_path / "log.db") as log:
        store = opener()
        projector = Projector(log, store, VIEWS)
        projector.catch_up()
        before = everything(store)
        place = str(store.path or store.backend.url)  # type: ignore[attr-defined]
        script = tmp_path / "rebuilds.py"
        script.write_text(_REBUILDS_AND_HANGS)
        root = Path(__file__).resolve().parents[2]
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "log.db"), place],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}, cwd=root,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"folding\n"
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        # Nobody goes on writing for a rebuild that is no more.
        assert psutil.wait_procs(children, timeout=20)[1] == []
        assert everything(store) == before
        assert _shadows(store)
        _eventually(lambda: not _left(opener, log))
        assert everything(store) == before


def _left(opener: Opener, log: Any) -> set[str]:
    """What is left after another start; a server takes a moment to notice that a connection's other end is gone."""
    again = Projector(log, opener(), VIEWS)
    again.step()
    return _shadows(again.store)


def _shadows(store: ViewStore) -> set[str]:
    with store.reading() as db:
        return {name for name in inspect(db).get_table_names() if SHADOW in name or REPLACED in name}


def _eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
