"""The city: its divisions, and the organisations that act in them.

Divisions nest by their code: city (4 digits), district (6), street or township (9), community or village (12),
grid (15), in the manner of GB/T 2260 and GB/T 10114. A jurisdiction is a division; it covers whatever lies below it.
"""

import difflib
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from domain.errors import Ambiguous, Invalid, Unknown
from domain.kernel import Frozen

TEAM_SUFFIX = "综合执法队"
DISTRICT_DIGITS, STREET_DIGITS = 6, 9
GUEST_STREETS = range(600, 1000)
"""Street numbers that no real street of a district uses, for streets that a scenario file brings along."""


class OrganisationKind(StrEnum):
    """What an organisation is, which decides the roles that its people may hold."""

    STREET = "street"
    TEAM = "team"
    DEPARTMENT = "department"
    COMMAND = "command"
    SUPERVISION = "supervision"
    ORGANISATION_DEPT = "organisation_dept"
    ADMIN = "admin"


class Division(Frozen):
    """One administrative division: its code, its level (city, district, street, community, grid) and its name."""

    code: str = Field(pattern=r"^(\d{4}|\d{6}|\d{9}|\d{12}|\d{15})$")
    level: str
    name: str


class Organisation(Frozen):
    """An organisation that acts: `division` is its jurisdiction, `slots` names the working hours it keeps."""

    code: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=100)
    kind: OrganisationKind
    division: str
    parent: str | None = None
    slots: str = "office"


