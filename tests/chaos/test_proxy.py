"""The proxy cuts where it says it does: what was cut before a commit is gone, what was cut after it is there."""

from contextlib import closing

import psycopg
import pytest

from tests.chaos.proxy import Cut, Proxy, What

TABLE = "CREATE TABLE kept (number int)"


@pytest.fixture
def server(database: str) -> str:
    with psycopg.connect(database) as connection:
        connection.execute(TABLE)
    return database


@pytest.mark.parametrize("prepared", [False, True], ids=["simple", "prepared"])
def test_without_a_cut_everything_passes(server: str, *, prepared: bool) -> None:
    with Proxy(server, lambda _: None) as proxy:
        _insert(proxy.url, 1, prepared=prepared)

    assert _kept(server) == [1]
    assert proxy.seen == {What.COMMIT: 1}


@pytest.mark.parametrize("prepared", [False, True], ids=["simple", "prepared"])
@pytest.mark.parametrize(("cut", "kept"), [(Cut.BEFORE, []), (Cut.AMID, [1]), (Cut.AFTER, [1])])
def test_a_cut_tells_the_client_nothing(server: str, cut: Cut, kept: list[int], *, prepared: bool) -> None:
    with Proxy(server, lambda _: cut) as proxy, pytest.raises(psycopg.OperationalError):
        _insert(proxy.url, 1, prepared=prepared)

    assert _kept(server) == kept
    assert proxy.cuts == {(What.COMMIT, cut): 1}


def test_the_function_that_appends_is_a_commit_outside_a_transaction(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("CREATE SCHEMA log")
        connection.execute(
            """CREATE FUNCTION log.append(number int) RETURNS int LANGUAGE sql
               AS 'INSERT INTO kept VALUES ($1) RETURNING 1'"""
        )

    with (
        Proxy(server, lambda _: Cut.AFTER) as proxy,
        closing(psycopg.connect(proxy.url, autocommit=True)) as connection,
        pytest.raises(psycopg.OperationalError),
    ):
        connection.execute("SELECT log.append(%s)", [1], prepare=True)

    assert _kept(server) == [1]
    assert proxy.cuts == {(What.APPEND, Cut.AFTER): 1}
    assert proxy.cut_appends() == 1


def test_a_refused_commit_is_told_and_not_cut(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("ALTER TABLE kept ADD UNIQUE (number) DEFERRABLE INITIALLY DEFERRED")

    with (
        Proxy(server, lambda _: Cut.AFTER) as proxy,
        closing(psycopg.connect(proxy.url)) as connection,
    ):
        connection.execute("INSERT INTO kept VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.commit()

    assert proxy.cuts == {}


def _insert(url: str, number: int, *, prepared: bool) -> None:
    with closing(psycopg.connect(url)) as connection:
        connection.execute("INSERT INTO kept VALUES (%s)", [number], prepare=prepared)
        connection.commit()


def _kept(url: str) -> list[int]:
    """What the server kept, once it has finished with the connections that were cut."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE kept IN ACCESS EXCLUSIVE MODE")
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]
