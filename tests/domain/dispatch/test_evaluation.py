"""An evaluation: drafted, served, objected to, reviewed, final; and what praises or shames only then."""

from collections.abc import Callable, Sequence
from uuid import UUID

from domain.dispatch.evaluation import Evaluation
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
from domain.dispatch.values import Satisfaction
from domain.errors import AlreadyDone, Invalid, SamePerson, TooLate, WrongState
from domain.policy.deadlines import Stage
from domain.policy.rubric import Band, Facts, Mark, Outcome
from tests.domain.dispatch.steps import BUREAU, EVALUATION, RESPONSE
from tests.kit import KEEPER, act, given, person

Step = Callable[[Evaluation], object]
WINDOWS_END = "2022-12-19 17:30"


def facts(arrival: Band = Band.ON_TIME, reopenings: tuple[str, ...] = ()) -> Facts:
    on_time = Mark(band=Band.ON_TIME, event="e/2")
    return Facts(signature=on_time, arrival=Mark(band=arrival, event="e/3"), disposal=on_time, reopened=reopenings)


def drafted(arrival: Band = Band.ON_TIME) -> Callable[[], Evaluation]:
    return lambda: Evaluation.draft(
        EVALUATION, facts(arrival), act("16:00"), KEEPER, response=RESPONSE, department=BUREAU, drill=False
    )


def begun(at: str = "16:10") -> Step:
    return lambda sheet: sheet.begin(act(at), KEEPER)


def evaluated(at: str = "16:30", conduct: Sequence[str] = (), vetoes: Sequence[str] = ()) -> Step:
    return lambda sheet: sheet.give_street_part(conduct, (), vetoes, act(at, "street leader"), KEEPER)


def rated(at: str = "17:00", satisfaction: Satisfaction = Satisfaction.SATISFIED) -> Step:
    return lambda sheet: sheet.take_rating(satisfaction, act(at), KEEPER)


def objected(at: str = "2022-12-15 09:00") -> Step:
    return lambda sheet: sheet.object("道路封闭", act(at, "department head"), KEEPER)


def replied(at: str = "2022-12-15 10:00") -> Step:
    return lambda sheet: sheet.reply("已核实", act(at, "street leader"), KEEPER)


def review_asked(at: str = "2022-12-16 09:00") -> Step:
    return lambda sheet: sheet.request_review(act(at, "department head"), KEEPER)


def decided(*exempt: str, upheld: bool = True) -> Step:
    return lambda sheet: sheet.decide(exempt, act("2022-12-19 09:00", "reviewer"), KEEPER, upheld=upheld)


def fired(at: str) -> Step:
    return lambda sheet: sheet.fire(act(at), KEEPER)


def sent_back(at: str = "2022-12-20 09:00") -> Step:
    return lambda sheet: sheet.send_back("e/9", act(at))


def commended(sheet: Evaluation) -> None:
    sheet.confirm_commendation(act("2022-12-21 09:00"))


def criticised(sheet: Evaluation) -> None:
    sheet.confirm_criticism(act("2022-12-21 09:00"))


def may_decide(by: str, involved: frozenset[UUID] = frozenset()) -> Step:
    return lambda sheet: sheet.may_decide(act("2022-12-19 09:00", by), involved)


SERVED = (begun(), evaluated(), rated())
SILENCE_ENDS = "2022-12-19 17:30"
FINAL = (*SERVED, fired(SILENCE_ENDS))
REVIEWED = (*SERVED, objected(), replied(), review_asked())


def score_of(sheet: Evaluation) -> tuple[float, float, Outcome]:
    assert sheet.sheet is not None
    return sheet.sheet.raw, sheet.sheet.score, sheet.sheet.outcome


def test_the_systems_part_is_drafted_when_the_response_ends() -> None:
    found = given(drafted(Band.WITHIN_ALLOWANCE))
    fact = found.history[0]
    assert isinstance(fact, EvaluationDrafted)
    assert fact.part.dimensions == {"A": 10.0, "B": 10.0, "C": 25.0, "D": 20.0}
    assert [(one.dimension, one.points, one.event) for one in fact.part.deductions] == [("B", 15.0, "e/3")]
    assert (found.aggregate.state, found.aggregate.outcome, fact.rubric) == ("drafted", None, "2026-1")


