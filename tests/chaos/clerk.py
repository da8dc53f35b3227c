"""Who gives commands at the desk itself, without HTTP in between: threads that ask again whatever stays unanswered."""

import threading
import time
from collections.abc import Iterable
from uuid import UUID, uuid4

from api.commands import command_id
from desk.actors import Actor
from desk.desk import Desk, Done
from desk.errors import Busy
from desk.world import World
from shaoxiang.clock import SystemClock
from shaoxiang.parts import load_rules
from shaoxiang.resources import load_city
from store.errors import StoreAway
from store.log import EventLog
from tests.crash.driver import Answered
from tests.crash.plan import CAST, Errand, Person, Step

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.005
COMMANDS = {
    "/reports": "submit_report",
    "/reports/{}/case": "file_case",
    "/cases/{}/whistles": "blow_whistle",
    "/responses/{}/signature": "sign",
    "/responses/{}/arrivals": "check_in",
    "/responses/{}/completions": "complete",
    "/responses/{}/verifications/passed": "pass_verification",
    "/cases/{}/closure": "close_case",
}
"""What the errand's steps are called at the desk."""


class Clerks:
    """Carry errands to a desk on that log, each thread one at a time."""

    def __init__(self, log: EventLog) -> None:
        self.answered: list[Answered] = []
        self.problems: list[str] = []
        self._targets: dict[str, UUID | None] = {}
        self._clock = SystemClock()
        city = load_city()
        self._desk = Desk(World(log=log, rules=load_rules(), city=city, now=self._clock.now))
        self.people = {
            name: Person(Actor(person=uuid4(), role=role, organisation=city.find(organisation).code), "")
            for name, (role, organisation) in CAST.items()
        }

    def work(self, errands: Iterable[Errand], threads: int) -> None:
        """Carry them all, and answer when they are done."""
        waiting = iter(errands)
        lock = threading.Lock()

        def carry() -> None:
            while True:
                with lock:
                    errand = next(waiting, None)
                if errand is None:
                    return
                try:
                    for number, step in enumerate(errand.steps):
                        self._take(errand, f"{errand.name}-{number}", step)
                except Exception as problem:  # noqa: BLE001 - told to the test, which fails by it
                    self.problems.append(f"{errand.name}: {problem!r}")

        crew = [threading.Thread(target=carry) for _ in range(threads)]
        for each in crew:
            each.start()
        for each in crew:
            each.join()

    def ask_again(self) -> None:
        """Give every acknowledged command once more, and see that each answer is the one of then."""
        for each in self.answered:
            done = self._do(Step(each.by, each.path, body=each.body), each.key, self._targets[each.key])
            assert done.model_dump(mode="json") == each.answer, f"{each.path} was answered anew: {done}"

    def _take(self, errand: Errand, key: str, step: Step) -> None:
        on = errand.ids[step.on] if step.on else None
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            asked_at = self._clock.now()
            try:
                done = self._do(step, key, on)
                break
            except (StoreAway, Busy):
                assert time.monotonic() < until, f"{step.path} was not answered within {PATIENCE_SECONDS} s"
                time.sleep(PAUSE_SECONDS)
        errand.ids.update({name.split("/")[0]: stream for name, stream in done.ids.items()})
        self._targets[key] = on
        answer = done.model_dump(mode="json")
        self.answered.append(Answered(step.by, step.path, key, step.body, None, 0, asked_at, 200, answer))

    def _do(self, step: Step, key: str, on: UUID | None) -> Done:
        actor = self.people[step.by].actor
        return self._desk.do(COMMANDS[step.path], on, step.body, actor, command_id=command_id(actor.person, key))
