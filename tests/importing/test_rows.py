"""One row at a time: what makes a case of it, and what it is refused for."""

from datetime import datetime
from pathlib import Path

import pytest

from projections.statistics import indicators
from shaoxiang.import_map import ImportMap
from shaoxiang.importing import import_file
from shaoxiang.parts import House
from tests.importing.given import CLOSED, COLUMNS, SOUND, documents, row, run, write_csv, write_xlsx


def refused(house: House, tmp_path: Path, nyc: ImportMap, **cells: str) -> tuple[str, str]:
    """The column and the reason for which one row is refused, with nothing recorded."""
    result, report = run(house, write_csv(tmp_path / "one.csv", [row(**cells)]), nyc)
    assert (result.accepted, result.refused, result.position) == (0, 1, 0)
    assert report[0]["row"] == "2"
    return report[0]["column"], report[0]["reason"]


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"latitude": ""}, "latitude, longitude", "blank"),
        ({"latitude": "91"}, "latitude", "less than or equal to 90"),
        ({"longitude": "west"}, "longitude", "valid number"),
        ({"latitude": "nan"}, "latitude", "finite number"),
        ({"agency": "FDNY"}, "agency", "'FDNY' is not known: correct it, or list it under organisations"),
        ({"agency": ""}, "agency", "The cell is blank"),
        ({"borough": "Unspecified"}, "borough", "'Unspecified' is not known"),
        ({"complaint_type": "Dragons"}, "complaint_type", "list it under items"),
        ({"status": "Lost"}, "status", "list it under statuses"),
        ({"created_date": "yesterday"}, "created_date", "'yesterday' is not a time in the form iso"),
        ({"created_date": ""}, "created_date", "The time is blank."),
        ({"created_date": "1999-12-31T00:00:00"}, "created_date", "outside the years 2000 to 2099"),
        ({"created_date": "0001-01-01T00:00:00"}, "created_date", "outside the years 2000 to 2099"),
        ({"due_date": "9999-12-31T23:59:59"}, "due_date", "outside the years 2000 to 2099"),
        ({"created_date": "2024-03-10T02:30:00"}, "created_date", "the clocks went forward over it"),
        ({"created_date": "2030-01-01T00:00:00"}, "created_date", "in the future"),
        ({**CLOSED, "closed_date": ""}, "closed_date", "no time of closing is given"),
        ({**CLOSED, "closed_date": "2024-04-16T00:59:59"}, "closed_date", "closed before it was created"),
        ({**CLOSED, "closed_date": "2030-01-01T00:00:00"}, "closed_date", "in the future"),
        ({"closed_date": "2024-04-16T02:00:00"}, "status", "The status Open contradicts a time of closing."),
        ({"due_date": "soon"}, "due_date", "'soon' is not a time"),
        ({"unique_key": " "}, "unique_key", "The key is blank"),
        ({"unique_key": "1" * 101}, "unique_key", "longer than 100 characters"),
        ({"descriptor": "x" * 4001}, "complaint_type, descriptor", "at most 4000 characters"),
        ({"incident_address": "x" * 501}, "incident_address", "at most 500 characters"),
    ],
)
def test_a_row_is_refused_by_column_and_reason(
    house: House, tmp_path: Path, nyc: ImportMap, cells: dict[str, str], column: str, reason: str
) -> None:
    found = refused(house, tmp_path, nyc, **cells)
    assert found[0] == column
    assert reason in found[1]


