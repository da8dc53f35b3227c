"""The audit can fail: a log that lost something, or holds something twice, does not pass it."""

from datetime import UTC, datetime

import psycopg
import pytest

from desk.unit import KINDS
from store.log import EventLog
from store.postgres_schema import migrate
from tests.chaos.audit import DatabaseAudit
from tests.chaos.clerk import Clerks
from tests.crash.plan import case_errand

LAST = "(SELECT max(position) FROM log.event)"
LOST_COMMAND = f"DELETE FROM log.command WHERE position = {LAST}"
LOST_EVENT = "DELETE FROM log.event WHERE position = (SELECT min(position) FROM log.event)"
ACTED_AGAIN = f"""INSERT INTO log.event
    SELECT nextval('log.position'), originator_id, originator_version + 1, topic, state
    FROM log.event WHERE position = {LAST}"""
GAP = f"UPDATE log.event SET originator_version = originator_version + 1 WHERE position = {LAST}"
OTHER_PLACE = f"UPDATE log.command SET position = position - 1 WHERE position = {LAST}"


def test_a_sound_log_passes(database: str) -> None:
    clerks = _worked(database)

    _audited(database, clerks)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        pytest.param(LOST_COMMAND, "was acknowledged, and is lost", id="lost command"),
        pytest.param(LOST_EVENT, "what /reports recorded is lost", id="lost event"),
        pytest.param(ACTED_AGAIN, "an acknowledged command acted again", id="twice"),
        pytest.param(GAP, "has the versions", id="gap"),
        pytest.param(OTHER_PLACE, "was answered for another effect", id="moved"),
    ],
)
def test_a_log_that_came_to_harm_does_not_pass(database: str, harm: str, found: str) -> None:
    clerks = _worked(database)
    with psycopg.connect(database) as connection:
        connection.execute(harm.encode())

    with pytest.raises(AssertionError, match=found):
        _audited(database, clerks)


def _worked(url: str) -> Clerks:
    """A log with a few cases, and what was told about it."""
    migrate(url, datetime(2026, 3, 2, tzinfo=UTC))
    with EventLog.connect(url, KINDS) as log:
        clerks = Clerks(log)
        clerks.work((case_errand(number) for number in range(2)), threads=1)
    assert clerks.problems == []
    return clerks


def _audited(url: str, clerks: Clerks) -> None:
    audit = DatabaseAudit(url)
    audit.prove_commands(clerks.answered, clerks.people, before=0)
    audit.prove_versions()
    audit.prove_positions()
