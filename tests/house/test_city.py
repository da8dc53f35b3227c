"""The city answers by code, by name and by place, and its data is sound."""

import csv
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Ambiguous, Invalid, Unknown
from domain.registry.organisations import City, Division, Organisation, OrganisationKind, covers
from shaoxiang.resources import data_folder, load_city, load_people

DEPARTMENTS = (
    "市市场监管局", "市生态环境局", "市农业农村局", "市住建局", "市应急管理局", "市公安局", "市消防救援支队",
    "市卫生健康委", "市交通运输局", "市自然资源局", "市城市管理执法局", "区城管执法大队", "北京路派出所",
)  # fmt: skip
NAMED = {
    "吉林市指挥中心": "command",
    "市司法局": "supervision",
    "市委组织部": "organisation_dept",
    **dict.fromkeys(DEPARTMENTS, "department"),
}


@pytest.mark.parametrize(("name", "kind"), NAMED.items())
def test_every_named_organisation_is_found_by_name_and_by_code(city: City, name: str, kind: str) -> None:
    found = city.find(name)
    assert found.kind.value == kind
    assert city.find(found.code) == city.get(found.code) == found
    assert found.slots == "office"


def test_every_street_of_the_table_has_an_organisation_and_a_team(city: City) -> None:
    with (data_folder() / "city" / "divisions-jilin-city.csv").open(encoding="utf-8", newline="") as file:
        streets = {row["code"]: row["name"] for row in csv.DictReader(file) if row["level"] == "street"}
    assert len(streets) == 150
    assert {one.code: one.name for one in city.of_kind(OrganisationKind.STREET)} == streets
    for code, name in streets.items():
        team = city.team_of(code)
        assert (team.code, team.name, team.parent) == (f"{code}-T", f"{name}综合执法队", code)
        assert city.team_of(city.get(code)) == team


def test_a_name_that_two_streets_share_is_refused_and_both_codes_are_named(city: City) -> None:
    shared = [name for name, times in Counter(one.name for one in city.organisations).items() if times > 1]
    assert {"民主街道", "河南街道"} <= set(shared)
    for name in shared:
        with pytest.raises(Ambiguous) as refused:
            city.find(name)
        codes = refused.value.details["codes"]
        assert isinstance(codes, list)
        assert len(codes) > 1
        assert all(code in refused.value.message and city.find(code).name == name for code in codes)


def test_an_unknown_organisation_is_named_with_the_nearest_that_exists(city: City) -> None:
    with pytest.raises(Unknown, match=r"'市场监管局'.*市市场监管局"):
        city.find("市场监管局")
    with pytest.raises(Unknown, match="2202-none"):
        city.get("2202-none")


def test_the_district_brigade_and_the_police_station_belong_to_their_district_and_bureau(city: City) -> None:
    brigade, police = city.find("区城管执法大队"), city.find("北京路派出所")
    assert brigade.division == police.division == "220204"
    assert city.district_name(brigade.division) == "船营区"
    assert city.get(brigade.parent or "").name == "市城市管理执法局"
    assert city.get(police.parent or "").name == "市公安局"


def test_a_community_lies_in_its_street_and_a_district_lies_in_none(city: City) -> None:
    assert city.street_of("220283001002").name == "北城街道"
    assert city.division("220283001002").name == "正阳社区"
    assert city.street_of("220204001").name == "德胜街道"
    for wide in ("2202", "220204", "999999999"):
        with pytest.raises(Unknown, match=wide):
            city.street_of(wide)


@pytest.mark.parametrize(
    ("division", "short"),
    [("220204001", "船营"), ("220221", "永吉"), ("220283001002", "舒兰"), ("220272", "高新"), ("2202", "吉林")],
)
def test_case_numbers_call_a_district_by_its_short_name(city: City, division: str, short: str) -> None:
    assert city.short_name(division) == short


