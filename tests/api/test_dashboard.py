"""Figures over HTTP, and the dashboard: what runs, what the day brought, and how the month stands."""

from datetime import datetime, timedelta

from tests.api.house import MARKET, POLICE, Office, items


def test_timeliness_counts_what_the_scope_holds(house: Office) -> None:
    house.closed()
    figures = {row["indicator"]: row for row in items(house.get("market", "/timeliness"))}
    assert (figures["arrival_on_time_rate"]["numerator"], figures["arrival_on_time_rate"]["denominator"]) == (1, 1)
    both = {row["indicator"]: row for row in items(house.get("command", "/timeliness"))}
    assert both["arrival_on_time_rate"]["denominator"] == 2
    assert both["rework_rate"]["rate"] == 0
    assert both["satisfaction_rate"]["rate"] is None
    grouped = items(house.get("command", "/timeliness?by=department&by=month&indicator=arrival_on_time_rate"))
    assert {row["group"]["month"] for row in grouped} == {"2022-12"}
    assert {row["group"]["department"] for row in grouped} == {house.city.find(each).code for each in (MARKET, POLICE)}
    counts = [row[f"{adjusted}{part}"] for row in grouped for adjusted in ("", "adjustment_")
              for part in ("numerator", "denominator")]  # fmt: skip
    assert {type(each) for each in counts} == {int}
    assert house.get("command", "/timeliness?by=mood").status_code == 422


def test_the_dashboard_tells_what_runs_by_its_light(house: Office) -> None:
    house.whistled()
    green = house.get("command", "/dashboard").json()
    assert green["matters"] == [{"name": "220204", "green": 1, "yellow": 0, "red": 0}]
    market, police = (house.city.find(each).code for each in (MARKET, POLICE))
    assert {row["name"]: row["green"] for row in green["responses"]} == {market: 1, police: 1}

    due = datetime.fromisoformat(items(house.get("command", "/cases"))[0]["due_at"])
    house.clock.advance_to(due)
    yellow = house.get("street", "/dashboard").json()
    assert yellow["matters"] == [{"name": "220204001", "green": 0, "yellow": 1, "red": 0}]
    house.clock.advance_to(due + timedelta(seconds=1))
    red = house.get("market", "/dashboard").json()
    assert red["matters"] == []
    assert red["responses"] == [{"name": market, "green": 0, "yellow": 0, "red": 1}]
    assert house.get("other_street", "/dashboard").json()["responses"] == []


def test_the_dashboard_counts_what_the_day_brought_and_begins_anew_the_next(house: Office) -> None:
    house.closed()
    house.reported()
    day = house.get("command", "/dashboard").json()["today"]
    assert day == {"day": "2022-12-14", "reported": 2, "filed": 1, "closed": 1}
    assert house.get("other_street", "/dashboard").json()["today"] == day | {"reported": 0, "filed": 0, "closed": 0}
    house.do("command", f"/cases/{house.ids['case']}/reopening", {"reason": "上报人不满意"})
    assert house.get("street", "/dashboard").json()["today"]["closed"] == 0
    house.clock.advance_to(datetime.fromisoformat("2022-12-15T00:30:00+08:00"))
    assert house.get("command", "/dashboard").json()["today"] == {
        "day": "2022-12-15", "reported": 0, "filed": 0, "closed": 0,
    }  # fmt: skip


def test_the_dashboards_month_is_what_the_figures_say(house: Office) -> None:
    house.closed()
    month = house.get("command", "/dashboard").json()["month"]
    assert (month["month"], month["by"]) == ("2022-12", "department")
    figures = items(house.get("command", "/timeliness?by=department&since=2022-12-01&through=2022-12-31"))
    for row in month["each"]:
        own = {each["indicator"]: each["adjusted"] for each in figures if each["group"]["department"] == row["name"]}
        assert row["rates"] == {name: own[name] for name in row["rates"]}
    assert {row["name"] for row in month["each"]} == {house.city.find(each).code for each in (MARKET, POLICE)}
    assert month["all"]["arrival_on_time_rate"] == 1
    assert house.get("street", "/dashboard").json()["month"]["by"] == "street"


def test_a_month_in_which_nothing_was_counted_has_no_rates(house: Office) -> None:
    month = house.get("command", "/dashboard").json()["month"]
    assert month["each"] == month["ranking"] == []
    assert month["all"]["arrival_on_time_rate"] is None
