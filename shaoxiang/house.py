"""A house on its store: an embedded one in a folder, or one on PostgreSQL that many processes share.

Everything is opened from the settings: the log and the views, and beside them vault, photos and tokens.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from desk.contention import patiently
from desk.unit import KINDS
from domain.policy.rules import Rules
from domain.registry.organisations import City
from projections.storage import ViewStore
from shaoxiang.clock import SystemClock
from shaoxiang.erasing import Eraser
from shaoxiang.import_map import city_with_kept
from shaoxiang.parts import House, Timers, assemble, load_rules
from shaoxiang.resources import load_city
from shaoxiang.settings import Settings
from store.database import Place
from store.errors import WrongKey
from store.log import EventLog
from store.migrations import ACCESS, LOG, VAULT, migrate
from store.photos import Photos
from store.tokens import Tokens
from store.vault import Vault, master_key

SQLITE, POSTGRES = "sqlite", ("postgresql", "postgres")


@dataclass(frozen=True)
class Premises:
    """A house on its store, and what lies beside its log."""

    settings: Settings
    house: House
    vault: Vault
    photos: Photos
    tokens: Tokens


def migrate_all(settings: Settings, role: str | None = None) -> list[tuple[str, int, int]]:
    """Create or upgrade every part of the store; answers each one's name, and its version before and after.

    `role`, on PostgreSQL, is the role that the processes run as; it is granted what they need and nothing more.
    """
    settings.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (url := settings.database_url) is not None:
        from store.postgres_schema import migrate as migrate_database  # noqa: PLC0415 - an extra, needed only there

        return migrate_database(url, SystemClock().now(), role=role)
    files = ((settings.log_db, LOG), (settings.vault_db, VAULT), (settings.access_db, ACCESS))
    return [(path.name, *migrate(path, schema)) for path, schema in files]


@contextmanager
def open_premises(
    settings: Settings,
    now: Callable[[], datetime],
    *,
    folds: bool = True,
    policies: list[dict[str, object]] | None = None,
    extra: Iterable[Mapping[str, Any]] = (),
) -> Iterator[Premises]:
    """Open the store with all that lies beside it. Raises the store's errors, which say what to do.

    An embedded store is one process's at a time. A house that `folds` keeps the views, one that does not follows who
    does. `policies` stand in for the data folder's; `extra` organisations join the city's.
    """
    rules, city = _rules_and_city(settings, policies, extra)
    with ExitStack() as stack:
        log = stack.enter_context(closing(open_log(settings)))
        key = _key(settings)
        vault = stack.enter_context(closing(Vault(_vault_place(settings), key)))
        vault.check()
        photos = Photos(
            settings.photo_folder, max_bytes=settings.photo_at_most, max_pixels=settings.photo_pixels_at_most
        )
        tokens = stack.enter_context(closing(open_tokens(settings)))
        house = assemble(
            log,
            open_views(settings),
            rules,
            city,
            now,
            vault=vault,
            photos=photos,
            digest_key=hmac.digest(key, b"command digests", "sha256"),
            batch=settings.fold_batch,
            poll_seconds=settings.poll_every.total_seconds(),
            folds=folds,
            pause=patiently,
            errand=stack.enter_context(closing(Eraser(log, _vault_place(settings)))) if folds else _nothing,
        )
        stack.callback(house.close)
        yield Premises(settings, house, vault, photos, tokens)


@contextmanager
def open_house(
    settings: Settings, now: Callable[[], datetime], *, folds: bool, timers: Timers | None = None
) -> Iterator[House]:
    """The house alone, for a process that answers nobody: one that folds, or one whose timers fire.

    It needs no master key: erasing, which who folds does besides, can do without. Raises the store's errors.
    """
    rules, city = _rules_and_city(settings, None, ())
    with ExitStack() as stack:
        log = stack.enter_context(closing(open_log(settings)))
        house = assemble(
            log,
            open_views(settings),
            rules,
            city,
            now,
            batch=settings.fold_batch,
            poll_seconds=settings.poll_every.total_seconds(),
            folds=folds,
            pause=patiently,
            timers=timers,
            errand=stack.enter_context(closing(Eraser(log, _vault_place(settings)))) if folds else _nothing,
        )
        stack.callback(house.close)
        yield house


def open_log(settings: Settings) -> EventLog:
    """The log of either kind of store."""
    url = settings.database_url
    if url is None:
        return EventLog.open(settings.log_db, KINDS)
    patience = settings.retry_for.total_seconds()
    return EventLog.connect(url, KINDS, readers=settings.log_connections, patience=patience)


def open_views(settings: Settings) -> ViewStore:
    """The views' database of either kind of store."""
    url = settings.database_url
    return ViewStore(settings.views_db) if url is None else ViewStore.connect(url, settings.view_connections)


def open_tokens(settings: Settings) -> Tokens:
    """The tokens of either kind of store."""
    url = settings.database_url
    return Tokens(settings.access_db if url is None else url)


def store_of(url: str) -> dict[str, Any]:
    """The settings that a store's URL stands for: `sqlite:///FOLDER`, a plain folder, or `postgresql://…`.

    Raises ValueError.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return {"dir": Path(url), "database": None}
    if scheme in POSTGRES:
        return {"database": url}
    if scheme != SQLITE:
        msg = f"{url}: a store is named sqlite:///FOLDER or postgresql://HOST/DATABASE; {scheme} is not known here."
        raise ValueError(msg)
    plain = rest.removeprefix("/") if rest.startswith("/") and not rest.startswith("//") else rest[1:]
    return {"dir": Path(plain), "database": None}


def _rules_and_city(
    settings: Settings, policies: list[dict[str, object]] | None, extra: Iterable[Mapping[str, Any]]
) -> tuple[Rules, City]:
    city = city_with_kept(load_city(settings.data), settings.imports)
    guests = list(extra)
    return load_rules(settings.data, policies), city.with_extra(guests) if guests else city


def _vault_place(settings: Settings) -> Place:
    url = settings.database_url
    return settings.vault_db if url is None else url


def _nothing() -> None:
    """No errand."""


def _key(settings: Settings) -> bytes:
    if settings.master_key is None:
        return master_key(settings.master_key_file)
    try:
        return base64.b64decode(settings.master_key.get_secret_value(), validate=True)
    except binascii.Error:
        msg = "SHAOXIANG_MASTER_KEY is not base64: give the base64 of 32 bytes."
        raise WrongKey(msg) from None