def test_short_names_tell_all_districts_apart(city: City) -> None:
    districts = city.below("2202", "district")
    assert len({city.short_name(one.code) for one in districts}) == len(districts) == 12


@given(st.data())
def test_a_jurisdiction_covers_exactly_what_nests_in_it(city: City, data: st.DataObject) -> None:
    outer, inner = (data.draw(st.sampled_from(city.divisions)) for _ in range(2))
    chain = {inner.code[:digits] for digits in (4, 6, 9, 12) if digits <= len(inner.code)}
    assert covers(outer.code, inner.code) == city.covers(outer.code, inner.code) == (outer.code in chain)


def test_a_scenario_brings_organisations_of_its_own(city: City) -> None:
    own = [
        {"name": "新局", "kind": "department"},
        {"name": "新大队", "kind": "department", "parent": "新局"},
        {"name": "新街道", "kind": "street", "parent": "船营区"},
        {"name": "区监督办", "kind": "supervision", "parent": "220204"},
    ]
    wider = city.with_extra(own)
    street = wider.find("新街道")
    assert wider.find("新局").division == "2202"
    assert wider.find("新大队").parent == wider.find("新局").code
    assert covers("220204", street.division)
    assert wider.team_of(street).name == "新街道综合执法队"
    assert wider.street_of(street.division) == street
    assert wider.find("区监督办").division == "220204"
    assert city.with_extra(own) == wider, "the same file gives the same codes"
    with pytest.raises(Unknown):
        city.find("新局")


def test_bringing_along_what_the_city_has_changes_nothing(city: City) -> None:
    assert (
        city.with_extra([{"name": "德胜街道", "kind": "street"}, {"name": "市司法局", "kind": "supervision"}]) == city
    )


def test_streets_that_are_brought_along_never_take_a_real_streets_code(city: City) -> None:
    wider = city.with_extra({"name": f"第{number}街道", "kind": "street", "parent": "船营区"} for number in range(40))
    assert len(wider.of_kind(OrganisationKind.STREET)) == 190


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ({"name": "甲", "kind": "guild"}, Invalid),
        ({"name": " ", "kind": "department"}, Invalid),
        ({"name": "甲", "kind": "department", "parent": "没有的局"}, Unknown),
        ({"name": "甲", "kind": "department", "parent": "民主街道"}, Ambiguous),
    ],
)
def test_an_organisation_that_makes_no_sense_is_refused(
    city: City, row: dict[str, str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        city.with_extra([row])


@pytest.mark.parametrize(
    ("organisations", "complaint"),
    [
        (({"code": "a", "division": "2202"}, {"code": "a", "division": "2202"}), "occurs twice"),
        (({"code": "a", "division": "9999"},), "9999"),
        (({"code": "a", "division": "2202", "parent": "b"},), "parent b"),
    ],
)
def test_data_that_contradicts_itself_is_refused(organisations: tuple[dict[str, str], ...], complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        City(
            version="t", name="某市", zone="Asia/Shanghai", code="2202",
            divisions=(Division(code="2202", level="city", name="某市"),),
            organisations=tuple(
                Organisation(name="甲", kind=OrganisationKind.DEPARTMENT, **row) for row in organisations
            ),
        )  # fmt: skip


def test_officers_are_named_by_role_and_serve_where_the_city_enforces(city: City) -> None:
    people = load_people()
    officers = Counter(person["organisation"] for person in people)
    departments = city.of_kind(OrganisationKind.DEPARTMENT)
    assert all(officers[one.code] >= 2 for one in departments)
    assert all(person["name"].startswith("执法人员") and city.has(person["organisation"]) for person in people)
    numbers = [paper["number"] for person in people for paper in person["certificates"]]
    assert len(numbers) == len(set(numbers))
    expired = [p for p in people if all(paper["valid_until"] < "2022-12-01" for paper in p["certificates"])]
    assert len(expired) == 1


def test_the_city_is_read_once_and_shared() -> None:
    assert load_city() is load_city()
