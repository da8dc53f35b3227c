"""The product as a city runs it, of plain processes on this machine: PostgreSQL, APIs behind a proxy, workers, tickers.

`python -m bench.cluster` (or `make cluster`) starts one with the demo city and prints the address and a login for
every role; Ctrl-C ends all of it and throws it away. Tests and benches start the same, and kill members of it.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psycopg

from bench.balancer import Balancer
from bench.postgres import Postgres, free_port
from bench.processes import Process
from shaoxiang.clock import SystemClock
from shaoxiang.demo import load_demo
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.settings import Settings

ROLE = "shaoxiang"
"""The role that the processes run as: it may add to the log and read it, and change nothing in it."""

DATABASE = "shaoxiang"
PORT = 8000
PARTS = {"serve": 2, "work": 2, "tick": 2}
"""How many processes there are of each kind."""

NOTHING: Mapping[str, str] = {}
Load = Callable[[Premises], None]


class Cluster:
    """All processes on one store. Members are called by kind and number, as in "serve-0", "work-1", "tick-0"."""

    def __init__(
        self,
        folder: Path,
        server: Postgres,
        *,
        parts: Mapping[str, int] = PARTS,
        settings: Mapping[str, str] = NOTHING,
        database: str = DATABASE,
        port: int = 0,
        url: str | None = None,
    ) -> None:
        """`folder` is the shared folder, `settings` are environment variables, `port` is the proxy's (0: any).

        `url` stands in for the database's own address, as when a proxy that cuts connections stands before it.
        """
        self.folder, self.server, self.database = folder, server, database
        self._url = url or server.url(database, ROLE)
        self._settings = dict(settings)
        self._ports = {f"{kind}-{n}": free_port() for kind, number in parts.items() for n in range(number)}
        self.members: dict[str, Process] = {}
        self._balancer = Balancer([port for name, port in self._ports.items() if name.startswith("serve-")], port)

    @property
    def url(self) -> str:
        """The address of the API, behind the proxy."""
        return f"http://127.0.0.1:{self._balancer.port}/api/v1"

    def root(self, member: str) -> str:
        """A member's own address, for /health, /ready and /metrics."""
        return f"http://127.0.0.1:{self._ports[member]}"

    @property
    def settings(self) -> Settings:
        """The settings of every process."""
        return Settings(dir=self.folder, database=self._url)

    def prepare(self, load: Load | None = None) -> None:
        """Create the store as its owner, once, and put something into it as the role that the processes run as."""
        with psycopg.connect(self.server.url(), autocommit=True) as db:
            if not db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
                db.execute(f"CREATE ROLE {ROLE} LOGIN")  # a constant, and a name takes no parameter
            if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self.database,)).fetchone():
                self.server.create(self.database)
        owner = Settings(dir=self.folder, database=self.server.url(self.database))
        migrate_all(owner, ROLE)
        with open_premises(self.settings, SystemClock().now) as premises:
            if load is not None:
                load(premises)

    def start(self, *members: str) -> None:
        """Start these members, or all, and wait until each says that it is ready. Raises RuntimeError."""
        if not self._balancer.port:
            self._balancer.start()
        wanted = members or tuple(self._ports)
        environment = {"SHAOXIANG_DIR": str(self.folder), "SHAOXIANG_DATABASE": self._url, **self._settings}
        for name in wanted:
            self.said(name).unlink(missing_ok=True)
            kind = name.partition("-")[0]
            port = str(self._ports[name])
            self.members[name] = Process(kind, "--port", port, environment=environment, said=self.said(name))
        for name in wanted:
            self.members[name].address()

    def kill(self, member: str) -> None:
        """`kill -9`: it gets no chance to finish or to tidy up."""
        process = self.members.pop(member).process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, member: str) -> int:
        """End it as a site does; answers its exit code."""
        process = self.members.pop(member)
        process.stop()
        return process.process.wait()

    def said(self, member: str) -> Path:
        """The file that all goes into that the member says."""
        return self.folder / f"{member}.log"

    def close(self) -> None:
        """End every process and the proxy; the store stays. Safe to do twice."""
        for process in self.members.values():
            if process.process.poll() is None:
                os.killpg(process.process.pid, signal.SIGTERM)
        for name in tuple(self.members):
            self.stop(name)
        self._balancer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a cluster with the demo city until it is told to stop."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="the proxy's port; 0 takes a free one")
    options = parser.parse_args(arguments)
    done = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: done.set())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shaoxiang-cluster-")))
        print("PostgreSQL …", flush=True)
        server = stack.enter_context(Postgres.start())
        cluster = stack.enter_context(Cluster(folder, server, port=options.port))
        logins: list[Sequence[str]] = []
        print("the demo city …", flush=True)
        cluster.prepare(lambda premises: logins.extend(load_demo(premises, lambda line: print(f"  {line}"))))
        cluster.start()
        for role, organisation, token in logins:
            print(f"  {role:<22} {organisation}  {token}")
        print(f"members: {', '.join(f'{name} {cluster.root(name)}' for name in cluster.members)}")
        print(f"store:   {server.url(DATABASE)}")
        print(f"Shaoxiang is ready at {cluster.url} (Ctrl-C ends it)", flush=True)
        done.wait()
        print("ending …", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
