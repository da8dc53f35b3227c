"""The evaluation 评价: drafted → served → (objected → under_review) → final."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from uuid import UUID

from domain.dispatch.facts import evaluation as evaluation_facts
from domain.dispatch.facts.evaluation import (
    CommendationConfirmed,
    CommendationProposed,
    CriticismConfirmed,
    CriticismProposed,
    DecisionMissed,
    EvaluationAmended,
    EvaluationDrafted,
    EvaluationFinalised,
    EvaluationOpened,
    EvaluationReturned,
    EvaluationServed,
    ObjectionRaised,
    ObjectionReplied,
    ReplyMissed,
    ReviewDecided,
    ReviewRequested,
    SatisfactionLapsed,
    SatisfactionTaken,
    StreetPartGiven,
    StreetPartLapsed,
)
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.values import Satisfaction
from domain.errors import AlreadyDone, Invalid, SamePerson, TooLate, WrongState
from domain.kernel import Act, CaseAggregate, Meta, event
from domain.policy.deadlines import Clock, Stage
from domain.policy.rubric import Facts, Outcome, Rating, Sheet, StreetPart, SystemPart, score, system_part


class EvaluationState(StrEnum):
    """Where an evaluation stands."""

    DRAFTED = "drafted"
    SERVED = "served"
    OBJECTED = "objected"
    UNDER_REVIEW = "under_review"
    FINAL = "final"


WINDOWS = (
    Stage.EVALUATION,
    Stage.CALLBACK,
    Stage.OBJECTION,
    Stage.REPLY,
    Stage.REVIEW_REQUEST,
    Stage.DECISION,
)


class Evaluation(CaseAggregate):
    """One sheet for one response, out of a hundred."""

    TOPIC = "evaluation"
    FACTS = evaluation_facts

    def __init__(
        self, response: UUID, department: str, drill: bool, rubric: str, facts: Facts, part: SystemPart
    ) -> None:
        self.state = EvaluationState.DRAFTED
        self.response, self.department, self.drill = response, department, drill
        self.rubric, self.facts, self.part = rubric, facts, part
        self.sheet: Sheet | None = None
        self.street_part: StreetPart | None = None
        self.rating: Rating | None = None
        self.windows_open = self.street_in = self.rating_in = self.street_gave = False
        self.evaluated_by: set[UUID] = set()
        self.exempt: tuple[str, ...] = ()
        self.reopened: tuple[str, ...] = ()
        self.objected = self.replied = self.reviewed = False
        self.commendation = self.criticism = ""

    @classmethod
    def draft(cls, evaluation_id: UUID, facts: Facts, act: Act, keeper: Timekeeper, **known: object) -> "Evaluation":
        """The system's part, when the response ends."""
        rubric = keeper.rules.rubric(act.at)
        part = system_part(rubric, facts)
        return cls.open(EvaluationDrafted, evaluation_id, act, rubric=rubric.version, facts=facts, part=part, **known)

    @property
    def outcome(self) -> Outcome | None:
        """What follows, once final."""
        return self.sheet.outcome if self.sheet is not None and self.state is EvaluationState.FINAL else None

    # Guards.

    def may_be_evaluated(self, act: Act) -> None:
        """Refuse before closing, twice, or after the window."""
        if not self.windows_open:
            raise self._wrong("a street evaluates when the case is closed")
        if self.street_gave:
            raise AlreadyDone("The street's part was given already.", evaluation=str(self.id))
        self._in_window(Stage.EVALUATION, act)
        if self.street_in:
            raise TooLate("The window for the street's part has passed.", evaluation=str(self.id))

    def may_object(self, act: Act) -> None:
        """Refuse unless served, once, within the window."""
        if self.objected:
            raise AlreadyDone("The department objected already.", evaluation=str(self.id))
        if self.state is EvaluationState.DRAFTED:
            raise self._wrong("an objection is raised against a served sheet")
        self._in_window(Stage.OBJECTION, act)
        if self.state is not EvaluationState.SERVED:
            raise TooLate("The department was silent, and the sheet is final.", evaluation=str(self.id))

    def may_reply(self, act: Act) -> None:
        """Refuse unless objected, once, within the window."""
        if self.replied:
            raise AlreadyDone("The street replied already.", evaluation=str(self.id))
        if not self.objected or self.state not in (EvaluationState.OBJECTED, EvaluationState.FINAL):
            raise self._wrong("there is no objection to reply to")
        self._in_window(Stage.REPLY, act)

    def may_request_review(self, act: Act) -> None:
        """Refuse unless the street replied or let its window pass, once, within the window."""
        if self.state is EvaluationState.UNDER_REVIEW or self.reviewed:
            raise AlreadyDone("The review was asked for already.", evaluation=str(self.id))
        window = self.clocks.get(Stage.REVIEW_REQUEST)
        # A reopening stops the window of the round before, which then opens nothing in this one.
        opened = window is not None and window.stopped_at is None
        if not self.objected or not opened or self.state not in (EvaluationState.OBJECTED, EvaluationState.FINAL):
            raise self._wrong("a review is asked for after the street's reply, or its silence")
        self._in_window(Stage.REVIEW_REQUEST, act)

    def may_decide(self, act: Act, involved: Collection[UUID]) -> None:
        """Refuse unless under review; whoever acted in the case before is recused."""
        if self.reviewed:
            raise AlreadyDone("The review was decided already.", evaluation=str(self.id))
        if self.state is not EvaluationState.UNDER_REVIEW:
            raise self._wrong("no review is under way")
        if act.actor in self.evaluated_by or act.actor in involved:
            raise SamePerson("Who evaluated, or ruled in the case before, does not review it.", evaluation=str(self.id))

    def may_commend(self) -> None:
        """Refuse unless a commendation is proposed."""
        if self.commendation == "confirmed":
            raise AlreadyDone("The commendation is confirmed already.", evaluation=str(self.id))
        if self.outcome is not Outcome.COMMEND:
            raise self._wrong("no commendation is proposed")

    def may_criticise(self) -> None:
        """Refuse unless circulated criticism is proposed."""
        if self.criticism == "confirmed":
            raise AlreadyDone("The criticism is confirmed already.", evaluation=str(self.id))
        if self.outcome is not Outcome.INTERVIEW:
            raise self._wrong("no circulated criticism is proposed")

    # Decisions.

    def amend(self, facts: Facts, act: Act, keeper: Timekeeper) -> None:
        """The facts changed, and A to D with them. The rubric of the draft stays."""
        rubric = keeper.rules.rubric_version(self.rubric)
        part = system_part(rubric, facts, self.exempt)
        self.record(EvaluationAmended, act, rubric=self.rubric, facts=facts, part=part)

    def begin(self, act: Act, keeper: Timekeeper) -> None:
        """The case closed: EVALUATE and CALLBACK start."""
        clocks = (keeper.start(Stage.EVALUATION, act.at), keeper.start(Stage.CALLBACK, act.at))
        self.record(EvaluationOpened, act, clocks=clocks)

    def send_back(self, cause: str, act: Act) -> None:
        """The case was reopened: drafted again; an objection lapses, what was known stands."""
        self.record(EvaluationReturned, act, cause=cause, clocks=self.stopped(WINDOWS, act))

    def give_street_part(
        self, conduct: Sequence[str], cooperation: Sequence[str], vetoes: Sequence[str], act: Act, keeper: Timekeeper
    ) -> None:
        """街道评价; it serves the sheet where the rating is known."""
        self.may_be_evaluated(act)
        keeper.rules.rubric_version(self.rubric).check_street_part(conduct, cooperation, vetoes)
        self.record(
            StreetPartGiven,
            act,
            conduct=tuple(conduct),
            cooperation=tuple(cooperation),
            vetoes=tuple(vetoes),
            clocks=self.met(Stage.EVALUATION, act),
        )
        self._serve(act, keeper)

    def take_rating(self, satisfaction: Satisfaction, act: Act, keeper: Timekeeper) -> None:
        """满意度; it serves the sheet where the street's part is known."""
        if self.windows_open and not self.rating_in:
            self.record(SatisfactionTaken, act, satisfaction=satisfaction, clocks=self.met(Stage.CALLBACK, act))
            self._serve(act, keeper)

    def object(self, reason: str, act: Act, keeper: Timekeeper) -> None:
        """异议: REPLY starts."""
        self.may_object(act)
        clocks = (*self.met(Stage.OBJECTION, act), keeper.start(Stage.REPLY, act.at))
        self.record(ObjectionRaised, act, reason=reason, clocks=clocks)

    def reply(self, text: str, act: Act, keeper: Timekeeper) -> None:
        """答复: the window for asking for review starts."""
        self.may_reply(act)
        clocks = (*self.met(Stage.REPLY, act), keeper.start(Stage.REVIEW_REQUEST, act.at))
        self.record(ObjectionReplied, act, text=text, clocks=clocks)

    def request_review(self, act: Act, keeper: Timekeeper) -> None:
        """申请复核: DECISION starts."""
        self.may_request_review(act)
        clocks = (*self.met(Stage.REVIEW_REQUEST, act), keeper.start(Stage.DECISION, act.at))
        self.record(ReviewRequested, act, clocks=clocks)

    def decide(self, exempt: Sequence[str], act: Act, keeper: Timekeeper, *, upheld: bool) -> None:
        """复核决定: once and final; facts stay on record, exempted clocks and deductions no longer count."""
        if exempt and not upheld:
            raise Invalid("A review that is not upheld exempts nothing.", exempt=list(exempt))
        keeper.rules.rubric_version(self.rubric).check_exempt(exempt)
        named = tuple(dict.fromkeys(exempt))
        self.record(ReviewDecided, act, upheld=upheld, exempt=named, clocks=self.met(Stage.DECISION, act))
        self._finalise("review", act, keeper)

    def confirm_commendation(self, act: Act) -> None:
        """通报表扬."""
        self.may_commend()
        self.record(CommendationConfirmed, act)

    def confirm_criticism(self, act: Act) -> None:
        """通报批评."""
        self.may_criticise()
        self.record(CriticismConfirmed, act)

    def fire(self, act: Act, keeper: Timekeeper) -> None:
        """Record what is overdue. Only the department's own silence finalises; supervision's escalates."""
        if clocks := self.missed(Stage.EVALUATION, act.at):
            self.record(StreetPartLapsed, act, clocks=clocks)
            self._serve(act, keeper)
        if clocks := self.missed(Stage.CALLBACK, act.at):
            self.record(SatisfactionLapsed, act, clocks=clocks)
            self._serve(act, keeper)
        if clocks := self.missed(Stage.REPLY, act.at):
            window = keeper.start(Stage.REVIEW_REQUEST, clocks[0].due_at)
            self.record(ReplyMissed, act, clocks=(*clocks, window))
        if clocks := self.missed(Stage.DECISION, act.at):
            self.record(DecisionMissed, act, clocks=clocks)
        for stage in (Stage.OBJECTION, Stage.REVIEW_REQUEST):
            if clocks := self.missed(stage, act.at):
                self._finalise("silence", act, keeper, clocks=clocks)

    def _serve(self, act: Act, keeper: Timekeeper) -> None:
        if self.street_in and self.rating_in and self.state is EvaluationState.DRAFTED:
            clocks = (keeper.start(Stage.OBJECTION, act.at),)
            self.record(EvaluationServed, act, sheet=self._score(keeper), clocks=clocks)

    def _finalise(self, because: str, act: Act, keeper: Timekeeper, clocks: tuple[Clock, ...] = ()) -> None:
        self.record(EvaluationFinalised, act, sheet=self._score(keeper), because=because, clocks=clocks)
        if self.outcome is Outcome.COMMEND and not self.commendation:
            self.record(CommendationProposed, act)
        if self.outcome is Outcome.INTERVIEW and not self.criticism:
            self.record(CriticismProposed, act)

    def _score(self, keeper: Timekeeper) -> Sheet:
        rubric = keeper.rules.rubric_version(self.rubric)
        return score(rubric, self.facts, self.street_part, self.rating, self.exempt)

    def _in_window(self, stage: Stage, act: Act) -> None:
        clock = self.clocks.get(stage)
        if clock is not None and not clock.on_time(act.at):
            raise TooLate(f"The window ended at {clock.due_at.isoformat()}.", due=clock.due_at.isoformat())

    def _wrong(self, what: str) -> WrongState:
        return WrongState(f"The evaluation is {self.state.value}: {what}.", evaluation=str(self.id))

    # Applied facts.

    @event(EvaluationAmended)
    def _amended(self, facts: Facts, part: SystemPart) -> None:
        self.facts, self.part = facts, part

    @event(EvaluationReturned)
    def _returned(self, cause: str) -> None:
        self.state, self.sheet, self.windows_open = EvaluationState.DRAFTED, None, False
        self.street_in = self.rating_in = self.street_gave = self.objected = self.replied = self.reviewed = False
        self.reopened = (*self.reopened, cause)
        # What was only proposed falls away and may be proposed anew; what was confirmed stands.
        self.commendation = "" if self.commendation == "proposed" else self.commendation
        self.criticism = "" if self.criticism == "proposed" else self.criticism
        for stage in WINDOWS:
            self.clocks.pop(stage, None)

    @event(EvaluationOpened)
    def _opened(self) -> None:
        self.windows_open = True

    @event(StreetPartGiven)
    def _street_part(
        self,
        conduct: tuple[str, ...],
        cooperation: tuple[str, ...],
        vetoes: tuple[str, ...],
        originator_version: int,
        meta: Meta,
    ) -> None:
        self.street_in = self.street_gave = True
        self.evaluated_by.add(meta.actor)
        ref = f"{self.id}/{originator_version}"
        self.street_part = StreetPart(conduct=conduct, cooperation=cooperation, vetoes=vetoes, event=ref)

    @event(StreetPartLapsed)
    def _street_part_lapsed(self) -> None:
        self.street_in = True

    @event(SatisfactionTaken)
    def _satisfaction(self, satisfaction: Satisfaction, originator_version: int) -> None:
        self.rating_in = True
        self.rating = Rating(satisfaction=str(satisfaction), event=f"{self.id}/{originator_version}")

    @event(SatisfactionLapsed)
    def _satisfaction_lapsed(self) -> None:
        self.rating_in = True

    @event(EvaluationServed)
    def _served(self, sheet: Sheet) -> None:
        self.state, self.sheet = EvaluationState.SERVED, sheet

    @event(ObjectionRaised)
    def _objected(self) -> None:
        self.state, self.objected = EvaluationState.OBJECTED, True

    @event(ObjectionReplied)
    def _replied(self, meta: Meta) -> None:
        self.replied = True
        self.evaluated_by.add(meta.actor)

    @event(ReviewRequested)
    def _review_requested(self) -> None:
        self.state = EvaluationState.UNDER_REVIEW

    @event(ReviewDecided)
    def _decided(self, exempt: tuple[str, ...]) -> None:
        self.reviewed, self.exempt = True, tuple(dict.fromkeys((*self.exempt, *exempt)))

    @event(EvaluationFinalised)
    def _final(self, sheet: Sheet) -> None:
        self.state, self.sheet = EvaluationState.FINAL, sheet

    @event(CommendationProposed)
    def _commendation_proposed(self) -> None:
        self.commendation = "proposed"

    @event(CommendationConfirmed)
    def _commended(self) -> None:
        self.commendation = "confirmed"

    @event(CriticismProposed)
    def _criticism_proposed(self) -> None:
        self.criticism = "proposed"

    @event(CriticismConfirmed)
    def _criticised(self) -> None:
        self.criticism = "confirmed"
