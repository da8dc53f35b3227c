"""A city's day on a few processes: commands arrive by the clock, whether or not the earlier ones were answered.

Each command's latency counts from the moment at which it was due to be sent, so that a server that falls behind is
charged for all who wait. Beside the commands some reads arrive, and once a second somebody who was just answered waits
until a view shows what was done. The load generator is one light process; what it costs stands beside the rest.
"""

import asyncio
import gc
import json
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from bench.client import Client, Reply
from bench.cluster import Cluster
from bench.courses import Courses
from bench.filling import TEMPLATES, fill, templates
from bench.harness import real_folder
from bench.postgres import Postgres
from bench.processes import Process, cpu_seconds
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.settings import Settings

OPTIONS: Mapping[str, float] = {"apis": 4, "rate": 100.0, "reads": 0.5, "seconds": 60.0, "timed": 1}
"""API processes (on PostgreSQL), commands a second, reads a command, and for how long. Whether all bars make the bench
fail, or only faults of the server's own: a machine that is too slow for the rate refuses what it cannot serve, as it
should."""

WARM_SECONDS = 5.0
SAMPLE_EVERY = 1.0
P99_MS_AT_MOST, BEHIND_MS_AT_MOST = 250, 1000
ENOUGH = 0.95
"""How much of the rate must be served: arrivals are random, so that in a minute a few percent more or less come."""

NO_FAULT = "nothing failed inside, and no connection broke"
SEED = 20260302
SERVER_ERROR = 500
DRAIN_SECONDS = 30.0
EVENTS_A_TEMPLATE = 250
"""A small history is copied from few played cases, since playing takes longer than copying."""


READS: Mapping[str, str] = {
    "case file": "/cases/{case}",
    "board": "/cases?sort=-filed_at&limit=50",
    "inbox": "/inbox?state=signed&sort=next_due&limit=50",
    "figures": "/timeliness",
}
"""What is read beside the commands, each as often as the others."""


class Site(NamedTuple):
    """What is under load: the addresses of its APIs, its processes by kind, the load for it, and its environment."""

    bases: list[str]
    pids: Mapping[str, list[int]]
    courses: Courses
    environment: Mapping[str, str]


