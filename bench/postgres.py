"""A PostgreSQL server of one's own, thrown away at the end: for tests, benches and a cluster of plain processes.

It listens on loopback alone, trusts whoever comes, and waits for the disk like a real one. PostgreSQL refuses to run
as root, so then it runs as Debian's user `postgres`. It ends with the process that started it, even when that is
killed: a small watcher outlives both for as long as that takes, and removes the folder.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil
import psycopg
from psycopg import sql

_USER = "postgres"
_HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 60
_STATE_LINE = 7
_READY = {"ready", "standby"}
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_NONE: Mapping[str, str] = {}
_SETTINGS = {"max_connections": "200", "max_wal_senders": "10", "wal_level": "replica", "hot_standby": "on"}
# A path of a socket may have 107 characters, and the server adds its own name to the folder's.
_LONGEST_SOCKET_FOLDER = 80
_WATCH = (
    'tail --pid="$1" -f /dev/null; '
    'test -f "$2/data/postmaster.pid" && kill -QUIT "$(head -n 1 "$2/data/postmaster.pid")" && sleep 1; rm -rf "$2"'
)


def quarter_of_memory() -> str:
    """A quarter of the machine's memory, 2 GB at least: what docs/operations.md advises for `shared_buffers`."""
    return f"{max(2048, os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 4 // 2**20)}MB"


class ServerFailed(RuntimeError):
    """The server is not installed, did not start, or did not stop; the message holds the end of its log."""


