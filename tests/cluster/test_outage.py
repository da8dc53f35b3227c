"""The database goes away under a whole cluster and comes back: nobody is restarted, and everything goes on."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.postgres import Postgres
from tests.cluster.kit import PLACE, Door, running
from tests.cluster.test_topology import LEADER, SHARDS, soon

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
    settings = {"SHAOXIANG_RETRY_FOR": "PT8S"}
    with running(folder, server, parts=parts, settings=settings, database="outage") as opened:
        yield opened


def test_a_command_waits_for_a_database_that_is_back_in_time(server: Postgres, door: Door) -> None:
    before = door.do("grid_worker", "/reports", REPORT)["position"]
    server.stop("immediate")
    back = threading.Timer(1.0, server.run)
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
        for member in door.cluster.members:
            assert door.look(member, "/health").status_code == 200
            assert door.look(member, "/ready").status_code == 503
            assert door.metric(member, "shaoxiang_store_up") == 0
    finally:
        server.run()
    asked = time.monotonic()
    soon(lambda: door.ask("grid_worker", "/reports", REPORT, key="k-2").status_code == 201)
    assert time.monotonic() - asked < 10
    assert door.do("grid_worker", "/reports", REPORT, key="k-1") == begun, "what was acknowledged is still answered"
    soon(lambda: door.metric("work-0", LEADER) == 1 and door.metric("tick-0", SHARDS) == 16)
    report = door.do("grid_worker", "/reports", REPORT, key="k-2")["ids"]["report"]
    assert door.see("command_officer", f"/reports/{report}")
