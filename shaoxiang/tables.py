"""Tables that people hand in: CSV in the encodings that offices use, and XLSX. Cells are texts or moments."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

from domain.errors import Invalid

Cell = str | datetime
"""A text without blanks around it, or a naive moment from a cell that a spreadsheet knows to be one."""

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: UTF-8 with or without a mark, then what Chinese editions of spreadsheets write."""


class Line(NamedTuple):
    """One row: the number under which an editor or a spreadsheet shows it, and its cells by column.

    `problem` says why the cells do not fit the header; then they are not to be trusted.
    """

    number: int
    cells: dict[str, Cell]
    problem: str | None = None


@dataclass(frozen=True)
class Table:
    """A table's columns and rows; `total` is about how many rows there are, for showing progress."""

    columns: tuple[str, ...]
    lines: Iterator[Line]
    total: int


def read_table(path: Path) -> Table:
    """A CSV file (UTF-8 or GB18030) or the first sheet of an XLSX file, told apart by content.

    Raises `OSError` for a file that cannot be read and `Invalid` for one that is not such a table.
    """
    if zipfile.is_zipfile(path):
        rows = _sheet(path)
        return _table(path, enumerate(rows, start=1), len(rows) - 1)
    text = _decoded(path)
    return _table(path, _records(path, text), max(text.count("\n") - 1, 0))


def _table(path: Path, rows: Iterable[tuple[int, Sequence[Any]]], total: int) -> Table:
    numbered = iter(rows)
    _, header = next(numbered, (0, ()))
    columns = tuple(str(_cell(name)) for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not columns:
        raise Invalid(f"{path} is empty: its first row must name the columns.", file=str(path))
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise Invalid(f"{path} names a column twice: {', '.join(map(repr, twice))}. Rename one.", file=str(path))
    return Table(columns, _lines(columns, numbered), total)


def _lines(columns: tuple[str, ...], rows: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[Line]:
    for number, row in rows:
        cells = [_cell(value) for value in row]
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if not any(cells):
            continue
        problem = None
        if len(cells) != len(columns):
            problem = f"The row has {len(cells)} cells, and the header names {len(columns)} columns."
        yield Line(number, dict(zip(columns, cells, strict=False)), problem)


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid(f"{path} is neither UTF-8 nor GB18030 nor XLSX: save it as one of these.", file=str(path))


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV text, each with the line that it begins on: a cell may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""))
    begins = 1
    try:
        for record in reader:
            yield begins, record
            begins = reader.line_num + 1
    except csv.Error as problem:
        raise Invalid(f"{path}, line {begins}: not CSV ({problem}). Correct the line.", file=str(path)) from None


def _sheet(path: Path) -> list[list[Any]]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        # Empty rows on top stay, so that a row's number is the one that the spreadsheet shows.
        rows: list[list[Any]] = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile) as problem:
        raise Invalid(f"{path} cannot be read as XLSX ({problem}): save it again, or as CSV.", file=str(path)) from None
    return rows


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
