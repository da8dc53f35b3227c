"""Who acts: a person in a role, for an organisation of the city."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from domain.kernel import Frozen
from domain.registry.organisations import OrganisationKind as Kind


class Role(StrEnum):
    """The roles of the trade."""

    GRID_WORKER = "grid_worker"
    MOBILE_GRID_WORKER = "mobile_grid_worker"
    STREET_OFFICER = "street_officer"
    STREET_LEADER = "street_leader"
    COMMAND_OFFICER = "command_officer"
    DEPARTMENT_LIAISON = "department_liaison"
    DEPARTMENT_HEAD = "department_head"
    SPECIALIST = "specialist"
    SUPERVISION = "supervision"
    ORGANISATION_DEPT = "organisation_dept"
    AUDITOR = "auditor"
    ADMIN = "admin"


STREET_ROLES = (Role.GRID_WORKER, Role.STREET_OFFICER, Role.STREET_LEADER)
"""Roles that act for a street; the first of them to act takes a case on for it."""

SYSTEM = UUID("00000000-0000-8000-8000-5379736e6500")
"""The person id under which timers act."""

HELD_IN: Mapping[Role, frozenset[Kind]] = {
    Role.GRID_WORKER: frozenset({Kind.STREET}),
    Role.MOBILE_GRID_WORKER: frozenset({Kind.STREET, Kind.COMMAND}),
    Role.STREET_OFFICER: frozenset({Kind.STREET, Kind.TEAM}),
    Role.STREET_LEADER: frozenset({Kind.STREET, Kind.TEAM}),
    Role.COMMAND_OFFICER: frozenset({Kind.COMMAND}),
    Role.DEPARTMENT_LIAISON: frozenset({Kind.DEPARTMENT}),
    Role.DEPARTMENT_HEAD: frozenset({Kind.DEPARTMENT}),
    Role.SPECIALIST: frozenset({Kind.DEPARTMENT, Kind.TEAM, Kind.STREET}),
    Role.SUPERVISION: frozenset({Kind.SUPERVISION}),
    Role.ORGANISATION_DEPT: frozenset({Kind.ORGANISATION_DEPT}),
    Role.AUDITOR: frozenset(Kind),
    Role.ADMIN: frozenset(Kind),
}
"""Role → the kinds of organisation in which it may be held."""


class Actor(Frozen):
    """A person in a role. `organisation` is a code."""

    person: UUID
    role: Role
    organisation: str
