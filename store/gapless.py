"""Proof that every stream counts its events from one without a gap, over a log of any size in flat memory.

A dictionary of all streams of a large city would take gigabytes. So what is to be compared is first dealt out by stream
into files, each small enough to be compared by itself.
"""

import tempfile
from contextlib import ExitStack
from struct import Struct
from typing import IO
from uuid import UUID

from store.errors import Damaged

_ROW = Struct(">16sIQ")
_ROWS_IN_MEMORY = 500_000
_FILES_AT_MOST = 256
_BUFFER_BYTES = 1 << 16


class Gapless:
    """Takes every event's stream, version and position, in order of position; `check` proves them at the end."""

    def __init__(self, events: int) -> None:
        """`events` is about how many will come, which decides into how many files they are dealt."""
        count = min(events // _ROWS_IN_MEMORY + 1, _FILES_AT_MOST)
        self._all = ExitStack()
        self._files: list[IO[bytes]] = []
        for _ in range(count):
            self._files.append(self._all.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - the stack closes it
        self._waiting = [bytearray() for _ in range(count)]

    def add(self, stream: bytes, version: int, position: int) -> None:
        """One event."""
        # The middle bytes of an id are random, in those of a case and in those derived from a name alike.
        index = int.from_bytes(stream[8:12], "big") % len(self._files)
        waiting = self._waiting[index]
        waiting += _ROW.pack(stream, version, position)
        if len(waiting) >= _BUFFER_BYTES:
            self._files[index].write(waiting)
            waiting.clear()

    def check(self) -> None:
        """Raise Damaged, with stream and position, for the first version that is not one more than the one before."""
        for file, waiting in zip(self._files, self._waiting, strict=True):
            file.write(waiting)
            file.seek(0)
            last: dict[bytes, int] = {}
            for stream, version, position in _ROW.iter_unpack(file.read()):
                expected = last.get(stream, 0) + 1
                if version != expected:
                    msg = (
                        f"stream {UUID(bytes=stream)} has version {version} at position {position}, where {expected} "
                        "was to come: the log that was copied is not whole. Restore another backup"
                    )
                    raise Damaged(msg)
                last[stream] = version

    def close(self) -> None:
        """Remove the files; safe to do twice."""
        self._all.close()
