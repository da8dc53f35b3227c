"""The catalogue: names, brackets, and who may handle what."""

import pytest
from pydantic import ValidationError

from domain.errors import Unknown
from domain.policy.catalogue import Catalogue
from tests.domain.policy.given import CATALOGUE, document

XINAN, DESHENG = "220203008", "220204001"


@pytest.mark.parametrize("spelling", ["私搭乱建（存量）", "私搭乱建(存量)", " 私搭乱建（存量) ", "CG-008"])
def test_an_item_is_found_by_name_in_any_brackets_and_by_code(spelling: str) -> None:
    assert CATALOGUE.item(spelling).code == "CG-008"


def test_an_item_that_is_not_listed_is_refused_by_name() -> None:
    with pytest.raises(Unknown, match="太空垃圾"):
        CATALOGUE.item("太空垃圾")


@pytest.mark.parametrize("name", ["占道经营", "店外经营"])
@pytest.mark.parametrize("street", [XINAN, DESHENG, None])
def test_every_street_handles_street_trading_itself(name: str, street: str | None) -> None:
    assert CATALOGUE.in_list(CATALOGUE.item(name), street)


def test_one_street_has_an_item_that_others_have_not() -> None:
    sheds = CATALOGUE.item("私搭乱建（存量）")
    assert CATALOGUE.in_list(sheds, XINAN)
    assert not CATALOGUE.in_list(sheds, DESHENG)
    assert not CATALOGUE.in_list(sheds, None)


def test_what_is_in_no_list_is_for_the_departments() -> None:
    listed = {item.name for item in CATALOGUE.items if CATALOGUE.in_list(item, DESHENG)}
    assert listed == {"占道经营", "店外经营"}


def test_only_one_item_demands_a_photo() -> None:
    assert [item.name for item in CATALOGUE.items if item.photo_required] == ["暴露垃圾"]


@pytest.mark.parametrize(
    "changes",
    [
        {"every_street": ["太空垃圾"]},
        {"lists": {XINAN: ["太空垃圾"]}},
        {"items": [{"code": "CG-001", "name": "占道经营"}, {"code": "CG-001", "name": "店外经营"}]},
        {"items": [{"code": "CG-001", "name": "甲(乙)"}, {"code": "CG-002", "name": "甲（乙）"}], "every_street": []},
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Catalogue.model_validate(document("catalogue/2026-1.json") | {"lists": {}} | changes)
