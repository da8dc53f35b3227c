"""Logging: one structured line per happening, for a person or a machine, and nothing personal in it."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

PERSONAL = frozenset({
    "address", "authorization", "cookie", "description", "email", "finding", "master_key", "minutes", "name", "party",
    "password", "phone", "reply", "reporter", "secret", "token",
})  # fmt: skip
"""Fields whose value may name or identify a person, or open a door; they are masked wherever they turn up."""

MASK = "***"

CHATTY = {"apscheduler": logging.ERROR, "uvicorn": logging.WARNING}
"""Libraries that tell of every step, and the least level of theirs that is news.

That a tick was skipped because the last one is still at work is none: it works until nothing is left.
"""


WITHOUT_LOCALS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""Tracebacks name places, never the values of variables: those may be somebody's token or words."""


def configure(level: str = "INFO", *, json: bool = False, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's lines through one chain to `stream` (standard error by default)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        without_personal_data,
    ]
    finish: list[structlog.typing.Processor] = (
        [WITHOUT_LOCALS, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty, least in CHATTY.items():
        logging.getLogger(chatty).setLevel(max(least, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def without_personal_data(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask the values of personal fields, however deep they lie."""
    for key in line:
        line[key] = MASK if key in PERSONAL and line[key] is not None else _masked(line[key])
    return line


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if key in PERSONAL and inner is not None else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
