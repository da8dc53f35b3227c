"""How long a read takes over HTTP on a filled store: case file, board, dashboard, history. And commands beside.

The log is filled with a city's traffic and folded by a rebuild; then the product's own processes answer. Reads of all
kinds arrive by chance at a rate, on kept connections, about cases, streets and departments drawn at random, and each
one's time counts from the moment at which it was due to be sent. What is cold is the first look after a start. Beside
stand the same queries on the bare driver, and the cheapest answer that the process gives. Commands go through the desk
on this store and on a small one, in turns.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import true

from api.routes.dashboard import DISTRICT_DIGITS
from bench import rebuild
from bench.client import Client
from bench.commands import Crew
from bench.filling import copies_for, fill, templates, weeks_from
from bench.harness import real_folder
from bench.postgres import Postgres, quarter_of_memory
from bench.processes import Process
from bench.sampling import sample
from bench.views import placed
from bench.ways import BOARDS, DRAWN, HISTORIES, Ways, drawn, hour, tokens_of
from projections import overview
from projections.folding import undisturbed
from projections.times import micros
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.settings import Settings
from shaoxiang.traffic.copies import Copies

OPTIONS: Mapping[str, float] = {
    "cases": 20_000, "requests": 400, "rate": 20.0, "apis": 2, "small": 10_000, "carried": 40, "check": 0,
}  # fmt: skip
"""Cases in the log, requests of each kind, requests a second, API processes (on PostgreSQL; one on SQLite); events of
the small log, cases carried by commands; whether to compare the views with a fresh fold, and a sample with the desk."""

WEEKS = 6
DEEP = 5
SAMPLED = 0.01
"""The share of the cases that is done again through the desk."""

OK = 200
SEED = 20260302
BARS = {"case file": 20.0, "board": 50.0, "dashboard": 50.0}
"""Milliseconds that 99 of 100 may take, by how a kind's name begins."""


class Store(NamedTuple):
    """A filled store: from when and until when, with what, and how many seconds that took."""

    settings: Settings
    weeks: Sequence[date]
    until: datetime
    cases: int | None
    seconds: float

    def copies(self) -> Copies:
        """What it was filled with."""
        assert self.cases is not None
        return copies_for(templates(), cases=self.cases, seed=1, weeks=self.weeks, until=self.until, commands=False)


def run(
    store: str, *, cases: float, requests: float, rate: float, apis: float, small: float, carried: float, check: float
) -> Iterator[dict[str, object]]:
    """The rows of the bench, as they come."""
    with ExitStack() as stack:
        folder = stack.enter_context(real_folder())
        server = stack.enter_context(Postgres.start(settings=SERVER)) if store == "postgres" else None
        large = filled(folder / "large", server, "large", cases=int(cases))
        with placed(large.settings, server) as where:
            size: dict[str, object] = {"name": "size", "cases": int(cases), "events": where.log.position()}
            yield size | {"filled_seconds": round(large.seconds, 1)}
            yield from rebuild.rows_for(where)
        yield from rows_for(folder, large, requests=int(requests), rate=rate, apis=1 if server is None else int(apis))
        little = filled(folder / "small", server, "small", events=int(small))
        yield from _commands(large, little, carried)
        if check:
            yield from proved(large)


def rows_for(folder: Path, large: Store, *, requests: int, rate: float, apis: int) -> Iterator[dict[str, object]]:
    """The rows of the reads on a store that was filled and folded."""
    with open_premises(large.settings, SystemClock().now, folds=True) as premises:
        ways, tokens = drawn(premises), tokens_of(premises)
        sql = _sql(premises, ways)
    # A collection of this process's rubbish, which is a bench's and no server's, would count as latency.
    with _served(folder, large, apis) as addresses, undisturbed():
        reads = asyncio.run(_read(addresses, ways, tokens, requests, rate))
    yield from (_row(name, times, sql) for name, times in reads.items())


@contextmanager
def _served(folder: Path, store: Store, apis: int) -> Iterator[list[str]]:
    """The addresses of so many API processes on a store."""
    environment = {"SHAOXIANG_DIR": str(store.settings.dir)}
    if (url := store.settings.database_url) is not None:
        environment["SHAOXIANG_DATABASE"] = url
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                Process("serve", "--port", "0", environment=environment, said=folder / f"serve-{n}.log")
            )
            for n in range(apis)
        ]
        yield [process.address() for process in processes]