class Postgres:
    """A server and its folder, which it owns and removes. `start` makes one; use it in a `with`, or `close` it."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = port
        self.settings = {**_SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._sockets = folder if len(str(folder)) <= _LONGEST_SOCKET_FOLDER else Path(_owned(None))
        self._watcher = subprocess.Popen(  # noqa: S603 - our own words
            ["/bin/sh", "-c", _WATCH, "watch", str(self._owner), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.close)

    @classmethod
    def start(cls, folder: Path | None = None, *, port: int | None = None, settings: Mapping[str, str] = _NONE) -> Self:
        """A fresh cluster in the folder (a temporary one where none is given), running when this returns.

        `settings` are PostgreSQL's own, such as {"shared_buffers": "1GB"}. Raises ServerFailed.
        """
        place = _owned(folder)
        _as_server("initdb", "-D", str(place / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        server = cls(place, port or free_port(), settings)
        try:
            server.run()
        except BaseException:
            server.close()
            raise
        return server

    def url(self, database: str = "postgres", user: str = _USER) -> str:
        """Where to connect: a URL as libpq reads it."""
        return f"postgresql://{user}@{_HOST}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process that all others of the server are children of; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    def create(self, database: str, template: str = "template1") -> str:
        """A new database, empty or a copy of another that nobody is connected to; answers its URL."""
        names = (sql.Identifier(name) for name in (database, template))
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop the database, whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def run(self) -> None:
        """Run it (again) on the same port and folder; answers when it takes connections. Raises ServerFailed."""
        options = {
            "port": str(self.port),
            "listen_addresses": _HOST,
            "unix_socket_directories": str(self._sockets),
            **self.settings,
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - as above
                _command("postgres", "-D", str(self.folder / "data"), *flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for whoever started it, who then stops it in order.
                start_new_session=True,
            )
        self._await_ready(self._process)

    def stop(self, mode: str = "fast") -> None:
        """Stop it as `pg_ctl stop -m` does: "fast", or "immediate" as in a crash; it may be run again."""
        process = self._process
        if process is None:
            return
        process.send_signal(_SIGNALS[mode])
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"the server on port {self.port} did not stop: {self.log()}") from None
        self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and all its children at once, as when the machine is gone; it may be run again."""
        process = self._process
        if process is None:
            return
        try:
            children = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        process.kill()
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait()
        psutil.wait_procs(children, timeout=_STOP_SECONDS)
        self._process = None

    def standby(self, *, synchronous: bool) -> "Postgres":
        """A streaming copy of this server on a port of its own; in step with each commit when `synchronous`."""
        place, port = _owned(None), free_port()
        name = f"standby_{port}"
        source = f"host={_HOST} port={self.port} user={_USER} application_name={name}"
        _as_server("pg_basebackup", "-D", str(place / "data"), "-d", source, "-R", "-X", "stream", "-c", "fast", "-N")
        copy = Postgres(place, port, self.settings)
        try:
            copy.run()
        except BaseException:
            copy.close()
            raise
        if synchronous:
            self._execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(name)))
            self._execute(sql.SQL("SELECT pg_reload_conf()"))
            self._await_standby(name)
        return copy

    def promote(self) -> None:
        """Make a standby the primary; answers when it takes writes."""
        self._execute(sql.SQL("SELECT pg_promote(true, 60)"))

    def close(self) -> None:
        """Stop it and remove the folder; safe to do twice, and does nothing in a forked child."""
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        try:
            self.stop("immediate")
        finally:
            self._watcher.kill()
            self._watcher.wait()
            for folder in {self.folder, self._sockets}:
                shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def log(self, characters: int = 2000) -> str:
        """The end of the server's own log."""
        return (self.folder / "server.log").read_text(errors="replace")[-characters:]

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        """As pg_ctl does it: the server writes its state into its lock file."""
        status = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._process = None
                raise ServerFailed(f"the server on port {self.port} did not start: {self.log()}")
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) > _STATE_LINE and lines[0] == str(process.pid) and lines[_STATE_LINE].strip() in _READY:
                return
            time.sleep(0.02)
        self.kill()
        raise ServerFailed(f"the server on port {self.port} was not ready in {_START_SECONDS} s: {self.log()}")

    def _await_standby(self, name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        with psycopg.connect(self.url(), autocommit=True) as connection:
            while time.monotonic() < deadline:
                row = connection.execute(
                    "SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND sync_state = 'sync'", (name,)
                ).fetchone()
                if row is not None:
                    return
                time.sleep(0.05)
        raise ServerFailed(f"the standby {name} did not come into step: {self.log()}")


def free_port() -> int:
    """A port of loopback that nobody listens on just now; another one each time, since it is listened on only later."""
    while True:
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


_given: set[int] = set()


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs: the newest that Debian keeps, or on PATH. Raises ServerFailed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name))
    # The server's own folder first: a wrapper on PATH may choose a cluster of its own.
    for folder in (*reversed(installed), *map(Path, os.get_exec_path())):
        if (folder / name).is_file() and os.access(folder / name, os.X_OK):
            return str(folder / name)
    raise ServerFailed(
        f"PostgreSQL's {name} is not installed: run `make tools`, or on Debian apt-get install postgresql"
    )


def _command(name: str, *arguments: str) -> list[str]:
    """The command line; as root it becomes one of the user that a Debian server runs as."""
    line = [program(name), *arguments]
    return _as_user(*line) if os.geteuid() == 0 else line


def _as_user(*line: str) -> list[str]:
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups", *line]


def _as_server(name: str, *arguments: str) -> None:
    line = _command(name, *arguments)
    done = subprocess.run(line, cwd="/", capture_output=True, text=True, check=False)  # noqa: S603 - as above
    if done.returncode != 0:
        raise ServerFailed(f"{name} failed: {done.stderr or done.stdout}")


def _owned(folder: Path | None) -> Path:
    """A folder that the server's user owns."""
    place = Path(tempfile.mkdtemp(prefix="shaoxiang-pg-")) if folder is None else folder
    place.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(place, _USER, _USER)
        _must_reach(place)
    return place


def _must_reach(place: Path) -> None:
    line = _as_user("test", "-w", str(place))
    if subprocess.run(line, cwd="/", check=False).returncode != 0:  # noqa: S603 - as above
        raise ServerFailed(f"{place} cannot be reached by the user {_USER}: use a folder whose parents all may enter")
