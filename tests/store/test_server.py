"""The throw-away server that the tests and benches use: real, and gone with whoever started it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from bench.postgres import Postgres, ServerFailed, free_port

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_waits_for_the_disk_as_a_real_one_does(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchall()[0][0] for name in ("fsync", "synchronous_commit")]
        assert shown == ["on", "on"]
        assert connection.execute("SHOW listen_addresses").fetchall() == [("127.0.0.1",)]


@pytest.mark.parametrize("end", ["fast", "immediate", "kill"])
def test_it_may_be_stopped_in_any_way_and_run_again_with_what_it_held(end: str) -> None:
    with Postgres.start() as server:
        url = server.create("kept")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE one (x int)")
        server.kill() if end == "kill" else server.stop(end)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.run()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM one").fetchall() == [(0,)]
    assert not server.folder.exists()


def test_a_server_that_cannot_start_says_what_it_said_itself() -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        Postgres.start(settings={"no_such_setting": "1"})


def test_it_ends_with_a_process_that_is_killed() -> None:
    port = free_port()
    code = (
        "import os, signal; from bench.postgres import Postgres; "
        f"server = Postgres.start(port={port}); print(server.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    folder = Path(told.stdout.strip())
    assert folder.name
    until(lambda: not folder.exists())
    until(lambda: not [each for each in psutil.process_iter(["cmdline"]) if str(folder) in str(each.info["cmdline"])])
