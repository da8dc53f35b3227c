"""Clocks that fall due during a run: signatures around their due times, and waiting until every miss was recorded."""

import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.chaos.audit import DatabaseAudit
from tests.chaos.site import Site
from tests.crash.audit import Audit
from tests.crash.plan import Errand, signing_errand

PATIENCE_SECONDS = 60


def signatures(site: Site, dice: random.Random) -> Iterator[Errand]:
    """Every other response that waits is signed, within a second of its due time, on either side of it."""
    return (signing_errand(each, timedelta(seconds=dice.uniform(-1, 1))) for each in site.waiting[::2])


def unsigned_are_missed(site: Site, audit: Audit) -> None:
    """The others were not signed, so each of them was called missed."""
    missed = {stream for stream, stage in audit.misses() if stage == "signature"}
    assert {each.response for each in site.waiting[1::2]} <= missed, "a signature that nobody gave was not missed"


def wait_for_timers(site: Site, url: str) -> datetime:
    """Wait until all that fell due by now has been called missed; answers the moment up to which that holds."""
    last = max(each.due for each in site.waiting) + timedelta(seconds=1)
    time.sleep(max(0.0, (last - site.clock.now()).total_seconds()))
    until, patience = site.clock.now(), time.monotonic() + PATIENCE_SECONDS
    while DatabaseAudit(url).overdue(until) and time.monotonic() < patience:
        time.sleep(0.5)
    return until
