"""The command line: demo, serve, migrate, play, rebuild, check, import, token."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from desk.actors import HELD_IN, Role
from domain.errors import Refusal
from shaoxiang import demo as demo_city
from shaoxiang import logs, server
from shaoxiang.clock import SystemClock, VirtualClock
from shaoxiang.house import Premises, migrate_all, open_premises, parse_store
from shaoxiang.import_map import city_with_kept, read_map
from shaoxiang.importing import import_file
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.player import Player, Scenario, ScenarioError, read_scenario
from shaoxiang.resources import load_city, read_json
from shaoxiang.result import Result
from shaoxiang.settings import LogFormat, Settings
from store.errors import StoreError
from store.tokens import Tokens

app = typer.Typer(
    help="Shaoxiang 哨响: streets whistle, departments report.", no_args_is_help=True, add_completion=False
)
out = Console()
err = Console(stderr=True)

FAILED, USAGE = 1, 2

Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the store; SHAOXIANG_DIR otherwise.")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def main() -> None:
    """Run the command line; errors are one line that says what, where and what to do. Files it makes are private."""
    os.umask(0o077)
    try:
        app()
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        typer.echo(f"shaoxiang: {problem.title}: {where}: {first['msg']} ({problem.error_count()} in all)", err=True)
        sys.exit(USAGE)
    except (StoreError, ScenarioError, Refusal, ValueError, OSError) as problem:
        typer.echo(f"shaoxiang: {problem}", err=True)
        sys.exit(USAGE)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("shaoxiang"))
        raise typer.Exit


@app.callback()
def about(
    shown: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Streets whistle, departments report."""


@app.command()
def demo(port: Port = None, directory: Dir = None) -> None:
    """Run everything in one process with the demo city, and print the address and a login per role."""
    with _open(_settings(directory, port), migrate_first=True) as (premises, clock):
        logins = demo_city.load_demo(premises, lambda line: typer.echo(f"  {line}"))
        sock = server.listen(premises.settings.host, premises.settings.port)

        def ready() -> None:
            table = Table("role", "organisation", "bearer token", title="logins of the demo city")
            for login in logins:
                table.add_row(*login)
            Console(width=120).print(table) if not out.is_terminal else out.print(table)
            _announce(sock.getsockname())

        server.serve(premises, clock, sock, ready)


@app.command()
def serve(port: Port = None, directory: Dir = None) -> None:
    """Run API, projector and scheduler in one process on the embedded store."""
    with _open(_settings(directory, port)) as (premises, clock):
        sock = server.listen(premises.settings.host, premises.settings.port)
        server.serve(premises, clock, sock, lambda: _announce(sock.getsockname()))


@app.command()
def migrate(directory: Dir = None) -> None:
    """Create the store, or bring it up to date; doing it again changes nothing."""
    for name, before, after in migrate_all(_settings(directory)):
        typer.echo(f"{name}: version {after}" + ("" if before == after else f" (was {before})"))


@app.command()
def play(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.")],
    as_json: Json = False,
    db: Annotated[str | None, typer.Option("--db", help="Play into this store: sqlite:///FOLDER.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Rehearse another deadline policy.")] = None,
) -> None:
    """Play scenario files on a virtual clock, and compare what came of them with what they expect."""
    logs.configure("ERROR")
    policies = [read_json(policy)] if policy is not None else None
    passed = True
    for path in files:
        scenario = read_scenario(path)
        with _stage(scenario, db, policies) as (house, clock):
            result = Result(house, Player(house, clock, scenario).play())
            document = result.document()
        passed = passed and document["passed"]
        _print_play(document, result.problems, as_json=as_json)
    raise typer.Exit(0 if passed else FAILED)


