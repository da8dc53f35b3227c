"""Errands come at the rate that was asked for, and can be run one after another without a refusal to speak of."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from desk.desk import Desk
from domain.errors import Refusal
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import house_in_memory, load_rules
from shaoxiang.resources import load_city
from shaoxiang.traffic.errands import ROUTES, Errand, errands, senders
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import TRAFFIC, Stage
from shaoxiang.traffic.templates import PHOTO

BEGAN = datetime(2026, 11, 18, 14, 7, tzinfo=UTC)
"""A Wednesday night."""


def of_some_minutes(per_second: float, count: int) -> list[Errand]:
    return list(itertools.islice(errands(Stage(load_city(), load_rules()), 5, per_second, BEGAN, PHOTO), count))


def test_errands_come_in_order_and_at_the_rate_that_was_asked_for() -> None:
    sent = [each.after for each in of_some_minutes(50, 8000)]
    assert sent == sorted(sent)
    late = [each for each in sent if each > 60]
    assert 0.85 < len(late) / (late[-1] - 60) / 50 < 1.15


def test_the_same_seed_gives_the_same_errands() -> None:
    assert of_some_minutes(20, 300) == of_some_minutes(20, 300)


def test_whoever_sends_an_errand_is_among_the_senders() -> None:
    known = set(senders(Stage(load_city(), load_rules())))
    assert {each.actor for each in of_some_minutes(20, 2000)} <= known


def test_all_common_commands_flow_and_hardly_one_is_refused() -> None:
    clock = VirtualClock(BEGAN)
    house = house_in_memory(load_rules(), load_city(), clock.now)
    register(Desk(house.world), house.world.city, BEGAN)
    names: dict[int, dict[str, UUID]] = {}
    refused: Counter[tuple[str, str]] = Counter()
    done: Counter[str] = Counter()
    for errand in of_some_minutes(20, 1500):
        clock.advance_to(BEGAN + timedelta(seconds=errand.after))
        known = names.setdefault(errand.plan, {})
        assert errand.path(known).startswith("/api/v1/")
        target = known[errand.step.on] if errand.step.on else None
        try:
            answer = house.desk.do(
                errand.step.do, target, errand.body(known), errand.actor, command_id=uuid5(TRAFFIC, errand.key)
            )  # fmt: skip
        except Refusal as refusal:
            refused[errand.step.do, refusal.code] += 1
            continue
        done[errand.step.do] += 1
        errand.take(answer.ids, known)
    house.close()
    assert refused.total() <= done.total() * 0.01, refused
    assert len(done) > 25
    assert set(done) <= set(ROUTES)
