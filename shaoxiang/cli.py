"""The command line: demo, serve, work, tick, migrate, play, rebuild, check, backup, import, token, years."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from domain.errors import Refusal
from shaoxiang import background, keeping, logs, restoring, server
from shaoxiang import backup as copies
from shaoxiang import demo as demo_city
from shaoxiang.clock import SystemClock, VirtualClock
from shaoxiang.house import Premises, migrate_all, open_log, open_premises, store_of
from shaoxiang.import_map import read_map
from shaoxiang.importing import import_file
from shaoxiang.options import Dir, Json, Port, WatchPort, progress_of, say, settings_of
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.player import Player, Scenario, ScenarioError, read_scenario
from shaoxiang.resources import load_city, read_json
from shaoxiang.result import Result
from shaoxiang.settings import Settings
from store.errors import StoreError

app = typer.Typer(
    help="Shaoxiang 哨响: streets whistle, departments report.", no_args_is_help=True, add_completion=False
)
out = Console()

FAILED, USAGE = 1, 2


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
    except DBAPIError as problem:
        # Its own words would repeat the statement.
        typer.echo(f"shaoxiang: the views cannot be used: {str(problem.orig).strip()}", err=True)
        sys.exit(USAGE)
    except (StoreError, ScenarioError, Refusal, ValueError, OSError, RuntimeError) as problem:
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
    with _open(settings_of(directory, port, database=None), migrate_first=True) as (premises, clock):
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
    """Serve the API. On an embedded store this one process folds the views and fires the timers as well."""
    settings = settings_of(directory, port)
    with _open(settings, folds=settings.database is None) as (premises, clock):
        sock = server.listen(premises.settings.host, premises.settings.port)
        server.serve(premises, clock, sock, lambda: _announce(sock.getsockname()))


@app.command()
def work(port: WatchPort = 0, directory: Dir = None) -> None:
    """Fold the views, on PostgreSQL: one process leads, and any other stands by to take over."""
    _in_background(background.work, port, directory)


@app.command()
def tick(port: WatchPort = 0, directory: Dir = None) -> None:
    """Fire the timers, on PostgreSQL: as many processes as one likes share what is due."""
    _in_background(background.tick, port, directory)


@app.command()
def migrate(
    directory: Dir = None,
    role: Annotated[
        str | None, typer.Option("--role", help="PostgreSQL: the role that the processes run as; it is granted that.")
    ] = None,
) -> None:
    """Create the store, or bring it up to date; doing it again changes nothing."""
    for name, before, after in migrate_all(settings_of(directory), role):
        typer.echo(f"{name}: version {after}" + ("" if before == after else f" (was {before})"))


@app.command()
def play(
    files: Annotated[list[Path], typer.Argument(help="Scenario files.")],
    as_json: Json = False,
    db: Annotated[
        str | None, typer.Option("--db", help="Play into this store: sqlite:///FOLDER or postgresql://…")
    ] = None,
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
    with _open(settings_of(directory)) as (premises, _), progress_of("folding") as progress:
        house = premises.house
        known = {view.name: view for view in house.projector.views}
        unknown = [name for name in views or () if name not in known]
        if unknown:
            msg = f"No view is called {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            raise ValueError(msg)
        chosen = [known[name] for name in views] if views else list(known.values())
        house.catch_up()
        position = house.projector.rebuild(chosen, progress)
    say({"views": [view.name for view in chosen], "position": position}, as_json=as_json)


@app.command()
def check(directory: Dir = None, as_json: Json = False) -> None:
    """Prove that the live views equal a fresh fold of the log; exits 1 and names rows where they do not."""
    with _open(settings_of(directory)) as (premises, _), progress_of("comparing") as progress:
        house = premises.house
        house.catch_up()
        found = house.projector.check(progress)
        parked = house.projector.parked()
        position = house.log.position()
    clean = not found and not parked
    say(
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
    with _open(settings_of(directory)) as (premises, _):
        premises.house.catch_up()
        projector = premises.house.projector
        well = projector.retry_parked()
        parked = [each._asdict() for each in projector.parked()]
    say({"well": well, "parked": parked}, as_json=as_json)
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
    with _open(settings_of(directory)) as (premises, _), progress_of("importing") as progress:
        result = import_file(
            premises.house,
            file,
            read_map(mapping),
            progress=progress,
            report_path=report or file.with_suffix(".refused.csv"),
            keep_in=premises.settings.imports,
        )
    say(result.model_dump(mode="json"), as_json=as_json)


@app.command()
def backup(
    to: Annotated[
        Path, typer.Option("--to", help="A folder that keeps backups and their photos, or a file that ends in .backup.")
    ] = Path("shaoxiang-backups"),
    vault: Annotated[bool, typer.Option(help="With everybody's identity, each under its own key.")] = True,
    photos: Annotated[bool, typer.Option(help="Copy the photos that the folder does not have yet.")] = True,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Copy the store into one file while it is in use; every command that was answered before is in it."""
    settings = settings_of(directory)
    with progress_of("copying events") as progress:
        taken = copies.back_up(settings, to, SystemClock().now, vault=vault, photos=photos, progress=progress)
    say(copies.summary(taken), as_json=as_json)


