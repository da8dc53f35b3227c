"""Who sends the plan: a few threads at a steady rate, each retrying every unanswered command with the same key.

Every tenth command is sent by somebody who hangs up at once and asks again, so that answers get lost after the effect
as well, which a kill alone seldom manages.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx2

from tests.crash.plan import Errand, Person, Step
from tests.crash.server import Server

RETRY_SECONDS = 0.02
PATIENCE_SECONDS = 90
ANSWER_SECONDS = 20
HANGS_UP_EVERY = 10
HANGS_UP_AFTER_SECONDS = 0.001
ASK_AGAIN = (429, 503)
STALE, CONFLICT = 412, 409


class Answered(NamedTuple):
    """A command that was acknowledged: what was sent, and the answer.

    `cut_off` is how often the connection broke under it; `asked_at` is when the attempt began that was answered.
    """

    by: str
    path: str
    key: str
    body: Mapping[str, Any]
    if_match: str | None
    cut_off: int
    asked_at: datetime
    status: int
    answer: dict[str, Any]


class Pace:
    """Lets commands through at a steady rate a second, over all threads."""

    def __init__(self, rate: float) -> None:
        self._gap, self._next, self._lock = 1 / rate, time.monotonic(), threading.Lock()

    def wait(self) -> None:
        """Wait for the next turn."""
        with self._lock:
            turn = self._next = max(self._next + self._gap, time.monotonic())
        time.sleep(max(0.0, turn - time.monotonic()))


class Driver:
    """Sends errands until all are answered. What was acknowledged is in `answered`; what went wrong in `problems`."""

    def __init__(
        self,
        server: Server,
        people: Mapping[str, Person],
        now: Callable[[], datetime],
        rate: float,
        *,
        hangs_up: bool = True,
    ) -> None:
        """`rate` is in commands a second; `hangs_up` lets one in ten not wait for its answer."""
        self.answered: list[Answered] = []
        self.problems: list[str] = []
        self._server, self._people, self._now, self._pace = server, people, now, Pace(rate)
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._hangs_up = hangs_up
        self._moved = threading.Condition()
        self._begun = self._under_way = 0

    def start(self, errands: Iterable[Errand], threads: int) -> None:
        """Begin to work the errands off, in their order, with so many threads."""
        for errand in errands:
            self._errands.put(errand)
        for _ in range(threads):
            self._errands.put(None)
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()

    def join(self, seconds: float) -> None:
        """Wait until every errand is done."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), f"not all was answered within {seconds} s"

    def wait_for_commands(self, more: int) -> bool:
        """Wait until so many more commands were begun, and one is under way; False when there will be none."""
        with self._moved:
            wanted = self._begun + more
            while self._begun < wanted or not self._under_way:
                if not self._moved.wait(timeout=0.2) and not any(thread.is_alive() for thread in self._threads):
                    return False
            return True

    def ask_again(self, client: httpx2.Client, before: Answered) -> tuple[int, dict[str, Any]]:
        """Send an acknowledged command once more, exactly as it was."""
        reply = client.post(
            self._server.base() + before.path,
            json=before.body,
            headers=self._headers(before.by, before.key, before.if_match),
        )
        return reply.status_code, reply.json()

    def _work(self) -> None:
        with httpx2.Client(timeout=ANSWER_SECONDS) as client:
            while (errand := self._errands.get()) is not None:
                try:
                    for number, step in enumerate(errand.steps):
                        self._take(client, errand, f"{errand.name}-{number}", step)
                except Exception as problem:  # noqa: BLE001 - told to the test, which fails by it
                    self.problems.append(f"{errand.name}: {problem!r}")

    def _take(self, client: httpx2.Client, errand: Errand, key: str, step: Step) -> None:
        """Send one command until it is answered."""
        if step.not_before is not None:
            time.sleep(max(0.0, (step.not_before - self._now()).total_seconds()))
        self._pace.wait()
        target = errand.ids[step.on] if step.on else None
        path = step.path.format(target)
        cut_off, until = 0, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if_match = f'"{errand.versions[target]}"' if target else None
            asked_at = self._now()
            try:
                reply = self._send(client, path, step, self._headers(step.by, key, if_match))
                if reply.status_code == STALE and target is not None:
                    errand.versions[target] = self._version(client, step.by, path)
                    continue
            except httpx2.TransportError as problem:
                cut_off += not isinstance(problem, httpx2.ReadTimeout)
                time.sleep(RETRY_SECONDS)
                continue
            if reply.is_success:
                answer = reply.json()
                sent = (step.by, path, key, step.body, if_match)
                self.answered.append(Answered(*sent, cut_off, asked_at, reply.status_code, answer))
                _learn(errand, target, answer)
                return
            in_flight = reply.status_code == CONFLICT and reply.json()["code"] == "COMMAND_IN_FLIGHT"
            assert in_flight or reply.status_code in ASK_AGAIN, f"{path}: {reply.status_code} {reply.text}"
            time.sleep(RETRY_SECONDS)
        raise AssertionError(f"{path} was not answered within {PATIENCE_SECONDS} s")

    def _send(self, client: httpx2.Client, path: str, step: Step, headers: dict[str, str]) -> httpx2.Response:
        base = self._server.base()
        with self._moved:
            self._begun += 1
            self._under_way += 1
            hangs_up = self._hangs_up and self._begun % HANGS_UP_EVERY == 0
            self._moved.notify_all()
        timeout = httpx2.Timeout(ANSWER_SECONDS, read=HANGS_UP_AFTER_SECONDS if hangs_up else ANSWER_SECONDS)
        try:
            return client.post(base + path, json=step.body, headers=headers, timeout=timeout)
        finally:
            with self._moved:
                self._under_way -= 1

    def _version(self, client: httpx2.Client, by: str, path: str) -> int:
        """The version that stands: a timer was faster, and moved it."""
        resource = "/".join(path.split("/")[:3])
        headers = {"Authorization": f"Bearer {self._people[by].token}", "Prefer": "wait=5"}
        reply = client.get(self._server.base() + resource, headers=headers)
        assert reply.is_success, f"{resource}: {reply.status_code} {reply.text}"
        return int(reply.headers["ETag"].strip('"'))

    def _headers(self, by: str, key: str, if_match: str | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._people[by].token}", "Idempotency-Key": key}
        return headers | ({"If-Match": if_match} if if_match else {})


def _learn(errand: Errand, target: UUID | None, answer: Mapping[str, Any]) -> None:
    """Take over the ids that an answer names and the version it gives; what is new begins at version 1.

    Where something was created, the version is that of the new thing, and what was acted on has moved by one event.
    """
    created = False
    for name, found in answer["ids"].items():
        stream = UUID(found)
        errand.ids[name.split("/")[0]] = stream
        created = created or stream not in errand.versions
        errand.versions.setdefault(stream, 1)
    if target is not None:
        errand.versions[target] = errand.versions[target] + 1 if created else answer["version"]
