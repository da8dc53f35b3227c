"""What people notice while every view is folded again: latencies with a rebuild under way, beside those without.

`shaoxiang rebuild` runs again and again for as long as is measured, in a process of its own as on a site. On an
embedded store nobody can be served meanwhile, because that has one process; so this is for PostgreSQL.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping

from bench.load import Load, Site, Tally, latency, rows, site
from bench.processes import ROOT

OPTIONS: Mapping[str, float] = {"apis": 4, "rate": 50.0, "reads": 0.5, "seconds": 60.0, "events": 200_000}
"""API processes, commands a second, reads a command, how long each half is measured, and how many events the log has to
begin with."""

PARTS = {"work": 1}
"""No ticker: the clocks of the made-up past would all ring at once."""


def run(store: str, *, apis: int, rate: float, reads: float, seconds: float, events: int) -> list[dict[str, object]]:
    """Measure a site without and with rebuilds; the last row has the ratio of the two 99th percentiles."""
    if store != "postgres":
        raise ValueError("an embedded store is rebuilt while nobody is served: add --store postgres")
    with site(store, {"serve": apis, **PARTS}, events=events) as loaded:
        quiet, busy, rebuilds = asyncio.run(_measured(loaded, rate, rate * reads, seconds))
    before, during = (latency(tally.commands) for tally in (quiet, busy))
    return [
        *({**row, "name": f"quiet: {row['name']}"} for row in rows(quiet, rate)),
        *({**row, "name": f"rebuilding: {row['name']}"} for row in rows(busy, rate)),
        {
            "name": "rebuilds",
            "events": events,
            "rebuilds": len(rebuilds),
            "seconds_each": [round(each, 1) for each in rebuilds],
            "p99_ms_quiet": before["p99_ms"],
            "p99_ms_rebuilding": during["p99_ms"],
            "ratio": round(float(str(during["p99_ms"])) / float(str(before["p99_ms"])), 2),
        },
    ]


async def _measured(loaded: Site, rate: float, reads: float, seconds: float) -> tuple[Tally, Tally, list[float]]:
    rebuilds: list[float] = []
    async with Load(loaded, rate, reads) as load:
        quiet = await load.measure(asyncio.sleep(seconds))
        busy = await load.measure(_rebuild(loaded, seconds, rebuilds))
    return quiet, busy, rebuilds


async def _rebuild(loaded: Site, seconds: float, rebuilds: list[float]) -> None:
    """Rebuild every view, once at least, until so many seconds have passed. Raises RuntimeError where it fails."""
    until = time.monotonic() + seconds
    while not rebuilds or time.monotonic() < until:
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shaoxiang.cli", "rebuild", "--json"),
            cwd=ROOT,
            env={**os.environ, **loaded.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"the rebuild failed: {complaint.decode()}{said.decode()}")
        rebuilds.append(time.monotonic() - begun)