def proved(store: Store) -> Iterator[dict[str, object]]:
    """The views beside a fresh fold, and a sample of the log beside the same cases done through the desk."""
    with open_premises(store.settings, SystemClock().now, folds=True) as premises:
        yield {"name": "check", "differences": len(premises.house.projector.check())}
        found = sample(premises.house.log, store.copies(), share=SAMPLED, seed=SEED, until=store.until)
    yield {"name": "sample", "cases": found.cases, "events": found.events, "different": len(found.different)}


SERVER = {"shared_buffers": quarter_of_memory(), "max_wal_size": "16GB", "random_page_cost": "1.1", "work_mem": "16MB"}
"""As docs/operations.md has it for a machine with a few gigabytes and an SSD."""


def filled(
    folder: Path, server: Postgres | None, name: str, *, cases: int | None = None, events: int | None = None
) -> Store:
    """A store whose log ends now."""
    url = None if server is None else server.create(name)
    settings = Settings.model_validate({"dir": folder, "database": url})
    migrate_all(settings)
    now = SystemClock().now()
    monday = (now - timedelta(days=now.weekday())).date() - timedelta(weeks=WEEKS - 1)
    began = time.monotonic()
    weeks = weeks_from(monday, WEEKS)
    fill(url or settings.log_db, weeks=weeks, until=now, cases=cases, events=events)
    return Store(settings, weeks, now, cases, time.monotonic() - began)


def _sql(premises: Premises, ways: Ways) -> Mapping[str, float]:
    """The 99th hundredth, in milliseconds, of the chief query behind each kind, on the driver alone."""
    dice = random.Random(SEED)
    latest = "SELECT * FROM board_2 WHERE {} ORDER BY reported_at DESC, id DESC LIMIT 51"
    kinds: Mapping[str, Callable[[], str]] = {
        "board, what is due first": lambda: (
            "SELECT * FROM board_2 WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT 51"
        ),
        "board, a street": lambda: latest.format(f"jurisdiction = '{dice.choice(ways.streets)}'"),
        "board, a department that leads": lambda: latest.format(f"lead = '{dice.choice(ways.departments)}'"),
        "board, found by number": lambda: latest.format(f"number = '{dice.choice(ways.numbers)}'"),
        "dashboard": lambda: _lights(premises),
    }
    raw = premises.house.views.engine.raw_connection()
    try:
        cursor = raw.cursor()

        def ask(statement: str) -> None:
            cursor.execute(statement)
            cursor.fetchall()

        found = {name: _slowest(lambda said=said: ask(said())) for name, said in kinds.items()}  # type: ignore[misc]
        log = premises.house.log
        return {"case file": _slowest(lambda: log.raw_case(UUID(dice.choice(ways.cases)))), **found}
    finally:
        raw.close()


def _slowest(ask: Callable[[], object]) -> float:
    """The 99th hundredth of many askings, in milliseconds."""
    times = []
    for _ in range(DRAWN):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return _hundredth(times, 99)


def _lights(premises: Premises) -> str:
    """What a dashboard asks about what runs in a whole city."""
    query = overview.query(lambda _: true(), lambda _: true(), DISTRICT_DIGITS).params(at=micros(SystemClock().now()))
    return str(query.compile(premises.house.views.engine, compile_kwargs={"literal_binds": True}))


