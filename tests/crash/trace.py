"""A trace of a server's system calls, read for one question: was the log on disk before each answer was given?

The trace is what `strace -f -y` writes. A call that another thread's call interrupts stands on two lines, which are
put together here; it counts as begun at the first and as done at the second.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

CALLS = (
    "fsync", "fdatasync", "pwrite64", "pwritev", "pwritev2", "write", "writev", "sendto", "sendmsg",
    "read", "recvfrom", "recvmsg",
)  # fmt: skip
"""The calls that are traced."""

SYNCS = frozenset({"fsync", "fdatasync"})
WRITES = frozenset({"pwrite64", "pwritev", "pwritev2", "write", "writev"})
SENDS = frozenset({"sendto", "sendmsg", "write", "writev"})
RECEIVES = frozenset({"recvfrom", "recvmsg", "read"})

_LINE = re.compile(r"(?P<thread>\d+) +(?P<text>.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_UNFINISHED = " <unfinished ...>"


class Call(NamedTuple):
    """One system call. `begun` and `done` are lines of the trace, so they order calls of different threads."""

    name: str
    arguments: str
    result: int
    begun: int
    done: int

    def on(self, file: str) -> bool:
        """Whether its descriptor is that of the file of this name."""
        return f"/{file}>" in self.arguments.split(",", 1)[0]


class Exchange(NamedTuple):
    """A command's request and its answer; the log's calls in between lie between these two."""

    request: Call
    answer: Call


def tracer(output: Path) -> list[str]:
    """What to put in front of a command line to trace it; fails where there is no tracer to be had."""
    found = shutil.which("strace")
    if found is None:
        pytest.fail("strace is missing, and nothing else shows when the log was synced: apt-get install -y strace")
    return [found, "-f", "-y", "-s", "64", "-o", str(output), "-e", f"trace={','.join(CALLS)}"]


def read(lines: Iterable[str]) -> list[Call]:
    """The calls of a trace, in the order in which they were done."""
    calls, begun = [], dict[str, tuple[int, str]]()
    for number, line in enumerate(lines):
        found = _LINE.fullmatch(line.rstrip("\n"))
        if found is None:
            continue
        thread, text = found["thread"], found["text"]
        if text.endswith(_UNFINISHED):
            begun[thread] = (number, text.removesuffix(_UNFINISHED))
            continue
        first = number
        if resumed := _RESUMED.match(text):
            first, start = begun.pop(thread)
            text = start + resumed["rest"]
        if call := _CALL.match(text):
            calls.append(Call(call["name"], call["arguments"], int(call["result"]), first, number))
    return calls


def exchanges(calls: Iterable[Call]) -> list[Exchange]:
    """Every command and its answer of success, for commands that were sent one after another."""
    found, request = [], None
    for call in calls:
        if call.name in RECEIVES and '"POST ' in call.arguments:
            request = call
        elif call.name in SENDS and request is not None and '"HTTP/1.1 2' in call.arguments:
            found.append(Exchange(request, call))
            request = None
    return found


def unsynced(calls: list[Call], file: str) -> list[Exchange]:
    """The commands that were answered before the file was safely on disk.

    Safe is a command between whose request and the first byte of whose answer the file was written to, and synced with
    success after the last such write.
    """
    return [each for each in exchanges(calls) if not _synced(calls, each, file)]


def _synced(calls: list[Call], exchange: Exchange, file: str) -> bool:
    within = [
        call
        for call in calls
        if call.on(file) and exchange.request.done < call.done and call.begun < exchange.answer.begun
    ]
    written = max((call.done for call in within if call.name in WRITES), default=None)
    return written is not None and any(
        call.name in SYNCS and call.result == 0 and call.begun > written and call.done < exchange.answer.begun
        for call in within
    )
