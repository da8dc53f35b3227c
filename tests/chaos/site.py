"""A site under test: a database, the processes on it, and the cast that works there.

Every process is the head of a group of its own, and is killed by that group's id; so a test leaves nothing running,
however it ends.
"""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import psycopg
from pydantic import SecretStr

from bench.cluster import ROLE
from bench.postgres import free_port
from bench.processes import Process
from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_premises
from shaoxiang.settings import Settings
from tests.crash.plan import Person, Waiting, dispatch_emergencies, issue_tokens
from tests.crash.server import ROOT, command_line

UP_SECONDS = 60
OWNER = "postgres"
FULL = {"serve": 2, "work": 2, "tick": 2}
"""How many processes of each kind a site has: two, so that each has somebody to take over."""


class Member:
    """One process of the site. Each start has a file of its own for what it says; an API keeps its port."""

    def __init__(self, kind: str, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = f"{kind}-{number}"
        self._kind, self._folder, self._environment = kind, folder, environment
        self._arguments = ("--port", str(free_port()))
        self._starts = 0
        self._ready = ""
        self.running: Process | None = None

    def start(self) -> None:
        """Start it, and do not wait until it is ready."""
        self._starts += 1
        self._ready = ""
        said = self._folder / f"{self.name}-{self._starts}.log"
        self.running = Process(self._kind, *self._arguments, environment=self._environment, said=said)

    def kill(self) -> None:
        """`kill -9`."""
        if self.running is not None:
            if self.running.process.poll() is None:
                os.killpg(self.running.process.pid, signal.SIGKILL)
            self.running.process.wait()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self.running is not None
        return self.running.process.pid

    def ready(self) -> str:
        """The address that it told when it got ready; empty while it has not."""
        if not self._ready and self.running is not None:
            self._ready = self.running.told() or ""
        return self._ready

    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        return self.running is not None and self.running.process.poll() is None

    def said(self) -> str:
        """All that it said since it was started for the first time."""
        files = sorted(self._folder.glob(f"{self.name}-*.log"))
        return "".join(f"{file.name}: {file.read_text(errors='replace')}" for file in files)


class Site:
    """The processes on the database of `url`; on an embedded store in `folder` where there is none.

    What they say goes into files in `said`, which is the same folder where none is given.
    """

    def __init__(
        self, folder: Path, url: str | None, members: Mapping[str, int] = FULL, *, said: Path | None = None
    ) -> None:
        self.folder, self.clock = folder, SystemClock()
        self.people: dict[str, Person] = {}
        self.waiting: list[Waiting] = []
        self.url = url
        self.environment = {"SHAOXIANG_DIR": str(folder)}
        if url is not None:
            self.environment["SHAOXIANG_DATABASE"] = url.replace(f"//{OWNER}@", f"//{ROLE}@")
        self.members = [
            Member(kind, number, said or folder, self.environment)
            for kind, count in members.items()
            for number in range(count)
        ]
        self._turns = itertools.count()

    @property
    def settings(self) -> Settings:
        """The settings that the processes have."""
        given = {name.removeprefix("SHAOXIANG_").lower(): value for name, value in self.environment.items()}
        return Settings(**given)  # type: ignore[arg-type]

    def prepare(self, *, dues: int = 0, first_due: timedelta = timedelta(), every: timedelta = timedelta()) -> int:
        """Make the store, with the cast's tokens, and with emergencies whose signatures fall due one after another.

        Answers how many commands that took.
        """
        if self.url is None:
            migrate_all(self.settings)
        else:
            self._migrate(self.url)
        with open_premises(self.settings, self.clock.now) as premises:
            self.people = issue_tokens(premises, self.clock.now())
            first = self.clock.now() + first_due
            moments: Iterator[datetime] = (first + number * every for number in range(dues))
            self.waiting = dispatch_emergencies(premises, self.people["command"], moments)
        return dues

    def _migrate(self, url: str) -> None:
        """The owner makes the store, and grants the role that the processes run as what they need."""
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
                connection.execute(f"CREATE ROLE {ROLE} LOGIN")  # a constant
        migrate_all(Settings(dir=self.folder, database=SecretStr(url)), ROLE)

    def base(self, timeout: float = UP_SECONDS) -> str:
        """The address of an API that is up; another one each time, where there are several."""
        until = time.monotonic() + timeout
        apis = [each for each in self.members if each.name.startswith("serve")]
        while time.monotonic() < until:
            turn = next(self._turns)
            for each in apis[turn % len(apis) :] + apis[: turn % len(apis)]:
                if each.alive() and each.ready():
                    return each.ready()
            time.sleep(0.05)
        raise AssertionError(f"no API was up within {timeout} s; they said:\n{self.said()}")

    def bases(self) -> list[str]:
        """The addresses of all APIs, once every process is ready."""
        self.wait_until_up()
        return [each.ready() for each in self.members if each.name.startswith("serve")]

    def wait_until_up(self) -> None:
        """Wait until every process is ready."""
        until = time.monotonic() + UP_SECONDS
        while not all(each.ready() for each in self.members):
            assert all(each.alive() for each in self.members), f"a process ended by itself:\n{self.said()}"
            assert time.monotonic() < until, f"not every process got ready:\n{self.said()}"
            time.sleep(0.05)

    def pids(self) -> list[int]:
        """Which processes run now, by which one sees that none was started again."""
        return [each.pid for each in self.members if each.alive()]

    def said(self) -> str:
        """What all members said, the end of it."""
        return "\n".join(each.said()[-4000:] for each in self.members)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the command line on this site's store, such as `check --json`."""
        return subprocess.run(
            command_line(*arguments),
            env=os.environ | self.environment | {"SHAOXIANG_LOG_LEVEL": "ERROR"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def __enter__(self) -> Self:
        for each in self.members:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.members:
            each.kill()
