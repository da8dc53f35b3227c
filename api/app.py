"""The HTTP application, put together from the parts that wiring hands in."""

from collections import Counter
from typing import Any

from fastapi import FastAPI

from api import problems
from api.deps import Deps
from api.identity import Allowance
from api.metrics import Metrics, ViewMetrics
from api.middleware import Envelope
from api.outages import install_outages
from api.problems import Problem, declared
from api.routes import (
    cases,
    dashboard,
    evaluations,
    events,
    files,
    health,
    history,
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
from api.routing import PREFIX, Index

__all__ = ["create_app", "create_watch"]

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
    app.state.view_metrics = ViewMetrics(deps.registry)
    app.state.allowance = Allowance()
    app.state.streams = Counter[str]()
    limit = deps.limits.body_at_most
    for module in (files, lists, history, dashboard, house, officers, timeliness, events):
        app.include_router(module.router, prefix=PREFIX)
    for module in COMMAND_ROUTERS:
        app.include_router(module.router, prefix=PREFIX, max_body_size=limit)
    app.include_router(router_of_photos(deps.limits.photo_at_most), prefix=PREFIX)
    app.include_router(health.router)
    app.router.routes.insert(0, Index(app.routes))
    problems.install(app)
    install_outages(app)
    position = deps.known_position or deps.log.position
    app.add_middleware(Envelope, metrics=app.state.metrics, position=position)
    _declare_problems(app)
    return app


def create_watch(deps: health.Watched) -> FastAPI:
    """The app of a process that works in the background: it says how it is, and does nothing else."""
    app = FastAPI(title="Shaoxiang", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.deps = deps
    app.state.view_metrics = ViewMetrics(deps.registry)
    app.include_router(health.router)
    problems.install(app)
    install_outages(app)
    return app


def _declare_problems(app: FastAPI) -> None:
    """Put the problem's schema among the components, where every declared refusal points; any route may be away."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        inner = made.pop("$defs", {})
        schema.setdefault("components", {}).setdefault("schemas", {}).update({"Problem": made, **inner})
        for path, operations in schema["paths"].items():
            for operation in operations.values() if path.startswith(PREFIX) else ():
                for status, refusal in declared(503).items():
                    operation["responses"].setdefault(str(status), refusal)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
