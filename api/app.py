"""The HTTP application, put together from the parts that wiring hands in."""

from collections import Counter
from typing import Any

from fastapi import FastAPI
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api import problems
from api.commands import PREFIX
from api.deps import Deps
from api.metrics import Metrics
from api.middleware import Envelope
from api.problems import Problem
from api.routes import (
    cases,
    evaluations,
    events,
    files,
    health,
    house,
    lists,
    officers,
    outcomes,
    people,
    reports,
    responses,
    timeliness,
    whistles,
)  # fmt: skip
from api.routes.photos import router_of_photos

__all__ = ["create_app"]

DESCRIPTION = """Streets whistle, departments report. Every command is a POST with an Idempotency-Key; a command on
something that exists needs If-Match with the version that was seen. Whatever is refused is a problem with a stable
code, and has changed nothing."""

COMMAND_ROUTERS = (reports, cases, whistles, responses, evaluations, outcomes, people)


def create_app(deps: Deps) -> FastAPI:
    """The app over these parts. Its state lives in the parts, but for rate limits and open streams."""
    app = FastAPI(
        title="Shaoxiang",
        description=DESCRIPTION,
        version=deps.version,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.deps = deps
    app.state.metrics = Metrics(deps.registry)
    app.state.limiter = MovingWindowRateLimiter(MemoryStorage())
    app.state.streams = Counter[str]()
    limit = deps.limits.body_at_most
    for module in COMMAND_ROUTERS:
        app.include_router(module.router, prefix=PREFIX, max_body_size=limit)
    app.include_router(router_of_photos(deps.limits.photo_at_most), prefix=PREFIX)
    for module in (house, officers, lists, files, timeliness, events):
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(health.router)
    problems.install(app)
    app.add_middleware(Envelope, metrics=app.state.metrics, position=deps.log.position)
    _declare_problems(app)
    return app


def _declare_problems(app: FastAPI) -> None:
    """Put the problem's schema among the components, where every declared refusal points."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        inner = made.pop("$defs", {})
        schema.setdefault("components", {}).setdefault("schemas", {}).update({"Problem": made, **inner})
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
