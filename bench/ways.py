"""What the bench of reads asks for: paths about things drawn from a filled store, and the logins of those who ask."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from sqlalchemy import func, select

from api.routes.files import IDENTITIES
from desk.actors import Role
from projections.board import BOARD
from projections.files import case_file
from projections.inbox import INBOX
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises

DRAWN = 500
"""So many things of each sort are drawn."""

BOARDS: Mapping[str, str] = {
    "board, what is due first": "/cases",
    "board, a street": "/cases?street={street}&sort=-reported_at",
    "board, a street and what it has not closed": "/cases?street={street}&state=whistled&sort=due_at",
    "board, a department that leads": "/cases?lead={department}&sort=-reported_at",
    "board, an item, urgent": "/cases?item={item}&urgency=urgent&sort=-reported_at",
    "board, cancelled": "/cases?state=cancelled&sort=-filed_at",
    "board, found by words": "/cases?q={word}&sort=-reported_at",
    "board, found by number": "/cases?q={number}",
}


HISTORIES: Mapping[str, str] = {
    "history, the latest": "/history?sort=-position",
    "history, an organisation's latest": "/history?organisation={department}&sort=-position",
    "history, a case's": "/history?case_id={case}",
}


class Ways(NamedTuple):
    """What a read may be about, drawn from the store."""

    cases: Sequence[str]
    streets: Sequence[str]
    departments: Sequence[str]
    items: Sequence[str]
    numbers: Sequence[str]

    def path(self, template: str, dice: random.Random) -> str:
        """A path about things drawn at random."""
        things = {
            "case": self.cases, "street": self.streets, "department": self.departments, "item": self.items,
            "number": self.numbers, "word": ("占道", "经营", "街道", "昌邑"),
        }  # fmt: skip
        return template.format(**{name: quote(dice.choice(list(values))) for name, values in things.items()})


def drawn(premises: Premises) -> Ways:
    """What a filled store's reads may be about."""
    with premises.house.views.reading() as db:

        def some(column: Any) -> list[str]:
            query = select(column).where(column.is_not(None), BOARD.table.c.state.is_not(None))
            return list(db.execute(query.order_by(func.random()).limit(DRAWN)).scalars())

        board = BOARD.table.c
        ways = Ways(*(some(column) for column in (board.id, board.street, board.lead, board.item, board.number)))
        # The traffic has no identities; those who are read about get one, since reading it is part of the work.
        documents = [part.document for case in ways.cases for part in case_file(premises.house.log, UUID(case))]
    for person in {document[field] for document in documents for field in IDENTITIES if document.get(field)}:
        premises.vault.register(UUID(person), "来电人", "13800000001")
    return ways


def tokens_of(premises: Premises) -> Mapping[str, str]:
    """A login for the command centre, which sees everything, for one street, one department, and an auditor."""
    city, at = premises.house.world.city, SystemClock().now()
    with premises.house.views.reading() as db:
        busy = select(INBOX.table.c.department).group_by(INBOX.table.c.department).order_by(func.count().desc())
        department = next(code for code in db.execute(busy).scalars() if city.has(code))
    crew = {
        "command": (Role.COMMAND_OFFICER, city.find("吉林市指挥中心").code),
        "street": (Role.STREET_LEADER, city.find("德胜街道").code),
        "department": (Role.DEPARTMENT_LIAISON, department),
        "auditor": (Role.AUDITOR, city.find("市审计监督组").code),
    }
    made = {who: premises.tokens.create(uuid4(), role, code, who, at).secret for who, (role, code) in crew.items()}
    return {who: f"Bearer {secret}" for who, secret in made.items()}


def hour(dice: random.Random) -> str:
    """One of the hours of the last four weeks, as a query."""
    since = SystemClock().now() - timedelta(hours=dice.randrange(1, 28 * 24))
    ends = {"since": since, "until": since + timedelta(hours=1)}
    return urlencode({name: at.isoformat() for name, at in ends.items()})
