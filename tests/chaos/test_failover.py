"""A primary with a synchronous standby, killed under load: the standby is promoted, and everybody finds it.

The URL names both servers and asks for the one that takes writes, so that nobody is told of the change, and no process
is started again.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bench.postgres import Postgres
from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.site import Site
from tests.chaos.timers import signatures, unsigned_are_missed, wait_for_timers
from tests.crash.plan import case_errand

COMMANDS_A_SECOND = 60
THREADS, SIGNERS = 6, 3
SEED = 20260305
CASES = 32
DUES, DUE_EVERY = 40, timedelta(seconds=0.25)
FIRST_DUE = timedelta(seconds=5)
"""Clocks that fall due before, while and after the primary dies."""

BEFORE = 50
"""How many commands are begun before the kill."""

RESUME_SECONDS = 30
DATABASE = "shaoxiang"


def test_a_promoted_standby_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    with _pair() as (primary, standby):
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write"
        site = Site(tmp_path, url, {"serve": 2, "work": 2, "tick": 2})
        before = site.prepare(dues=DUES, first_due=FIRST_DUE, every=DUE_EVERY)
        with site:
            site.wait_until_up()
            pids = site.pids()
            client, signer = Client(site, COMMANDS_A_SECOND), Client(site, COMMANDS_A_SECOND)
            signer.start(signatures(site, random.Random(SEED)), SIGNERS)
            client.start([case_errand(number) for number in range(CASES)], THREADS)
            assert client.wait_for_commands(BEFORE)
            primary.kill()
            killed_at = time.monotonic()
            standby.promote()
            client.join(120)
            signer.join(120)
            assert client.problems + signer.problems == []
            # What each thread is told first may have been on its way when the primary died.
            later = sorted(at for at in client.acknowledged_at if at > killed_at)[THREADS:]
            assert later, "the plan ended before the failover: make it longer"
            assert later[0] - killed_at < RESUME_SECONDS
            until = wait_for_timers(site, standby.url(DATABASE))
            _, audit = prove(site, standby.url(DATABASE), [client, signer], before)
            assert site.pids() == pids, f"a process ended by itself:\n{site.said()}"
        audit.prove_clocks(until)
        unsigned_are_missed(site, audit)
        prove_check(site)


@contextmanager
def _pair() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres.start() as primary:
        primary.create(DATABASE)
        with primary.standby(synchronous=True) as standby:
            yield primary, standby
