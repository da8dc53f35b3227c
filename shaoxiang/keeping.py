"""Commands for whoever keeps the store: tokens, and the years of a log on PostgreSQL."""

import json
from contextlib import closing
from typing import Annotated
from uuid import UUID, uuid4

import typer

from desk.actors import HELD_IN, Role
from shaoxiang.clock import SystemClock
from shaoxiang.house import open_tokens
from shaoxiang.import_map import city_with_kept
from shaoxiang.options import Dir, Json, say, settings_of
from shaoxiang.resources import load_city


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
    settings = settings_of(directory)
    home = city_with_kept(load_city(settings.data), settings.imports).find(organisation)
    if home.kind not in HELD_IN[Role(role)]:
        msg = f"The role {role} is not held in {home.name}, which is a {home.kind}."
        raise ValueError(msg)
    with closing(open_tokens(settings)) as tokens:
        issued = tokens.create(uuid4(), role, home.code, name, SystemClock().now())
    typer.echo(issued.secret)


def tokens(directory: Dir = None, as_json: Json = False) -> None:
    """List the tokens: id, role, organisation, name, and whether they were revoked; never the secrets."""
    with closing(open_tokens(settings_of(directory))) as kept:
        for each in kept.list():
            shown = each.model_dump(mode="json")
            typer.echo(json.dumps(shown, ensure_ascii=False) if as_json else "  ".join(map(str, shown.values())))


def revoke(token_id: Annotated[UUID, typer.Argument(help="The token's id, as listed.")], directory: Dir = None) -> None:
    """End a token at once, also in a server that is running."""
    with closing(open_tokens(settings_of(directory))) as kept:
        kept.revoke(token_id, SystemClock().now())


def years(
    detach: Annotated[int | None, typer.Option("--detach", help="Take this year out of the log.")] = None,
    attach: Annotated[int | None, typer.Option("--attach", help="Put this year back.")] = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show the years of a log on PostgreSQL, take an old one out, or put it back; needs the tables' owner."""
    url = settings_of(directory).database_url
    if url is None:
        raise ValueError("an embedded log has no parts: years are for a store on PostgreSQL (SHAOXIANG_DATABASE)")
    # The driver is an extra: the embedded store does without it.
    from store import partitions  # noqa: PLC0415

    if detach is not None:
        found = [partitions.detach(url, detach, SystemClock().now())]
    elif attach is not None:
        found = [partitions.attach(url, attach)]
    else:
        found = partitions.partitions(url)
    for each in found:
        say(each._asdict(), as_json=True) if as_json else typer.echo(
            f"{each.name:<8} {each.events:>12} events, positions {each.first} to {each.last}"
            + ("" if each.attached else ", out of the log")
        )


COMMANDS = (token, tokens, revoke, years)
"""What the command line offers of these."""