@app.command()
def rebuild(
    views: Annotated[list[str] | None, typer.Argument(help="Views by name; all where none is named.")] = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Fold views again beside the live ones, and swap them in."""
    from projections.rebuilding import rebuild as fold_again  # noqa: PLC0415 - only this command needs it

    with _open(_settings(directory)) as (premises, _), _progress("folding") as progress:
        house = premises.house
        known = {view.name: view for view in house.projector.views}
        unknown = [name for name in views or () if name not in known]
        if unknown:
            msg = f"No view is called {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            raise ValueError(msg)
        chosen = [known[name] for name in views] if views else list(known.values())
        house.projector.catch_up()
        position = fold_again(house.log, house.views, chosen, progress)
    _say({"views": [view.name for view in chosen], "position": position}, as_json=as_json)


@app.command()
def check(directory: Dir = None, as_json: Json = False) -> None:
    """Prove that the live views equal a fresh fold of the log; exits 1 and names rows where they do not."""
    from projections.rebuilding import check as compare  # noqa: PLC0415 - only this command needs it

    with _open(_settings(directory)) as (premises, _), _progress("comparing") as progress:
        house = premises.house
        house.projector.catch_up()
        found = compare(house.log, house.views, house.projector.views, progress)
        parked = house.projector.parked()
        position = house.log.position()
    clean = not found and not parked
    _say(
        {
            "clean": clean,
            "position": position,
            "views": len(house.projector.views),
            "differences": [{"table": each[0], "live": each[1], "fresh": each[2]} for each in found],
            "parked": [each._asdict() for each in parked],
        },
        as_json=as_json,
    )
    raise typer.Exit(0 if clean else FAILED)


@app.command()
def retry(directory: Dir = None, as_json: Json = False) -> None:
    """Fold cases that were put aside again, after what ailed them was repaired; exits 1 while any stays aside."""
    with _open(_settings(directory)) as (premises, _):
        projector = premises.house.projector
        projector.catch_up()
        well = projector.retry_parked()
        parked = [each._asdict() for each in projector.parked()]
    _say({"well": well, "parked": parked}, as_json=as_json)
    raise typer.Exit(FAILED if parked else 0)


@app.command("import")
def import_cases(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file.")],
    mapping: Annotated[Path, typer.Option("--map", help="The mapping file: columns to facts.")],
    directory: Dir = None,
    report: Annotated[Path | None, typer.Option("--report", help="Refused rows; FILE.refused.csv otherwise.")] = None,
    as_json: Json = False,
) -> None:
    """Bring in cases of another system, with their original times; run again, it adds nothing twice."""
    with _open(_settings(directory)) as (premises, _), _progress("importing") as progress:
        result = import_file(
            premises.house,
            file,
            read_map(mapping),
            progress=progress,
            report_path=report or file.with_suffix(".refused.csv"),
            keep_in=premises.settings.imports,
        )
    _say(result.model_dump(mode="json"), as_json=as_json)


@app.command()
def token(
    role: Annotated[str, typer.Argument(help="The role, such as street_leader.")],
    organisation: Annotated[str, typer.Argument(help="The organisation, by name or code.")],
    name: Annotated[str, typer.Option("--name", help="What to call the token in lists.")] = "token",
    directory: Dir = None,
) -> None:
    """Issue a bearer token for a new person in a role; it is shown once and kept as a hash."""
    if role not in list(Role):
        msg = f"No role is called {role}; there are {', '.join(Role)}."
        raise ValueError(msg)
    settings = _settings(directory)
    home = city_with_kept(load_city(settings.data), settings.imports).find(organisation)
    if home.kind not in HELD_IN[Role(role)]:
        msg = f"The role {role} is not held in {home.name}, which is a {home.kind}."
        raise ValueError(msg)
    with closing(Tokens(settings.access_db)) as tokens:
        issued = tokens.create(uuid4(), role, home.code, name, SystemClock().now())
    typer.echo(issued.secret)


@app.command()
def tokens(directory: Dir = None, as_json: Json = False) -> None:
    """List the tokens: id, role, organisation, name, and whether they were revoked; never the secrets."""
    with closing(Tokens(_settings(directory).access_db)) as kept:
        for each in kept.list():
            shown = each.model_dump(mode="json")
            typer.echo(json.dumps(shown, ensure_ascii=False) if as_json else "  ".join(map(str, shown.values())))


@app.command()
def revoke(token_id: Annotated[UUID, typer.Argument(help="The token's id, as listed.")], directory: Dir = None) -> None:
    """End a token at once, also in a server that is running."""
    with closing(Tokens(_settings(directory).access_db)) as kept:
        kept.revoke(token_id, SystemClock().now())


# What the commands share.


def _settings(directory: Path | None, port: int | None = None) -> Settings:
    chosen: dict[str, Any] = {}
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
def _open(settings: Settings, *, migrate_first: bool = False) -> Iterator[tuple[Premises, SystemClock]]:
    clock = SystemClock()
    if migrate_first:
        migrate_all(settings)
    with open_premises(settings, clock.now) as premises:
        yield premises, clock


@contextmanager
def _stage(
    scenario: Scenario, db: str | None, policies: list[dict[str, object]] | None
) -> Iterator[tuple[House, VirtualClock]]:
    """Where a scenario is played: in memory, or in the store that was named."""
    clock = VirtualClock(min((step.at for step in scenario.steps), default=SystemClock().now()))
    extra = [each.model_dump(exclude_none=True) for each in scenario.organisations]
    if db is None:
        city = load_city().with_extra(extra) if extra else load_city()
        house = house_in_memory(load_rules(policies=policies), city, clock.now)
        try:
            yield house, clock
        finally:
            house.close()
        return
    settings = _settings(parse_store(db))
    migrate_all(settings)
    with open_premises(settings, clock.now, policies=policies, extra=extra) as premises:
        yield premises.house, clock


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _announce(address: tuple[Any, ...]) -> None:
    host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
    typer.echo(f"Shaoxiang is ready at http://{host}:{address[1]}/api/v1")


def _print_play(document: dict[str, Any], problems: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        for problem in problems:
            typer.echo(f"{document['scenario']}: {problem}", err=True)
        return
    typer.echo(f"{document['scenario']}: {'passed' if document['passed'] else 'FAILED'}")
    for entry in document["timeline"]:
        typer.echo(f"  {entry['at']}  {entry['by']:<12} {entry['event']:<38} {entry['on']}")
    for name, response in document["responses"].items():
        sheet = response["evaluation"] or {}
        typer.echo(
            f"  {name}: {response['state']}, missed {', '.join(response['missed']) or 'nothing'}, "
            f"score {sheet.get('score')}, outcome {response['outcome']}"
        )
    for notice in document["notices"]:
        typer.echo(f"  notice {notice['at']} {notice['kind']} to {notice['to']} about {notice['about']}")
    for problem in problems:
        typer.echo(f"  differs: {problem}")


def _say(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, default=str))
        return
    for key, value in facts.items():
        typer.echo(f"{key}: {value}")


if __name__ == "__main__":
    main()
