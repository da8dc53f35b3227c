"""Several tickers share the due rows: each its part, and what a dead one held is taken over at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from projections.due import SHARDS
from scheduler.shards import LEASE_SECONDS, SPACE, Shards

PATIENCE = 10.0
"""Seconds that a test waits at most."""


def soon(what: Callable[[], bool], within: float = PATIENCE) -> float:
    """Wait until something is so; answers after how many seconds."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < within, "it never came to be"
        time.sleep(0.02)
    return time.monotonic() - begun


@contextmanager
def tickers(url: str, number: int) -> Iterator[list[Shards]]:
    with ExitStack() as stack:
        made = [Shards(url) for _ in range(number)]
        for each in made:
            each.start()
            stack.callback(each.stop)
        yield made


def are_shared(*tickers: Shards) -> bool:
    held = [shard for each in tickers for shard in each.held()]
    fair = -(-len(SHARDS) // len(tickers))
    return sorted(held) == sorted(SHARDS) and max(len(each.held()) for each in tickers) <= fair


def end_session(url: str, which: Shards) -> None:
    """What the server does when a process is killed: its session ends, and with it its locks."""
    with psycopg.connect(url, autocommit=True) as db:
        shard = SHARDS.index(min(which.held()))
        ended = db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s "
            "AND objid::bigint = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (SPACE, shard),
        ).fetchall()
    assert ended == [(True,)]


def test_one_ticker_has_all_shards_and_is_told_of_it(database: str) -> None:
    told: list[int] = []
    alone = Shards(database)
    alone.start(lambda: told.append(len(alone.held())))
    try:
        soon(lambda: are_shared(alone))
        assert told == [len(SHARDS)]
    finally:
        alone.stop()
    assert alone.held() == frozenset()


@pytest.mark.parametrize("number", [2, 3])
def test_tickers_share_fairly_and_no_shard_is_left_out(database: str, number: int) -> None:
    with tickers(database, number) as all_of_them:
        soon(lambda: are_shared(*all_of_them))


def test_who_comes_later_gets_a_part_and_leaves_it_to_the_others(database: str) -> None:
    with tickers(database, 2) as first:
        soon(lambda: are_shared(*first))
        with tickers(database, 1) as later:
            soon(lambda: are_shared(*first, *later))
        soon(lambda: are_shared(*first))


def test_what_a_dead_ticker_held_is_taken_over_within_two_seconds(database: str) -> None:
    with tickers(database, 3) as (one, two, three):
        soon(lambda: are_shared(one, two, three))
        # It is not coming back: its thread is told to stop when it notices.
        three._stop.set()
        three._thread.join(PATIENCE)
        assert soon(lambda: are_shared(one, two)) < 2


def test_a_ticker_whose_session_was_ended_takes_part_again(database: str) -> None:
    with tickers(database, 2) as (one, two):
        soon(lambda: are_shared(one, two))
        end_session(database, one)
        soon(lambda: are_shared(one, two))


def test_the_server_ends_a_ticker_that_hangs(database: str) -> None:
    with tickers(database, 2) as (one, hanging):
        soon(lambda: are_shared(one, hanging))
        # A process that is stopped, or swaps, does not beat any more; here its beat is made to come far too late.
        hanging._stop.wait = lambda _: time.sleep(LEASE_SECONDS * 2)  # type: ignore[method-assign]
        assert soon(lambda: are_shared(one)) < LEASE_SECONDS + 2
        del hanging._stop.wait


def test_without_a_server_a_ticker_holds_nothing_and_goes_on_trying() -> None:
    with tickers("postgresql://127.0.0.1:1/nowhere", 1) as [alone]:
        time.sleep(1)
        assert alone.held() == frozenset()
        assert alone._thread.is_alive()
