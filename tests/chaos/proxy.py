"""A proxy in front of PostgreSQL that breaks connections where it hurts: around a commit.

It reads just enough of the protocol to see a statement that commits go by: COMMIT itself, or a call of the append
function outside a transaction block. There it may break the connection before the server has seen the statement,
while the server works on it, or after the server has answered and before the client has learned of it.
"""

import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from io import BufferedReader
from typing import Self
from urllib.parse import urlsplit, urlunsplit

COMMITS = re.compile(rb"\s*(COMMIT\b|END\b)", re.IGNORECASE)
BEGINS = re.compile(rb"\s*(BEGIN|START TRANSACTION)\b", re.IGNORECASE)
APPENDS = re.compile(rb"\blog\.append\w*\s*\(", re.IGNORECASE)
"""A call of the store's own function, which is a commit of its own where no transaction is open."""

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
IN_NO_TRANSACTION = b"I"
JOIN_SECONDS = 5


class Cut(StrEnum):
    """Where a connection breaks, as seen from the commit."""

    BEFORE = "before"
    AMID = "amid"
    AFTER = "after"


class What(StrEnum):
    """What goes by: a call that appends to the log, or any other commit, such as the views'."""

    APPEND = "append"
    COMMIT = "commit"


class Proxy:
    """Listens on a port of its own, and passes on to the server of `url`.

    `choose` is asked at every commit that goes by whether and where to cut; `cuts` counts what was done.
    """

    def __init__(self, url: str, choose: Callable[[What], Cut | None]) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        user = f"{parts.username}@" if parts.username else ""
        self.url = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{self._listener.getsockname()[1]}"))
        self.cuts: Counter[tuple[What, Cut]] = Counter()
        self.seen: Counter[What] = Counter()
        self.choose = choose
        self._lock = threading.RLock()
        self._sessions: set[_Session] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def decide(self, what: What) -> Cut | None:
        """What to do about the commit that goes by."""
        with self._lock:
            self.seen[what] += 1
            return self.choose(what)

    def count(self, what: What, cut: Cut) -> None:
        """A connection was cut."""
        with self._lock:
            self.cuts[what, cut] += 1

    def cut_appends(self) -> int:
        """How many appends to the log were cut."""
        with self._lock:
            return sum(count for (what, _), count in self.cuts.items() if what is What.APPEND)

    def forget(self, session: "_Session") -> None:
        """A connection has ended."""
        with self._lock:
            self._sessions.discard(session)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server)
                except OSError:
                    client.close()
                    continue
                session = _Session(self, client, server)
                with self._lock:
                    self._sessions.add(session)
                session.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A blocked accept does not notice that its socket is closed, only that it is shut down.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(JOIN_SECONDS)
        self._listener.close()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.end()
            session.join()


class _Session:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._statements: dict[bytes, bytes] = {}
        self._portals: dict[bytes, bytes] = {}
        self._in_block = False
        self._held: What | None = None
        self._threads: list[threading.Thread] = []
        self._running, self._lock = 2, threading.Lock()

    def start(self) -> None:
        """Pass messages on in both directions, until one side ends."""
        for work in (self._from_client, self._from_server):
            self._threads.append(threading.Thread(target=self._run, args=(work,), daemon=True))
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Break the connection; safe to do twice."""
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait until both directions have ended."""
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _run(self, work: Callable[[], None]) -> None:
        with suppress(OSError, EOFError):
            work()
        self.end()
        with self._lock:
            self._running -= 1
            if self._running:
                return
        self._client.close()
        self._server.close()
        self._proxy.forget(self)

    # Client to server.

    def _from_client(self) -> None:
        with self._client.makefile("rb") as stream:
            self._server.sendall(self._startup(stream))
            while True:
                kind, message = _message(stream)
                what = self._commits(kind, message[5:])
                cut = self._proxy.decide(what) if what else None
                if what and cut is Cut.BEFORE:
                    self._proxy.count(what, cut)
                    return
                if cut is Cut.AFTER:
                    self._held = what
                self._server.sendall(message)
                if what and cut is Cut.AMID:
                    # What follows, such as the Sync of an extended query, must reach the server too.
                    self._pass_rest(stream, kind)
                    self._proxy.count(what, cut)
                    return

    def _startup(self, stream: BufferedReader) -> bytes:
        """The first packet, which has no type; requests to encrypt are declined."""
        while True:
            head = _exactly(stream, 8)
            length, code = struct.unpack("!II", head)
            if code not in {SSL_REQUEST, GSS_REQUEST}:
                return head + _exactly(stream, length - 8)
            self._client.sendall(b"N")

    def _pass_rest(self, stream: BufferedReader, kind: bytes) -> None:
        while kind not in {b"Q", b"S"}:
            kind, message = _message(stream)
            self._server.sendall(message)

    def _commits(self, kind: bytes, body: bytes) -> What | None:
        """What the server commits when it executes this; statements are remembered by name until then."""
        match kind:
            case b"P":
                name, statement, _ = body.split(b"\0", 2)
                self._statements[name] = statement
            case b"B":
                portal, name, _ = body.split(b"\0", 2)
                self._portals[portal] = self._statements.get(name, b"")
            case b"Q":
                return self._executes(body)
            case b"E":
                return self._executes(self._portals.get(body.split(b"\0", 1)[0], b""))
        return None

    def _executes(self, statement: bytes) -> What | None:
        if BEGINS.match(statement):
            self._in_block = True
        elif COMMITS.match(statement):
            return What.COMMIT
        elif not self._in_block and APPENDS.search(statement):
            return What.APPEND
        return None

    # Server to client.

    def _from_server(self) -> None:
        held: list[tuple[bytes, bytes]] = []
        with self._server.makefile("rb") as stream:
            while True:
                kind, message = _message(stream)
                ready = kind == b"Z"
                if ready:
                    self._in_block = message[5:6] != IN_NO_TRANSACTION
                what = self._held
                if what is None:
                    self._client.sendall(message)
                    continue
                held.append((kind, message))
                if not ready:
                    continue
                if all(each != b"E" for each, _ in held):
                    self._proxy.count(what, Cut.AFTER)
                    return
                # The server refused, so nothing was committed: pass its answer on, and wait for another chance.
                self._held = None
                self._client.sendall(b"".join(each for _, each in held))
                held = []


def _message(stream: BufferedReader) -> tuple[bytes, bytes]:
    """The next message: its type, and all of it."""
    head = _exactly(stream, 5)
    return head[:1], head + _exactly(stream, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(stream: BufferedReader, length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise EOFError
    return found
