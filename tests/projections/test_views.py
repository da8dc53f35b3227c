"""What each view answers, told through the facts of a case."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from bench.histories import MemoryLog, Story
from domain.dispatch.facts import case as cases
from domain.dispatch.facts import evaluation as evaluations
from domain.dispatch.facts import interview as interviews
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.dispatch.facts import standing as standings
from domain.kernel import Fact
from domain.policy.deadlines import Clock, Stage
from projections.board import BOARD, CONCERNS
from projections.commendations import COMMENDATIONS
from projections.due import DUE, Due, earliest, next_due
from projections.files import absorbed, case_file, evaluation_of, part
from projections.inbox import INBOX
from projections.interviews import INTERVIEWS, LADDER
from projections.notices import NOTICES
from projections.reminders import REMINDERS
from projections.times import micros
from tests.projections.conftest import LEAD, SUPPORT
from tests.projections.kit import folded, only, rows_of


def moved(story: Story, response: UUID, stage: Stage) -> Clock:
    return story.clocks[response, stage]


class TestBoard:
    def test_shows_the_state_the_lead_and_what_is_due_soonest(self, story: Story, called: list[Fact]) -> None:
        row = only(rows_of(folded(called), BOARD))
        assert (row["state"], row["lead"], row["number"]) == ("whistled", LEAD, "2202-1")
        assert row["due_at"] == micros(moved(story, story.response(), Stage.SIGNATURE).due_at)
        assert row["due_stage"] == "signature"
        assert row["jurisdiction"] == story.street

    def test_is_lit_by_the_next_clock_once_one_is_met(self, story: Story, called: list[Fact]) -> None:
        for ordinal, department in enumerate((LEAD, SUPPORT)):
            called += story.signed(story.response(ordinal), department)
        row = only(rows_of(folded(called), BOARD))
        assert row["due_stage"] == "arrival"

    def test_stays_lit_by_a_clock_that_was_missed(self, story: Story, called: list[Fact]) -> None:
        clocks = story.later(hours=1).missed(story.response(), Stage.SIGNATURE)
        called.append(story.fact(responses.SignatureMissed, story.response(), clocks=clocks))
        row = only(rows_of(folded(called), BOARD))
        assert row["due_at"] == micros(clocks[0].due_at)

    def test_a_matter_is_there_before_it_is_filed(self, story: Story) -> None:
        row = only(rows_of(folded(story.reported()), BOARD))
        assert (row["state"], row["report_state"], row["due_stage"]) == (None, "reported", "triage")

    def test_counts_the_reports_that_were_merged_into_it(self, story: Story) -> None:
        other, told = Story(2).report, [*story.reported()]
        told += [story.fact(reports.ReportAbsorbed, story.report, report=other) for _ in range(2)]
        told.append(story.fact(reports.ReportDetached, story.report, report=other))
        assert only(rows_of(folded(told), BOARD))["merged"] == 1

    def test_the_lead_passes_on(self, story: Story, called: list[Fact]) -> None:
        called.append(story.fact(responses.PartChanged, story.response(0), part="support"))
        called.append(story.fact(responses.PartChanged, story.response(1), part="lead"))
        assert only(rows_of(folded(called), BOARD))["lead"] == SUPPORT

    def test_a_reopened_case_goes_on_the_way_it_went(self, story: Story, called: list[Fact]) -> None:
        called += [*story.later(days=1).closed(), story.fact(cases.CaseReopened, story.case, reason="again")]
        row = only(rows_of(folded(called), BOARD))
        assert (row["state"], row["reopened"], row["closed_at"]) == ("whistled", 1, None)

    def test_knows_whom_a_matter_concerns(self, called: list[Fact]) -> None:
        who = {row["who"] for row in rows_of(folded(called), CONCERNS)}
        assert who == {LEAD, SUPPORT, str(called[0].meta.actor)}


class TestInbox:
    def test_shows_each_department_what_it_must_do_next(self, story: Story, called: list[Fact]) -> None:
        first, second = rows_of(folded(called), INBOX)
        assert (first["department"], first["part"], first["state"]) == (LEAD, "lead", "dispatched")
        assert (second["department"], second["part"]) == (SUPPORT, "support")
        assert (first["next_stage"], first["number"]) == ("signature", "2202-1")

    def test_a_completion_waits_for_nobody_in_the_department(self, story: Story, called: list[Fact]) -> None:
        response = story.response()
        called += [*story.signed(response, LEAD), *story.arrived(response, LEAD)]
        called.append(next(story.done(response, LEAD)))
        row = rows_of(folded(called), INBOX)[0]
        assert (row["state"], row["next_stage"], row["disposal_missed"]) == ("completed", None, False)

    def test_an_arrival_without_a_position_counts_when_the_street_confirms_it(
        self, story: Story, called: list[Fact]
    ) -> None:
        unproved = {"distance_m": None, "device_at": None, "arrived_at": None, "on_time": None, "band": None}
        called += story.signed(story.response(), LEAD)
        called.append(story.fact(responses.ArrivalRecorded, story.response(), officers=(), place=None, **unproved))
        assert rows_of(folded(called), INBOX)[0]["state"] == "signed"
        called.append(
            story.fact(
                responses.ArrivalConfirmed, story.response(), arrived_at=story.at, on_time=True, band="on_time",
                clocks=story.met(story.response(), Stage.ARRIVAL),
            )
        )  # fmt: skip
        row = rows_of(folded(called), INBOX)[0]
        assert (row["state"], row["arrived_at"]) == ("arrived", micros(story.at))

    def test_shows_the_score_only_while_it_is_final(self, story: Story, called: list[Fact]) -> None:
        called += [*story.drafted(0, LEAD), *story.final(0, 95.5, "commend")]
        assert rows_of(folded(called), INBOX)[0]["score"] == 95.5
        called.append(story.fact(evaluations.EvaluationReturned, story.evaluation(), cause="reopened"))
        row = rows_of(folded(called), INBOX)[0]
        assert (row["score"], row["outcome"], row["evaluation_state"]) == (None, None, "drafted")

    def test_takes_the_street_that_took_the_case_on(self, story: Story, called: list[Fact]) -> None:
        called.append(story.fact(cases.CaseLocated, story.case, street="220211009"))
        assert {row["jurisdiction"] for row in rows_of(folded(called), INBOX)} == {"220211009"}


class TestDue:
    def kinds(self, told: list[Fact], story: Story) -> set[str]:
        return {row["kind"] for row in rows_of(folded(told), DUE) if row["stream"] == str(story.response())}

    def test_has_a_row_for_each_clock_that_runs_and_for_each_that_may_turn_yellow(
        self, story: Story, called: list[Fact]
    ) -> None:
        clocks = {"signature", "arrival", "disposal"}
        assert self.kinds(called, story) == clocks | {f"warn_{stage}" for stage in clocks}

    def test_drops_what_was_met(self, story: Story, called: list[Fact]) -> None:
        called += story.signed(story.response(), LEAD)
        assert not self.kinds(called, story) & {"signature", "warn_signature"}

    def test_drops_what_is_paused_and_brings_it_back(self, story: Story, called: list[Fact]) -> None:
        disposal = moved(story, story.response(), Stage.DISPOSAL)
        paused = disposal.pause(story.at, "suspended")
        called.append(story.fact(responses.ClocksPaused, story.response(), clocks=(paused,)))
        assert not self.kinds(called, story) & {"disposal", "warn_disposal"}
        called.append(story.fact(responses.ClocksResumed, story.response(), clocks=(disposal,)))
        assert {"disposal", "warn_disposal"} <= self.kinds(called, story)

    def test_urges_once_when_a_clock_turns_yellow(self, story: Story, called: list[Fact]) -> None:
        called.append(story.fact(responses.UrgeIssued, story.response(), cause="yellow", stage=Stage.DISPOSAL))
        assert "warn_disposal" not in self.kinds(called, story)
        extended = moved(story, story.response(), Stage.DISPOSAL)
        granted = {"until": extended.due_at + timedelta(days=1), "level": 1}
        called.append(story.fact(responses.ExtensionGranted, story.response(), clocks=(extended,), **granted))
        assert "warn_disposal" not in self.kinds(called, story)

    def test_an_urge_by_command_leaves_the_yellow_one_to_come(self, story: Story, called: list[Fact]) -> None:
        called.append(story.fact(responses.UrgeIssued, story.response(), cause="command"))
        assert "warn_disposal" in self.kinds(called, story)

    def test_reminds_again_who_signed_and_did_not_come(self, story: Story, called: list[Fact]) -> None:
        called += story.later(hours=2).arrival_missed(story.response(), LEAD)
        assert "arrival_reminder" not in self.kinds(called, story)
        called += story.signed(story.response(), LEAD)
        assert "arrival_reminder" in self.kinds(called, story)
        called += story.arrived(story.response(), LEAD)
        assert "arrival_reminder" not in self.kinds(called, story)

    def test_written_criticism_falls_due_until_the_work_is_done(self, story: Story, called: list[Fact]) -> None:
        clocks = story.later(hours=48).missed(story.response(), Stage.DISPOSAL)
        criticise_at = story.at + timedelta(days=7)
        called.append(
            story.fact(
                responses.DisposalMissed, story.response(), criticise_at=criticise_at, lapsed_extension=False,
                clocks=clocks,
            )
        )  # fmt: skip
        assert "written_criticism" in self.kinds(called, story)
        called += story.done(story.response(), LEAD)
        assert self.kinds(called, story) == {"arrival", "warn_arrival", "signature", "warn_signature"}

    def test_the_window_for_a_return_never_fires(self, story: Story, called: list[Fact]) -> None:
        window = story.start(story.response(), Stage.RETURN, 4)
        called.append(
            story.fact(responses.ResponseSigned, story.response(), on_time=True, band="on_time", clocks=(window,))
        )
        assert "return" not in self.kinds(called, story)

    def test_hands_out_the_oldest_first(self, story: Story, called: list[Fact]) -> None:
        with folded(called).store.reading() as db:
            first = earliest(db)
            found = next_due(db, 2**62, limit=3)
            assert first == found[0].fire_at
            assert found == sorted(found)
            assert next_due(db, found[0].fire_at, limit=10, inclusive=False) == []
            assert isinstance(found[0], Due)
            assert earliest(db, after=2**62) is None


class TestNotices:
    def sent(self, told: list[Fact]) -> list[tuple[str, str]]:
        return [(row["kind"], row["recipient"]) for row in rows_of(folded(told), NOTICES)]

    def test_a_missed_arrival_urges_and_announces_the_interview(self, story: Story, called: list[Fact]) -> None:
        called += story.later(hours=2).arrival_missed(story.response(), LEAD)
        assert self.sent(called) == [("urge", LEAD), ("interview", LEAD)]

    def test_a_missed_disposal_urges_who_never_came_and_reminds_who_did(self, story: Story, called: list[Fact]) -> None:
        def miss(ordinal: int) -> Fact:
            clocks = story.missed(story.response(ordinal), Stage.DISPOSAL)
            late = {"criticise_at": None, "lapsed_extension": False}
            return story.fact(responses.DisposalMissed, story.response(ordinal), clocks=clocks, **late)

        called += [*story.signed(story.response(), LEAD), *story.arrived(story.response(), LEAD)]
        story.later(hours=48)
        quiet = story.at + timedelta(hours=9)
        reminder = story.fact(responses.ReminderIssued, story.response(), because="disposal", notify_at=quiet)
        told = [*called, miss(0), reminder, miss(1)]
        assert self.sent(told) == [("reminder", LEAD), ("urge", SUPPORT)]
        assert rows_of(folded(told), NOTICES)[0]["at"] == micros(quiet)

    def test_everyone_who_reported_hears_that_the_case_is_closed(self, story: Story, called: list[Fact]) -> None:
        other = Story(2).report
        told = story.fact(cases.CaseClosed, story.case, due_to_close=None, on_time=True, reports=(story.report, other))
        row = rows_of(folded([*called, told]), NOTICES)
        assert [(each["recipient"], each["about"]) for each in row] == [
            ("reporter", str(story.report)), ("reporter", str(other)),
        ]  # fmt: skip

    def test_a_listing_is_told_to_the_departments_and_the_street(self, story: Story, called: list[Fact]) -> None:
        listed = {"limit_at": story.at + timedelta(days=2), "departments": (LEAD, SUPPORT)}
        called.append(story.fact(cases.SupervisionListed, story.case, **listed))
        assert self.sent(called) == [("listing", LEAD), ("listing", SUPPORT), ("listing", story.street)]

    def test_a_return_that_is_not_ruled_on_goes_to_whoever_is_above(self, story: Story, called: list[Fact]) -> None:
        called.append(story.fact(responses.ArbitrationMissed, story.response()))
        called.append(story.fact(responses.DisputeReferred, story.response()))
        called.append(story.fact(responses.ArbitrationMissed, story.response()))
        assert self.sent(called) == [("escalation", "command"), ("escalation", "supervision")]

    def test_a_step_of_the_ladder_is_a_letter_of_its_own(self, story: Story, called: list[Fact]) -> None:
        standing = UUID(int=9)
        called.append(story.fact(standings.StandingOpened, standing, department=LEAD))
        step = {"department": LEAD, "step": "yellow_letter", "response": story.response()}
        called.append(story.fact(standings.LadderStepReached, standing, count=2, since=story.at, **step))
        assert self.sent(called) == [("yellow_letter", LEAD)]
        assert only(rows_of(folded(called), NOTICES))["case_id"] == str(story.case)
        assert only(rows_of(folded(called), LADDER))["count"] == 2
        called.append(story.fact(standings.LadderStepWithdrawn, standing, **step))
        assert rows_of(folded(called), LADDER) == []


class TestOutcomes:
    def test_an_interview_is_followed_to_its_end(self, story: Story, called: list[Fact]) -> None:
        called += story.later(hours=2).arrival_missed(story.response(), LEAD)
        interview = story.interview()
        called.append(story.fact(interviews.InterviewConfirmed, interview))
        called.append(story.fact(interviews.InterviewHeld, interview, minutes="said so"))
        row = only(rows_of(folded(called), INTERVIEWS))
        assert (row["state"], row["minutes"], row["department"]) == ("held", "said so", LEAD)
        assert row["limit_due"] == micros(story.clocks[interview, Stage.INTERVIEW_LIMIT].due_at)
        called.append(story.fact(interviews.InterviewWithdrawn, interview, because="exempt"))
        assert only(rows_of(folded(called), INTERVIEWS))["withdrawn_because"] == "exempt"

    @pytest.mark.parametrize(
        ("fact", "state"),
        [(responses.LimitsMet, "met"), (responses.ReminderExpired, "expired")],
    )
    def test_a_reminder_is_met_or_expires(self, story: Story, called: list[Fact], fact: type[Fact], state: str) -> None:
        limit = story.start(story.response(), Stage.REMINDER_LIMIT, 9)
        issued = {"because": "disposal", "notify_at": story.at, "clocks": (limit,)}
        called.append(story.fact(responses.ReminderIssued, story.response(), **issued))
        called.append(story.fact(fact, story.response()))
        row = only(rows_of(folded(called), REMINDERS))
        assert (row["state"], row["department"], row["limit_due"]) == (state, LEAD, micros(limit.due_at))

    def test_a_second_reminder_leaves_the_first_as_it_ended(self, story: Story, called: list[Fact]) -> None:
        for _ in range(2):
            issued = {"because": "disposal", "notify_at": story.at}
            called.append(story.fact(responses.ReminderIssued, story.response(), **issued))
            called.append(story.fact(responses.ReminderWithdrawn, story.response(), because="review"))
        called.append(story.fact(responses.ReminderIssued, story.response(), **issued))
        assert [row["state"] for row in rows_of(folded(called), REMINDERS)] == ["withdrawn", "withdrawn", "open"]

    def test_a_commendation_waits_for_a_person(self, story: Story, called: list[Fact]) -> None:
        called += [*story.drafted(0, LEAD), *story.final(0, 100.0, "commend")]
        row = only(rows_of(folded(called), COMMENDATIONS))
        assert (row["state"], row["kind"], row["department"], row["score"]) == (
            "proposed", "commendation", LEAD, 100.0,
        )  # fmt: skip
        called.append(story.fact(evaluations.CommendationConfirmed, story.evaluation()))
        assert only(rows_of(folded(called), COMMENDATIONS))["state"] == "confirmed"

    def test_what_was_only_proposed_falls_away_when_the_case_is_reopened(
        self, story: Story, called: list[Fact]
    ) -> None:
        called += [*story.drafted(0, LEAD), *story.final(0, 100.0, "commend")]
        called.append(story.fact(evaluations.EvaluationReturned, story.evaluation(), cause="reopened"))
        assert only(rows_of(folded(called), COMMENDATIONS))["state"] == "withdrawn"


class TestCaseFile:
    def test_holds_every_part_of_the_case_as_it_stands(self, story: Story) -> None:
        parts = {each.id: each for each in case_file(MemoryLog(list(story.whole())), story.case)}
        assert parts[story.report].document["state"] == "filed"
        assert parts[story.case].document["state"] == "closed"
        assert parts[story.response()].document["state"] == "verified"
        assert parts[story.evaluation()].document["state"] == "final"
        assert {each.id: each.version for each in parts.values()} == story.versions

    def test_finds_the_evaluation_of_a_response(self, story: Story) -> None:
        parts = case_file(MemoryLog(list(story.whole())), story.case)
        found = evaluation_of(parts, story.response())
        assert found is not None
        assert found.document["response"] == str(story.response())

    def test_an_evaluation_tells_what_was_said_about_it_and_what_the_review_exempted(
        self, story: Story, called: list[Fact]
    ) -> None:
        sheet = story.evaluation()
        called += story.drafted(0, LEAD)
        called.append(story.fact(evaluations.ObjectionRaised, sheet, reason="全程录像"))
        called.append(story.fact(evaluations.ObjectionReplied, sheet, text="录像不完整"))
        called.append(story.fact(evaluations.ReviewDecided, sheet, upheld=True, exempt=("not_recorded",)))
        said = self.document(called, sheet)
        assert (said["objection"], said["reply"]) == ("全程录像", "录像不完整")
        assert (said["upheld"], said["exempt"]) == (True, ["not_recorded"])

        called.append(story.fact(evaluations.EvaluationReturned, sheet, cause="reopened"))
        said = self.document(called, sheet)
        assert (said["objection"], said["objected_at"], said["reply"], said["replied_at"]) == (None,) * 4
        assert said["exempt"] == ["not_recorded"]

    def document(self, told: list[Fact], stream: UUID) -> dict[str, Any]:
        found = part(MemoryLog(told), stream)
        assert found is not None
        return found.document

    def test_brings_the_reports_that_were_merged_into_it(self, story: Story) -> None:
        other = Story(2)
        told = [*story.reported(), *other.reported()]
        told.append(other.fact(reports.ReportMerged, other.report, into=story.report, distance_m=5.0))
        told.append(story.fact(reports.ReportAbsorbed, story.report, report=other.report))
        assert [each.id for each in case_file(MemoryLog(told), story.case)] == [story.report, other.report]

    def test_a_report_that_left_again_is_not_among_them(self) -> None:
        assert absorbed({"absorbed": ["a", "b"], "detached": ["a"]}) == ["b"]

    def test_a_report_that_left_and_came_back_is_among_them(self) -> None:
        assert absorbed({"absorbed": ["a", "b", "a"], "detached": ["a"]}) == ["a", "b"]

    def test_keeps_the_clocks_with_all_that_moved_them(self, story: Story, called: list[Fact]) -> None:
        found = part(MemoryLog(called), story.response())
        assert found is not None
        clock = Clock.model_validate(found.document["clocks"]["disposal"])
        assert clock == moved(story, story.response(), Stage.DISPOSAL)

    def test_a_stream_that_is_not_there_is_nothing(self, called: list[Fact]) -> None:
        assert part(MemoryLog(called), UUID(int=1)) is None
