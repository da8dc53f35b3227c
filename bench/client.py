"""A client that is light enough to share the machine with what it measures: HTTP/1.1 on kept connections, and no more.

A general client costs as much of a processor as the server it asks; this one a twentieth of that.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

_HEAD_AT_MOST = 1 << 16


class Reply(NamedTuple):
    """An answer: the status, the headers by their names in small letters, and the body. Status 0: none came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


NO_REPLY = Reply(0, {}, b"")


class _Line(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Client:
    """Asks several servers in turn. `bases` are their addresses, such as http://127.0.0.1:8000/api/v1."""

    def __init__(self, bases: Sequence[str]) -> None:
        self._places = [urlsplit(base) for base in bases]
        self._idle: list[list[_Line]] = [[] for _ in bases]
        self._turn = 0

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Send one request to the next server, and answer what came back; `NO_REPLY` where the connection broke.

        A kept connection that the server gave up just then is made anew, which a command's key makes safe.
        """
        self._turn = turn = (self._turn + 1) % len(self._places)
        place = self._places[turn]
        told = {"Host": place.netloc, **headers, "Content-Length": len(body)}
        lines = [f"{method} {place.path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        reply = NO_REPLY
        if (kept := self._kept(turn)) is not None:
            reply = await self._over(kept, turn, request)
        if reply is NO_REPLY:
            try:
                fresh = await asyncio.open_connection(place.hostname, place.port, limit=_HEAD_AT_MOST)
            except OSError:
                return NO_REPLY
            reply = await self._over(_Line(*fresh), turn, request)
        return reply

    async def _over(self, line: _Line, turn: int, request: bytes) -> Reply:
        try:
            line.writer.write(request)
            reply = await _read(line.reader)
        except (OSError, asyncio.IncompleteReadError):
            line.writer.close()
            return NO_REPLY
        except asyncio.CancelledError:
            line.writer.close()
            raise
        self._idle[turn].append(line)
        return reply

    async def close(self) -> None:
        """Give back every connection."""
        for line in [line for idle in self._idle for line in idle]:
            line.writer.close()
            with suppress(OSError):
                await line.writer.wait_closed()

    def _kept(self, turn: int) -> _Line | None:
        """A connection that the server has not closed meanwhile: it does so when one has been quiet for long."""
        while self._idle[turn]:
            line = self._idle[turn].pop()
            if not line.reader.at_eof():
                return line
            line.writer.close()
        return None


async def _read(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head[:-4].split("\r\n")
    fields = (line.partition(": ") for line in rest)
    headers = {name.lower(): value for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Reply(int(first.split(" ", 2)[1]), headers, body)
