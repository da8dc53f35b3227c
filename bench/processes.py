"""The product's processes, started as a site starts them, and what each kind of them costs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import psutil

READY = re.compile(r"ready at (http://\S+)")
ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 30
QUIET = {"SHAOXIANG_LOG_LEVEL": "WARNING", "SHAOXIANG_REQUESTS_PER_MINUTE": "1000000"}
"""Processes under load say only what is wrong, and count nobody's requests."""


class Process:
    """One process of the product, such as `serve`; `said` is where all that it writes goes."""

    def __init__(self, kind: str, *arguments: str, environment: Mapping[str, str], said: Path) -> None:
        self.kind = kind
        self.said = said
        line = [sys.executable, "-m", "shaoxiang.cli", kind, *arguments]
        with said.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line
                line,
                stdout=output,
                stderr=output,
                env=os.environ | QUIET | dict(environment),
                cwd=ROOT,
                start_new_session=True,
            )

    def address(self) -> str:
        """Wait until it says that it is ready; answers the address of its API. Raises RuntimeError."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if address := self.told():
                return address
            time.sleep(0.02)
        raise RuntimeError(f"{self.kind} did not become ready; it said:\n{self.said.read_text(errors='replace')}")

    def told(self) -> str | None:
        """The address that it has told, where it is ready."""
        found = READY.search(self.said.read_text(errors="replace"))
        return found[1] if found else None

    def stop(self) -> None:
        """End it as a site does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def cpu_seconds(pids: Iterable[int]) -> float:
    """What these processes and all their children, those that have ended too, have used of the processors."""
    total = 0.0
    for pid in pids:
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for each in family:
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total
