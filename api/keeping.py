"""Statements are put together once for all who ask alike: that takes longer than asking them."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

__all__ = ["KEPT", "forget", "how_many", "kept"]

KEPT = 300
"""How many are kept ready, those that were asked last (our default); each takes some KiB, the largest search 250."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Wanted:
    form: Hashable
    make: Callable[[], Any] = field(compare=False)


@lru_cache(maxsize=KEPT)
def _made(wanted: _Wanted) -> Any:
    return wanted.make()


def kept(form: Hashable, make: Callable[[], T]) -> T:
    """What was made for this form, else what `make` makes now.

    The form must tell everything that decides how the statement looks; values belong into it by name (`by_name`).
    """
    return cast("T", _made(_Wanted(form, make)))


def how_many() -> int:
    """How many are kept just now."""
    return _made.cache_info().currsize


def forget() -> None:
    """Keep none."""
    _made.cache_clear()