def test_closing_opens_both_windows() -> None:
    found = given(drafted()).when(begun()).then(EvaluationOpened).nothing_more()
    found.clock(Stage.EVALUATION, due_at=WINDOWS_END).clock(Stage.CALLBACK, due_at=WINDOWS_END)


def test_the_sheet_is_served_with_the_later_of_the_streets_part_and_the_rating() -> None:
    first = given(drafted(), begun()).when(evaluated()).then(StreetPartGiven).nothing_more()
    first.clock(Stage.EVALUATION, met_at="16:30").has(state="drafted")
    last = given(drafted(), begun(), evaluated()).when(rated()).then(SatisfactionTaken).then(EvaluationServed)
    last.nothing_more().has(state="served", outcome=None).clock(Stage.OBJECTION, due_at=SILENCE_ENDS, running=True)
    given(drafted(), begun(), rated()).when(evaluated("17:10")).then(StreetPartGiven).then(EvaluationServed)


def test_what_nobody_said_by_the_end_of_the_windows_is_full_or_unreachable() -> None:
    silent = given(drafted(), begun()).when(fired(WINDOWS_END))
    silent.then(StreetPartLapsed).then(SatisfactionLapsed).then(EvaluationServed).nothing_more()
    sheet = silent.aggregate.sheet
    assert sheet is not None
    assert (sheet.dimensions["E"], sheet.dimensions["F"], sheet.dimensions["G"], sheet.raw) == (10.0, 5.0, None, 100.0)


def test_a_street_evaluates_once_after_closing_within_its_window() -> None:
    given(drafted()).when(evaluated()).refuses(WrongState)
    given(drafted(), begun(), evaluated()).when(evaluated("16:40")).refuses(AlreadyDone)
    given(drafted(), begun()).when(evaluated(WINDOWS_END)).then(StreetPartGiven)
    given(drafted(), begun()).when(evaluated("2022-12-19 17:31")).refuses(TooLate)
    given(drafted(), begun(), fired(WINDOWS_END)).when(evaluated(WINDOWS_END)).refuses(TooLate)


def test_a_street_names_what_the_rubric_knows() -> None:
    given(drafted(), begun()).when(evaluated(conduct=("impolite",))).refuses(Invalid)
    given(drafted(), begun()).when(evaluated(vetoes=("boring",))).refuses(Invalid)
    costly = given(drafted(), begun(), rated()).when(evaluated(conduct=("document_error", "document_error")))
    costly.then(StreetPartGiven).then(EvaluationServed)
    assert score_of(costly.aggregate)[0] == 96.0


def test_a_rating_counts_once_and_only_after_closing() -> None:
    given(drafted()).when(rated()).nothing_more()
    given(drafted(), begun(), rated()).when(rated("17:10", Satisfaction.NOT)).nothing_more()


def test_the_departments_silence_makes_the_sheet_final_and_proposes_what_follows() -> None:
    given(drafted(), *SERVED).when(fired("2022-12-19 17:29")).nothing_more()
    found = given(drafted(), *SERVED).when(fired(SILENCE_ENDS)).then(EvaluationFinalised, because="silence")
    found.then(CommendationProposed).nothing_more().has(state="final", outcome=Outcome.COMMEND)
    late = given(drafted(Band.WITHIN_ALLOWANCE), *SERVED).when(fired(SILENCE_ENDS)).then(EvaluationFinalised)
    late.then(CriticismProposed).nothing_more()
    assert score_of(late.aggregate) == (85.0, 59.0, Outcome.INTERVIEW)


def test_an_objection_is_raised_once_in_time_against_a_served_sheet() -> None:
    found = given(drafted(), *SERVED).when(objected()).then(ObjectionRaised, reason="道路封闭").nothing_more()
    found.has(state="objected").clock(Stage.OBJECTION, met_at="2022-12-15 09:00")
    found.clock(Stage.REPLY, due_at="2022-12-19 17:30", running=True)
    given(drafted(), begun()).when(objected()).refuses(WrongState)
    given(drafted(), *SERVED, objected()).when(objected("2022-12-15 10:00")).refuses(AlreadyDone)
    given(drafted(), *SERVED).when(objected(SILENCE_ENDS)).then(ObjectionRaised)
    given(drafted(), *SERVED).when(objected("2022-12-19 17:31")).refuses(TooLate)
    given(drafted(), *FINAL).when(objected(SILENCE_ENDS)).refuses(TooLate)


