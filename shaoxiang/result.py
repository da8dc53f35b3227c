"""What a play came to, in the form that `shaoxiang play --json` prints."""

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from desk.unit import INTERVIEWS_A_RESPONSE, evaluation_id, interview_id
from domain.dispatch.case import Case, CaseState
from domain.dispatch.evaluation import Evaluation, EvaluationState
from domain.dispatch.response import Response
from domain.dispatch.standing import standing_id
from domain.kernel import Kind, case_of, kind_of
from domain.policy.deadlines import Stage
from domain.registry.organisations import OrganisationKind
from projections.board import BOARD
from projections.inbox import INBOX
from projections.indicators import INDICATORS, TENTHS
from projections.notices import NOTICES
from projections.recalling import timeline
from projections.timeliness import INDICATOR_COUNTS
from projections.times import moment
from shaoxiang.parts import House
from shaoxiang.player import Played, differences

SYSTEM_ROLE = "system"


class Result:
    """Reads what a play left in the log and in the views."""

    def __init__(self, house: House, played: Played) -> None:
        self.house, self.played = house, played
        self.city = house.world.city
        self.zone = ZoneInfo(self.city.zone)
        self.aliases = self._aliases()
        # A store may hold other cases; a play's notices and timeline tell of its own.
        self.own = {str(case_of(stream)) for stream in played.names.values()}

    def document(self) -> dict[str, Any]:
        """The whole result, with whether it is as the scenario expects."""
        body: dict[str, Any] = {
            "cases": {name: self._case(stream) for name, stream in self._named(Kind.CASE)},
            "responses": {name: self._response(stream) for name, stream in self.played.responses.items()},
            "notices": self._notices(),
            "refusals": sorted(self.played.refusals, key=lambda each: each["step"]),
            "statistics": self._statistics(),
            "timeline": self._timeline(),
        }
        self.problems = [*self.played.wrong, *differences(self.played.scenario.expect, body)]
        return {"scenario": self.played.scenario.name, "passed": not self.problems, **body}

    def _named(self, kind: int) -> list[tuple[str, UUID]]:
        return [(name, stream) for name, stream in self.played.names.items() if kind_of(stream) == kind]

    def _aliases(self) -> dict[UUID, str]:
        """Stream → the name that the scenario knows it by."""
        found = {stream: name for name, stream in self.played.names.items()}
        for name, stream in self.played.responses.items():
            found[stream] = name
            found[evaluation_id(stream)] = name
            found.update({interview_id(stream, n): f"{name}/interview" for n in range(INTERVIEWS_A_RESPONSE)})
        found.update({standing_id(each.code): each.name for each in self.city.of_kind(OrganisationKind.DEPARTMENT)})
        return found

    def _case(self, stream: UUID) -> dict[str, Any]:
        case = self.house.log.load(Case, stream)
        assert case is not None
        return {
            "number": case.number,
            "state": case.state.value,
            "filed_at": self._at(case.filed_at),
            "closed_at": self._at(case.closed_at) if case.way is CaseState.CLOSED else None,
            "item": case.item_name,
            "urgency": case.urgency.value,
        }

    def _response(self, stream: UUID) -> dict[str, Any]:
        response = self.house.log.load(Response, stream)
        assert response is not None
        evaluation = self.house.log.load(Evaluation, evaluation_id(stream))
        return {
            "case": next((name for name, case in self._named(Kind.CASE) if case.bytes[:12] == stream.bytes[:12]), None),
            "department": self.city.get(response.department).name,
            "part": response.part.value,
            "state": response.state.value,
            "due": {stage.value: self._at(response.due(stage)) for stage in SHOWN},
            "at": {
                "signed": self._at(response.signed_at),
                "arrived": self._at(response.arrived_at),
                "completed": self._at(response.completed_at),
                "verified": self._at(response.verified_at),
            },
            "missed": response.missed_clocks,
            "reworks": len(response.failures),
            "extensions": len(response.granted),
            "evaluation": self._evaluation(evaluation) if evaluation else None,
            "outcome": evaluation.outcome.value if evaluation and evaluation.outcome else None,
        }

    def _evaluation(self, evaluation: Evaluation) -> dict[str, Any]:
        sheet = evaluation.sheet if evaluation.state is not EvaluationState.DRAFTED else None
        part = sheet or evaluation.part
        dimensions: Mapping[str, float | None] = part.dimensions
        return {
            "state": evaluation.state.value,
            "dimensions": {name: dimensions.get(name) for name in "ABCDEFG"},
            "raw": sheet.raw if sheet else None,
            "score": sheet.score if sheet else None,
            "deductions": [each.model_dump(mode="json") for each in part.deductions],
        }

    def _notices(self) -> list[dict[str, Any]]:
        column = NOTICES.table.c
        query = select(column.at, column.kind, column.recipient, column.about).where(column.case_id.in_(self.own))
        query = query.order_by(column.at, column.position, column.ordinal)
        with self.house.views.reading() as db:
            rows = db.execute(query).all()
        return [
            {
                "at": self._at(moment(at)),
                "kind": kind,
                "to": self._organisation(to),
                "about": self.aliases.get(UUID(about), about),
            }
            for at, kind, to, about in rows
        ]

    def _statistics(self) -> dict[str, dict[str, Any]]:
        """Each organisation's indicators: a department's own, and a street's or area's for what has no department.

        A department that was called, and a place of a report, is among them also where nothing counts any more.
        """
        column = INDICATOR_COUNTS.table.c
        groups = (column.department, column.street, column.indicator)
        query = select(*groups, func.sum(column.numerator), func.sum(column.denominator)).group_by(*groups)
        places = select(func.coalesce(BOARD.table.c.street, BOARD.table.c.area))
        with self.house.views.reading() as db:
            concerned = [*db.execute(select(INBOX.table.c.department)).scalars(), *db.execute(places).scalars()]
            figures: dict[str, dict[str, list[int]]] = {self._organisation(code): {} for code in concerned if code}
            for department, street, indicator, numerator, denominator in db.execute(query):
                figure = figures.setdefault(self._organisation(department or street), {}).setdefault(indicator, [0, 0])
                # PostgreSQL adds whole numbers up to a decimal.
                figure[0] += int(numerator)
                figure[1] += int(denominator)
        return {
            name: {indicator: _rate(indicator, *own.get(indicator, (0, 0))) for indicator in INDICATORS}
            for name, own in sorted(figures.items())
        }

    def _timeline(self) -> list[dict[str, Any]]:
        with self.house.views.reading() as db:
            lines = [line for case in self.own for line in timeline(db, self.house.log, UUID(case))]
        return [
            {
                "at": self._at(moment(line["at"])),
                "event": line["topic"],
                "on": self.aliases.get(UUID(line["stream"]), line["stream"]),
                "by": SYSTEM_ROLE
                if line["role"] == SYSTEM_ROLE
                else self.played.by_person.get(UUID(line["actor"]), line["actor"]),
            }
            for line in sorted(lines, key=itemgetter("at", "position"))
        ]

    def _organisation(self, code: str) -> str:
        return self.city.get(code).name if self.city.has(code) else code

    def _at(self, at: datetime | None) -> str | None:
        return at.astimezone(self.zone).isoformat() if at is not None else None


SHOWN = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)
"""The clocks that a result shows."""


def _rate(indicator: str, numerator: int, denominator: int) -> dict[str, Any]:
    shown: float = numerator / TENTHS if indicator == "average_score" else numerator
    rate = round(shown / denominator, 4) if denominator else None
    return {"numerator": shown, "denominator": denominator, "rate": rate}
