"""The server's socket: an answer leaves at once."""

import asyncio
import socket

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