def test_a_reply_is_given_once_in_time_to_an_objection() -> None:
    found = given(drafted(), *SERVED, objected()).when(replied()).then(ObjectionReplied, text="已核实").nothing_more()
    found.clock(Stage.REPLY, met_at="2022-12-15 10:00").clock(Stage.REVIEW_REQUEST, due_at="2022-12-20 17:30")
    given(drafted(), *SERVED).when(replied()).refuses(WrongState)
    given(drafted(), *SERVED, objected(), replied()).when(replied("2022-12-15 11:00")).refuses(AlreadyDone)
    given(drafted(), *SERVED, objected()).when(replied("2022-12-19 17:31")).refuses(TooLate)


def test_the_streets_silence_opens_the_review_from_the_end_of_its_window() -> None:
    silent = given(drafted(), *SERVED, objected()).when(fired("2022-12-20 09:00")).then(ReplyMissed).nothing_more()
    silent.has(state="objected").clock(Stage.REVIEW_REQUEST, started_at=WINDOWS_END, due_at="2022-12-22 17:30")
    unanswered = given(drafted(), *SERVED, objected(), fired(WINDOWS_END))
    unanswered.when(replied("2022-12-20 09:00")).refuses(TooLate)
    unanswered.when(review_asked("2022-12-22 17:30")).then(ReviewRequested)


def test_a_review_is_asked_for_once_in_time_after_the_reply() -> None:
    answered = given(drafted(), *SERVED, objected(), replied())
    found = answered.when(review_asked("2022-12-20 17:30")).then(ReviewRequested).nothing_more()
    found.has(state="under_review").clock(Stage.DECISION, due_at="2022-12-27 17:30", running=True)
    answered.when(review_asked("2022-12-20 17:31")).refuses(TooLate)
    given(drafted(), *SERVED, objected()).when(review_asked()).refuses(WrongState)
    given(drafted(), *SERVED).when(review_asked()).refuses(WrongState)
    given(drafted(), *REVIEWED).when(review_asked("2022-12-16 10:00")).refuses(AlreadyDone)
    given(drafted(), *REVIEWED, decided(upheld=False)).when(review_asked("2022-12-19 10:00")).refuses(AlreadyDone)


def test_the_departments_silence_after_the_reply_is_final() -> None:
    silent = given(drafted(), *SERVED, objected(), replied()).when(fired("2022-12-20 17:30"))
    silent.then(EvaluationFinalised, because="silence").then(CommendationProposed).nothing_more()


def test_supervisions_silence_escalates_and_never_finalises() -> None:
    late = given(drafted(), *REVIEWED).when(fired("2022-12-23 17:30")).then(DecisionMissed).nothing_more()
    late.has(state="under_review")
    still = given(drafted(), *REVIEWED, fired("2022-12-23 17:30"))
    still.when(decided(upheld=False)).then(ReviewDecided).then(EvaluationFinalised, because="review")


def test_who_evaluated_replied_or_ruled_before_does_not_review() -> None:
    waiting = given(drafted(), *REVIEWED)
    waiting.when(may_decide("street leader")).refuses(SamePerson)
    waiting.when(may_decide("a ruler", frozenset({person("a ruler")}))).refuses(SamePerson)
    waiting.when(may_decide("reviewer")).nothing_more()


def test_a_review_is_decided_once_while_one_is_under_way() -> None:
    given(drafted(), *SERVED).when(may_decide("reviewer")).refuses(WrongState)
    given(drafted(), *REVIEWED, decided(upheld=False)).when(may_decide("reviewer")).refuses(AlreadyDone)


def test_an_upheld_review_exempts_and_the_sheet_is_scored_again() -> None:
    late = given(drafted(Band.WITHIN_ALLOWANCE), *REVIEWED)
    found = late.when(decided("arrival", "arrival")).then(ReviewDecided, upheld=True, exempt=("arrival",))
    found.then(EvaluationFinalised, because="review").then(CommendationProposed).nothing_more()
    assert score_of(found.aggregate) == (100.0, 100.0, Outcome.COMMEND)
    assert found.aggregate.facts.arrival.band is Band.WITHIN_ALLOWANCE


