"""What the commands of the command line share: their common options, the settings they choose, and how they speak."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from shaoxiang import logs
from shaoxiang.settings import LogFormat, Settings

err = Console(stderr=True)

Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the store; SHAOXIANG_DIR otherwise.")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")]
WatchPort = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port for /health, /ready and /metrics; 0 takes a free one.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def settings_of(directory: Path | None, port: int | None = None, **chosen: Any) -> Settings:
    """The settings, with what the command line chose; logging is set up by them. Raises ValueError for a bad one."""
    if directory is not None:
        chosen["dir"] = directory
    if port is not None:
        chosen["port"] = port
    try:
        settings = Settings(**chosen)
    except ValidationError as problem:
        first = problem.errors()[0]
        msg = f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ValueError(msg) from None
    logs.configure(settings.log_level, json=settings.log_format is LogFormat.JSON)
    return settings


@contextmanager
def progress_of(what: str) -> Iterator[Any]:
    """A bar on standard error, moved by calling with what is done and the total."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print facts, one a line, or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, default=str))
        return
    for key, value in facts.items():
        typer.echo(f"{key}: {value}")
