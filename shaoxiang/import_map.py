"""The mapping file of an import: which column says what, and what the other system's words mean here.

docs/importing.md explains each part. A mapping may bring divisions, organisations and items of its own; it is kept
beside the store, so that the house knows them whenever it opens again.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.dispatch.values import Source
from domain.errors import Ambiguous, Invalid, Unknown
from domain.policy.catalogue import Item
from domain.policy.deadlines import Urgency
from domain.registry.organisations import City, Division, Organisation, OrganisationKind
from shaoxiang.backup import write_file
from shaoxiang.resources import read_json

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
ISO = "iso"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Part):
    """Which column holds what; those without a default must be there. `description` joins several."""

    key: str
    created: str
    status: str
    organisation: str
    division: str
    item: str
    latitude: str
    longitude: str
    description: tuple[str, ...] = ()
    closed: str | None = None
    due: str | None = None
    source: str | None = None
    address: str | None = None
    result: str | None = None

    def named(self) -> dict[str, str]:
        """Every column that the mapping names, by the part that names it."""
        single = self.model_dump(exclude={"description"}, exclude_none=True)
        return single | {f"description[{n}]": column for n, column in enumerate(self.description)}


class Divisions(_Part):
    """Where: the other system's words → division codes, and divisions that the city does not have."""

    values: Mapping[str, str]
    own: tuple[Division, ...] = ()


class Organisations(_Part):
    """Who had to act: the other system's words → organisations by code or name, and organisations of its own."""

    values: Mapping[str, str]
    own: tuple[Organisation, ...] = ()


class Items(_Part):
    """What: the other system's words → items, which the filing freezes under the name `catalogue`.

    With `keep_text` a word that is not listed becomes an item of that name; otherwise its row is refused.
    """

    catalogue: str
    values: Mapping[str, Item] = {}
    keep_text: bool = False


class Sources(_Part):
    """Where reports came from: the other system's words → our sources; `default` for all others."""

    values: Mapping[str, Source] = {}
    default: Source


class ImportMap(_Part):
    """A mapping file. `name` tells this source of cases from every other, for good."""

    name: Name
    note: str = ""
    zone: str
    time_formats: tuple[str, ...] = (ISO,)
    number_prefix: str = Field(default="", max_length=20)
    columns: Columns
    divisions: Divisions
    organisations: Organisations
    items: Items
    statuses: Mapping[str, Literal["open", "closed"]]
    sources: Sources
    urgency: Urgency = Urgency.GENERAL

    @model_validator(mode="after")
    def _zone_exists(self) -> "ImportMap":
        if self.zone not in available_timezones():
            near = difflib.get_close_matches(self.zone, available_timezones(), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            msg = f"zone: {self.zone!r} is no zone of the IANA time zone database, such as America/New_York{hint}"
            raise ValueError(msg)
        return self

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone in which times without an offset are told."""
        return ZoneInfo(self.zone)

    def joined_to(self, city: City) -> City:
        """The city with the mapping's own divisions and organisations.

        Raises `Invalid`, `Unknown` or `Ambiguous`, naming the mapping, where its words lead to nothing that acts.
        """
        whole = city.joined(self.divisions.own, self.organisations.own)
        for word, code in self.divisions.values.items():
            with _told_at(f"mapping {self.name}, divisions, {word!r}"):
                whole.division(code)
        for word, code in self.organisations.values.items():
            where = f"mapping {self.name}, organisations, {word!r}"
            with _told_at(where):
                one = whole.find(code)
            if one.kind is not OrganisationKind.DEPARTMENT:
                raise Invalid(f"{where}: {one.name} is no department; only a department is called.", organisation=code)
        return whole

    def check_columns(self, columns: Sequence[str], path: Path) -> None:
        """Refuse a file that lacks a column which the mapping names; the message says which there are."""
        for part, column in self.columns.named().items():
            if column not in columns:
                near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                msg = f"mapping {self.name}, columns, {part}: {path.name} has no column {column!r}.{hint}"
                raise Invalid(f"{msg} It has {', '.join(columns)}.", column=column)


def read_map(path: Path) -> ImportMap:
    """Read a mapping file. Raises `OSError`, `ValueError` (not JSON) or `Invalid`, which name the file and the part."""
    try:
        return ImportMap.model_validate(read_json(path))
    except ValidationError as problem:
        said = "; ".join(_said(each) for each in problem.errors())
        raise Invalid(f"{path} is not a mapping: {said}. See docs/importing.md.", file=str(path)) from None


def keep(mapping: ImportMap, folder: Path) -> None:
    """Keep a mapping beside the store; keeping it again replaces it."""
    # Whole or not at all: every process reads it when it starts.
    write_file(folder / f"{mapping.name}.json", mapping.model_dump_json(indent=1, exclude_none=True).encode())


def city_with_kept(city: City, folder: Path) -> City:
    """The city with what the kept mappings bring along; the city itself where none was kept. Raises as `read_map`."""
    for path in sorted(folder.glob("[!.]*.json")):
        city = read_map(path).joined_to(city)
    return city


@contextmanager
def _told_at(where: str) -> Iterator[None]:
    """Put the place in the mapping in front of what the city says."""
    try:
        yield
    except (Unknown, Ambiguous) as problem:
        raise type(problem)(f"{where}: {problem.message}", **problem.details) from None


def _said(error: Mapping[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