class City(Frozen):
    """All divisions and organisations of one city, as one version of data; it answers by code, by name and by place.

    Raises `Invalid` when two divisions or two organisations share a code, or when a jurisdiction or a parent is
    not part of the city.
    """

    version: str
    name: str
    zone: str
    code: str = Field(pattern=r"^\d{4}$")
    short_names: Mapping[str, str] = {}
    divisions: tuple[Division, ...]
    organisations: tuple[Organisation, ...]

    _divisions: dict[str, Division] = PrivateAttr(default_factory=dict)
    _by_code: dict[str, Organisation] = PrivateAttr(default_factory=dict)
    _by_name: dict[str, list[Organisation]] = PrivateAttr(default_factory=dict)

    @classmethod
    def build(cls, divisions: Iterable[Division], named: Iterable[Organisation], **facts: Any) -> Self:
        """A city whose every street has an organisation and a team of its own, besides the `named` organisations.

        `facts` are the remaining fields: version, name, zone, code, short_names.
        """
        places = tuple(divisions)
        streets = [both for place in places if place.level == "street" for both in _street_and_team(place)]
        return cls(divisions=places, organisations=(*streets, *named), **facts)

    @model_validator(mode="after")
    def _index(self) -> Self:
        """Build the look-ups, and prove the data sound before anything relies on it."""
        for place in self.divisions:
            if self._divisions.setdefault(place.code, place) is not place:
                _unsound(f"Division {place.code} occurs twice in the city's data; keep one of them.")
        for one in self.organisations:
            if self._by_code.setdefault(one.code, one) is not one:
                _unsound(f"Organisation {one.code} occurs twice in the city's data; give one another code.")
            self._by_name.setdefault(one.name, []).append(one)
        for one in self.organisations:
            if one.division not in self._divisions:
                _unsound(f"Organisation {one.code} acts in division {one.division}, which the city does not have.")
            if one.parent is not None and one.parent not in self._by_code:
                _unsound(f"Organisation {one.code} has the parent {one.parent}, which the city does not have.")
        return self

    def find(self, name_or_code: str) -> Organisation:
        """The organisation called or coded so.

        Raises `Unknown` for one that the city does not have, `Ambiguous` for a name that two organisations share.
        """
        wanted = name_or_code.strip()
        if wanted in self._by_code:
            return self._by_code[wanted]
        named = self._by_name.get(wanted, [])
        if len(named) > 1:
            codes = ", ".join(f"{one.code} ({self.district_name(one.division)})" for one in named)
            msg = f"{len(named)} organisations of {self.name} are called {wanted}: use the code, one of {codes}."
            raise Ambiguous(msg, name=wanted, codes=[one.code for one in named])
        if not named:
            near = difflib.get_close_matches(wanted, self._by_name, n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else " Use its full name or its code."
            msg = f"{self.name} has no organisation {wanted!r}.{hint}"
            raise Unknown(msg, organisation=wanted)
        return named[0]

    def get(self, code: str) -> Organisation:
        """The organisation with this code; raises `Unknown`."""
        try:
            return self._by_code[code]
        except KeyError:
            msg = f"{self.name} has no organisation with the code {code!r}. Look the code up in the city's data."
            raise Unknown(msg, organisation=code) from None

    def has(self, code: str) -> bool:
        """Whether an organisation has this code."""
        return code in self._by_code

    def of_kind(self, *kinds: OrganisationKind) -> tuple[Organisation, ...]:
        """All organisations of these kinds, in the order of the data."""
        return tuple(one for one in self.organisations if one.kind in kinds)

    def division(self, code: str) -> Division:
        """The division with this code; raises `Unknown`."""
        try:
            return self._divisions[code]
        except KeyError:
            msg = f"{self.name} has no division {code!r}. Use a code of the city's division table."
            raise Unknown(msg, division=code) from None

    def below(self, code: str, level: str) -> tuple[Division, ...]:
        """The divisions of one level that the division `code` covers, in the order of the data."""
        return tuple(place for place in self.divisions if place.level == level and covers(code, place.code))

    def street_of(self, division: str) -> Organisation:
        """The street that a street, community or grid code lies in; raises `Unknown`, also for a larger division."""
        code = division[:STREET_DIGITS]
        one = self._by_code.get(code)
        if one is None or one.kind is not OrganisationKind.STREET:
            msg = f"Division {division!r} lies in no street of {self.name}. Give the code of a street or below."
            raise Unknown(msg, division=division)
        return one

    def team_of(self, street: Organisation | str) -> Organisation:
        """The enforcement team of a street, given as an organisation or by its code; raises `Unknown`."""
        return self.get(team_code(street if isinstance(street, str) else street.code))

    def covers(self, jurisdiction: str, division: str) -> bool:
        """Whether a jurisdiction contains a division; both are division codes."""
        return covers(jurisdiction, division)

    def district_of(self, division: str) -> str:
        """The code of the district that a division lies in, or the city's own code for the city as a whole."""
        return division[:DISTRICT_DIGITS] if len(division) >= DISTRICT_DIGITS else self.code

    def district_name(self, division: str) -> str:
        """The full name of the district that a division lies in, or of the city as a whole."""
        return self.division(self.district_of(division)).name

    def short_name(self, division: str) -> str:
        """How case numbers call the district of a division: 船营区 becomes 船营, unless the data names another."""
        code = self.district_of(division)
        return self.short_names.get(code) or re.sub("[区县市]$", "", self.division(code).name)

    def with_extra(self, extra: Iterable[Mapping[str, Any]]) -> "City":
        """The same city with a scenario file's own organisations: each has a name, a kind and, if it likes, a parent.

        One that the city has already, by name and kind, is left as it is. A street gets a team and a division of its
        own in its parent's district (the city's first where it names none); any other acts where its parent acts, or
        in the whole city. Codes follow from names, so the same file always gives the same codes.
        Raises `Unknown` or `Ambiguous` for a parent, `Invalid` for a kind that does not exist.
        """
        city = self
        for row in extra:
            city = city._with_one(dict(row))
        return city

    def joined(self, divisions: Iterable[Division], organisations: Iterable[Organisation]) -> "City":
        """The same city with divisions and organisations that an import brings along, under codes of their own.

        What the city has already, word for word, is left as it is. Raises `Invalid` where a code stands for something
        else, or where a jurisdiction or a parent is missing.
        """
        places = tuple(one for one in divisions if self._divisions.get(one.code) != one)
        added = tuple(one for one in organisations if self._by_code.get(one.code) != one)
        return self._extended(places, added) if places or added else self

    def _with_one(self, row: dict[str, Any]) -> "City":
        name, kind = _name_and_kind(row)
        if any(one.kind is kind for one in self._by_name.get(name, [])):
            return self
        parent, division = self._parent_and_division(row.get("parent"))
        if kind is OrganisationKind.STREET:
            place = self._guest_street(name, self.district_of(division))
            added: tuple[Organisation, ...] = _street_and_team(place)
            return self._extended((place,), added)
        one = Organisation(
            code=f"x-{_digest(name, kind):010x}", name=name, kind=kind, division=division, parent=parent,
            slots=row.get("slots", "office"),
        )  # fmt: skip
        return self._extended((), (one,))

    def _parent_and_division(self, parent: str | None) -> tuple[str | None, str]:
        """A parent is an organisation, or a division by its code or a district's name."""
        if parent is None:
            return None, self.code
        for place in self.divisions:
            named_so = place.code == parent or (place.level == "district" and place.name == parent)
            if named_so and parent not in self._by_code:
                return None, place.code
        one = self.find(parent)
        return one.code, one.division

    def _guest_street(self, name: str, district: str) -> Division:
        """A division for a street that is not on the map, numbered from its name and clear of every real street."""
        home = district if len(district) == DISTRICT_DIGITS else self.below(self.code, "district")[0].code
        start = _digest(name, OrganisationKind.STREET) % len(GUEST_STREETS)
        for number in itertools.islice(itertools.cycle(GUEST_STREETS), start, start + len(GUEST_STREETS)):
            if (code := f"{home}{number}") not in self._divisions:
                return Division(code=code, level="street", name=name)
        msg = f"District {home} has no room for the street {name}: a scenario brings too many streets of its own."
        raise Invalid(msg, organisation=name)

    def _extended(self, places: tuple[Division, ...], added: tuple[Organisation, ...]) -> "City":
        return City(
            version=self.version, name=self.name, zone=self.zone, code=self.code, short_names=self.short_names,
            divisions=(*self.divisions, *places), organisations=(*self.organisations, *added),
        )  # fmt: skip


def covers(jurisdiction: str, division: str) -> bool:
    """Whether a jurisdiction contains a division; codes have fixed widths by level, so a prefix decides."""
    return division.startswith(jurisdiction)


def team_code(street: str) -> str:
    """The code of a street's enforcement team, from the street's own code."""
    return f"{street}-T"


def _street_and_team(place: Division) -> tuple[Organisation, Organisation]:
    street = Organisation(code=place.code, name=place.name, kind=OrganisationKind.STREET, division=place.code)
    team = Organisation(
        code=team_code(place.code), name=place.name + TEAM_SUFFIX, kind=OrganisationKind.TEAM, division=place.code,
        parent=place.code,
    )  # fmt: skip
    return street, team


def _name_and_kind(row: Mapping[str, Any]) -> tuple[str, OrganisationKind]:
    name, kind = str(row.get("name", "")).strip(), row.get("kind")
    kinds = [one.value for one in OrganisationKind]
    if not name or kind not in kinds:
        msg = f"Organisation {name!r} of kind {kind!r}: give it a name, and a kind that is one of {', '.join(kinds)}."
        raise Invalid(msg, organisation=name, kind=kind)
    return name, OrganisationKind(kind)


def _digest(name: str, kind: OrganisationKind) -> int:
    """A stable number for a name: Python's own hash differs from run to run."""
    return int.from_bytes(hashlib.sha256(f"{kind.value}/{name}".encode()).digest()[:5])


def _unsound(message: str) -> None:
    raise Invalid(message)
