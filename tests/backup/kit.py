"""A town on a store of either kind, filled by plays, with everything beside its log that a backup has to carry."""

import base64
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from pydantic import SecretStr
from sqlalchemy import text

from desk.unit import KINDS
from projections.storage import ViewStore
from shaoxiang.clock import VirtualClock
from shaoxiang.house import migrate_all, open_log, open_tokens
from shaoxiang.parts import House, assemble, load_rules
from shaoxiang.player import Player, Scenario, read_scenario
from shaoxiang.resources import load_city, scenario_files
from shaoxiang.settings import Settings
from store.archive import Archive, Row
from store.photos import Photos
from store.tokens import Tokens
from store.vault import Vault

KEY = bytes(range(32))
PLAYED = ("01a_", "02_", "04_")
NAME, PHONE = "来电人一", "13800000001"


class Town(NamedTuple):
    """An open store: the house over it, with views of its own in memory, and what lies beside the log."""

    settings: Settings
    house: House
    vault: Vault
    photos: Photos
    tokens: Tokens
    clock: VirtualClock


def settings_of(folder: Path, database: str | None = None) -> Settings:
    """A migrated, empty store in the folder, or in the database."""
    settings = Settings(
        dir=folder,
        database=SecretStr(database) if database else None,
        master_key=SecretStr(base64.b64encode(KEY).decode()),
    )
    migrate_all(settings)
    return settings


@contextmanager
def opened(settings: Settings, clock: VirtualClock) -> Iterator[Town]:
    """The town on a store, its views folded."""
    beside = settings.vault_db if settings.database_url is None else settings.database_url
    photos = Photos(settings.photo_folder, max_bytes=1 << 20, max_pixels=1_000_000)
    with (
        closing(open_log(settings)) as log,
        closing(Vault(beside, KEY)) as vault,
        closing(open_tokens(settings)) as tokens,
    ):
        views, city = ViewStore(None), load_city()
        house = assemble(
            log, views, load_rules(), city, clock.now, vault=vault, photos=photos, settle=timedelta(0), digest_key=KEY
        )
        house.projector.catch_up()
        yield Town(settings, house, vault, photos, tokens, clock)
        house.views.close()


def scenario(prefix: str) -> Scenario:
    """The documented scenario whose file begins so."""
    [path] = [path for path in scenario_files() if path.name.startswith(prefix)]
    return read_scenario(path)


def play(town: Town, prefix: str, until: datetime | None = None) -> Any:
    """Play a scenario in the town, all of it or its steps before a moment."""
    told = scenario(prefix)
    if until is not None:
        told = told.model_copy(update={"steps": [step for step in told.steps if step.at < until], "until": until})
    clock = VirtualClock(min(step.at for step in told.steps))
    return Player(town.house, clock, told).play()


def a_photo(shade: int) -> bytes:
    """A small photo of one colour."""
    out = BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(out, "PNG")
    return out.getvalue()


def rows_of(file: Path) -> dict[str, list[Row]]:
    """Everything that is in a backup, by part."""
    archive = Archive(file)
    found: dict[str, list[Row]] = {name: [] for name in archive.head.parts}
    for part, rows in archive.blocks():
        found[part.name] += rows
    return found


def folded(settings: Settings, clock: VirtualClock) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every view, folded afresh from the store's log."""
    with opened(settings, clock) as town, town.house.views.reading() as db:
        tables = db.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {
            table: sorted((tuple(row) for row in db.execute(text(f'SELECT * FROM "{table}"'))), key=repr)
            for table in tables
        }


def log_rows(settings: Settings) -> list[Row]:
    """Every event as it is stored, and its position."""
    with closing(open_log(settings)) as log:
        return list(log.raw(0, 1_000_000))


__all__ = ["KEY", "KINDS", "NAME", "PHONE", "PLAYED", "Town"]
