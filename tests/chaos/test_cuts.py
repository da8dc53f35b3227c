"""Connections that break around a commit: what was acknowledged is there, what is there was done once.

A third of the appends to the log is cut: before the server has seen them, while it works on them, or after it has
answered and before anybody learns of it.
"""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desk.unit import KINDS
from store.log import EventLog
from store.postgres_schema import migrate
from tests.chaos.audit import DatabaseAudit, prove, prove_check
from tests.chaos.clerk import Clerks
from tests.chaos.client import Client
from tests.chaos.proxy import Cut, Proxy, What
from tests.chaos.site import Site
from tests.crash.plan import case_errand

THREADS = 8
SEED = 20260304
SHARES = {What.APPEND: 0.35, What.COMMIT: 0.05}
"""How much of what goes by is cut."""

CASES_A_CUT = 1.5
"""How many cases are enough for one cut: a case takes eight commands, and several share an append."""

CUTS_OVER_HTTP = 20
COMMANDS_A_SECOND = 1000


@pytest.mark.parametrize("cuts", [pytest.param(30, id="short"), pytest.param(1000, id="long", marks=pytest.mark.slow)])
def test_a_commit_that_is_cut_happens_once_or_is_asked_for_again(database: str, cuts: int) -> None:
    migrate(database, datetime(2026, 3, 2, tzinfo=UTC))
    dice = random.Random(SEED)

    with Proxy(database, lambda what: _some(proxy, dice, what, cuts)) as proxy:
        with EventLog.connect(proxy.url, KINDS) as log:
            clerks = Clerks(log)
            clerks.work((case_errand(number) for number in range(round(CASES_A_CUT * cuts))), THREADS)
            clerks.ask_again()
        assert clerks.problems == []
        _enough(proxy, cuts)

    audit = DatabaseAudit(database)
    audit.prove_commands(clerks.answered, clerks.people, before=0)
    audit.prove_versions()
    audit.prove_positions()


def test_a_whole_site_lives_with_connections_that_break(tmp_path: Path, database: str) -> None:
    dice = random.Random(SEED)

    with Proxy(database, lambda _: None) as proxy:
        site = Site(tmp_path, proxy.url, {"serve": 1, "work": 1, "tick": 1})
        before = site.prepare()
        proxy.choose = lambda what: _some(proxy, dice, what, CUTS_OVER_HTTP)
        with site:
            site.wait_until_up()
            pids = site.pids()
            client = Client(site, COMMANDS_A_SECOND)
            client.start([case_errand(number) for number in range(round(CASES_A_CUT * CUTS_OVER_HTTP))], THREADS)
            client.join(600)
            assert client.problems == []
            prove(site, database, [client], before)
            assert site.pids() == pids, f"a process ended by itself:\n{site.said()}"
        _enough(proxy, CUTS_OVER_HTTP)
    site.environment["SHAOXIANG_DATABASE"] = database
    prove_check(site)


def _some(proxy: Proxy, dice: random.Random, what: What, cuts: int) -> Cut | None:
    """Cut some of what goes by, until so many appends were cut."""
    if proxy.cut_appends() >= cuts or dice.random() >= SHARES[what]:
        return None
    return dice.choice(list(Cut))


def _enough(proxy: Proxy, cuts: int) -> None:
    assert proxy.cut_appends() >= cuts, f"only {proxy.cuts} of {proxy.seen}: make the plan longer"
    assert {cut for what, cut in proxy.cuts if what is What.APPEND} == set(Cut)
