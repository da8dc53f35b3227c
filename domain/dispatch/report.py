"""The report 网格上报: reported → site_check → handled_on_spot, rejected, merged, withdrawn or filed."""

from enum import StrEnum
from uuid import UUID

from domain.dispatch.facts import report as report_facts
from domain.dispatch.facts.report import (
    HandledOnSpot,
    ReportAbsorbed,
    ReportDetached,
    ReporterErased,
    ReporterUnmasked,
    ReportFiled,
    ReportLocated,
    ReportMerged,
    ReportRejected,
    ReportSubmitted,
    ReportUnmerged,
    ReportWithdrawn,
    SiteChecked,
    SiteCheckRequested,
    TriageMissed,
)
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.values import Place, Source
from domain.errors import AlreadyDone, Invalid, NotPermitted, TooFar, Unknown, WrongState
from domain.kernel import Act, CaseAggregate, Meta, case_of, event
from domain.policy.deadlines import Stage, Urgency


class ReportState(StrEnum):
    """Where a report stands."""

    REPORTED = "reported"
    SITE_CHECK = "site_check"
    HANDLED_ON_SPOT = "handled_on_spot"
    REJECTED = "rejected"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    FILED = "filed"


OPEN = (ReportState.REPORTED, ReportState.SITE_CHECK)


