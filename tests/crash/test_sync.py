"""No answer before the disk: a trace of system calls shows a sync of the log's file ahead of every acknowledgement.

A kill cannot show this, for what a killed process wrote lives on in the kernel; a power cut would.
"""

from pathlib import Path

import pytest

from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_premises
from shaoxiang.settings import Settings
from tests.crash import relaxed
from tests.crash.driver import Driver
from tests.crash.plan import case_errand, issue_tokens
from tests.crash.server import MODULE, Server
from tests.crash.trace import Call, exchanges, read, tracer, unsynced

GENERAL_CASES = (0, 2, 4)
"""Cases none of whose clocks falls due within the test, so that no timer writes beside the commands."""

COMMANDS = sum(len(case_errand(number).steps) for number in GENERAL_CASES)
LOG = "log.db-wal"
"""Where a commit lands: in the log's write-ahead file."""


def test_the_log_is_synced_before_every_acknowledgement(tmp_path: Path) -> None:
    calls = _traced(tmp_path)

    assert len(exchanges(calls)) == COMMANDS
    assert unsynced(calls, LOG) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_log_that_is_synced_less_is_found_out(tmp_path: Path, synchronous: str) -> None:
    calls = _traced(tmp_path, module=relaxed.__name__, environment={relaxed.VARIABLE: synchronous})

    assert len(exchanges(calls)) == COMMANDS
    assert len(unsynced(calls, LOG)) == COMMANDS


REQUEST = '7 recvfrom(12<socket:[5]>, "POST /api/v1/reports"..., 65536, 0, NULL, NULL) = 300'
WRITE = '8 pwrite64(9</d/log.db-wal>, "x", 24, 0) = 24'
SYNC = "8 fdatasync(9</d/log.db-wal>) = 0"
BEGUN = "8 fdatasync(9</d/log.db-wal> <unfinished ...>"
ENDED = "8 <... fdatasync resumed>) = 0"
ANSWER = '7 sendto(12<socket:[5]>, "HTTP/1.1 201 Created"..., 400, 0, NULL, 0) = 400'


@pytest.mark.parametrize(
    ("lines", "safe"),
    [
        ([REQUEST, WRITE, SYNC, ANSWER], True),
        ([REQUEST, WRITE, ANSWER, SYNC], False),
        ([REQUEST, SYNC, WRITE, ANSWER], False),
        ([REQUEST, WRITE, SYNC, WRITE, ANSWER], False),
        ([REQUEST, SYNC, ANSWER], False),
        ([WRITE, REQUEST, SYNC, ANSWER], False),
        ([REQUEST, WRITE, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), ANSWER], False),
        ([REQUEST, WRITE, SYNC.replace("log.db-wal", "views.db-wal"), ANSWER], False),
        ([REQUEST, WRITE, BEGUN, ANSWER, ENDED], False),
        ([REQUEST, WRITE, BEGUN, ENDED, ANSWER], True),
        ([REQUEST, BEGUN, WRITE.replace("8 ", "9 "), ENDED, ANSWER], False),
    ],
    ids=[
        "written, synced, answered", "synced after the answer", "synced before the write", "written once more",
        "nothing written", "written before the request", "the sync failed", "another file was synced",
        "the sync ended after the answer", "the sync was interrupted, and ended in time",
        "the sync began before the write",
    ],
)  # fmt: skip
def test_what_a_trace_must_show_for_a_command_to_be_safe(lines: list[str], *, safe: bool) -> None:
    calls = read(lines)

    assert len(exchanges(calls)) == 1
    assert (unsynced(calls, LOG) == []) is safe


def _traced(folder: Path, module: str = MODULE, environment: dict[str, str] | None = None) -> list[Call]:
    """The system calls of a server that was sent a few cases, one command after another."""
    clock, output = SystemClock(), folder / "trace"
    settings = Settings(dir=folder)
    migrate_all(settings)
    with open_premises(settings, clock.now) as premises:
        people = issue_tokens(premises, clock.now())
    with Server(folder, before=tracer(output), module=module, environment=environment) as server:
        driver = Driver(server, people, clock.now, rate=1000, hangs_up=False)
        driver.start([case_errand(number) for number in GENERAL_CASES], threads=1)
        driver.join(60)
        server.stop()
    assert driver.problems == []
    with output.open(encoding="utf-8") as lines:
        return read(lines)
