"""PostgreSQL stopped at once, as in a crash, and started again under load: no process of ours is started again."""

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bench.postgres import Postgres
from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.site import Site
from tests.chaos.timers import signatures, unsigned_are_missed, wait_for_timers
from tests.crash.plan import case_errand

COMMANDS_A_SECOND = 60
THREADS, SIGNERS = 6, 3
SEED = 20260303
FIRST_DUE = timedelta(seconds=5)
DUE_EVERY = timedelta(seconds=0.25)
DUES_A_STOP = 6
CASES_A_STOP = 8
GAP = (10, 40)
AWAY_SECONDS = (0.0, 1.0)
"""How long the server stays away after a stop, at least and at most."""


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of this test's own, since it is stopped."""
    with Postgres.start() as server:
        yield server


@pytest.mark.parametrize("stops", [pytest.param(3, id="short"), pytest.param(50, id="long", marks=pytest.mark.slow)])
def test_a_stopped_database_costs_nothing_but_time(tmp_path: Path, server: Postgres, stops: int) -> None:
    dice, url = random.Random(SEED), server.create("shaoxiang")
    site = Site(tmp_path, url, {"serve": 2, "work": 1, "tick": 1})
    before = site.prepare(dues=DUES_A_STOP * stops, first_due=FIRST_DUE, every=DUE_EVERY)

    with site:
        site.wait_until_up()
        pids = site.pids()
        client, signer = Client(site, COMMANDS_A_SECOND), Client(site, COMMANDS_A_SECOND)
        client.start([case_errand(number) for number in range(CASES_A_STOP * stops)], THREADS)
        signer.start(signatures(site, dice), SIGNERS)
        for _ in range(stops):
            assert client.wait_for_commands(dice.randint(*GAP)), "the plan ended before the last stop: make it longer"
            server.stop("immediate")
            time.sleep(dice.uniform(*AWAY_SECONDS))
            server.run()
        client.join(120)
        signer.join(120)
        assert client.problems + signer.problems == []
        until = wait_for_timers(site, url)
        _, audit = prove(site, url, [client, signer], before)
        assert site.pids() == pids, f"a process ended by itself:\n{site.said()}"

    audit.prove_clocks(until)
    unsigned_are_missed(site, audit)
    prove_check(site)
