"""Every view is folded again while people work: nobody is refused or told to wait, and the views are right after it."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.site import Site
from tests.crash.plan import case_errand

COMMANDS_A_SECOND = 50
THREADS = 6
CASES_A_ROUND = 12


def test_views_are_rebuilt_while_people_work(tmp_path: Path, database: str) -> None:
    site, numbers = Site(tmp_path, database, {"serve": 2, "work": 1, "tick": 1}), itertools.count()
    before = site.prepare()
    with site, ThreadPoolExecutor(1) as aside:
        site.wait_until_up()
        rounds = [_work(site, numbers)]
        rebuilding = aside.submit(site.run, "rebuild", "--json")
        while not rebuilding.done():
            rounds.append(_work(site, numbers))
        rebuilt = rebuilding.result()
        assert rebuilt.returncode == 0, rebuilt.stderr
        rounds.append(_work(site, numbers))
        prove(site, database, rounds, before)
    swapped_at = json.loads(rebuilt.stdout)["position"]
    assert swapped_at > max(each.answer["position"] for each in rounds[0].answered), "nobody worked during the rebuild"
    prove_check(site)


def _work(site: Site, numbers: "itertools.count[int]") -> Client:
    """Some cases carried from end to end at once; all must be served at the first try."""
    client = Client(site, COMMANDS_A_SECOND, hangs_up=False)
    client.start([case_errand(number) for number in itertools.islice(numbers, CASES_A_ROUND)], THREADS)
    client.join(60)
    assert client.problems == []
    assert client.away == 0, f"somebody was told that the store is away:\n{site.said()}"
    return client
