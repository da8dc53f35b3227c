"""Small tables to import: a sound row, told column by column, and whatever a test changes about it."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xlsxwriter

from projections.case_file import folded
from shaoxiang.import_map import ImportMap
from shaoxiang.importing import ImportResult, import_file
from shaoxiang.parts import House

SOUND = {
    "unique_key": "1", "created_date": "2024-04-16T01:00:00.000", "closed_date": "", "agency": "DOT",
    "complaint_type": "Street Condition", "descriptor": "Pothole", "incident_address": "MAIN STREET",
    "status": "Open", "due_date": "", "resolution_description": "", "borough": "QUEENS",
    "open_data_channel_type": "PHONE", "latitude": "40.7", "longitude": "-73.8",
}  # fmt: skip
CLOSED = {"status": "Closed", "closed_date": "2024-04-16T02:00:00.000", "resolution_description": "Repaired."}

COLUMNS = tuple(SOUND)


def row(**cells: str) -> dict[str, str]:
    return {**SOUND, **cells}


def write_csv(path: Path, rows: Iterable[dict[str, str]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xlsx(path: Path, rows: Iterable[Iterable[Any]]) -> Path:
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet()
    for number, cells in enumerate(rows):
        for column, value in enumerate(cells):
            sheet.write(number, column, value)
    book.close()
    return path


def run(house: House, path: Path, mapping: ImportMap) -> tuple[ImportResult, list[dict[str, str]]]:
    """Import, and answer the result with the refusals as they are reported."""
    report = path.with_suffix(".refused.csv")
    result = import_file(house, path, mapping, report_path=report)
    with report.open(encoding="utf-8", newline="") as file:
        return result, list(csv.DictReader(file))


def documents(house: House, kind: str) -> list[dict[str, Any]]:
    """What the case files say of all streams of a kind, oldest first."""
    parts = folded(house.log.raw(0, 1_000_000))
    return [{**each.document, "id": str(each.id)} for each in parts if each.kind == kind]
