"""What praises and shames 通报: commendations and circulated criticism, proposed by rule and confirmed by a person."""

from sqlalchemy import BigInteger, Boolean, Column, Float, String, Text

from domain.dispatch.facts import evaluation as facts
from domain.kernel import Kind
from projections import inbox, topics
from projections.events import Event, sibling
from projections.inbox import INBOX
from projections.rows import Rows
from projections.tables import Entity
from projections.view import Handler, View

COMMENDATIONS = Entity(
    "commendations_1",
    Column("id", Text, primary_key=True),
    Column("case_id", String(36)),
    Column("number", Text),
    Column("response", String(36)),
    Column("department", Text),
    Column("jurisdiction", Text),
    Column("kind", Text),
    Column("state", Text),
    Column("score", Float),
    Column("proposed_at", BigInteger),
    Column("confirmed_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("drill", Boolean),
    indexes=(("department",), ("proposed_at",)),
)
"""The id is the evaluation's with `/commendation` or `/criticism` behind it. States: proposed, confirmed, withdrawn."""

COMMENDATION = "commendation"
CRITICISM = "criticism"


def proposed(kind: str) -> Handler:
    """A handler for what the rule proposes when an evaluation becomes final."""

    def handler(event: Event, rows: Rows) -> None:
        response = rows.get(INBOX, sibling(event.stream, Kind.RESPONSE)) or {}
        rows.new(
            COMMENDATIONS, f"{event.stream}/{kind}", case_id=event.case, number=response.get("number"),
            response=response.get("id"), department=response.get("department"), drill=response.get("drill"),
            jurisdiction=response.get("jurisdiction"), kind=kind, state="proposed", score=response.get("score"),
            proposed_at=event.at,
        )  # fmt: skip

    return handler


def confirmed(kind: str) -> Handler:
    """A handler for a person's confirmation."""

    def handler(event: Event, rows: Rows) -> None:
        if row := rows.edit(COMMENDATIONS, f"{event.stream}/{kind}"):
            row.update(state="confirmed", confirmed_at=event.at)

    return handler


def returned(event: Event, rows: Rows) -> None:
    """The case was reopened: what was only proposed falls away, what was confirmed stands."""
    for kind in (COMMENDATION, CRITICISM):
        key = f"{event.stream}/{kind}"
        row = rows.get(COMMENDATIONS, key)
        if row is not None and row["state"] == "proposed":
            rows.edit(COMMENDATIONS, key)
            row.update(state="withdrawn", withdrawn_at=event.at)


HANDLES: dict[str, Handler] = {
    topics.topic(fact): handler
    for fact, handler in (
        (facts.CommendationProposed, proposed(COMMENDATION)),
        (facts.CommendationConfirmed, confirmed(COMMENDATION)),
        (facts.CriticismProposed, proposed(CRITICISM)),
        (facts.CriticismConfirmed, confirmed(CRITICISM)),
        (facts.EvaluationReturned, returned),
    )
}

IGNORES = topics.of("report", "case", "whistle", "response", "interview", "standing", "person") | topics.named(
    facts.EvaluationDrafted, facts.EvaluationAmended, facts.EvaluationOpened, facts.StreetPartGiven,
    facts.StreetPartLapsed, facts.SatisfactionTaken, facts.SatisfactionLapsed, facts.EvaluationServed,
    facts.ObjectionRaised, facts.ObjectionReplied, facts.ReplyMissed, facts.ReviewRequested, facts.DecisionMissed,
    facts.ReviewDecided, facts.EvaluationFinalised,
)  # fmt: skip

VIEW = View(
    name="commendations_1",
    question="Who is to be commended or criticised in a circular, and who confirmed it?",
    tables=(COMMENDATIONS,),
    handles=HANDLES,
    ignores=IGNORES,
    reads=(inbox.VIEW,),
)