class Report(CaseAggregate):
    """One person's word that something is wrong somewhere."""

    TOPIC = "report"
    FACTS = report_facts

    def __init__(
        self,
        description: str,
        place: Place,
        item: str | None,
        photos: tuple[str, ...],
        reporter: UUID | None,
        source: Source,
        drill: bool,
        area: str,
        street: str | None,
        division: str | None,
        meta: Meta,
        external: str | None = None,
    ) -> None:
        self.state = ReportState.REPORTED
        self.source, self.description, self.place, self.item, self.photos = source, description, place, item, photos
        self.reporter, self.submitted_by, self.drill = reporter, meta.actor, drill
        self.area, self.street, self.division, self.external = area, street, division, external
        self.checked = False
        self.into: UUID | None = None
        self.was_unmerged = False
        self.absorbed: list[UUID] = []
        self.erased = False

    @classmethod
    def submit(cls, report_id: UUID, act: Act, keeper: Timekeeper, **facts: object) -> "Report":
        """Open a report; TRIAGE starts at the general column until someone has judged its urgency (our default)."""
        clocks = () if act.meta.imported else (keeper.start(Stage.TRIAGE, act.at, Urgency.GENERAL),)
        return cls.open(ReportSubmitted, report_id, act, clocks=clocks, **facts)

    # Guards, asked before the arguments are looked at.

    def is_open(self, wanted: ReportState | None = None) -> None:
        """Refuse unless the report waits for triage; say ALREADY_DONE where it has reached `wanted`."""
        if self.state is wanted:
            raise AlreadyDone(f"The report is {self.state.value} already.", report=str(self.id))
        if self.state not in OPEN:
            raise WrongState(
                f"The report is {self.state.value}; only one that waits for triage can change.", report=str(self.id)
            )

    def may_be_filed(self) -> None:
        """Refuse unless the report may become a case."""
        self.is_open(ReportState.FILED)

    def may_be_rejected(self) -> None:
        """Refuse unless the report waits for triage."""
        self.is_open(ReportState.REJECTED)

    def may_be_merged(self) -> None:
        """Refuse unless the report waits for triage."""
        self.is_open(ReportState.MERGED)

    def may_be_handled(self) -> None:
        """Refuse unless the report waits for triage."""
        self.is_open(ReportState.HANDLED_ON_SPOT)

    def may_request_check(self) -> None:
        """Refuse unless a site check can be asked for."""
        self.is_open(ReportState.SITE_CHECK)

    def may_confirm_check(self) -> None:
        """Refuse unless a site check is under way."""
        if self.state is ReportState.REPORTED and self.checked:
            raise AlreadyDone("The site check was confirmed already.", report=str(self.id))
        if self.state is not ReportState.SITE_CHECK:
            raise WrongState(f"The report is {self.state.value}; no site check is under way.", report=str(self.id))

    def may_unmerge(self) -> None:
        """Refuse unless the report is merged."""
        if self.state is ReportState.REPORTED and self.was_unmerged:
            raise AlreadyDone("The report was unmerged already.", report=str(self.id))
        if self.state is not ReportState.MERGED:
            raise WrongState(f"The report is {self.state.value}, not merged.", report=str(self.id))

    def may_withdraw(self, act: Act) -> None:
        """Refuse unless its own reporter withdraws it before filing."""
        if act.actor != self.submitted_by:
            raise NotPermitted("Only the one who reported may withdraw the report.", report=str(self.id))
        self.is_open(ReportState.WITHDRAWN)

    # Decisions.

    def locate(self, street: str, act: Act) -> None:
        """The first street that acts takes the report on."""
        if self.street is None:
            self.record(ReportLocated, act, street=street)

    def request_check(self, act: Act) -> None:
        """Ask for a look on site; TRIAGE pauses."""
        self.may_request_check()
        self.record(SiteCheckRequested, act, clocks=self.paused(Stage.TRIAGE, act))

    def confirm_check(self, finding: str | None, act: Act, keeper: Timekeeper) -> None:
        """Someone looked; TRIAGE runs on."""
        self.may_confirm_check()
        self.record(SiteChecked, act, finding=finding, clocks=self.resumed(Stage.TRIAGE, act, keeper))

    def reject(self, reason: str, reply: str, act: Act) -> None:
        """Refuse the report, with a reason and a reply to the reporter."""
        self.is_open(ReportState.REJECTED)
        self.record(ReportRejected, act, reason=reason, reply=reply, clocks=self.met(Stage.TRIAGE, act))

    def withdraw(self, act: Act) -> None:
        """Take the report back."""
        self.may_withdraw(act)
        self.record(ReportWithdrawn, act, clocks=self.stopped((Stage.TRIAGE,), act))

    def handle_on_spot(self, before: str, after: str, act: Act) -> None:
        """Settled by the grid worker, shown by a photo before and one after."""
        self.is_open(ReportState.HANDLED_ON_SPOT)
        self.record(HandledOnSpot, act, before=before, after=after, clocks=self.met(Stage.TRIAGE, act))

    def file(self, case: UUID, act: Act) -> None:
        """Become a case."""
        self.may_be_filed()
        clock = self.clocks.get(Stage.TRIAGE)
        on_time = clock is None or (clock.missed_at is None and act.at <= clock.due_at) or clock.paused
        self.record(ReportFiled, act, case=case, on_time=on_time, clocks=self.met(Stage.TRIAGE, act))

    def merge(self, master: "Report", master_item: str | None, act: Act, keeper: Timekeeper) -> None:
        """Become part of a master report: the same item, near it, and the master still open."""
        self.is_open(ReportState.MERGED)
        if master.id == self.id:
            raise Invalid("A report cannot be merged into itself.", report=str(self.id))
        if master.state not in (*OPEN, ReportState.FILED):
            raise WrongState(f"The master report is {master.state.value}.", report=str(master.id))
        if self.item is not None and master_item is not None and self.item != master_item:
            raise Invalid(
                "The reports are about different items; only reports of one item merge.",
                item=self.item,
                master=master_item,
            )
        distance, most = self.place.metres_to(master.place), keeper.policy(act.at).merge_distance_m
        if distance > most:
            raise TooFar(
                f"The reports lie {distance:.0f} m apart; at most {most} m may be merged.",
                distance_m=round(distance, 1),
            )
        self.record(
            ReportMerged, act, into=master.id, distance_m=round(distance, 1), clocks=self.stopped((Stage.TRIAGE,), act)
        )
        master.record(ReportAbsorbed, act.within(case_of(master.id)), report=self.id)

    def unmerge(self, master: "Report", act: Act, keeper: Timekeeper) -> None:
        """Stand alone again; TRIAGE starts afresh."""
        self.may_unmerge()
        self.record(
            ReportUnmerged, act, out_of=master.id, clocks=(keeper.start(Stage.TRIAGE, act.at, Urgency.GENERAL),)
        )
        master.record(ReportDetached, act.within(case_of(master.id)), report=self.id)

    def may_unmask(self) -> None:
        """Refuse where there is no reporter, or none any more."""
        if self.reporter is None:
            raise Unknown("The report names no reporter.", report=str(self.id))
        if self.erased:
            raise AlreadyDone("The reporter's identity was erased.", report=str(self.id))

    def unmask(self, reason: str, act: Act) -> UUID:
        """Record that the reporter's identity is read in clear, and why."""
        self.may_unmask()
        assert self.reporter is not None
        self.record(ReporterUnmasked, act, person=self.reporter, reason=reason)
        return self.reporter

    def erase(self, act: Act) -> UUID:
        """Record that the reporter's key is destroyed (PIPL art. 47)."""
        self.may_unmask()
        assert self.reporter is not None
        self.record(ReporterErased, act, person=self.reporter)
        return self.reporter

    def fire(self, act: Act, keeper: Timekeeper) -> None:
        """Record what is overdue."""
        if clocks := self.missed(Stage.TRIAGE, act.at):
            self.record(TriageMissed, act, clocks=clocks)

    # Applied facts.

    @event(ReportLocated)
    def _located(self, street: str) -> None:
        self.street = street

    @event(SiteCheckRequested)
    def _check_requested(self) -> None:
        self.state = ReportState.SITE_CHECK

    @event(SiteChecked)
    def _checked(self) -> None:
        self.state, self.checked = ReportState.REPORTED, True

    @event(ReportRejected)
    def _rejected(self) -> None:
        self.state = ReportState.REJECTED

    @event(ReportMerged)
    def _merged(self, into: UUID) -> None:
        self.state, self.into = ReportState.MERGED, into

    @event(ReportUnmerged)
    def _unmerged(self) -> None:
        self.state, self.into, self.was_unmerged = ReportState.REPORTED, None, True

    @event(ReportAbsorbed)
    def _absorbed(self, report: UUID) -> None:
        self.absorbed.append(report)

    @event(ReportDetached)
    def _detached(self, report: UUID) -> None:
        self.absorbed.remove(report)

    @event(ReportWithdrawn)
    def _withdrawn(self) -> None:
        self.state = ReportState.WITHDRAWN

    @event(HandledOnSpot)
    def _handled(self) -> None:
        self.state = ReportState.HANDLED_ON_SPOT

    @event(ReportFiled)
    def _filed(self) -> None:
        self.state = ReportState.FILED

    @event(ReporterErased)
    def _erased(self) -> None:
        self.erased = True
