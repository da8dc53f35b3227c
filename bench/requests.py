"""What one request of each kind takes the API, asked one after another, when nothing else is at work.

The cheapest answer there is, `/health`, is the floor that the others stand beside. Kinds take turns, round by round, so
that a slow moment of the machine meets all of them. On SQLite the API's process folds the views as well.
"""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

from bench.client import Client
from bench.load import READS, Site, site
from bench.processes import cpu_seconds

OPTIONS: Mapping[str, int] = {"rounds": 6, "asked": 100}
"""How many rounds, the first of which only warms up; and how many requests of a kind in each."""

COMMAND, HEALTH = "command", "/health"
KINDS = (COMMAND, HEALTH, *READS)
BEFORE = 600
"""Commands that are sent beforehand, so that there is something to read, and every statement is prepared."""


class Asking:
    """Sends requests to a site, one after another."""

    def __init__(self, loaded: Site) -> None:
        self._courses, self._client = loaded.courses, Client(loaded.bases)
        roots = [f"{place.scheme}://{place.netloc}" for place in map(urlsplit, loaded.bases)]
        self._root = Client(roots)

    async def ask(self, kind: str, number: int) -> float:
        """Ask once; answers how long it took, in seconds. Raises RuntimeError where it is not served."""
        if kind == COMMAND:
            ask = self._courses.next()
            begun = time.perf_counter()
            reply = await self._client.ask("POST", ask.path, ask.headers, ask.body)
            took = time.perf_counter() - begun
            self._courses.answered(ask, reply)
        else:
            recent = self._courses.recent
            headers = {"Authorization": f"Bearer {self._courses.reader()}"}
            path = READS.get(kind, kind).format(case=recent[number % len(recent)])
            begun = time.perf_counter()
            reply = await (self._root if kind == HEALTH else self._client).ask("GET", path, headers)
            took = time.perf_counter() - begun
        if reply.status not in {200, 201}:
            msg = f"{kind} was answered {reply.status}: {reply.body[:200]!r}"
            raise RuntimeError(msg)
        return took

    async def close(self) -> None:
        """Give back every connection."""
        await self._client.close()
        await self._root.close()


def run(store: str, *, rounds: int, asked: int) -> list[dict[str, object]]:
    """One API process, with a worker beside it on PostgreSQL."""
    with site(store, {"serve": 1, "work": 1}) as loaded:
        return asyncio.run(_rounds(loaded, rounds, asked))


async def _rounds(loaded: Site, rounds: int, asked: int) -> list[dict[str, object]]:
    asking, cpu, took = Asking(loaded), defaultdict[str, float](float), defaultdict[str, list[float]](list)
    for number in range(BEFORE):
        await asking.ask(COMMAND, number)
    for turn in range(rounds):
        for kind in KINDS:
            before = cpu_seconds(loaded.pids["serve"])
            found = [await asking.ask(kind, number) for number in range(asked)]
            if turn:
                cpu[kind] += cpu_seconds(loaded.pids["serve"]) - before
                took[kind] += found
    await asking.close()
    each = {kind: 1000 * cpu[kind] / max(1, len(took[kind])) for kind in KINDS}
    return [
        {
            "name": kind,
            "cpu_ms": round(each[kind], 2),
            "of_the_floor": round(each[kind] / each[HEALTH], 1) if each[HEALTH] else None,
            "p50_ms": round(1000 * statistics.median(took[kind]), 2),
        }
        for kind in KINDS
    ]
