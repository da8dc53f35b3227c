"""Many open clocks, many of them due in one second, a few tickers, and some of those killed on the way.

The log is filled with whole cases up to the whistle, each with three open clocks, and folded. Then as many responses
as are to fall due come in, whose signature clocks all run out within one second. Three tickers fire them beside a
worker; one ticker is killed with a third of it done, another with two thirds, and each is started again two seconds
later. Afterwards the log is asked: each clock missed exactly once, and no other.

The last firing may come no later than twice what appending as many events takes, one at a time on one thread, plus what
the takeover takes. That append rate is measured in the same run: one event, its stream's version checked, one commit.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from prometheus_client import CollectorRegistry

from bench.cluster import Cluster
from bench.harness import real_folder
from bench.histories import Story, raw
from bench.postgres import Postgres
from desk.unit import KINDS
from domain.dispatch.facts.response import ResponseDispatched, SignatureMissed
from domain.kernel import Fact, Kind, new_family
from domain.policy.deadlines import Clock, Stage
from projections.due import SHARDS
from scheduler.sweep import DueView, Sweeper, SweepMetrics
from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_house, open_premises, open_views
from shaoxiang.settings import Settings
from store.log import EventLog

OPTIONS: Mapping[str, int] = {"open": 100_000, "due": 10_000, "tickers": 3}
"""Open clocks, clocks that fall due in one second, and processes that fire them (on PostgreSQL)."""

CLOCKS_A_CASE = 3
FEW_OPEN = 10_000
FAR = timedelta(days=60)
APPENDS = 2_000
KILL_AT = (1 / 3, 2 / 3)
DOWN_SECONDS = 2.0
TAKEOVER_SECONDS = 2.0
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 600.0
SWEEPS = 200
DASHED = 28
"""How many characters of a written id all streams of a case share."""

Row = tuple[UUID, int, str, bytes]


def run(store: str, *, open: int, due: int, tickers: int) -> list[dict[str, object]]:  # noqa: A002 - as on the command line
    """The rows of the bench on that store; on SQLite the one process that there is fires."""
    with ExitStack() as stack:
        folder = stack.enter_context(real_folder())
        if store == "sqlite":
            return _embedded(folder, open, due)
        server = stack.enter_context(Postgres.start())
        cluster = stack.enter_context(Cluster(folder, server, parts={"work": 1, "tick": tickers}))
        cluster.prepare()
        rows = [_append_rate(cluster, server)]
        few = Cluster(folder, server, parts={}, database="few")
        few.prepare()
        for each, clocks in ((few, min(FEW_OPEN, open)), (cluster, open)):
            _fill(each, clocks // CLOCKS_A_CASE)
            _fold(each)
            rows.append(_idle_sweeps(each))
        cluster.start("work-0", *(f"tick-{n}" for n in range(tickers)))
        rows.append(_fire(cluster, due, float(str(rows[0]["events_per_second"]))))
        return rows


class Template:
    """The events of one case up to the whistle, as they are stored, from which any number of cases is copied."""

    def __init__(self, at: datetime) -> None:
        story = Story(1)
        story.at = at
        facts: list[Fact] = [*story.reported(), *story.filed(), *story.blown(["2202-scjg"])]
        self._rows = [raw(0, _far(fact, at)) for fact in facts]
        self._prefix = str(story.report)[:DASHED].encode()
        self.due_at = (at + FAR).isoformat().replace("+00:00", "Z").encode()
        self.events = len(facts)

    def cases(self, number: int, at: datetime, dues: Iterator[datetime] | None = None) -> Iterator[Row]:
        """The stored events of so many cases that began at a time; `dues` are when their signatures fall due."""
        for _ in range(number):
            family = new_family(at)
            prefix = str(family)[:DASHED].encode()
            due = None if dues is None else next(dues).isoformat(timespec="microseconds").encode()
            for _, stream, version, topic, state in self._rows:
                stored = state.replace(self._prefix, prefix)
                if due is not None and stream[12] == Kind.RESPONSE:
                    # The first clock of a response is the signature's.
                    stored = stored.replace(self.due_at, due.replace(b"+00:00", b"Z"), 1)
                yield UUID(bytes=family.bytes[:12] + stream[12:]), version, topic, stored


def _far(fact: Fact, at: datetime) -> Fact:
    """The fact, where it calls a department with clocks that run for a long time and urge nobody."""
    if not isinstance(fact, ResponseDispatched):
        return fact
    far: tuple[Clock, ...] = tuple(
        clock.model_copy(update={"due_at": at + FAR, "warn_at": None}) for clock in fact.clocks
    )
    assert far[0].stage is Stage.SIGNATURE
    return fact.model_copy(update={"clocks": far})


def _fill(cluster: Cluster, cases: int, dues: Iterator[datetime] | None = None) -> None:
    """Copy so many cases into the log, as its owner, behind what is there."""
    at = SystemClock().now()
    with psycopg.connect(cluster.server.url(cluster.database)) as db, db.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(position), 0) FROM log.event")
        position: int = (cursor.fetchone() or (0,))[0]
        columns = "position, originator_id, originator_version, topic, state"
        with cursor.copy(f"COPY log.event ({columns}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.set_types(["int8", "uuid", "int4", "text", "bytea"])
            for row in Template(at).cases(cases, at, dues):
                position += 1
                copy.write_row((position, *row))
        cursor.execute("SELECT setval('log.position', %s)", (max(position, 1),))


def _fold(cluster: Cluster) -> None:
    """Fold everything afresh, which is quicker than to follow so much."""
    with open_premises(cluster.settings, SystemClock().now, folds=True) as premises:
        premises.house.projector.rebuild()
        with premises.house.views.writing() as db:
            db.exec_driver_sql("ANALYZE due_1")


def _embedded(folder: Path, open_clocks: int, due: int) -> list[dict[str, object]]:
    """The same on an embedded store: one process, which fires in order, and nobody to take over from it."""
    settings = Settings(dir=folder)
    migrate_all(settings)
    clock = SystemClock()
    at, first = clock.now(), clock.now() + timedelta(seconds=5)
    template = Template(at)
    with closing(sqlite3.connect(settings.log_db)) as db, db:
        cases = template.cases(open_clocks // CLOCKS_A_CASE, at)
        late = template.cases(due, at, (first + timedelta(seconds=n / due) for n in range(due)))
        statement = "INSERT INTO event (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
        db.executemany(statement, ((row[0].bytes, *row[1:]) for each in (cases, late) for row in each))
    with open_house(settings, clock.now, folds=True) as house:
        house.catch_up()
        with house.views.reading() as views:
            clocks = views.exec_driver_sql("SELECT count(*) FROM due_1").scalar()
        time.sleep(max(0.0, (first - clock.now()).total_seconds() + 1))
        before, begun = house.log.position(), time.perf_counter()
        while house.sweeper.sweep(clock.now()).full:
            pass
        seconds = time.perf_counter() - begun
        times = Counter(row[1] for row in house.log.raw(before, 10 * due) if row[3] == TOPIC)
        house.catch_up()
        begun = time.perf_counter()
        for _ in range(SWEEPS):
            house.sweeper.sweep(clock.now())
        idle = (time.perf_counter() - begun) / SWEEPS
    return [
        {
            "name": f"{due} overdue at once, one process",
            "fired": len(times),
            "fired_more_than_once": sum(1 for number in times.values() if number > 1),
            "last_after_seconds": round(seconds, 2),
            "fired_per_second": round(due / seconds),
        },
        {"name": "idle sweep", "open_clocks": clocks, "mean_ms": round(idle * 1000, 2)},
    ]


def _append_rate(cluster: Cluster, server: Postgres) -> dict[str, object]:
    """How fast one thread appends one event after another, each in a unit of its own, to a database beside."""
    beside = Cluster(cluster.folder, server, parts={}, database="appends")
    beside.prepare()
    facts = []
    for number in range(APPENDS):
        story = Story(number)
        story.at = SystemClock().now()
        story.report = new_family(story.at)
        facts.append(next(story.reported()))
    with EventLog.connect(server.url("appends"), KINDS) as log:
        for fact in facts[: APPENDS // 10]:
            log.append([fact])
        begun = time.perf_counter()
        for fact in facts[APPENDS // 10 :]:
            log.append([fact])
        seconds = time.perf_counter() - begun
    rate = (APPENDS - APPENDS // 10) / seconds
    return {"name": "append, one event a unit, one thread", "events_per_second": round(rate)}


def _caught_up(cluster: Cluster) -> None:
    """Wait until the views have all that is in the log."""
    until = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(cluster.server.url(cluster.database), autocommit=True) as db:
        while time.monotonic() < until:
            log, views = db.execute(
                "SELECT (SELECT max(position) FROM log.event), (SELECT min(position) FROM views.positions)"
            ).fetchone() or (0, 0)
            if log == views:
                db.execute("ANALYZE views.due_1")
                return
            time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"the views did not catch up: {cluster.said('work-0').read_text()}")


class _Nobody:
    """A desk that is never asked."""

    def read_ahead(self, streams: Iterable[UUID]) -> Mapping[UUID, Any]:
        raise AssertionError(f"{list(streams)} are not due")

    def fire(self, stream_id: UUID, at: datetime, ahead: Mapping[UUID, Any] | None = None) -> datetime | None:
        raise AssertionError(f"{stream_id} is not due at {at}, whatever was read: {ahead}")


def _idle_sweeps(cluster: Cluster) -> dict[str, object]:
    """What a sweep costs while nothing is due, for a ticker that holds a third of the shards."""
    store = open_views(cluster.settings)
    try:
        with store.reading() as db:
            clocks = db.exec_driver_sql("SELECT count(*) FROM due_1").scalar()
        view = DueView(store.engine, lambda: frozenset(SHARDS[: len(SHARDS) // 3]))
        sweeper = Sweeper(view, _Nobody(), SweepMetrics(CollectorRegistry()))
        taken = []
        for _ in range(SWEEPS):
            begun, cpu = time.perf_counter(), time.process_time()
            sweeper.sweep(SystemClock().now())
            taken.append((time.perf_counter() - begun, time.process_time() - cpu))
    finally:
        store.close()
    wall, cpu = (sorted(each)[SWEEPS // 2] * 1000 for each in zip(*taken, strict=True))
    return {"name": "idle sweep", "open_clocks": clocks, "median_ms": round(wall, 2), "cpu_ms": round(cpu, 2)}


def _fire(cluster: Cluster, due: int, append_rate: float) -> dict[str, object]:
    """Let them fall due, kill and start tickers meanwhile, and see what the log says."""
    first = SystemClock().now() + timedelta(seconds=10 + due / 500)
    moments = (first + timedelta(seconds=n / due) for n in range(due))
    with psycopg.connect(cluster.server.url(cluster.database), autocommit=True) as db:
        _fill(cluster, due, moments)
        _caught_up(cluster)
        ahead = (first - SystemClock().now()).total_seconds()
        if ahead < 0:
            raise RuntimeError("the clocks fell due before the views had them: the machine is too busy for this size")
        before = _position(db)
        time.sleep(ahead)
        begun = time.perf_counter()
        killed, down = 0, list[tuple[float, str]]()
        while (fired := _fired(db, before)) < due:
            passed = time.perf_counter() - begun
            if killed < min(len(KILL_AT), len(cluster.members) - 1) and fired >= KILL_AT[killed] * due:
                cluster.kill(f"tick-{killed}")
                down.append((passed + DOWN_SECONDS, f"tick-{killed}"))
                killed += 1
            while down and down[0][0] <= passed:
                # In a thread, because it takes a while until a process is ready, and the others go on meanwhile.
                threading.Thread(target=cluster.start, args=(down.pop(0)[1],)).start()
            if passed > PATIENCE_SECONDS:
                raise RuntimeError(f"{due - fired} clocks were not fired in {passed:.0f} s")
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - begun
        # Whoever was about to fire one of them a second time has had the time to.
        time.sleep(2 * TAKEOVER_SECONDS)
        times = Counter(stream for (stream,) in db.execute(_MISSED, (before, TOPIC)).fetchall())
    allowed = 2 * due / append_rate + killed * TAKEOVER_SECONDS
    return {
        "name": f"{due} due in one second",
        "tickers": len([name for name in cluster.members if name.startswith("tick-")]),
        "killed": killed,
        "fired": len(times),
        "fired_more_than_once": sum(1 for number in times.values() if number > 1),
        "last_after_seconds": round(seconds, 2),
        "allowed_seconds": round(allowed, 2),
        "fired_per_second": round(due / seconds),
        "held": seconds <= allowed and len(times) == due == times.total(),
    }


TOPIC = SignatureMissed.TOPIC
_MISSED = "SELECT originator_id FROM log.event WHERE position > %s AND topic = %s"


def _position(db: "psycopg.Connection[tuple[int]]") -> int:
    return (db.execute("SELECT max(position) FROM log.event").fetchone() or (0,))[0]


def _fired(db: "psycopg.Connection[tuple[int]]", before: int) -> int:
    query = "SELECT count(*) FROM log.event WHERE position > %s AND topic = %s"
    return (db.execute(query, (before, TOPIC)).fetchone() or (0,))[0]
