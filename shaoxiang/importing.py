"""Import: cases of another system come in from a table by a mapping, each row once, each refusal with its reason."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from desk.arguments import FIRST_YEAR, LAST_YEAR, SubmitReport
from desk.importing import Importer
from domain.dispatch.imported import Matter
from domain.dispatch.values import Place, Source
from domain.errors import AlreadyDone
from domain.kernel import Frozen
from domain.policy.catalogue import Item
from domain.registry.organisations import STREET_DIGITS, City
from shaoxiang.import_map import ISO, ImportMap, keep
from shaoxiang.parts import House
from shaoxiang.tables import Cell, Line, Table, read_table

Progress = Callable[[int, int], object]
"""Told after each row how many are done, of about how many."""

Reader = Callable[[dict[str, Cell]], Any]
V = TypeVar("V")
KEY_LENGTH = 100
"""Keys become case numbers, which people must be able to say (our default)."""

REPORT_COLUMNS = ("row", "key", "column", "reason")


class ImportResult(Frozen):
    """What came of a file: every row is accepted, was there already, or is refused. `position` is the log's."""

    file: str
    mapping: str
    rows: int
    accepted: int
    already: int
    refused: int
    report: str | None
    position: int


class _Problem(Exception):
    """One cell that cannot be taken as it is."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


class RowRefused(Exception):
    """A row that is not imported: the columns to correct, and why."""

    def __init__(self, problems: Iterable[_Problem]) -> None:
        # Two parts of a row may stumble over the same cell.
        found = {(each.column, each.reason): each for each in problems}.values()
        super().__init__(" ".join(each.reason for each in found))
        self.columns = ", ".join(each.column for each in found)


class Counts(NamedTuple):
    """How many rows came to which end."""

    accepted: int = 0
    already: int = 0
    refused: int = 0


def import_file(
    house: House,
    path: Path,
    mapping: ImportMap,
    *,
    progress: Progress = lambda _done, _total: None,
    report_path: Path | None = None,
    keep_in: Path | None = None,
) -> ImportResult:
    """Bring in the rows of a CSV or XLSX file, and fold them into the views. Safe to run again, and to interrupt.

    Refused rows are written to `report_path`, the mapping is kept in the folder `keep_in`. Raises `OSError`, or a
    refusal of the domain, where the mapping or the file as a whole cannot be used; then nothing has been imported.
    Where a CSV file stops being one further down, the rows above stay imported.
    """
    table = read_table(path)
    mapping.check_columns(table.columns, path)
    rows = RowReader(mapping, mapping.joined_to(house.world.city), house.world.now())
    if keep_in is not None:
        keep(mapping, keep_in)
    with _report(report_path) as refuse:
        counts = _bring_all(Importer(house.world, mapping.name), rows, table, refuse, progress)
    house.catch_up()
    return ImportResult(
        file=path.name, mapping=mapping.name, rows=sum(counts), **counts._asdict(),
        report=str(report_path) if report_path is not None else None, position=house.log.position(),
    )  # fmt: skip


def _bring_all(
    importer: Importer, rows: "RowReader", table: Table, refuse: Callable[..., object], progress: Progress
) -> Counts:
    counts = Counts()
    for done, line in enumerate(table.lines, start=1):
        try:
            brought = importer.bring(*rows.read(line))
        except RowRefused as refused:
            refuse(line.number, rows.key_of(line), refused.columns, refused)
            counts = counts._replace(refused=counts.refused + 1)
        except AlreadyDone as refused:
            refuse(line.number, rows.key_of(line), rows.mapping.columns.key, refused.message)
            counts = counts._replace(refused=counts.refused + 1)
        else:
            accepted = counts._replace(accepted=counts.accepted + 1)
            counts = accepted if brought else counts._replace(already=counts.already + 1)
        progress(done, max(done, table.total))
    return counts


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[..., object]]:
    """A function that writes one refused row; the file has its header even where nothing is refused."""
    with path.open("w", encoding="utf-8", newline="") if path is not None else nullcontext() as file:
        writer = csv.writer(file) if file is not None else None

        def write(*cells: object) -> None:
            if writer is not None:
                writer.writerow(cells)

        write(*REPORT_COLUMNS)
        yield write


class RowReader:
    """Makes matters of rows. It remembers keys, so that a row which repeats one is refused. `now` is aware."""

    def __init__(self, mapping: ImportMap, city: City, now: datetime) -> None:
        self.mapping, self.city, self.now = mapping, city, now
        self._rows: dict[str, int] = {}
        self._readers: dict[str, Reader] = {
            "created_at": partial(self._moment, mapping.columns.created),
            "due_at": partial(self._optional_moment, mapping.columns.due),
            "closed_at": self._closed,
            "place": self._place,
            "item": self._item,
            "department": self._department,
            "division": self._division,
            "source": self._source,
        }

    def key_of(self, line: Line) -> str:
        """The row's key as it stands in the file."""
        return _text(line.cells, self.mapping.columns.key)

    def read(self, line: Line) -> tuple[str, Matter]:
        """The row's key and matter. Raises `RowRefused` with all that is wrong with it."""
        if line.problem is not None:
            raise RowRefused([_Problem("", line.problem)])
        key, problems = self._key(line)
        values: dict[str, Any] = {}
        for name, reader in self._readers.items():
            try:
                values[name] = reader(line.cells)
            except _Problem as problem:
                problems.append(problem)
        if problems:
            raise RowRefused(problems)
        return key, self._matter(key, line.cells, values)

    def _matter(self, key: str, cells: dict[str, Cell], values: dict[str, Any]) -> Matter:
        columns, division = self.mapping.columns, values.pop("division")
        street = self.city.street_of(division).code if len(division) >= STREET_DIGITS else None
        described = [text for column in columns.description if (text := _text(cells, column))]
        description = ": ".join(described) or values["item"].name
        try:
            # An imported report keeps to the limits of one that is submitted.
            SubmitReport(source=values["source"], description=description, place=values["place"])
        except ValidationError as problem:
            column = ", ".join(columns.description)
            raise RowRefused([_Problem(column, f"{each['msg']}.") for each in problem.errors()]) from None
        return Matter(
            **values, number=self.mapping.number_prefix + key, external=f"{self.mapping.name}/{key}",
            description=description, area=street or division, street=street,
            division=division if len(division) > STREET_DIGITS else None, catalogue=self.mapping.items.catalogue,
            urgency=self.mapping.urgency, result=_text(cells, columns.result) or self._status(cells)[0],
        )  # fmt: skip

    # One reader for each part. Each raises `_Problem` with what to correct.

    def _key(self, line: Line) -> tuple[str, list[_Problem]]:
        column, key = self.mapping.columns.key, self.key_of(line)
        if not key:
            return key, [_Problem(column, "The key is blank, so the row could not be told from others.")]
        if len(key) > KEY_LENGTH:
            return key, [_Problem(column, f"The key is longer than {KEY_LENGTH} characters.")]
        first = self._rows.setdefault(key, line.number)
        if first != line.number:
            return key, [_Problem(column, f"The key {key!r} stands in row {first} already.")]
        return key, []

    def _moment(self, column: str, cells: dict[str, Cell]) -> datetime:
        cell = cells[column]
        if not cell:
            raise _Problem(column, "The time is blank.")
        at = cell if isinstance(cell, datetime) else self._parsed(column, cell)
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise _Problem(column, f"{cell} lies outside the years {FIRST_YEAR} to {LAST_YEAR}.")
        if at.tzinfo is None:
            at = self._in_zone(column, at)
        return at.astimezone(UTC)

    def _optional_moment(self, column: str | None, cells: dict[str, Cell]) -> datetime | None:
        return self._moment(column, cells) if column is not None and cells[column] else None

    def _parsed(self, column: str, text: str) -> datetime:
        for form in self.mapping.time_formats:
            try:
                return datetime.fromisoformat(text) if form == ISO else _strptime(text, form)
            except ValueError:
                continue
        forms = ", ".join(self.mapping.time_formats)
        raise _Problem(column, f"{text!r} is not a time in the form {forms}.")

    def _in_zone(self, column: str, at: datetime) -> datetime:
        """A local time as its zone tells it; of an hour that came twice the first is meant."""
        told = at.replace(tzinfo=self.mapping.zone_info)
        if told.astimezone(UTC).astimezone(told.tzinfo).replace(tzinfo=None) != at:
            raise _Problem(column, f"{at} did not happen in {self.mapping.zone}: the clocks went forward over it.")
        return told

    def _status(self, cells: dict[str, Cell]) -> tuple[str, str]:
        """The status as the other system has it, and what it means."""
        column = self.mapping.columns.status
        text = _text(cells, column)
        return text, self._listed(column, text, self.mapping.statuses, "statuses")

    def _closed(self, cells: dict[str, Cell]) -> datetime | None:
        """When the case was closed; status and times must tell one story."""
        columns = self.mapping.columns
        column = columns.closed or columns.status
        status, state = self._status(cells)
        closed_at = self._optional_moment(columns.closed, cells)
        if state == "open":
            if closed_at is not None:
                raise _Problem(columns.status, f"The status {status} contradicts a time of closing.")
            # What has not been closed is not in the future either; a later creation is told by its own column.
            self._not_after_now(columns.created, self._moment(columns.created, cells))
            return None
        if closed_at is None:
            raise _Problem(column, f"The status is {status}, but no time of closing is given.")
        if closed_at < self._moment(columns.created, cells):
            raise _Problem(column, "The case was closed before it was created.")
        self._not_after_now(column, closed_at)
        return closed_at

    def _not_after_now(self, column: str, at: datetime) -> None:
        if at > self.now:
            raise _Problem(column, f"{at.isoformat()} lies in the future.")

    def _place(self, cells: dict[str, Cell]) -> Place:
        columns = self.mapping.columns
        cells_of = {"lat": columns.latitude, "lon": columns.longitude, "address": columns.address}
        texts = {part: text for part, column in cells_of.items() if (text := _text(cells, column))}
        if not {"lat", "lon"} <= texts.keys():
            raise _Problem(f"{columns.latitude}, {columns.longitude}", "The coordinates are blank.")
        try:
            return Place.model_validate(texts)
        except ValidationError as problem:
            wrong = {cells_of[str(each["loc"][0])] or "": each["msg"] for each in problem.errors()}
            raise _Problem(", ".join(wrong), f"This is no place: {'; '.join(wrong.values())}.") from None

    def _item(self, cells: dict[str, Cell]) -> Item:
        column, items = self.mapping.columns.item, self.mapping.items
        text = _text(cells, column)
        if items.keep_text and text and text not in items.values:
            return Item(code=text, name=text)
        return self._listed(column, text, items.values, "items")

    def _department(self, cells: dict[str, Cell]) -> str:
        column = self.mapping.columns.organisation
        named = self._listed(column, _text(cells, column), self.mapping.organisations.values, "organisations")
        return self.city.find(named).code

    def _division(self, cells: dict[str, Cell]) -> str:
        column = self.mapping.columns.division
        return self._listed(column, _text(cells, column), self.mapping.divisions.values, "divisions")

    def _source(self, cells: dict[str, Cell]) -> Source:
        sources = self.mapping.sources
        return sources.values.get(_text(cells, self.mapping.columns.source), sources.default)

    def _listed(self, column: str, text: str, values: Mapping[str, V], part: str) -> V:
        if text not in values:
            said = "The cell is blank" if not text else f"{text!r} is not known"
            raise _Problem(column, f"{said}: correct it, or list it under {part} in the mapping.")
        return values[text]


def _text(cells: dict[str, Cell], column: str | None) -> str:
    """A cell as text; empty where the mapping names no column."""
    cell = cells.get(column, "") if column is not None else ""
    return cell.isoformat() if isinstance(cell, datetime) else cell


def _strptime(text: str, form: str) -> datetime:
    """A moment in the mapping's form; without an offset in it the mapping's zone is put in by the caller."""
    return datetime.strptime(text, form)  # noqa: DTZ007 - as said
