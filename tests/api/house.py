"""A whole house behind the HTTP edge: real log, desk, views, vault, photos and tokens, on a clock that tests move."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from limits import parse
from pydantic import TypeAdapter

from api.app import create_app
from api.deps import Deps, Limits
from api.read_route import ReadRoute
from desk.unit import INTERVIEWS_A_RESPONSE, KINDS, evaluation_id, interview_id
from domain.registry.organisations import City
from projections.storage import ViewStore
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House, assemble, load_rules
from shaoxiang.resources import load_city
from store.log import EventLog
from store.migrations import ACCESS, VAULT, migrate
from store.photos import Photos
from store.tokens import Tokens
from store.vault import Vault, master_key

START = datetime.fromisoformat("2022-12-14T09:10:00+08:00")
STREET, OTHER_STREET = "德胜街道", "新安街道"
MARKET, POLICE = "市市场监管局", "北京路派出所"
PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路与北京路交叉口"}

CAST = {
    "command": ("command_officer", "吉林市指挥中心"),
    "grid": ("grid_worker", STREET),
    "rider": ("mobile_grid_worker", STREET),
    "officer": ("street_officer", STREET),
    "street": ("street_leader", STREET),
    "other_street": ("street_leader", OTHER_STREET),
    "market": ("department_liaison", MARKET),
    "market_head": ("department_head", MARKET),
    "police": ("department_liaison", POLICE),
    "specialist": ("specialist", MARKET),
    "supervision": ("supervision", "市司法局"),
    "second_supervision": ("supervision", "市司法局"),
    "organisation": ("organisation_dept", "市委组织部"),
    "auditor": ("auditor", "市司法局"),
    "admin": ("admin", "吉林市指挥中心"),
}
"""Who acts in the tests: one person in each role, and a few seconds."""


class Exacting(TestClient):
    """A client that holds every read to its declared shape: made into its model, and told by that, it is the same."""

    def send(self, request: httpx2.Request, **given: Any) -> httpx2.Response:
        """Send a request, and look at what comes back."""
        reply = super().send(request, **given)
        found = next((each for each in self._reads if each.path_regex.match(request.url.path)), None)
        if reply.status_code == httpx2.codes.OK and request.method == "GET" and found is not None:
            model = TypeAdapter[Any](found.original_route.response_model)
            told = model.dump_python(model.validate_json(reply.content), mode="json", by_alias=True)
            assert told == reply.json(), request.url
        return reply

    @cached_property
    def _reads(self) -> list[Any]:
        known = iter_route_contexts(list(self.app.routes))  # type: ignore[attr-defined]
        return [each for each in known if isinstance(each.original_route, ReadRoute)]


@dataclass
class Office:
    """The house, a client of its edge, and a token for everybody of the cast."""

    house: House
    deps: Deps
    clock: VirtualClock
    client: TestClient
    secrets: dict[str, str]
    persons: dict[str, UUID]
    city: City
    ids: dict[str, UUID] = field(default_factory=dict)

    def by(self, who: str) -> dict[str, str]:
        """The headers of somebody's reads."""
        return {"Authorization": f"Bearer {self.secrets[who]}"}

    def get(self, who: str, path: str, **more: Any) -> Any:
        """Somebody's read, after the views have caught up."""
        self.house.projector.catch_up()
        return self.client.get(f"/api/v1{path}", headers=self.by(who) | more.pop("headers", {}), **more)

    def post(self, who: str, path: str, body: Any = None, **headers: str) -> Any:
        """Somebody's command with a fresh key, on the version that stands."""
        sent = self.by(who) | {"Idempotency-Key": str(uuid4())} | self.match(path) | headers
        return self.client.post(f"/api/v1{path}", json=body or {}, headers=sent)

    def do(self, who: str, path: str, body: Any = None, minutes: int = 0) -> dict[str, UUID]:
        """A command that must succeed, `minutes` later; the ids it answers with are remembered by name."""
        self.clock.advance_to(self.clock.now() + timedelta(minutes=minutes))
        reply = self.post(who, path, body)
        assert reply.is_success, f"{path}: {reply.text}"
        found = {name: UUID(value) for name, value in reply.json()["ids"].items()}
        self.ids.update(found)
        return found

    def close(self) -> None:
        """Give the files back."""
        self.deps.vault.close()
        self.deps.tokens.close()
        self.house.close()

    def wait(self, days: int) -> None:
        """Let days pass, with whatever falls due meanwhile, an hour at a time."""
        end = self.clock.now() + timedelta(days=days)
        while self.clock.now() < end:
            self.clock.advance_to(self.clock.now() + timedelta(hours=1))
            self.house.projector.catch_up()
            self.house.sweeper.sweep(self.clock.now(), inclusive=True)

    def match(self, path: str) -> dict[str, str]:
        """The If-Match header for a path that names a stream: the version of what the command is about."""
        _, _, *rest = path.split("/")
        if not rest:
            return {}
        named, part = UUID(rest[0]), rest[1]
        streams = [named]
        if part in {"evaluation", "commendation", "criticism"}:
            streams = [evaluation_id(named)]
        elif part == "interview":
            streams = [interview_id(named, n) for n in range(INTERVIEWS_A_RESPONSE)]
        versions = [version for each in streams if (version := self.version(each))]
        return {"If-Match": f'"{(versions or [self.version(named)])[-1]}"'}

    def version(self, stream: UUID) -> int:
        """How many events a stream has."""
        return len(self.house.log.stream(stream))

    def reported(self) -> UUID:
        """A report by the grid worker, with a reporter's identity."""
        body = {"source": "grid", "description": "餐厅牌匾标识文字需整改", "place": PLACE,
                "reporter": {"name": "来电人一", "phone": "13800000001"}}  # fmt: skip
        return self.do("grid", "/reports", body)["report"]

    def filed(self) -> UUID:
        """A case that is filed."""
        return self.do(
            "command", f"/reports/{self.reported()}/case", {"item": "牌匾标识内容错误", "urgency": "general"}
        )["case"]

    def whistled(self) -> tuple[UUID, UUID]:
        """A case with a whistle to two departments: the lead's response and the supporting one's."""
        body = {"kind": "enforcement", "lead": MARKET, "support": [POLICE]}
        self.do("street", f"/cases/{self.filed()}/whistles", body)
        return self.response(MARKET), self.response(POLICE)

    def response(self, department: str) -> UUID:
        """The latest response of a department."""
        return self.ids[f"response/{self.city.find(department).code}"]

    def arrived(self) -> tuple[UUID, UUID]:
        """As `whistled`, and both departments have come."""
        both = self.whistled()
        for who, response in zip(("market", "police"), both, strict=True):
            self.do(who, f"/responses/{response}/signature", minutes=5)
            self.do(who, f"/responses/{response}/arrivals", {"place": PLACE}, minutes=5)
        return both

    def closed(self) -> tuple[UUID, UUID]:
        """As `arrived`, and done, verified, and closed."""
        lead, support = self.arrived()
        for who, response in (("police", support), ("market", lead)):
            self.do(who, f"/responses/{response}/completions", {"result": "牌匾已更换"}, minutes=5)
            self.do("grid", f"/responses/{response}/verifications/passed", minutes=5)
        self.do("command", f"/cases/{self.ids['case']}/closure")
        return lead, support


