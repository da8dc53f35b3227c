"""Every topic there is, read from the fact classes themselves, so that no list can fall behind them."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from domain.dispatch import facts as dispatch_facts
from domain.kernel import Fact
from domain.registry import people_facts


def _modules() -> Iterator[ModuleType]:
    for info in iter_modules(dispatch_facts.__path__, f"{dispatch_facts.__name__}."):
        yield import_module(info.name)
    yield people_facts


def _classes() -> dict[str, type[Fact]]:
    found: dict[str, type[Fact]] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Fact) and "TOPIC" in vars(value):
                found[str(vars(value)["TOPIC"])] = value
    return found


FACTS: dict[str, type[Fact]] = _classes()
"""Every fact by its topic."""

ALL: frozenset[str] = frozenset(FACTS)
"""Every topic."""


def of(*aggregates: str) -> frozenset[str]:
    """The topics of whole aggregates, such as `of("report", "case")`."""
    return frozenset(topic for topic in ALL if topic.split(".", 1)[0] in aggregates)


def named(*classes: type[Fact]) -> frozenset[str]:
    """The topics of the given fact classes."""
    return frozenset(str(vars(each)["TOPIC"]) for each in classes)


def topic(fact: type[Fact]) -> str:
    """The topic of one fact class."""
    return str(vars(fact)["TOPIC"])
