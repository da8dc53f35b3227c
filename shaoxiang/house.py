"""A house on disk: opened from the settings, with vault, photos and tokens beside the log."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from desk.unit import KINDS
from projections.storage import ViewStore
from shaoxiang.import_map import city_with_kept
from shaoxiang.parts import House, assemble, load_rules
from shaoxiang.resources import load_city
from shaoxiang.settings import Settings
from store.errors import WrongKey
from store.log import EventLog
from store.migrations import ACCESS, LOG, VAULT, migrate
from store.photos import Photos
from store.tokens import Tokens
from store.vault import Vault, master_key


@dataclass(frozen=True)
class Premises:
    """A house on disk, and what lies beside its log."""

    settings: Settings
    house: House
    vault: Vault
    photos: Photos
    tokens: Tokens


def migrate_all(settings: Settings) -> list[tuple[str, int, int]]:
    """Create or upgrade every file of the store; answers name, version before and version after."""
    settings.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = ((settings.log_db, LOG), (settings.vault_db, VAULT), (settings.access_db, ACCESS))
    return [(path.name, *migrate(path, schema)) for path, schema in files]


@contextmanager
def open_premises(
    settings: Settings,
    now: Callable[[], datetime],
    *,
    policies: list[dict[str, object]] | None = None,
    extra: Iterable[Mapping[str, Any]] = (),
) -> Iterator[Premises]:
    """Open the store for writing; one process at a time. Raises the store's errors, which say what to do.

    `policies` stand in for the data folder's; `extra` organisations join the city's.
    """
    rules = load_rules(settings.data, policies)
    city = city_with_kept(load_city(settings.data), settings.imports)
    if guests := list(extra):
        city = city.with_extra(guests)
    log = EventLog.open(settings.log_db, KINDS)
    try:
        key = _key(settings)
        vault = Vault(settings.vault_db, key)
        vault.check()
        photos = Photos(
            settings.photo_folder, max_bytes=settings.photo_at_most, max_pixels=settings.photo_pixels_at_most
        )
        tokens = Tokens(settings.access_db)
        house = assemble(
            log,
            ViewStore(settings.views_db),
            rules,
            city,
            now,
            vault=vault,
            photos=photos,
            digest_key=hmac.digest(key, b"command digests", "sha256"),
            batch=settings.fold_batch,
            poll_seconds=settings.poll_every.total_seconds(),
        )
        try:
            yield Premises(settings, house, vault, photos, tokens)
        finally:
            house.close()
            tokens.close()
            vault.close()
    finally:
        log.close()


def parse_store(url: str) -> Path:
    """The folder that a store's URL names: `sqlite:///FOLDER`, or a plain folder. Raises ValueError."""
    if "://" in url:
        scheme, _, rest = url.partition("://")
        if scheme != "sqlite":
            msg = f"{url}: the embedded store is named sqlite:///FOLDER; {scheme} is not known here."
            raise ValueError(msg)
        return Path(rest.removeprefix("/") if rest.startswith("/") and not rest.startswith("//") else rest[1:])
    return Path(url)


def _key(settings: Settings) -> bytes:
    if settings.master_key is None:
        return master_key(settings.master_key_file)
    try:
        return base64.b64decode(settings.master_key.get_secret_value(), validate=True)
    except binascii.Error:
        msg = "SHAOXIANG_MASTER_KEY is not base64: give the base64 of 32 bytes."
        raise WrongKey(msg) from None