@app.command()
def restore(
    source: Annotated[Path | None, typer.Argument(help="A backup, or a folder of which the newest is taken.")] = None,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Prove that it is whole, and change nothing.")
    ] = False,
    epoch_only: Annotated[
        bool, typer.Option("--epoch-only", help="The database was brought back by its own means: begin the new epoch.")
    ] = False,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Fill an empty store from a backup, proved byte by byte, and begin a new epoch: nothing is sent a second time."""
    settings, now = settings_of(directory), SystemClock().now
    if epoch_only:
        with closing(open_log(settings)) as log:
            say(log.new_epoch(now())._asdict(), as_json=as_json)
        return
    if source is None:
        raise ValueError("name the backup to restore: a file that ends in .backup, or the folder that keeps them")
    file = restoring.find(source)
    with progress_of("checking" if check_only else "restoring") as progress:
        if check_only:
            said = restoring.summary(restoring.check(settings, file, progress))
        else:
            said = restoring.summary(*restoring.restore(settings, file, now, progress))
    say(said, as_json=as_json)


for _each in keeping.COMMANDS:
    app.command()(_each)


# What the commands share.


@contextmanager
def _open(
    settings: Settings, *, migrate_first: bool = False, folds: bool = True
) -> Iterator[tuple[Premises, SystemClock]]:
    clock = SystemClock()
    if migrate_first:
        migrate_all(settings)
    with open_premises(settings, clock.now, folds=folds) as premises:
        yield premises, clock


def _in_background(run: background.Background, port: int, directory: Path | None) -> None:
    """Run a process that answers nobody but those who ask how it is."""
    settings = settings_of(directory, port)
    if settings.database is None:
        msg = (
            f"`{run.__name__}` is for a store on PostgreSQL, named by SHAOXIANG_DATABASE; on the embedded store in "
            f"{settings.dir} `shaoxiang serve` folds the views and fires the timers as well."
        )
        raise ValueError(msg)
    with closing(server.listen(settings.host, settings.port)) as sock:
        run(settings, sock, lambda: _announce(sock.getsockname(), run.__name__, "/ready"))


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
    settings = settings_of(None, **store_of(db))
    migrate_all(settings)
    with open_premises(settings, clock.now, policies=policies, extra=extra) as premises:
        yield premises.house, clock


def _announce(address: tuple[Any, ...], what: str = "", path: str = "/api/v1") -> None:
    host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
    typer.echo(f"Shaoxiang {what}{' ' * bool(what)}is ready at http://{host}:{address[1]}{path}")


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


if __name__ == "__main__":
    main()