class Tally:
    """Everything that is counted of what arrives between two moments."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.read_statuses: Counter[int] = Counter()
        self.commands: list[float] = []
        self.reads: dict[str, list[float]] = {name: [] for name in READS}
        self.behind: list[float] = []
        self.problems: Counter[str] = Counter()
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}
        self.late = 0.0


class Load:
    """Sends commands and reads, each at a rate a second, by the clock, for as long as its block lasts."""

    def __init__(self, site: Site, rate: float, reads: float) -> None:
        self._site, self._courses = site, site.courses
        self._streams = [(work, each) for work, each in ((self._command, rate), (self._read, reads)) if each]
        self._client = Client(site.bases)
        self._dice = random.Random(SEED)
        self._running: set[asyncio.Task[None]] = set()
        self._arriving: list[asyncio.Task[None]] = []
        self._sample_at = 0.0
        self._tally = Tally()

    async def __aenter__(self) -> Self:
        """Begin, and let the site warm up."""
        self._arriving = [asyncio.create_task(self._arrivals(rate, work)) for work, rate in self._streams]
        await asyncio.sleep(WARM_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send no more, and wait for the answers to what was sent."""
        for each in self._arriving:
            each.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        await self._client.close()

    async def measure(self, until: Awaitable[object]) -> Tally:
        """Count what arrives until then. Its answers may come later: the tally is whole at the end of the block."""
        tally = self._tally = Tally()
        begun, before = time.monotonic(), self._cpu()
        await until
        tally.seconds = time.monotonic() - begun
        tally.cpu = {kind: seconds - before[kind] for kind, seconds in self._cpu().items()}
        self._tally = Tally()
        return tally

    async def _arrivals(self, rate: float, work: Callable[[float], Coroutine[Any, Any, None]]) -> None:
        """Begin a piece of work at each moment of a random, even stream, never waiting for an earlier one."""
        loop = asyncio.get_running_loop()
        planned = loop.time()
        while True:
            planned += self._dice.expovariate(rate)
            if (ahead := planned - loop.time()) > 0:
                await asyncio.sleep(ahead)
            else:
                self._tally.late = max(self._tally.late, -ahead)
            task = asyncio.create_task(work(planned))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _command(self, planned: float) -> None:
        loop, tally = asyncio.get_running_loop(), self._tally
        ask = self._courses.next()
        reply = await self._client.ask("POST", ask.path, ask.headers, ask.body)
        answered = loop.time()
        tally.commands.append(answered - planned)
        tally.statuses[reply.status] += 1
        position = self._courses.answered(ask, reply)
        if position is None:
            tally.problems[f"{reply.status} {_code(reply)} {ask.command}"] += 1
        elif answered >= self._sample_at:
            self._sample_at = answered + SAMPLE_EVERY
            await self._look(position, answered, tally)

    async def _look(self, position: int, since: float, tally: Tally) -> None:
        """Read as one who was just answered, and wants to see it: how long until the views have it."""
        headers = self._headers() | {"Prefer": "wait=10"}
        reply = await self._client.ask("GET", f"/cases?limit=1&position={position}", headers)
        waited = asyncio.get_running_loop().time() - since
        if "preference-applied" in reply.headers:
            tally.behind.append(waited)
        else:
            tally.problems[f"{reply.status} {_code(reply)} while waiting for a view"] += 1

    async def _read(self, planned: float) -> None:
        tally, name = self._tally, self._dice.choice(list(READS))
        recent = self._courses.recent
        if not recent:
            return
        path = READS[name].format(case=self._dice.choice(recent))
        reply = await self._client.ask("GET", path, self._headers())
        tally.reads[name].append(asyncio.get_running_loop().time() - planned)
        tally.read_statuses[reply.status] += 1
        if reply.status not in {200, 404}:
            tally.problems[f"{reply.status} {_code(reply)} {name}"] += 1

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._courses.reader()}"}

    def _cpu(self) -> dict[str, float]:
        return {kind: cpu_seconds(pids) for kind, pids in self._site.pids.items()} | {"generator": time.process_time()}


def run(store: str, *, apis: int, rate: float, reads: float, seconds: float, timed: float) -> list[dict[str, object]]:
    """Load a site of its own on that store; `rate` is in commands a second, `reads` in reads a command."""
    with site(store, {"serve": apis, "work": 1, "tick": 1}) as loaded:
        # A collection of this process's rubbish would count as the server's latency.
        gc.collect()
        gc.freeze()
        tally = asyncio.run(_loaded(loaded, rate, rate * reads, seconds))
    bars = missed(tally, rate)
    failed = bars if timed else [bar for bar in bars if bar.startswith(NO_FAULT)]
    return [*rows(tally, rate), {"name": "bars", "not_kept": bars, "missed": failed}]


async def _loaded(loaded: Site, rate: float, reads: float, seconds: float) -> Tally:
    async with Load(loaded, rate, reads) as load:
        return await load.measure(asyncio.sleep(seconds))


@contextmanager
def site(store: str, parts: Mapping[str, int], *, events: int = 0) -> Iterator[Site]:
    """The processes on a store of so many events: on SQLite one, on PostgreSQL as many of each kind as `parts` says."""
    with ExitStack() as stack:
        folder = stack.enter_context(real_folder())
        yield _on_postgres(stack, folder, parts, events) if store == "postgres" else _embedded(stack, folder)


