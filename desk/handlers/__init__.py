"""What each command does: a guard, asked before the arguments are looked at, and the decision itself."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from desk.unit import Unit

Guard = Callable[[Unit, Any], None]
Decision = Callable[[Unit, Any, Any], None]


class Handler(NamedTuple):
    """One command: `guard(unit, target)` checks state, persons and windows; `decide(unit, target, arguments)` acts."""

    guard: Guard
    decide: Decision


def no_guard(unit: Unit, target: Any) -> None:
    """Nothing to check beforehand."""


Handlers = Mapping[str, Handler]
