"""The small values that facts and commands share: places, parts, refusable enumerations, distances."""

import math
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from domain.kernel import Frozen


class Source(StrEnum):
    """Where a report came from."""

    GRID = "grid"
    HOTLINE = "hotline"
    SUPERIOR_ORDER = "superior_order"
    RIDER = "rider"
    OPEN311 = "open311"


class Part(StrEnum):
    """A department's part in a whistle: exactly one lead 主办, the rest support 协办."""

    LEAD = "lead"
    SUPPORT = "support"


class Satisfaction(StrEnum):
    """What the reporter said when called back 回访."""

    SATISFIED = "satisfied"
    FAIRLY = "fairly"
    NOT = "not"
    UNREACHABLE = "unreachable"


class Release(StrEnum):
    """Why a response ended without being done."""

    RETURN = "return"
    WITHDRAWAL = "withdrawal"
    ESCALATION = "escalation"
    CANCELLATION = "cancellation"


EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth in metres (IUGG)."""


class Place(Frozen):
    """A position in WGS-84 degrees, with the address as it was said and, where known, the community or grid code."""

    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    address: str | None = Field(default=None, max_length=500)

    def metres_to(self, other: "Place") -> float:
        """The great-circle distance in metres (haversine)."""
        a, b = math.radians(self.lat), math.radians(other.lat)
        half_lat, half_lon = (b - a) / 2, math.radians(other.lon - self.lon) / 2
        h = math.sin(half_lat) ** 2 + math.cos(a) * math.cos(b) * math.sin(half_lon) ** 2
        return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


class OfficerRef(Frozen):
    """An officer as named on the spot: the person, their organisation, and the certificate shown that day."""

    person: UUID
    name: str
    organisation: str
    certificate: str | None = None
    certified: bool = False


class Dispatch(Frozen):
    """One department called by a whistle: its response's stream, and the part it plays."""

    response: UUID
    department: str
    part: Part