def _on_postgres(stack: ExitStack, folder: Path, parts: Mapping[str, int], events: int) -> Site:
    server = stack.enter_context(Postgres.start(folder / "postgres"))
    cluster = stack.enter_context(Cluster(folder / "house", server, parts=parts))
    courses: list[Courses] = []

    def load(premises: Premises) -> None:
        if events:
            made = templates(min(TEMPLATES, max(100, events // EVENTS_A_TEMPLATE)))
            fill(server.url(cluster.database), events=events, made=made, digest_key=premises.house.world.digest_key)
            premises.house.projector.rebuild()
        courses.append(Courses(premises, SEED, registered=events > 0))

    cluster.prepare(load)
    cluster.start()
    pids = {"postgres": [server.pid]}
    for name, member in cluster.members.items():
        pids.setdefault(name.partition("-")[0], []).append(member.process.pid)
    bases = [f"{cluster.root(name)}/api/v1" for name in cluster.members if name.startswith("serve-")]
    environment = {"SHAOXIANG_DIR": str(cluster.folder), "SHAOXIANG_DATABASE": str(cluster.settings.database_url)}
    return Site(bases, pids, courses[0], environment)


def _embedded(stack: ExitStack, folder: Path) -> Site:
    settings, clock = Settings(dir=folder, database=None), SystemClock()
    migrate_all(settings)
    with open_premises(settings, clock.now) as premises:
        courses = Courses(premises, SEED, registered=False)
    environment, said = {"SHAOXIANG_DIR": str(folder)}, folder / "serve.log"
    process = stack.enter_context(Process("serve", "--port", "0", environment=environment, said=said))
    return Site([process.address()], {"serve": [process.process.pid]}, courses, environment)


def rows(tally: Tally, rate: float) -> list[dict[str, object]]:
    """What was counted, as figures."""
    done = sum(count for status, count in tally.statuses.items() if 0 < status < SERVER_ERROR)
    answers = tally.statuses + tally.read_statuses
    return [
        {
            "name": "commands",
            "wanted_per_second": rate,
            "held_per_second": round(done / tally.seconds, 1),
            "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
            **latency(tally.commands),
            "server_errors": sum(count for status, count in answers.items() if status >= SERVER_ERROR or not status),
            "problems": dict(tally.problems.most_common(10)),
        },
        *({"name": f"read: {name}", **latency(found)} for name, found in tally.reads.items()),
        {"name": "views behind, from the acknowledgement on", **latency(tally.behind)},
        {
            "name": "cpu, in processors",
            **{kind: round(seconds / tally.seconds, 3) for kind, seconds in tally.cpu.items()},
            "generator_share": round(tally.cpu["generator"] / sum(tally.cpu.values()), 3),
            "generator_late_ms_at_most": round(tally.late * 1000, 1),
        },
    ]


def missed(tally: Tally, rate: float) -> list[str]:
    """Which of the bars the load did not keep."""
    answers = tally.statuses + tally.read_statuses
    errors = sum(count for status, count in answers.items() if status >= SERVER_ERROR or not status)
    faults = answers[SERVER_ERROR] + answers[0]
    served = sum(count for status, count in tally.statuses.items() if 0 < status < SERVER_ERROR)
    slowest, behind = (float(str(latency(found).get("p99_ms", "inf"))) for found in (tally.commands, tally.behind))
    bars = {
        f"{NO_FAULT}: {faults}": faults == 0,
        f"no server error: {errors}": errors == 0,
        f"{rate} commands a second: {served / tally.seconds:.1f}": served / tally.seconds >= rate * ENOUGH,
        f"p99 of commands at most {P99_MS_AT_MOST} ms: {slowest}": slowest <= P99_MS_AT_MOST,
        f"p99 of views behind at most {BEHIND_MS_AT_MOST} ms: {behind}": behind <= BEHIND_MS_AT_MOST,
    }
    return [bar for bar, kept in bars.items() if not kept]


def latency(found: list[float]) -> dict[str, object]:
    """Latencies in milliseconds."""
    if not found:
        return {"count": 0}
    ordered = sorted(found)
    at = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    return {
        "count": len(ordered),
        **{name: round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 1) for name, share in at.items()},
        "max_ms": round(ordered[-1] * 1000, 1),
    }


def _code(reply: Reply) -> str:
    try:
        return str(json.loads(reply.body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""
