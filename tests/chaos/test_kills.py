"""APIs, workers and tickers killed at any moment and started again: nothing acknowledged is lost, nothing done twice.

Somebody is always there to take over: of each kind there are two. Whoever got no answer asks another API with the same
key, and so does one in ten who did not wait for it.
"""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.site import Member, Site
from tests.chaos.timers import signatures, unsigned_are_missed, wait_for_timers
from tests.crash.plan import case_errand

COMMANDS_A_SECOND = 60
THREADS, SIGNERS = 6, 3
SEED = 20260302
FIRST_DUE = timedelta(seconds=6)
"""When the first prepared clock falls due: about when everybody is up."""

DUE_EVERY = timedelta(seconds=0.25)
DUES_A_KILL = 5
CASES_A_KILL = 5
GAP = (0, 40)
"""How many commands are begun between one kill and the next, at least and at most."""


@pytest.mark.parametrize("kills", [pytest.param(6, id="short"), pytest.param(200, id="long", marks=pytest.mark.slow)])
def test_killed_members_lose_nothing_and_repeat_nothing(tmp_path: Path, database: str, kills: int) -> None:
    dice = random.Random(SEED)
    site = Site(tmp_path, database)
    before = site.prepare(dues=DUES_A_KILL * kills, first_due=FIRST_DUE, every=DUE_EVERY)
    killed = dict.fromkeys((each.name for each in site.members), 0)

    with site:
        site.wait_until_up()
        client, signer = Client(site, COMMANDS_A_SECOND), Client(site, COMMANDS_A_SECOND)
        client.start([case_errand(number) for number in range(CASES_A_KILL * kills)], THREADS)
        signer.start(signatures(site, dice), SIGNERS)
        for turn in range(kills):
            assert client.wait_for_commands(dice.randint(*GAP)), "the plan ended before the last kill: make it longer"
            member = site.members[turn % len(site.members)] if turn < len(site.members) else _chosen(site, dice, turn)
            killed[member.name] += bool(member.ready())
            member.kill()
            member.start()
        client.join(120 + kills)
        signer.join(120 + kills)
        assert client.problems + signer.problems == []
        until = wait_for_timers(site, database)
        repeated, audit = prove(site, database, [client, signer], before)

    assert min(killed.values()) > 0, f"somebody was never killed at work: {killed}"
    assert sum(killed.values()) >= kills / 3, f"most were killed before they had begun: {killed}"
    assert repeated, "no answer was lost after its effect: this run has proved nothing"
    audit.prove_clocks(until)
    unsigned_are_missed(site, audit)
    prove_check(site)


def _chosen(site: Site, dice: random.Random, turn: int) -> Member:
    """Anybody; every other time somebody at work, where there is one, and not one that is still starting."""
    at_work = [each for each in site.members if each.ready()] if turn % 2 else []
    return dice.choice(at_work or site.members)
