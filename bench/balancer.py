"""A small round-robin TCP proxy on loopback, for a cluster of plain processes. A site uses a real one, with TLS.

Connections go to the members in turn. A member that takes none is passed over, so that killing one is seen by those
who were connected to it, and by nobody else.
"""

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Self

HOST = "127.0.0.1"
CONNECT_SECONDS = 1.0
CHUNK_BYTES = 1 << 16


class Balancer:
    """Listens on a port and passes connections on to `members`, which are ports of loopback."""

    def __init__(self, members: Sequence[int], port: int = 0) -> None:
        self._turns: Iterator[int] = itertools.count()
        self._members = tuple(members)
        self._wanted = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Listen, from a thread of its own. Raises OSError where the port is taken."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, HOST, self._wanted), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cut every connection; safe to do twice."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found = await self._connect()
            if found is not None:
                there, back = found
                try:
                    await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
                finally:
                    back.close()
        except asyncio.CancelledError:
            # The server looks at what became of its connections, and being cut off is nothing to report.
            return
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the member whose turn it is, else to the next that takes one."""
        first = next(self._turns)
        for step in range(len(self._members)):
            port = self._members[(first + step) % len(self._members)]
            try:
                return await asyncio.wait_for(asyncio.open_connection(HOST, port), CONNECT_SECONDS)
            except OSError:
                continue
        return None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one to the other until the end; a broken connection is an end too, for both directions."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
