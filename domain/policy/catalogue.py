"""The catalogue: what may be reported, by when it is to be disposed of, and what a street may handle itself."""

from collections.abc import Mapping
from functools import cached_property

from pydantic import Field, model_validator

from domain.errors import Unknown
from domain.policy.units import Frozen, Limit, Version, Versions

__all__ = ["Catalogue", "Catalogues", "Item"]

FULLWIDTH = str.maketrans("()", "（）")


class Item(Frozen):
    """One kind of matter. Without a limit of its own the policy's fallback holds."""

    code: str = Field(min_length=1)
    name: str = Field(min_length=1)
    limit: Limit | None = None
    photo_required: bool = False
    forced_demolition: bool = False


class Catalogue(Version):
    """One version of the catalogue. `lists` holds what one street may handle beside `every_street`, by its code."""

    items: tuple[Item, ...]
    every_street: frozenset[str]
    lists: Mapping[str, frozenset[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "Catalogue":
        keys = [key for item in self.items for key in {item.code, _plain(item.name)}]
        if len(set(keys)) != len(keys):
            raise ValueError("two items of the catalogue share a code or a name")
        for listed in (self.every_street, *self.lists.values()):
            if unknown := {_plain(name) for name in listed} - set(keys):
                raise ValueError(f"a street's list names what is not an item: {sorted(unknown)}")
        return self

    @cached_property
    def _by_key(self) -> dict[str, Item]:
        return {key: item for item in self.items for key in (item.code, _plain(item.name))}

    @cached_property
    def _listed(self) -> dict[str, frozenset[str]]:
        lists = {"": self.every_street, **self.lists}
        return {street: frozenset(self.item(name).code for name in names) for street, names in lists.items()}

    def item(self, name_or_code: str) -> Item:
        """The item of a name or code, with brackets of either width. Unknown if the catalogue has none."""
        found = self._by_key.get(_plain(name_or_code))
        if found is None:
            message = f"Catalogue {self.version} has no item {name_or_code!r}: use a name or code that it lists."
            raise Unknown(message, item=name_or_code)
        return found

    def in_list(self, item: Item, street: str | None) -> bool:
        """Whether a street (by its code) may handle the item itself; None asks what every street may."""
        return item.code in self._listed[""] or item.code in self._listed.get(street or "", ())


Catalogues = Versions[Catalogue]
"""All versions of the catalogue."""


def _plain(name: str) -> str:
    """The spelling that names are compared in."""
    return name.strip().translate(FULLWIDTH)
