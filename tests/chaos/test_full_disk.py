"""The disk runs full under a running house: commands are refused in clear words, and reading goes on.

Once there is room again all goes on, without a restart or a repair, and what was acknowledged is there.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql

from bench.postgres import Postgres
from tests.chaos.audit import prove, prove_check
from tests.chaos.client import Client
from tests.chaos.disks import filled, small_disk
from tests.chaos.site import Site
from tests.crash.driver import Answered
from tests.crash.plan import case_errand

FULL, FULL_CODE = 507, "STORE_FULL"
CASES_BEFORE, CASES_AFTER = 3, 6
MOST_COMMANDS = 2000
"""How many commands at most still find room in what the store had set aside before the disk was full."""

REFUSALS = 10
RECOVER_SECONDS = 30


@contextmanager
def embedded(folder: Path) -> Iterator[tuple[Site, str | None, Path]]:
    """The whole embedded store on a small disk."""
    with small_disk(folder / "disk", 24) as disk:
        yield Site(disk / "store", None, {"serve": 1}, said=folder), None, disk


@contextmanager
def on_postgres(folder: Path) -> Iterator[tuple[Site, str | None, Path]]:
    """The database's data on a small disk; its write-ahead log on another one, as a careful site has it."""
    with Postgres.start() as server, small_disk(server.folder / "small", 96) as disk:
        place = disk / "data"
        place.mkdir(mode=0o700)
        shutil.chown(place, "postgres", "postgres")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(place))))
            connection.execute("CREATE DATABASE shaoxiang TABLESPACE small")
        url = server.url("shaoxiang")
        yield Site(folder, url, {"serve": 2, "work": 1, "tick": 1}), url, disk


@pytest.mark.parametrize("stage", [embedded, on_postgres])
def test_a_full_disk_refuses_writes_and_nothing_else(
    tmp_path: Path, stage: Callable[[Path], AbstractContextManager[tuple[Site, str | None, Path]]]
) -> None:
    with stage(tmp_path) as (site, url, disk):
        before = site.prepare()
        with site:
            site.wait_until_up()
            pids = site.pids()
            earlier = _work(site, range(CASES_BEFORE))
            with filled(disk), httpx2.Client(timeout=30) as connection:
                crowd = Crowd(site, connection)
                crowd.is_refused_in_clear_words()
                crowd.can_read()
            crowd.are_let_in_again()
            later = _work(site, range(100, 100 + CASES_AFTER))
            prove(site, url, [earlier, crowd, later], before)
            assert site.pids() == pids, f"a process ended by itself:\n{site.said()}"
        prove_check(site)


class Crowd(Client):
    """People who go on reporting, whatever they are told."""

    def __init__(self, site: Site, connection: httpx2.Client) -> None:
        super().__init__(site, 100, hangs_up=False)
        self._site, self._connection = site, connection
        self._refused: list[str] = []

    def is_refused_in_clear_words(self) -> None:
        """Report until enough were refused, each as a problem that says that the disk is full.

        That takes a while, since what the store had set aside is used up first; and once in a while a report
        still finds a page with room after another one found none. Served it is kept, like any other.
        """
        for number in range(MOST_COMMANDS):
            reply = self._report(key := f"crowd-{number}")
            if reply.status_code == 201:
                continue
            assert reply.status_code == FULL, f"{reply.status_code} {reply.text}"
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert reply.json()["code"] == FULL_CODE
            assert "no room" in reply.json()["detail"]
            self._refused.append(key)
            if len(self._refused) == REFUSALS:
                return
        raise AssertionError(f"of {MOST_COMMANDS} commands only {len(self._refused)} found no room on a full disk")

    def can_read(self) -> None:
        """Lists and files are shown as ever."""
        headers = {"Authorization": f"Bearer {self._site.people['command'].token}"}
        base = self._site.base()
        listed = self._connection.get(f"{base}/cases", headers=headers)
        assert listed.status_code == 200, listed.text
        cases = [each for each in listed.json()["items"] if each["number"] is not None]
        assert cases
        for each in cases[:3]:
            reply = self._connection.get(f"{base}/cases/{each['id']}", headers=headers)
            assert reply.status_code == 200, reply.text
        assert self._connection.get(base.removesuffix("/api/v1") + "/health").status_code == 200

    def are_let_in_again(self) -> None:
        """Whoever was refused asks again, with the same key, and is served."""
        until = time.monotonic() + RECOVER_SECONDS
        with httpx2.Client(timeout=30) as self._connection:
            for key in self._refused:
                while (reply := self._report(key)).status_code in {FULL, 503}:
                    assert time.monotonic() < until, f"still {reply.status_code} with room again: {reply.text}"
                    time.sleep(0.2)
                assert reply.status_code == 201, f"{reply.status_code} {reply.text}"

    def _report(self, key: str) -> httpx2.Response:
        step, asked_at = case_errand(0).steps[0], self._now()
        reply = self._send(self._connection, step.path, step, self._headers(step.by, key, None))
        if reply.is_success:
            sent = (step.by, step.path, key, step.body, None)
            self.answered.append(Answered(*sent, 0, asked_at, reply.status_code, reply.json()))
        return reply


def _work(site: Site, numbers: range) -> Client:
    """Cases carried from end to end; all must be served."""
    client = Client(site, 100, hangs_up=False)
    client.start([case_errand(number) for number in numbers], 2)
    client.join(60)
    assert client.problems == []
    return client