def test_a_review_that_is_not_upheld_changes_nothing() -> None:
    late = given(drafted(Band.WITHIN_ALLOWANCE), *REVIEWED)
    found = late.when(decided(upheld=False)).then(ReviewDecided, upheld=False).then(EvaluationFinalised)
    found.then(CriticismProposed).nothing_more()
    assert score_of(found.aggregate) == (85.0, 59.0, Outcome.INTERVIEW)
    late.when(decided("arrival", upheld=False)).refuses(Invalid)
    late.when(decided("weather")).refuses(Invalid)


def test_a_commendation_is_confirmed_once_where_it_is_proposed() -> None:
    given(drafted(), *FINAL).when(commended).then(CommendationConfirmed).nothing_more()
    given(drafted(), *FINAL, commended).when(commended).refuses(AlreadyDone)
    given(drafted(), *SERVED).when(commended).refuses(WrongState)
    given(drafted(Band.NEVER), *FINAL).when(commended).refuses(WrongState)


def test_circulated_criticism_is_confirmed_once_where_it_is_proposed() -> None:
    given(drafted(Band.NEVER), *FINAL).when(criticised).then(CriticismConfirmed).nothing_more()
    given(drafted(Band.NEVER), *FINAL, criticised).when(criticised).refuses(AlreadyDone)
    given(drafted(Band.NEVER), *SERVED).when(criticised).refuses(WrongState)
    given(drafted(), *FINAL).when(criticised).refuses(WrongState)


def test_a_reopening_returns_the_sheet_to_drafted_and_an_objection_lapses() -> None:
    found = given(drafted(), *SERVED, objected()).when(sent_back("2022-12-16 09:00")).then(EvaluationReturned)
    found.nothing_more().has(state="drafted", sheet=None, objected=False, reopened=("e/9",))
    given(drafted(), *SERVED, objected(), sent_back("2022-12-16 09:00")).when(fired("2023-01-30 09:00")).nothing_more()


def test_after_a_reopening_the_known_parts_stand_until_new_ones_come() -> None:
    harsh = (begun(), evaluated(conduct=("few_officers",)), rated(satisfaction=Satisfaction.NOT), fired(SILENCE_ENDS))
    again = given(drafted(), *harsh, sent_back(), begun("2022-12-21 09:00"))
    silent = again.when(fired("2022-12-26 17:30")).then(StreetPartLapsed).then(SatisfactionLapsed)
    silent.then(EvaluationServed).nothing_more()
    assert score_of(silent.aggregate)[0] == 85.0
    spoken = given(drafted(), *harsh, sent_back(), begun("2022-12-21 09:00"), evaluated("2022-12-21 10:00"))
    spoken.when(rated("2022-12-21 11:00")).then(SatisfactionTaken).then(EvaluationServed)
    assert score_of(spoken.when(rated("2022-12-21 11:00")).aggregate)[0] == 100.0


def test_what_was_proposed_falls_away_on_reopening_and_is_proposed_anew() -> None:
    again = (sent_back(), begun("2022-12-21 09:00"), evaluated("2022-12-21 10:00"), rated("2022-12-21 11:00"))
    found = given(drafted(), *FINAL, *again).when(fired("2022-12-26 17:30")).then(EvaluationFinalised)
    found.then(CommendationProposed).nothing_more()
    late = given(drafted(Band.NEVER), *FINAL, *again).when(fired("2022-12-26 17:30")).then(EvaluationFinalised)
    late.then(CriticismProposed).nothing_more()
    confirmed = given(drafted(), *FINAL, commended, *again).when(fired("2022-12-26 17:30"))
    confirmed.then(EvaluationFinalised).nothing_more()


def test_the_facts_of_a_new_round_amend_the_draft() -> None:
    def amended(sheet: Evaluation) -> None:
        sheet.amend(facts(reopenings=("e/9",)), act("2022-12-20 16:00"), KEEPER)

    found = given(drafted(), *FINAL, sent_back()).when(amended).then(EvaluationAmended, rubric="2026-1").nothing_more()
    assert found.aggregate.part.dimensions["D"] == 10.0


def test_the_review_window_of_an_earlier_round_opens_nothing_in_the_next() -> None:
    second = (
        *SERVED, objected(), replied("2022-12-19 09:00"), sent_back("2022-12-19 10:00"), begun("2022-12-19 11:00"),
        evaluated("2022-12-19 13:00"), rated("2022-12-19 13:10"), objected("2022-12-19 14:00"),
    )  # fmt: skip
    given(drafted(), *second).when(review_asked("2022-12-19 15:00")).refuses(WrongState)
