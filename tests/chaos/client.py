"""Who sends the commands: the crash tests' driver, sent to several APIs, and to ones that may be away for a while."""

import time
from collections.abc import Callable

import httpx2

from tests.chaos.site import Site
from tests.crash.driver import PATIENCE_SECONDS, RETRY_SECONDS, Answered, Driver
from tests.crash.plan import Step

AWAY = 503


class Client(Driver):
    """Sends errands until all are answered, and keeps every answer as it was, byte for byte.

    `away` counts the answers by which an API said that the store is away.
    """

    def __init__(self, site: Site, rate: float, *, hangs_up: bool = True) -> None:
        super().__init__(site, site.people, site.clock.now, rate, hangs_up=hangs_up)  # type: ignore[arg-type]
        self.bodies: dict[str, bytes] = {}
        self.acknowledged_at: list[float] = []
        self.away = 0

    def ask_again_exactly(self, client: httpx2.Client, before: Answered) -> None:
        """Send an acknowledged command once more, as it was, and see that its answer is the one of then."""
        reply = self._patiently(lambda: self._post(client, before), lambda _: True)
        assert reply.status_code == before.status, f"{before.path} was answered {reply.status_code} anew: {reply.text}"
        assert reply.content == self.bodies[before.key], f"{before.path} was answered anew: {reply.text}"

    def _send(self, client: httpx2.Client, path: str, step: Step, headers: dict[str, str]) -> httpx2.Response:
        reply = super()._send(client, path, step, headers)
        self.away += reply.status_code == AWAY
        if reply.is_success:
            self.acknowledged_at.append(time.monotonic())
            self.bodies[headers["Idempotency-Key"]] = reply.content
        return reply

    def _version(self, client: httpx2.Client, by: str, path: str) -> int:
        """As the driver's, but the API may be away, and the views behind while nobody folds them."""
        resource = "/".join(path.split("/")[:3])
        headers = {"Authorization": f"Bearer {self._people[by].token}", "Prefer": "wait=2"}

        def read() -> httpx2.Response:
            return client.get(self._server.base() + resource, headers=headers)

        reply = self._patiently(read, lambda reply: "Preference-Applied" in reply.headers)
        assert reply.is_success, f"{resource}: {reply.status_code} {reply.text}"
        return int(reply.headers["ETag"].strip('"'))

    def _post(self, client: httpx2.Client, before: Answered) -> httpx2.Response:
        headers = self._headers(before.by, before.key, before.if_match)
        return client.post(self._server.base() + before.path, json=before.body, headers=headers)

    def _patiently(
        self, ask: Callable[[], httpx2.Response], enough: Callable[[httpx2.Response], bool]
    ) -> httpx2.Response:
        """Ask until somebody answers who is not away, and the answer is enough."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                reply = ask()
                if (reply.status_code != AWAY and enough(reply)) or time.monotonic() > until:
                    return reply
                self.away += reply.status_code == AWAY
            except httpx2.TransportError:
                if time.monotonic() > until:
                    raise
            time.sleep(RETRY_SECONDS)