async def _read(
    addresses: Sequence[str], ways: Ways, tokens: Mapping[str, str], requests: int, rate: float
) -> dict[str, list[float]]:
    """Seconds by kind: of the first look after the start, and of all kinds together at a rate."""
    roots = [address.removesuffix("/api/v1") for address in addresses]
    dice = random.Random(SEED)
    client, health = Client([f"{root}/api/v1" for root in roots]), Client(roots)
    command, auditor = ({"Authorization": tokens[who]} for who in ("command", "auditor"))
    kinds: dict[str, Callable[[], tuple[Client, str, Mapping[str, str]]]] = {
        "health, the floor": lambda: (health, "/health", {}),
        "case file": lambda: (client, ways.path("/cases/{case}", dice), command),
        "dashboard": lambda: (client, "/dashboard", command),
        "dashboard, a street's": lambda: (client, "/dashboard", {"Authorization": tokens["street"]}),
        "board, a street's own": lambda: (client, "/cases", {"Authorization": tokens["street"]}),
        "board, a department's own": lambda: (client, "/cases", {"Authorization": tokens["department"]}),
        "inbox, a department's own": lambda: (client, "/inbox", {"Authorization": tokens["department"]}),
        **{name: _about(client, ways, path, dice, command) for name, path in BOARDS.items()},
        **{name: _about(client, ways, path, dice, auditor) for name, path in HISTORIES.items()},
        "history, an hour": lambda: (client, f"/history?{hour(dice)}", auditor),
    }
    deep = await _cursors(client, command)
    kinds[f"board, page {DEEP} and beyond"] = lambda: (client, dice.choice(deep), command)
    times: dict[str, list[float]] = {}
    for name, kind in kinds.items():
        times[f"cold: {name}"] = [await _timed(*kind(), time.perf_counter())]
    order = [name for name in kinds for _ in range(requests)]
    dice.shuffle(order)
    running: list[asyncio.Task[None]] = []

    async def one(name: str, due: float) -> None:
        times.setdefault(name, []).append(await _timed(*kinds[name](), due))

    due = time.perf_counter()
    for name in order:
        due += dice.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.append(asyncio.create_task(one(name, due)))
    await asyncio.gather(*running)
    await client.close()
    await health.close()
    cold = max(times.pop(name)[0] for name in list(times) if name.startswith("cold: "))
    return times | {"the slowest first look of any kind": [cold]}


def _about(
    client: Client, ways: Ways, template: str, dice: random.Random, headers: Mapping[str, str]
) -> Callable[[], tuple[Client, str, Mapping[str, str]]]:
    return lambda: (client, ways.path(template, dice), headers)


async def _timed(client: Client, path: str, headers: Mapping[str, str], due: float) -> float:
    reply = await client.ask("GET", path, headers)
    assert reply.status == OK, (path, reply.status, reply.body[:300])
    return time.perf_counter() - due


async def _cursors(client: Client, headers: Mapping[str, str]) -> list[str]:
    """Paths of pages deep in the board."""
    path, found = "/cases?sort=-reported_at&state=closed", []
    for page in range(3 * DEEP):
        reply = await client.ask("GET", path, headers)
        link = reply.headers.get("link", "")
        if page >= DEEP - 1:
            found.append(path)
        if not link:
            break
        path = link[1 : link.index(">")].removeprefix("/api/v1")
    return found or [path]


def _commands(large: Store, little: Store, carried: float) -> list[dict[str, object]]:
    """Commands through the desk on both stores, in turns, and the ratio of their medians."""
    with _crew(large) as one, _crew(little) as other:
        times: dict[str, list[float]] = {"large": [], "small": []}
        for turn in range(int(carried) + 2):
            for name, crew in (("large", one), ("small", other)):
                crew.carry()
                if turn > 1:  # The first cases warm what is kept in memory.
                    times[name] += crew.times
                crew.times.clear()
    ratio = statistics.median(times["large"]) / statistics.median(times["small"])
    tail = _hundredth(times["large"], 99) / _hundredth(times["small"], 99)
    rows: list[dict[str, object]] = [_row(f"commands, {name} log", each, {}) for name, each in times.items()]
    return [*rows, {"name": "commands, large to small", "ratio": round(ratio, 3), "ratio_p99": round(tail, 3)}]


class _Timed(Crew):
    """A crew that takes the time of each of its commands."""

    def __init__(self, house: Any) -> None:
        self.times: list[float] = []
        super().__init__(house)

    def _do(self, *what: Any, **given: Any) -> Any:
        began = time.perf_counter()
        done = super()._do(*what, **given)
        self.times.append(time.perf_counter() - began)
        return done


@contextmanager
def _crew(store: Store) -> Iterator[_Timed]:
    with open_premises(store.settings, SystemClock().now, folds=store.settings.database is None) as premises:
        yield _Timed(premises.house)


def _hundredth(seconds: Sequence[float], which: int) -> float:
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, len(ordered) * which // 100)] * 1000, 2)


def _row(name: str, seconds: Sequence[float], sql: Mapping[str, float]) -> dict[str, object]:
    found: dict[str, object] = {"name": name, "p50_ms": _hundredth(seconds, 50), "p99_ms": _hundredth(seconds, 99)}
    if name in sql:
        found["p99_ms_of_the_query_alone"] = sql[name]
    bar = next((most for kind, most in BARS.items() if name.startswith(kind)), None)
    if bar is not None:
        found["bar_ms"] = bar
    return found