def test_all_that_is_wrong_with_a_row_is_said_at_once(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    column, reason = refused(house, tmp_path, nyc, agency="FDNY", latitude="", created_date="yesterday")
    assert column == "created_date, latitude, longitude, agency"
    assert reason.count("'yesterday'") == 1


def test_a_key_that_stands_twice_in_a_file_is_imported_once(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    result, report = run(house, write_csv(tmp_path / "two.csv", [row(), row(descriptor="Cave-in")]), nyc)
    assert (result.accepted, result.refused) == (1, 1)
    assert (report[0]["row"], report[0]["reason"]) == ("3", "The key '1' stands in row 2 already.")


def test_a_row_with_too_many_or_too_few_cells_is_refused(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    path = write_csv(tmp_path / "torn.csv", [])
    with path.open("a", encoding="utf-8") as file:
        file.write("1,2,3\n" + ",".join([*SOUND.values(), "more"]) + "\n\n")
    result, report = run(house, path, nyc)
    assert (result.rows, result.refused) == (2, 2)
    assert [each["reason"] for each in report] == [
        "The row has 3 cells, and the header names 14 columns.",
        "The row has 15 cells, and the header names 14 columns.",
    ]


def test_a_row_is_named_by_the_line_that_it_begins_on(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    rows = [row(descriptor="two\nlines"), row(unique_key="2", latitude="")]
    _, report = run(house, write_csv(tmp_path / "lines.csv", rows), nyc)
    assert report[0]["row"] == "4"


def test_an_open_row_becomes_a_pushed_case_at_its_own_time(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    run(house, write_csv(tmp_path / "open.csv", [row()]), nyc)
    (report,), (case,), (response,) = (documents(house, kind) for kind in ("report", "case", "response"))
    assert (report["description"], report["source"], report["state"]) == (
        "Street Condition: Pothole",
        "hotline",
        "filed",
    )
    assert (case["number"], case["external"], case["state"]) == ("NYC-1", "nyc-311/1", "whistled")
    assert (case["item_name"], case["catalogue"]) == ("Street Condition", "import:nyc-311")
    assert (response["department"], response["state"]) == ("nyc-dot", "dispatched")
    first = house.log.events(0, 1)[0].event
    assert (first.timestamp.isoformat(), first.meta.role) == ("2024-04-16T05:00:00+00:00", "import")


def test_a_closed_row_becomes_a_closed_case_with_its_result(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    run(house, write_csv(tmp_path / "closed.csv", [row(**CLOSED)]), nyc)
    (case,), (response,) = (documents(house, kind) for kind in ("case", "response"))
    assert (case["state"], case["closed_at"], case["on_time"]) == ("closed", "2024-04-16T06:00:00Z", True)
    assert (response["state"], response["result"]) == ("verified", "Repaired.")


@pytest.mark.parametrize(("due", "on_time"), [("2024-04-16T02:00:00.000", 1), ("2024-04-16T01:59:59.000", 0)])
def test_a_closed_row_counts_for_closing_where_it_was_due(
    house: House, tmp_path: Path, nyc: ImportMap, due: str, on_time: int
) -> None:
    rows = [row(**CLOSED, due_date=due), row(**CLOSED, unique_key="2")]
    run(house, write_csv(tmp_path / "due.csv", rows), nyc)
    with house.views.reading() as db:
        figures = indicators(db, names=("closing_rate", "closing_on_time_rate"))
    assert [(each.numerator, each.denominator) for each in figures] == [(1, 1), (on_time, 1)]


def test_of_an_hour_that_came_twice_the_first_is_meant(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    run(house, write_csv(tmp_path / "fall.csv", [row(created_date="2024-11-03T01:30:00")]), nyc)
    assert house.log.events(0, 1)[0].event.timestamp.isoformat() == "2024-11-03T05:30:00+00:00"


def test_a_time_may_carry_its_own_offset_or_another_form(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    rows = [row(created_date="2024-04-16T01:00:00Z"), row(unique_key="2", created_date="04/16/2024 01:00:00 AM")]
    run(house, write_csv(tmp_path / "forms.csv", rows), nyc)
    times = sorted({each.event.timestamp.isoformat() for each in house.log.events(0, 100)})
    assert times == ["2024-04-16T01:00:00+00:00", "2024-04-16T05:00:00+00:00"]


def test_words_may_be_kept_as_items(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    keeping = nyc.model_copy(update={"items": nyc.items.model_copy(update={"keep_text": True})})
    result, _ = run(house, write_csv(tmp_path / "kept.csv", [row(complaint_type="Dragons")]), keeping)
    assert result.accepted == 1
    assert documents(house, "case")[0]["item_name"] == "Dragons"


def test_a_division_within_a_street_gives_the_case_its_street(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    divisions = nyc.divisions.model_copy(update={"values": {"QUEENS": "220204001001"}})
    run(house, write_csv(tmp_path / "street.csv", [row()]), nyc.model_copy(update={"divisions": divisions}))
    (case,) = documents(house, "case")
    assert (case["area"], case["street"], case["division"]) == ("220204001", "220204001", "220204001001")


def test_the_same_rows_come_from_gb18030_and_from_a_spreadsheet(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    rows = [row(descriptor="路面坑洼"), row(**CLOSED, unique_key="2")]
    first = import_file(house, write_csv(tmp_path / "gb.csv", rows, encoding="gb18030"), nyc)
    assert (first.accepted, documents(house, "report")[0]["description"]) == (2, "Street Condition: 路面坑洼")
    typed: list[list[object]] = [
        list(COLUMNS),
        *([_typed(name, value) for name, value in each.items()] for each in rows),
    ]
    again = import_file(house, write_xlsx(tmp_path / "sheet.xlsx", typed), nyc)
    marked = import_file(house, write_csv(tmp_path / "bom.csv", rows, encoding="utf-8-sig"), nyc)
    assert (again.already, marked.already, marked.position) == (2, 2, first.position)


def _typed(column: str, value: str) -> object:
    """A cell as a spreadsheet holds it: a moment, a number or a text."""
    if column.endswith("_date") and value:
        return datetime.fromisoformat(value)
    return float(value) if column in {"unique_key", "latitude", "longitude"} else value


def test_a_row_that_changed_at_its_source_is_refused(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    run(house, write_csv(tmp_path / "before.csv", [row()]), nyc)
    result, report = run(house, write_csv(tmp_path / "after.csv", [row(**CLOSED)]), nyc)
    assert (result.accepted, result.already, result.refused) == (0, 0, 1)
    assert "history is not written again" in report[0]["reason"]


def test_a_row_that_was_corrected_comes_in_with_the_next_run(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    broken = [row(), row(unique_key="2", latitude="")]
    run(house, write_csv(tmp_path / "broken.csv", broken), nyc)
    mended = import_file(house, write_csv(tmp_path / "mended.csv", [row(), row(unique_key="2")]), nyc)
    assert (mended.accepted, mended.already, mended.refused) == (1, 1, 0)


def test_an_import_that_was_interrupted_goes_on_where_it_stopped(house: House, tmp_path: Path, nyc: ImportMap) -> None:
    path = write_csv(tmp_path / "many.csv", [row(unique_key=str(n)) for n in range(5)])

    def pull_the_plug(done: int, total: int) -> None:
        assert total == 5
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(house, path, nyc, progress=pull_the_plug)
    rest = import_file(house, path, nyc)
    assert (rest.accepted, rest.already) == (2, 3)
    assert len(documents(house, "case")) == 5
