"""Every view is folded again while people work: nobody is refused or told to wait, and the views are right after it."""

import json
from pathlib import Path

from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.site import Site
from tests.crash.plan import case_errand

COMMANDS_A_SECOND = 50
THREADS = 6
CASES = 120
BEFORE, AFTER = 40, 20
"""How many commands are begun before the rebuild, and how many go on after it, at least."""


def test_views_are_rebuilt_while_people_work(tmp_path: Path, database: str) -> None:
    site = Site(tmp_path, database, {"serve": 2, "work": 1, "tick": 1})
    before = site.prepare()
    with site:
        site.wait_until_up()
        client = Client(site, COMMANDS_A_SECOND, hangs_up=False)
        client.start([case_errand(number) for number in range(CASES)], THREADS)
        assert client.wait_for_commands(BEFORE)
        rebuilt = site.run("rebuild", "--json")
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert client.wait_for_commands(AFTER), "the plan ended before the rebuild: make it longer"
        client.join(60)
        assert client.problems == []
        assert client.away == 0, f"somebody was told that the store is away:\n{site.said()}"
        prove(site, database, [client], before)
    assert json.loads(rebuilt.stdout)["position"] > 0
    prove_check(site)
