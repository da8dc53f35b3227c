"""The server's socket and its HTTP: an answer leaves at once, and a head has an end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from shaoxiang.protocol import HEAD_AT_MOST, BoundedProtocol
from shaoxiang.server import listen


def test_an_answer_is_not_held_back_until_the_client_acknowledges_its_first_half() -> None:
    async def no_delay() -> int:
        accepted = asyncio.get_running_loop().create_future()

        def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer)

        server = await asyncio.start_server(take, sock=listen("127.0.0.1", 0))
        _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
        ours = await accepted
        said: int = ours.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (client, ours):
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return said

    assert asyncio.run(no_delay())


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await Response(str(size))(scope, receive, send)


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that speaks the bounded protocol."""
    config, state = uvicorn.Config(_echo, http=BoundedProtocol, log_config=None), ServerState()
    config.load()
    made = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*made.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        made.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The status line and the body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
    return status, await reader.readexactly(length)


@pytest.mark.parametrize("begun", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
def test_a_head_without_end_is_refused_and_the_connection_closed(begun: bytes) -> None:
    async def flood() -> tuple[bytes, bytes]:
        async with _served() as (reader, writer):
            # No more than it takes: what a server leaves unread lets its answer be lost.
            writer.write(begun + b"a" * (HEAD_AT_MOST - len(begun) + 1))
            answer = await _answer(reader)
            assert await reader.read() == b""
            return answer

    status, body = asyncio.run(flood())
    assert (status, body) == (b"HTTP/1.1 400 Bad Request", b"The head of the request is too long.")


def test_large_bodies_one_after_another_on_one_connection_are_taken() -> None:
    async def ask() -> list[tuple[bytes, bytes]]:
        answers = []
        async with _served() as (reader, writer):
            for size in (3 * HEAD_AT_MOST, 0, 5 * HEAD_AT_MOST):
                writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
                answers.append(await _answer(reader))
        return answers

    sizes = (3 * HEAD_AT_MOST, 0, 5 * HEAD_AT_MOST)
    assert asyncio.run(ask()) == [(b"HTTP/1.1 200 OK", str(size).encode()) for size in sizes]
