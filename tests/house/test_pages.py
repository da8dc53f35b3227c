"""The pages on the API and on operations say what the code does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from api.metrics import Metrics, ViewMetrics
from api.outages import Outage
from api.problems import CODES
from api.routes.lists import LISTS
from api.routes.photos import router_of_photos
from desk import errors as desk_errors
from desk.actors import Role
from desk.errors import DeskError
from projections.rebuilding import check
from scheduler.sweep import SweepMetrics
from shaoxiang.background import LeaderMetrics, ShardMetrics
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.settings import Settings
from shaoxiang.traffic.officers import register
from store import errors as store_errors
from store.errors import StoreError

ROOT = Path(__file__).resolve().parent.parent.parent
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def in_ticks(page: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", page))


@contextmanager
def opened(folder: Path) -> Iterator[Premises]:
    settings = Settings(dir=folder)
    migrate_all(settings)
    with open_premises(settings, SystemClock().now) as premises:
        premises.house.projector.catch_up()
        yield premises


def register_officers(premises: Premises) -> None:
    house = premises.house
    register(house.desk, house.world.city, SystemClock().now())
    house.catch_up()


def differences(premises: Premises) -> int:
    house = premises.house
    return len(check(house.log, house.views, house.projector.views)) + len(house.projector.parked())


def test_every_code_of_http_and_of_the_desk_is_on_the_page() -> None:
    of_the_desk = {each.code for each in vars(desk_errors).values() if isinstance(each, type) and each is not DeskError}
    # What a client of this API cannot meet: it takes every answer as JSON.
    known = set(CODES.values()) | {outage.value[1] for outage in Outage}
    assert known - {"NOT_ACCEPTABLE", "UNSUPPORTED_PROBLEM_TYPE"} | of_the_desk <= in_ticks(API)


def test_every_role_has_its_line_in_the_table_of_who_may_read_what() -> None:
    table = API[API.index("## Who may read what") : API.index("`/history` is for")]
    named = re.findall(r"`([a-z_]+)`", table)
    assert sorted(named) == sorted(Role)


def test_every_list_is_named_on_the_page() -> None:
    assert {row.path for row in LISTS} <= in_ticks(API)
    uploads = {route.path for route in router_of_photos(1).routes if hasattr(route, "path")}
    assert {each.removeprefix("POST ") for each in in_ticks(API) if each.startswith("POST ")} <= uploads


def test_every_series_of_the_metrics_is_on_the_page_and_no_other() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    ViewMetrics(registry)
    SweepMetrics(registry)
    LeaderMetrics(registry, lambda: True)
    ShardMetrics(registry, tuple)
    series = {each.name + ("_total" if each.type == "counter" else "") for each in registry.collect()}
    named = {name.partition("{")[0] for name in in_ticks(OPERATIONS) if name.startswith("shaoxiang_")}
    assert named == series


def test_every_error_of_the_store_has_its_advice() -> None:
    raised = {
        each.__name__ for each in vars(store_errors).values() if isinstance(each, type) and issubclass(each, StoreError)
    }
    table = OPERATIONS[OPERATIONS.index("## What each error of the store wants") :]
    assert raised <= in_ticks(table)


def test_every_file_of_the_folder_is_on_the_page() -> None:
    settings = Settings(dir=Path("folder"))
    files = (settings.log_db, settings.vault_db, settings.access_db, settings.views_db, settings.master_key_file)
    assert {each.name for each in files} | {settings.logins.name, f"{settings.photo_folder.name}/"} <= in_ticks(
        OPERATIONS
    )


def test_a_deleted_view_file_is_folded_again_at_the_next_start(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as running:
        register_officers(running)
    for each in (tmp_path / "store").glob("views.db*"):
        each.unlink()
    with opened(tmp_path / "store") as again:
        assert again.house.projector.position == again.house.log.position() > 0
        assert differences(again) == 0
