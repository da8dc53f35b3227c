"""What must hold after the run: of the log, read from the database; of the answers, asked for again; of the views."""

import json
from pathlib import Path

import httpx2
import psycopg

from desk.unit import KINDS
from store.log import EventLog
from tests.chaos.client import Client
from tests.chaos.site import Site
from tests.crash.audit import Audit

ASK_SECONDS = 60


class DatabaseAudit(Audit):
    """The whole log as PostgreSQL keeps it."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__(Path())

    def log(self) -> EventLog:
        """The log, through a connection of our own."""
        return EventLog.connect(self._url, KINDS)

    def commands(self) -> int:
        """How many commands the log has a row of."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT count(*) FROM log.command").fetchone()
        assert row is not None
        return int(row[0])

    def prove_positions(self) -> None:
        """Positions grow and none is there twice, by the log's reader and by the table itself.

        Timers go on meanwhile, so what lies behind the last event that the reader was given is not yet its business.
        """
        positions = [recorded.position for recorded in self.events]
        assert positions == sorted(set(positions)), "a reader was given positions out of order, or twice"
        with psycopg.connect(self._url) as connection:
            query = "SELECT position FROM log.event WHERE position <= %s ORDER BY position"
            rows = connection.execute(query, (positions[-1],)).fetchall()
        assert positions == [row[0] for row in rows], "a reader that follows the log does not see all of it"


def prove(site: Site, url: str | None, clients: list[Client], before: int) -> tuple[int, Audit]:
    """Nothing acknowledged is lost, nothing was done twice, and the views show just that.

    Answers how many commands had taken effect already when the attempt began that was answered, and the audit.
    """
    answered = [each for client in clients for each in client.answered]
    with httpx2.Client(timeout=ASK_SECONDS) as connection:
        for client in clients:
            for each in client.answered:
                client.ask_again_exactly(connection, each)
    audit = Audit(site.folder / "log.db") if url is None else DatabaseAudit(url)
    repeated = audit.prove_commands(answered, site.people, before)
    audit.prove_versions()
    if isinstance(audit, DatabaseAudit):
        audit.prove_positions()
    prove_views(site, audit.events[-1].position)
    return repeated, audit


def prove_views(site: Site, position: int) -> None:
    """The views that each of the APIs shows have reached the log's end."""
    token = site.people["command"].token
    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=10"}
    with httpx2.Client(timeout=ASK_SECONDS) as connection:
        for base in site.bases():
            reply = connection.get(f"{base}/cases?limit=1&position={position}", headers=headers)
            assert reply.is_success, f"{reply.status_code} {reply.text}"
            assert "Preference-Applied" in reply.headers, f"{base} did not reach {position} in 10 s:\n{site.said()}"


def prove_check(site: Site) -> None:
    """`check` finds the live views equal to a fresh fold of the log."""
    found = site.run("check", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["clean"] is True
