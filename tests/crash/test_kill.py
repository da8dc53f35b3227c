"""Killed at any moment and started again: nothing acknowledged is lost, nothing is done twice, no deadline slips.

The server is killed with SIGKILL under thirty commands a second, while clocks fall due. Whoever got no answer asks
again with the same key, and so does one in ten who did not wait for it. A kill keeps what the kernel holds, so that
the log reaches the disk before an answer is proved apart from this, in `test_sync`.
"""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_premises
from shaoxiang.settings import Settings
from tests.crash.audit import Audit
from tests.crash.driver import Answered, Driver
from tests.crash.plan import Errand, Person, Waiting, case_errand, dispatch_emergencies, issue_tokens, signing_errand
from tests.crash.server import Server, command_line

COMMANDS_A_SECOND = 30
THREADS = 6
SIGNERS = 4
SEED = 20260302
FIRST_DUE = timedelta(seconds=4)
"""When the first prepared clock falls due: about when the first server is up."""

DUE_EVERY = timedelta(seconds=0.2)
DUES_A_KILL = 16
CASES_A_KILL = 6
GAP = (0, 40)
"""How many commands are begun between a start and the next kill, at least and at most."""

DIES_AT_ONCE = 0.3
"""How often a server that was started again is killed once more about when it gets ready."""


@pytest.mark.parametrize("kills", [pytest.param(3, id="short"), pytest.param(20, id="long", marks=pytest.mark.slow)])
def test_a_killed_server_loses_nothing_and_repeats_nothing(tmp_path: Path, kills: int) -> None:
    clock, dice = SystemClock(), random.Random(SEED)
    people, waiting, commands_before = _prepare(tmp_path, clock, dues=DUES_A_KILL * kills)
    signed, unsigned = waiting[::2], waiting[1::2]

    with Server(tmp_path) as server:
        driver = Driver(server, people, clock.now, COMMANDS_A_SECOND)
        signer = Driver(server, people, clock.now, COMMANDS_A_SECOND)
        driver.start([case_errand(number) for number in range(CASES_A_KILL * kills)], THREADS)
        signer.start(_around_the_due_time(signed, dice), SIGNERS)
        for _ in range(kills):
            assert driver.wait_for_commands(dice.randint(*GAP)), "the plan ended before the last kill: make it longer"
            time.sleep(dice.uniform(0, 0.01))
            assert driver.wait_for_commands(0), "nothing is under way to be cut off: make the plan longer"
            server.kill()
            if dice.random() < DIES_AT_ONCE:
                server.start_and_kill(after=dice.uniform(1, 2.5))
            server.start()
        driver.join(60)
        signer.join(60)
        assert driver.problems + signer.problems == []
        until = _wait_for_timers(tmp_path, clock, waiting)
        answered = driver.answered + signer.answered
        _every_answer_is_given_again(server, driver, answered)
        server.stop()

    assert any(each.cut_off for each in answered), "no kill cut a command off: this run has proved nothing"
    assert len(answered) == len(case_errand(0).steps) * CASES_A_KILL * kills + len(signed)
    audit = Audit(tmp_path / "log.db")
    repeated = audit.prove_commands(answered, people, commands_before)
    assert repeated, "no answer was lost after its effect: this run has proved nothing"
    audit.prove_versions()
    audit.prove_clocks(until)
    missed = {stream for stream, stage in audit.misses() if stage == "signature"}
    assert {each.response for each in unsigned} <= missed, "a signature that nobody gave was not called missed"
    _views_equal_a_fresh_fold(tmp_path)


def _prepare(folder: Path, clock: SystemClock, dues: int) -> tuple[dict[str, Person], list[Waiting], int]:
    """A store with the cast's tokens, and with emergencies whose signatures fall due during the run."""
    settings = Settings(dir=folder)
    migrate_all(settings)
    with open_premises(settings, clock.now) as premises:
        people = issue_tokens(premises, clock.now())
        first = clock.now() + FIRST_DUE
        waiting = dispatch_emergencies(premises, people["command"], (first + n * DUE_EVERY for n in range(dues)))
    return people, waiting, len(waiting)


def _around_the_due_time(waiting: list[Waiting], dice: random.Random) -> Iterator[Errand]:
    """Signatures within a second of the due time, on either side of it."""
    return (signing_errand(each, timedelta(seconds=dice.uniform(-1, 1))) for each in waiting)


def _wait_for_timers(folder: Path, clock: SystemClock, waiting: list[Waiting]) -> datetime:
    """Wait until all that fell due by now has been called missed; answers the moment up to which that holds."""
    last = max(each.due for each in waiting) + timedelta(seconds=1)
    time.sleep(max(0.0, (last - clock.now()).total_seconds()))
    until, patience = clock.now(), time.monotonic() + 20
    while Audit(folder / "log.db").overdue(until) and time.monotonic() < patience:
        time.sleep(0.2)
    return until


def _every_answer_is_given_again(server: Server, driver: Driver, answered: list[Answered]) -> None:
    """The same key with the same body gets the first answer, although the version that it names has passed."""
    with httpx2.Client(timeout=20) as client:
        for each in answered:
            assert driver.ask_again(client, each) == (each.status, each.answer), f"{each.path} was answered anew"


def _views_equal_a_fresh_fold(folder: Path) -> None:
    found = subprocess.run(
        command_line("check", "--dir", str(folder), "--json"), capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["clean"] is True
