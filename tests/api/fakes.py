"""Stand-ins for what lies behind the HTTP edge, for tests of the edge alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from fastapi.testclient import TestClient
from pydantic import BaseModel

from api.app import create_app
from api.deps import Deps, Limits
from desk.actors import Actor
from desk.desk import Done
from shaoxiang.clock import SystemClock

PERSON = UUID(int=7)
STREAM = UUID("01890a5d-ac96-7b74-8b2e-000000000000")


@dataclass
class Call:
    """One call of the desk, as it came through the edge."""

    name: str
    on: UUID | None
    given: Mapping[str, Any] | BaseModel
    actor: Actor
    command_id: UUID
    expected_version: int | None


@dataclass
class FakeDesk:
    """Notes what it is asked; `answer` may raise."""

    answer: Callable[[Call], Done] = field(
        default=lambda _: Done(
            position=3, version=2, ids={"report": STREAM, "case": STREAM, "whistle": STREAM, "response/x": STREAM,
                                        "person": STREAM}, events=("report.submitted.v1",), state="reported",
            number=None,
        )
    )  # fmt: skip
    calls: list[Call] = field(default_factory=list)

    def do(
        self,
        name: str,
        on: UUID | None,
        given: Mapping[str, Any] | BaseModel,
        actor: Actor,
        *,
        command_id: UUID,
        at: datetime | None = None,
        expected_version: int | None = None,
    ) -> Done:
        call = Call(name, on, given, actor, command_id, expected_version)
        self.calls.append(call)
        return self.answer(call)


class FakeLog:
    """A log of rows that are never decoded."""

    def __init__(self, *streams: UUID) -> None:
        self.rows = [(n, stream.bytes, n, "report.submitted.v1", b"{}") for n, stream in enumerate(streams, 1)]

    def position(self) -> int:
        return len(self.rows)

    def raw(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        return self.rows[after : after + limit]

    def add(self, stream: UUID) -> None:
        position = len(self.rows) + 1
        self.rows.append((position, stream.bytes, position, "report.submitted.v1", b"{}"))


class FakeProjector:
    """Views that are never behind."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self.put_aside: list[str] = []
        self.failing = False

    @property
    def position(self) -> int:
        return self._log.position()

    def parked(self) -> list[str]:
        return self.put_aside

    def wait_for(self, position: int, timeout: float) -> bool:
        return self.position >= position


class FakeTokens:
    """Knows the secrets it was given, each with a role."""

    def __init__(self, **roles: str) -> None:
        self.known = {
            secret: SimpleNamespace(id=uuid4(), person=PERSON, role=role, organisation="2202-zhzx", name="指挥员")
            for secret, role in roles.items()
        }

    def lookup(self, secret: str) -> SimpleNamespace | None:
        return self.known.get(secret)


def edge(desk: FakeDesk | None = None, log: FakeLog | None = None, limits: Limits | None = None, **more: Any) -> Deps:
    """The parts of an edge over stand-ins; `more` replaces any of them."""
    behind = log or FakeLog(STREAM, STREAM)
    deps = Deps(
        desk=cast("Any", desk or FakeDesk()),
        log=cast("Any", behind),
        views=cast("Any", None),
        projector=cast("Any", FakeProjector(behind)),
        tokens=cast("Any", FakeTokens(good="command_officer")),
        vault=cast("Any", SimpleNamespace(reveal=lambda _person: SimpleNamespace(name="来电人一", phone=None))),
        photos=cast("Any", None),
        clock=SystemClock(),
        city=cast("Any", None),
        rules=cast("Any", None),
        limits=limits or Limits(stream_at_most=0.3, stream_poll_every=0.01),
    )
    return replace(deps, **more)


def client_of(deps: Deps, **client: Any) -> TestClient:
    """A client of the edge over these parts."""
    return TestClient(create_app(deps), **client)


GOOD = {"Authorization": "Bearer good"}


def sending(key: str = "k-1", version: int | None = 1) -> dict[str, str]:
    """The headers of a command."""
    match = {} if version is None else {"If-Match": f'"{version}"'}
    return {**GOOD, "Idempotency-Key": key, **match}
