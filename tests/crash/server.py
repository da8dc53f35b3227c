"""`shaoxiang serve` in a process of its own: started, watched, killed and started again on the same folder.

Each server is the head of a process group of its own (with its tracer, where it is traced), which is ended by that
group's id and always waited for; so a test leaves nothing running, however it ends.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
READY = re.compile(r"Shaoxiang is ready at (http://\S+)")
START_SECONDS = 60
STOP_SECONDS = 30
MODULE = "shaoxiang.cli"
QUIET = {"SHAOXIANG_LOG_LEVEL": "WARNING", "SHAOXIANG_REQUESTS_PER_MINUTE": "1000000"}
"""A server under test says only what is wrong, and counts nobody's requests."""


def command_line(*arguments: str, module: str = MODULE) -> list[str]:
    """How this interpreter runs the product's command line."""
    return [sys.executable, "-m", module, *arguments]


class Server:
    """A server on the store in `folder`. `before` is put in front of its command line, as for a tracer."""

    def __init__(
        self,
        folder: Path,
        *,
        before: Sequence[str] = (),
        module: str = MODULE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.said = folder / "server.log"
        self._line = [*before, *command_line("serve", "--port", "0", "--dir", str(folder), module=module)]
        self._environment = os.environ | QUIET | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._base = ""
        self._up = threading.Event()

    def start(self) -> None:
        """Start it on a free port, and wait until it says that it is ready."""
        begun = self.said.stat().st_size if self.said.exists() else 0
        process = self._launch()
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            if found := READY.search(self.said.read_bytes()[begun:].decode(errors="replace")):
                self._base = found[1]
                self._up.set()
                return
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"The server did not become ready; it said:\n{self.said.read_text(encoding='utf-8')}")

    def start_and_kill(self, after: float) -> None:
        """Start it, and kill it so many seconds later, ready or not: nobody is told of it."""
        self._launch()
        time.sleep(after)
        self.kill()

    def base(self, timeout: float = START_SECONDS) -> str:
        """The address of the API, once the server is up; it changes with every start."""
        assert self._up.wait(timeout), f"no server was up within {timeout} s"
        return self._base

    def kill(self) -> None:
        """`kill -9`: it gets no chance to finish or to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a site does, and see that it ended well."""
        code = self._end(signal.SIGTERM)
        assert code in (0, None, -signal.SIGTERM), f"it ended with {code}:\n{self.said.read_text(encoding='utf-8')}"

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.said.open("ab") as output:
            self._process = subprocess.Popen(
                self._line, stdout=output, stderr=output, env=self._environment, cwd=ROOT, start_new_session=True
            )
        return self._process

    def _end(self, how: signal.Signals) -> int | None:
        process, self._process = self._process, None
        self._up.clear()
        if process is None:
            return None
        if process.poll() is None:
            os.killpg(process.pid, how)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
