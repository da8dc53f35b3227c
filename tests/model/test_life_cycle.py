"""Random commands by random people at random times: the desk does what the model says, and never anything else.

A machine plays reports, cases, whistles and everything that follows on a house in memory with a virtual clock. Before
each command the model says how it must be answered; afterwards every thing must stand as the model has it. The short
form runs with every change, the long form (2,000 runs) before a release:
pytest -m slow tests/model
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from desk.actors import Actor
from desk.desk import Done
from desk.errors import CommandReused, StaleVersion
from domain.errors import Refusal
from shaoxiang.clock import VirtualClock
from tests.conftest import START
from tests.model.city import PEOPLE, actors, divisions, house_with_officers
from tests.model.deed import FINE, NOT_PERMITTED, Deed, Verdict
from tests.model.deeds import Maker
from tests.model.model import BEGINNERS, RULES, TARGETS, Model
from tests.model.things import Response, Thing
from tests.model.witness import Witness

HOPS = tuple(timedelta(minutes=minutes) for minutes in (0, 1, 5, 15, 40, 100, 300, 1440, 6 * 1440))
NAP = timedelta(hours=2)
"""How long timers may be behind at most when a command comes."""

SEEDS = st.integers(0, 2**32 - 1)
"""What a random command is made up from: choices by a seed are spread evenly over what there is to choose."""

ONWARD = (
    "file_case", "blow_whistle", "move_appointment", "push_case", "route_direct", "sign", "check_in", "confirm_arrival",
    "complete", "pass_verification", "close_case", "rate", "evaluate", "object", "reply_objection", "request_review",
    "decide_review", "default_response", "confirm_interview", "hold_interview", "rectify",
)  # fmt: skip
"""The commands that bring a case towards its end."""

TURNS = (
    "fail_verification", "confirm_arrival", "correct_arrival", "reopen_case", "suspend_case",
    "resume_case", "add_department", "change_lead", "escalate_whistle", "unmerge_report", "request_site_check",
    "confirm_site_check", "order_rectification", "confirm_compliance", "report_progress", "withdraw_whistle",
)  # fmt: skip
"""What makes a case long."""

ON_SHEETS = (
    "evaluate", "object", "reply_objection", "request_review", "decide_review", "confirm_commendation",
    "confirm_criticism",
)  # fmt: skip
ON_INTERVIEWS = ("confirm_interview", "hold_interview", "rectify")
"""Commands that are given on a response and are about something else."""

ASKED = ("request_return", "request_extension", "object", "request_review", "complete")
RULED = (
    "uphold_return", "deny_return", "refer_dispute", "grant_extension", "deny_extension", "decide_review",
    "reply_objection", "confirm_commendation", "confirm_criticism", "pass_verification", "fail_verification",
)  # fmt: skip
"""What departments ask for, and what others say to it."""

FINER = frozenset({"LEAD_NOT_LAST", "TOO_LATE", "EXTENSION_LIMIT", "SAME_PERSON", "NOT_PERMITTED"})
"""What speaks where the state alone would not refuse."""


class LifeCycle(RuleBasedStateMachine):
    """The desk on one side, the model on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(START)
        self.house = house_with_officers(self.clock.now)
        self.model = Model(divisions())
        self.witness = Witness(self.house, self.model)
        self.count = 0
        self.sound = True
        self.last: tuple[Any, Done] | None = None

    # Time.

    @rule(hop=st.sampled_from(HOPS))
    def time_passes(self, hop: timedelta) -> None:
        """Timers fire on the way."""
        self._run_to(self.clock.now() + hop)

    @rule(late=st.sampled_from((timedelta(), timedelta(microseconds=1), timedelta(minutes=30))))
    def the_next_deadline_comes(self, late: timedelta) -> None:
        """To the very moment at which something is due, before it fires; or a little later."""
        if (due := self.model_due()) is not None:
            self._run_to(max(due + late, self.clock.now()))

    @rule(nap=st.sampled_from((timedelta(minutes=20), timedelta(hours=1), NAP)))
    def timers_fall_behind(self, nap: timedelta) -> None:
        """The clock goes on, and nothing has fired when the next command comes."""
        self.clock.advance_to(self.clock.now() + nap)

    def model_due(self) -> datetime | None:
        dues = [
            each.due for thing in self.model.things() for each in thing.watches.values() if each.running and each.due
        ]
        return min((due for due in dues if due > self.clock.now()), default=None)

    def _run_to(self, at: datetime, *, inclusive: bool = False) -> None:
        floor: datetime | None = None
        while (due := self._next_due(floor)) is not None and (due < at or (inclusive and due == at)):
            self.clock.advance_to(max(due, self.clock.now()))
            before = self.house.log.position()
            swept = self.house.sweeper.sweep(self.clock.now(), inclusive=True)
            assert not swept.failed
            assert not swept.refused
            self.model.pass_time(self.clock.now())
            self.witness.compare()
            if self.house.log.position() == before:
                floor = due
        self.clock.advance_to(max(at, self.clock.now()))
        self.witness.nothing_was_overlooked(at)

    def _next_due(self, after: datetime | None) -> datetime | None:
        self.house.projector.catch_up()
        due = self.house.sweeper.next_at()
        return due if due is None or after is None or due > after else self.house.next_due_after(after)

    # Commands.

    @initialize(seed=SEEDS)
    def somebody_reports(self, seed: int) -> None:
        self._try("submit_report", None, Random(seed), wild=False)

    @rule(seed=SEEDS, name=st.sampled_from(BEGINNERS), wild=st.booleans())
    @precondition(lambda self: len(self.model.reports) < 3)
    def somebody_reports_more(self, seed: int, name: str, *, wild: bool) -> None:
        self._try(name, None, Random(seed), wild=wild)

    @rule(seed=SEEDS)
    def the_case_goes_on(self, seed: int) -> None:
        """One of the commands that bring a case towards its end, where one is allowed."""
        self._allowed(Random(seed), ONWARD)

    it_goes_on_further = the_case_goes_on
    it_goes_on_to_the_end = the_case_goes_on

    @rule(seed=SEEDS)
    def it_takes_a_turn(self, seed: int) -> None:
        """A return, an extension, rework, a suspension: what makes a case long."""
        self._allowed(Random(seed), TURNS)

    @rule(seed=SEEDS)
    def a_department_asks_for_something(self, seed: int) -> None:
        self._allowed(Random(seed), ASKED)

    @rule(seed=SEEDS)
    def what_was_asked_for_is_ruled_on(self, seed: int) -> None:
        self._allowed(Random(seed), RULED)

    it_is_ruled_on_again = what_was_asked_for_is_ruled_on

    @rule(seed=SEEDS)
    def something_allowed_is_done(self, seed: int) -> None:
        self._allowed(Random(seed), tuple(RULES))

    @rule(seed=SEEDS)
    def something_is_tried_that_only_a_finer_rule_forbids(self, seed: int) -> None:
        """The state would allow it, but not to this person, not yet, or not any more."""
        self._allowed(Random(seed), tuple(RULES), FINER)

    @rule(seed=SEEDS)
    def anybody_tries_anything(self, seed: int) -> None:
        """Any command by anybody, on a thing of its kind or, now and then, of another."""
        chance = Random(seed)
        name = chance.choice(sorted(RULES))
        astray = chance.random() < 0.1
        things = [each for each in self._targets() if astray or isinstance(each, TARGETS[name])]
        self._try(name, chance.choice(things) if things else None, chance, wild=True)

    @rule(seed=SEEDS, wild=st.booleans())
    def somebody_permitted_tries_anything(self, seed: int, *, wild: bool) -> None:
        """Any command by somebody who may give it: what remains to be refused is the state and the arguments."""
        chance = Random(seed)
        name = chance.choice(sorted(RULES))
        things = [each for each in self._targets() if isinstance(each, TARGETS[name])]
        if things:
            self._by_permitted(name, chance.choice(things), chance, wild=wild)

    @rule()
    @precondition(lambda self: self.last is not None)
    def the_same_command_comes_again(self) -> None:
        """A retry gets the same answer, and nothing happens twice; another body under the same id is refused."""
        assert self.last is not None
        (args, kwargs), done = self.last
        before = self.house.log.position()
        assert self.house.desk.do(*args, **kwargs) == done
        name, on, given, actor = args
        with pytest.raises(CommandReused):
            self.house.desk.do(name, on, {**given, "other": 1}, actor, **kwargs)
        assert self.house.log.position() == before

    def _targets(self) -> list[Thing]:
        return [each for each in self.model.things() if type(each).__name__ not in ("Sheet", "Interview")]

    def _allowed(self, chance: Random, names: tuple[str, ...], wanted: Verdict = FINE | NOT_PERMITTED) -> None:
        """One of some commands, on a thing whose state answers it as wanted; some rulings depend on who it is."""
        found = {}
        for name in names:
            things = [each for each in self._targets() if isinstance(each, TARGETS[name])]
            if able := [each for each in things if self._state(name, each) & wanted]:
                found[name] = able
        if found:
            name = chance.choice(sorted(found))
            self._by_permitted(name, chance.choice(found[name]), chance, wild=False)

    def _state(self, name: str, thing: Thing) -> Verdict:
        return RULES[name].state(thing, Deed(name, thing, actors()[0], {}, self.clock.now()))

    def _by_permitted(self, name: str, thing: Thing, chance: Random, *, wild: bool) -> None:
        at = self.clock.now()
        able = [each for each in actors() if self.model.permits(Deed(name, thing, each, {}, at))]
        if able:
            self._try(name, thing, chance, wild=wild, able=able)

    def _try(self, name: str, on: Thing | None, chance: Random, *, wild: bool, able: Sequence[Actor] = ()) -> None:
        """Make up a command by one of those who are able to give it, or, where wild, by anybody."""
        at = self.clock.now()
        able = able or [each for each in actors() if wild or self.model.permits(Deed(name, on, each, {}, at))]
        fitting = on is None if name in BEGINNERS else isinstance(on, TARGETS[name])
        given = Maker(chance, self.model, at, wild=wild).given(name, on) if fitting else {}
        deed = Deed(name, on, chance.choice(able), given, at, malformed=wild and chance.random() < 0.1)
        subject = _subject(name, on)
        if subject is not None and subject.id is not None and chance.random() < 0.2:
            version = self.witness.version(subject.id)
            deed.stale = wild and chance.random() < 0.5
            deed.expected_version = version + 1 if deed.stale else version
        self._do(deed)

    def _do(self, deed: Deed) -> None:
        """Give the command, and hold its answer to what the model said."""
        self.sound = False
        position = self.house.log.position()
        before = self.model.copy() if self.model.must_settle(deed) else self.model
        self.model.settle(deed)
        said = self.model.verdict(deed)
        self.count += 1
        given = {key: value for key, value in deed.given.items() if key != "_master"}
        given |= {"unheard_of": 1} if deed.malformed else {}
        key = uuid5(PEOPLE, f"command {self.count}")
        args: tuple[Any, ...] = (deed.name, deed.on.id if deed.on else None, given, deed.actor)
        kwargs: dict[str, Any] = {"command_id": key, "at": deed.at, "expected_version": deed.expected_version}
        done: Done | None = None
        try:
            done = self.house.desk.do(*args, **kwargs)
            answer = "OK"
        except (Refusal, StaleVersion) as refusal:
            answer = refusal.code
        story = f"{deed.name} by {deed.role} at {deed.at}: {given}"
        note(f"{story} -> {answer}")
        assert answer in said, f"{story} was answered {answer}, the model says {sorted(said)}"
        if done is None:
            self.model, self.witness.model = before, before
            assert self.house.log.position() == position, f"{story} was refused, and yet something was recorded"
            self.sound = True
            return
        self.last = (args, kwargs), done
        deed.ids = done.ids
        self.model.apply(deed)
        self.witness.compare()
        self.sound = True

    def teardown(self) -> None:
        """At the end everything is read again from the beginning, unless something was found wrong before."""
        if not self.sound:
            self.house.close()
            return
        self._run_to(self.clock.now(), inclusive=True)
        self.witness.compare()
        self.witness.at_the_end()
        self.house.close()


def _subject(name: str, on: Thing | None) -> Thing | None:
    """Whose version a command names: the sheet's, the latest interview's, or the version of what it is given on."""
    if not isinstance(on, Response):
        return on
    if name in ON_INTERVIEWS:
        return on.interviews[-1] if on.interviews else on
    return on.sheet or on if name in ON_SHEETS else on


QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
SHORT = settings(max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)
LONG = settings(SHORT, max_examples=2000, stateful_step_count=60)


def test_the_desk_does_what_the_model_says() -> None:
    run_state_machine_as_test(LifeCycle, settings=SHORT)


@pytest.mark.slow
def test_the_desk_does_what_the_model_says_two_thousand_times() -> None:
    run_state_machine_as_test(LifeCycle, settings=LONG)
