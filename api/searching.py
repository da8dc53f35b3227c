"""Searching the board by text: what was typed is looked up in the city's own words, and rows are found by code.

A matter can be found by its number, by its item's name and by the names of the places that it lies in. All names
belong to small vocabularies, the catalogue and the city's divisions, so they are searched here, in memory and to the
letter, and the board needs no index of words. Descriptions and addresses are free text that may name somebody; they
stay out of the board, and out of this.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_

from api.scopes import by_name
from domain.policy.rules import Rules
from domain.registry.organisations import City

__all__ = ["Search", "search"]

Columns = Any

COMMUNITY_DIGITS, STREET_DIGITS = 12, 9
DISTRICT = "district"
WORDS = 5
"""So many words are looked at; more would find nothing more."""

BEHIND = "\U0010ffff"
"""Sorts behind whatever may follow the beginning of a number."""


class Word(NamedTuple):
    """What one word may stand for: codes of items and of divisions, and beginnings of numbers."""

    items: tuple[str, ...]
    places: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """What decides how its condition looks: how many there are of each, and of places how large they are."""
        return len(self.items), tuple(map(len, self.places)), len(self.numbers)

    def values(self, name: str) -> dict[str, str]:
        """What stands in its condition, by name."""
        found = dict(_named(f"{name}_item", self.items)) | dict(_named(f"{name}_place", self.places))
        for each, beginning in _named(f"{name}_number", self.numbers):
            found |= {each: beginning, f"{each}_end": beginning + BEHIND}
        return found

    def holds(self, columns: Columns, name: str) -> ColumnElement[bool]:
        """Whether a matter is one of these, whose values are given by name."""
        item, area, number = columns["item"], columns["jurisdiction"], columns["number"]
        codes_of_items = [by_name(item, each, None) for each, _ in _named(f"{name}_item", self.items)]
        found = [item.in_(codes_of_items)] if codes_of_items else []
        kinds: dict[int, list[Any]] = {}
        for each, place in _named(f"{name}_place", self.places):
            kinds.setdefault(len(place), []).append(by_name(area, each, None))
        for digits, codes in kinds.items():
            if digits >= COMMUNITY_DIGITS:
                found.append(func.substr(columns["division"], 1, digits).in_(codes))
            elif digits == STREET_DIGITS:
                found.append(area.in_(codes))
            else:
                found.append(func.substr(area, 1, digits).in_(codes))
        for each, _ in _named(f"{name}_number", self.numbers):
            found.append(and_(number >= by_name(number, each, None), number < by_name(number, f"{each}_end", None)))
        return or_(*found)


def _named(kind: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Values under the names that stand for them."""
    return [(f"{kind}_{number}", value) for number, value in enumerate(values)]


class Search(NamedTuple):
    """Words of which each must be met."""

    words: tuple[Word, ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """What decides how the condition looks; two searches of one shape differ in their values alone."""
        return tuple(word.shape for word in self.words)

    @property
    def values(self) -> dict[str, str]:
        """What stands in the condition, by name."""
        return {name: value for place, word in enumerate(self.words) for name, value in word.values(_of(place)).items()}

    def holds(self, columns: Columns) -> ColumnElement[bool]:
        """Whether a matter is found."""
        return and_(*(word.holds(columns, _of(place)) for place, word in enumerate(self.words)))

    @property
    def finds_nothing(self) -> bool:
        """Whether there is a word that is no name and no number."""
        return any(not any(word) for word in self.words)

    @property
    def is_number(self) -> bool:
        """Whether a number is searched for, which few matters have."""
        return any(word.numbers and not word.items and not word.places for word in self.words)

    def fixed(self) -> Mapping[str, tuple[Any, ...]]:
        """The columns of which only some values are found."""
        found: dict[str, tuple[Any, ...]] = {}
        for items, places, numbers in self.words:
            if items and not places and not numbers:
                found["item"] = items
            if places and not items and not numbers and all(len(place) == STREET_DIGITS for place in places):
                found["jurisdiction"] = places
        return found


def _of(place: int) -> str:
    """What the values of a word are named after."""
    return f"word_{place}"


def search(asked: str, city: City, rules: Rules) -> Search:
    """What a text may stand for: each of its words an item, a place or the beginning of a number."""
    return Search(tuple(_word(word.casefold(), city, rules) for word in asked.split()[:WORDS]))


def _word(word: str, city: City, rules: Rules) -> Word:
    named = (item for catalogue in rules.catalogues for item in catalogue.items if word in item.name.casefold())
    items = dict.fromkeys(item.code for item in named)
    places = (place.code for place in city.divisions if word in place.name.casefold())
    districts = [city.short_name(place.code) for place in city.divisions if place.level == DISTRICT]
    return Word(tuple(items), tuple(places), _numbers(word, districts))


def _numbers(word: str, districts: Sequence[str]) -> tuple[str, ...]:
    """A number begins with its district's short name, which is often left out when it is said aloud."""
    if "\0" in word or not any(each.isdigit() for each in word):
        return ()
    return tuple(district + word for district in districts) if word[0].isdigit() else (word,)
