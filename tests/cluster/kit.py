"""The topology of a city under test: a cluster of plain processes, and somebody at its door for every role."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2

from bench.cluster import NOTHING, PARTS, Cluster
from bench.postgres import Postgres
from desk.actors import Actor, Role
from shaoxiang.demo import issue_logins
from shaoxiang.house import Premises, open_premises

__all__ = ["PLACE", "Cluster", "Door", "running", "whistled_long_ago"]

PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路"}
LONG_AGO = datetime.fromisoformat("2022-12-14T09:00:00+08:00")
PATIENCE_SECONDS = 20.0
BRISK = {"SHAOXIANG_TICK_EVERY": "PT1S", "SHAOXIANG_POLL_EVERY": "PT0.5S"}
"""Processes under test look around more often than a site's need to."""


@dataclass
class Door:
    """The API behind the proxy, for every role. Each command has a key of its own and any version will do."""

    cluster: Cluster
    tokens: Mapping[str, str]
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=PATIENCE_SECONDS))
    position: int = 0

    def ask(self, role: str, path: str, body: Any = None, key: str | None = None) -> httpx2.Response:
        """Somebody's command, as it is answered; with the same key it is the same command."""
        headers = self._by(role) | {"Idempotency-Key": key or str(uuid4()), "If-Match": "*"}
        return self.client.post(self.cluster.url + path, headers=headers, json={} if body is None else body)

    def do(self, role: str, path: str, body: Any = None, key: str | None = None) -> dict[str, Any]:
        """Somebody's command, which is done; answers what came of it."""
        reply = self.ask(role, path, body, key)
        assert reply.status_code in (200, 201), f"{path} by {role}: {reply.status_code} {reply.text}"
        answer: dict[str, Any] = reply.json()
        self.position = max(self.position, answer["position"])
        return answer

    def see(self, role: str, path: str) -> Any:
        """Somebody's read, after the views have what was done through this door."""
        headers = self._by(role) | {"Prefer": "wait=10", "X-Log-Position": str(self.position)}
        reply = self.client.get(self.cluster.url + path, headers=headers)
        assert reply.status_code == 200, f"{path} by {role}: {reply.status_code} {reply.text}"
        assert "Preference-Applied" in reply.headers, f"the views did not come to {self.position}"
        return reply.json()

    def look(self, member: str, path: str = "/ready") -> httpx2.Response:
        """How a member says it is."""
        return self.client.get(self.cluster.root(member) + path)

    def metric(self, member: str, series: str) -> float:
        """One figure of a member."""
        lines = self.look(member, "/metrics").text.splitlines()
        [value] = [line.rpartition(" ")[2] for line in lines if line.startswith(f"{series} ")]
        return float(value)

    def _by(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}


@contextmanager
def running(
    folder: Path,
    server: Postgres,
    *,
    parts: Mapping[str, int] = PARTS,
    settings: Mapping[str, str] = NOTHING,
    database: str,
    url: str | None = None,
) -> Iterator[Door]:
    """A cluster with an empty store and a login for every role, all members started; ended at the end.

    `database` names a fresh database of the server; `url` stands in for its address, as for a proxy before it.
    """
    tokens: dict[str, str] = {}

    def issue(premises: Premises) -> None:
        tokens.update({login.role: login.token for login in issue_logins(premises)})

    cluster = Cluster(folder, server, parts=parts, settings={**BRISK, **settings}, database=database, url=url)
    with cluster:
        cluster.prepare(issue)
        cluster.start()
        door = Door(cluster, tokens)
        try:
            yield door
        finally:
            door.client.close()


def whistled_long_ago(cluster: Cluster, number: int) -> list[UUID]:
    """Responses that were called years ago and of which nobody has heard: all their timers are due at once."""
    with open_premises(cluster.settings, lambda: LONG_AGO, folds=False) as premises:
        desk, city = premises.house.desk, premises.house.world.city

        def do(name: str, on: UUID | None, role: Role, organisation: str, **given: Any) -> dict[str, UUID]:
            actor = Actor(person=uuid4(), role=role, organisation=city.find(organisation).code)
            return desk.do(name, on, given, actor, command_id=uuid4()).ids

        called: list[UUID] = []
        for _ in range(number):
            what = {"source": "grid", "description": "餐厅牌匾标识文字需整改", "place": PLACE}
            report = do("submit_report", None, Role.GRID_WORKER, "德胜街道", **what)["report"]
            item = {"item": "牌匾标识内容错误", "urgency": "general"}
            case = do("file_case", report, Role.COMMAND_OFFICER, "吉林市指挥中心", **item)["case"]
            whom = {"kind": "enforcement", "lead": "市市场监管局"}
            ids = do("blow_whistle", case, Role.STREET_LEADER, "德胜街道", **whom)
            called += [stream for name, stream in ids.items() if name.startswith("response/")]
        return called
