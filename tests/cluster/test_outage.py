"""The database goes away under a whole cluster and comes back: nobody is restarted, and everything goes on."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.postgres import Postgres
from tests.cluster.kit import PLACE, Door, running
from tests.cluster.test_topology import LEADER, SHARDS, soon

RETRY_SECONDS = 4
"""How long a process asks for the database again: enough for one that is back at once, and little to wait for here."""

BACK_AFTER_SECONDS = 0.5
REPORT = {"source": "grid", "description": "井盖缺失", "place": PLACE}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server that only these tests use, because they stop it."""
    with Postgres.start() as started:
        yield started


@pytest.fixture(scope="module")
def door(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder: Path = tmp_path_factory.mktemp("outage")
    parts = {"serve": 1, "work": 1, "tick": 1}
    settings = {"SHAOXIANG_RETRY_FOR": f"PT{RETRY_SECONDS}S"}
    with running(folder, server, parts=parts, settings=settings, database="outage") as opened:
        yield opened


def test_a_command_waits_for_a_database_that_is_back_in_time(server: Postgres, door: Door) -> None:
    before = door.do("grid_worker", "/reports", REPORT)["position"]
    server.stop("immediate")
    back = threading.Timer(BACK_AFTER_SECONDS, server.run)
    back.start()
    try:
        assert door.do("grid_worker", "/reports", REPORT)["position"] > before
    finally:
        back.join()


def test_a_database_that_stays_away_is_said_so_and_everything_goes_on_by_itself(server: Postgres, door: Door) -> None:
    begun = door.do("grid_worker", "/reports", REPORT, key="k-1")
    soon(lambda: door.metric("work-0", LEADER) == 1)
    server.stop("immediate")
    try:
        reply = door.ask("grid_worker", "/reports", REPORT, key="k-2")
        assert (reply.status_code, reply.json()["code"]) == (503, "STORE_AWAY")
        assert int(reply.headers["Retry-After"]) > 0
        members = tuple(door.cluster.members)
        # All at once, since each answer takes as long as the process asks for the database again.
        with ThreadPoolExecutor(2 * len(members)) as asking:
            ready = asking.map(door.look, members)
            up = asking.map(lambda member: door.metric(member, "shaoxiang_store_up"), members)
            assert {door.look(member, "/health").status_code for member in members} == {200}
            assert {reply.status_code for reply in ready} == {503}
            assert set(up) == {0}
    finally:
        server.run()
    asked = time.monotonic()
    soon(lambda: door.ask("grid_worker", "/reports", REPORT, key="k-2").status_code == 201)
    assert time.monotonic() - asked < 10
    assert door.do("grid_worker", "/reports", REPORT, key="k-1") == begun, "what was acknowledged is still answered"
    soon(lambda: door.metric("work-0", LEADER) == 1 and door.metric("tick-0", SHARDS) == 16)
    report = door.do("grid_worker", "/reports", REPORT, key="k-2")["ids"]["report"]
    assert door.see("command_officer", f"/reports/{report}")
