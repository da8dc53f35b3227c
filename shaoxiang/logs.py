"""Logging: one structured line per happening, for a person or a machine, and nothing personal in it."""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, TextIO

import orjson
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
    """Send our own and the standard library's lines through the same steps to `stream` (standard error by default).

    Ours go there directly: by way of the standard library each would take twice as long, and every request writes one.
    """
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        without_personal_data,
    ]
    finish: list[structlog.typing.Processor] = (
        [WITHOUT_LOCALS, structlog.processors.JSONRenderer(_as_json)]
        if json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(stream)
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
        processors=[*shared, *finish],
        logger_factory=partial(_Writer, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def _as_json(line: Any, *, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(line, default).decode()
    except TypeError:
        # Half a character, a number of any length, a key that is no text: a line must not fail whoever writes it.
        return json.dumps(line, default=default)


class _Writer(structlog.WriteLogger):
    """Writes lines under a name."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        super().__init__(stream)
        self.name = name


def without_personal_data(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask the values of personal fields, however deep they lie."""
    for key, value in line.items():
        if key in PERSONAL and value is not None:
            line[key] = MASK
        elif isinstance(value, dict | list | tuple):
            line[key] = _masked(value)
    return line


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if key in PERSONAL and inner is not None else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