def build(folder: Path, **limits: Any) -> Office:
    """A house in a folder, with tokens for the cast."""
    city, clock = load_city(), VirtualClock(START)
    for name, schema in (("log.db", None), ("vault.db", VAULT), ("access.db", ACCESS)):
        migrate(folder / name, schema) if schema else migrate(folder / name)
    vault = Vault(folder / "vault.db", master_key(folder / "key"))
    photos = Photos(folder / "photos", max_bytes=1 << 20, max_pixels=1_000_000)
    tokens = Tokens(folder / "access.db")
    log = EventLog.open(folder / "log.db", KINDS)
    rules = load_rules()
    house = assemble(
        log, ViewStore(folder / "views.db"), rules, city, clock.now, vault=vault, photos=photos, settle=timedelta(0)
    )
    persons = {who: uuid4() for who in CAST}
    secrets = {
        who: tokens.create(persons[who], role, city.find(organisation).code, who, clock.now()).secret
        for who, (role, organisation) in CAST.items()
    }
    deps = Deps(
        desk=house.desk, log=log, views=house.views, projector=house.projector, tokens=tokens, vault=vault,
        photos=photos, clock=clock, city=city, rules=rules, registry=house.registry,
        limits=Limits(**({"requests": parse("1000000/second"), "failed_logins": parse("1000000/second"),
                          "stream_at_most": 0.3, "stream_poll_every": 0.01} | limits)),
    )  # fmt: skip
    return Office(house, deps, clock, Exacting(create_app(deps)), secrets, persons, city)


def items(reply: Any) -> list[dict[str, Any]]:
    """The rows of a page."""
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["items"]
    return found
