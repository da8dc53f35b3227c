"""Searching the board by text: what was typed is looked up in the city's own words, and rows are found by code.

A matter can be found by its number, by its item's name and by the names of the places that it lies in. All names
belong to small vocabularies, the catalogue and the city's divisions, so they are searched here, in memory and to the
letter, and the board needs no index of words. Descriptions and addresses are free text that may name somebody; they
stay out of the board, and out of this.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_

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

    def holds(self, columns: Columns) -> ColumnElement[bool]:
        """Whether a matter is one of these."""
        kinds: dict[int, list[str]] = {}
        for place in self.places:
            kinds.setdefault(len(place), []).append(place)
        found = [] if not self.items else [columns["item"].in_(self.items)]
        for digits, codes in kinds.items():
            if digits >= COMMUNITY_DIGITS:
                found.append(func.substr(columns["division"], 1, digits).in_(codes))
            elif digits == STREET_DIGITS:
                found.append(columns["jurisdiction"].in_(codes))
            else:
                found.append(func.substr(columns["jurisdiction"], 1, digits).in_(codes))
        number = columns["number"]
        found += [and_(number >= beginning, number < beginning + BEHIND) for beginning in self.numbers]
        return or_(*found)


class Search(NamedTuple):
    """Words of which each must be met."""

    words: tuple[Word, ...]

    def holds(self, columns: Columns) -> ColumnElement[bool]:
        """Whether a matter is found."""
        return and_(*(word.holds(columns) for word in self.words))

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
