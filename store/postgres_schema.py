"""Numbered, once-only changes to the schemas of the PostgreSQL store.

One database holds four schemas: `log`, `vault`, `access`, and `views`, whose tables the projections make themselves.
A step, once released, is never changed: a later one is added. Whoever migrates owns what is made; the role that the
processes run as is granted what they need and nothing more, which in the log is to read and to add.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from psycopg import errors, sql

from store.append_sql import APPEND, LOCK
from store.connecting import Connection, connect, told
from store.errors import NewerStore, NotMigrated, StoreError
from store.migrations import Schema

FIRST_YEAR = 2020
YEARS_AHEAD = 15
_TURN = 7_202_212_140
"""The advisory lock that migrations take turns with."""

LOG = Schema(
    "log",
    (
        (
            # The key must hold what the table is partitioned by, which is why the position has an index of its own.
            # Only one writer at a time draws positions and inserts, so they are unique without being a key.
            """CREATE TABLE log.event (
                position bigint NOT NULL,
                originator_id uuid NOT NULL,
                originator_version integer NOT NULL,
                topic text NOT NULL,
                state bytea NOT NULL,
                PRIMARY KEY (originator_id, originator_version)) PARTITION BY RANGE (originator_id)""",
            "CREATE INDEX event_position ON log.event (position)",
            # A session that kept some numbers in store would give them out after others had gone on.
            "CREATE SEQUENCE log.position CACHE 1",
            """CREATE TABLE log.command (
                id uuid PRIMARY KEY,
                actor uuid NOT NULL,
                name text NOT NULL,
                request_hash text NOT NULL,
                result text NOT NULL,
                position bigint NOT NULL,
                at timestamptz NOT NULL)""",
            # Each value is a row, because the running role changes none; the highest one counts.
            "CREATE TABLE log.counter (name text, value bigint, PRIMARY KEY (name, value))",
            "CREATE TABLE log.epoch (number bigint PRIMARY KEY, position bigint NOT NULL, at timestamptz NOT NULL)",
            """CREATE TABLE log.detached (
                name text PRIMARY KEY,
                first_position bigint NOT NULL,
                last_position bigint NOT NULL,
                events bigint NOT NULL,
                at timestamptz NOT NULL)""",
            APPEND,
        ),
    ),
)

# A dead row of the vault is a key that should be gone, so nothing waits before it is vacuumed.
_VACUUMED = "WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)"
VAULT = Schema(
    "vault",
    (
        (
            f"CREATE TABLE vault.person_key (person_id bytea PRIMARY KEY, wrapped bytea) {_VACUUMED}",
            f"""CREATE TABLE vault.person (
                person_id bytea NOT NULL,
                field text NOT NULL,
                sealed bytea NOT NULL,
                PRIMARY KEY (person_id, field)) {_VACUUMED}""",
        ),
        ("CREATE TABLE vault.erased_until (epoch bigint NOT NULL, position bigint NOT NULL)",),
    ),
)

ACCESS = Schema(
    "access",
    (
        (
            """CREATE TABLE access.token (
                rowid bigint GENERATED ALWAYS AS IDENTITY,
                id bytea PRIMARY KEY,
                hash bytea NOT NULL UNIQUE,
                person bytea NOT NULL,
                role text NOT NULL,
                organisation text NOT NULL,
                name text NOT NULL,
                created_at text NOT NULL,
                revoked_at text)""",
        ),
    ),
)

VIEWS = Schema("views", ())

SCHEMAS = (LOG, VAULT, ACCESS, VIEWS)

# What the running role may do in each schema, beyond seeing that it is there.
_RIGHTS: dict[str, tuple[str, ...]] = {
    "log": (
        "GRANT SELECT ON ALL TABLES IN SCHEMA log TO {role}",
        "GRANT INSERT ON log.event, log.command, log.counter, log.epoch TO {role}",
        "GRANT USAGE, SELECT ON SEQUENCE log.position TO {role}",
    ),
    "vault": (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON vault.person, vault.person_key, vault.erased_until TO {role}",
        "GRANT SELECT ON vault.schema_version TO {role}",
    ),
    "access": (
        "GRANT SELECT, INSERT, UPDATE ON access.token TO {role}",
        "GRANT SELECT ON access.schema_version TO {role}",
    ),
    "views": (
        "GRANT SELECT ON views.schema_version TO {role}",
        "GRANT CREATE ON SCHEMA views TO {role}",
    ),
}


def migrate(
    url: str, at: datetime, *, role: str | None = None, schemas: Iterable[Schema] = SCHEMAS
) -> list[tuple[str, int, int]]:
    """Create the schemas or bring them up to date; answers each one's name and its versions before and after.

    `role`, where given, is granted what the running processes need. Years of the log are made ahead of the aware
    moment `at`. Doing it again does nothing more. Several processes may do it at once: they take turns. Raises
    NewerStore, StoreAway or StoreFull, or StoreError while somebody reads the log for long and years are to be made.
    """
    done = []
    with connect(url) as connection, told():
        for schema in schemas:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
                done.append((schema.name, *_apply(connection, schema)))
                if schema is LOG:
                    ensure_years(connection, at.astimezone(UTC).year + YEARS_AHEAD)
                if role is not None:
                    _grant(connection, schema, role)
    return done


def require(connection: Connection, schema: Schema) -> None:
    """Raise NotMigrated or NewerStore unless the schema has had exactly this release's steps."""
    version = _version(connection, schema)
    _refuse_newer(version, schema)
    if version < len(schema.steps):
        msg = (
            f"the schema {schema.name} has version {version}, and this release needs {len(schema.steps)}: "
            "stop everything that uses the database and run `shaoxiang migrate`"
        )
        raise NotMigrated(msg)


def ensure_years(connection: Connection, last: int) -> None:
    """Make sure that each year up to `last` has its partition, and that every other id has one as well.

    Ids that are not ordered by time lie anywhere: before the years, beyond them, or ahead of those that are made yet.
    Raises StoreError while somebody reads the log for long.
    """
    # A year that was detached stays detached, also when its table was carried away.
    have = {
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'log' "
            "UNION SELECT name FROM log.detached"
        )
    }
    made = [year for year in range(FIRST_YEAR, _LAST_YEAR) if f"event_{year}" in have]
    end = min(max(last, *made, FIRST_YEAR) + 1, _LAST_YEAR)
    years = [year for year in range(FIRST_YEAR, end) if year not in made]
    if not years and (end == _LAST_YEAR or "event_ahead" in have):
        return
    try:
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{_LOCK_SECONDS}s")))
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        _make_years(connection, have, years, end)
    except errors.LockNotAvailable as problem:
        msg = f"the log was not free for {_LOCK_SECONDS} s, as while a view is rebuilt or a backup made: migrate later"
        raise StoreError(msg) from problem


def _make_years(connection: Connection, have: set[str], years: Iterable[int], end: int) -> None:
    """Make these years, and what lies around them; `end` is the first year that is not made."""
    if "event_ahead" in have:
        # The new years are cut out of it, so what lies in it by chance has to be put in its place anew.
        connection.execute("ALTER TABLE log.event DETACH PARTITION log.event_ahead")
        connection.execute("ALTER TABLE log.event_ahead RENAME TO event_to_place")
    wanted = [("event_before", "MINVALUE", bound(FIRST_YEAR)), ("event_beyond", bound(_LAST_YEAR), "MAXVALUE")]
    wanted = [each for each in wanted if each[0] not in have]
    wanted += [(f"event_{year}", bound(year), bound(year + 1)) for year in years]
    if end < _LAST_YEAR:
        wanted.append(("event_ahead", bound(end), bound(_LAST_YEAR)))
    for name, lower, upper in wanted:
        connection.execute(
            sql.SQL("CREATE TABLE log.{} PARTITION OF log.event FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(name), sql.SQL(lower), sql.SQL(upper)
            )
        )
    if "event_ahead" in have:
        connection.execute("INSERT INTO log.event SELECT * FROM log.event_to_place")
        connection.execute("DROP TABLE log.event_to_place")


_LOCK_SECONDS = 5
_LAST_YEAR = 2100
_MILLISECONDS_SHIFT = 80


def bound(year: int) -> str:
    """The smallest id that a stream begun in that year (UTC) can have, as a literal."""
    begins = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    return f"'{UUID(int=begins << _MILLISECONDS_SHIFT)}'"


def _apply(connection: Connection, schema: Schema) -> tuple[int, int]:
    name = sql.Identifier(schema.name)
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
    table = sql.Identifier(schema.name, "schema_version")
    connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (number integer PRIMARY KEY)").format(table))
    before = _version(connection, schema)
    _refuse_newer(before, schema)
    for number, statements in _steps_after(schema, before):
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(table), (number,))
    return before, len(schema.steps)


def _steps_after(schema: Schema, before: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    return ((number, step) for number, step in enumerate(schema.steps, start=1) if number > before)


def _version(connection: Connection, schema: Schema) -> int:
    table = f"{schema.name}.schema_version"
    row = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    if row is None or row[0] is None:
        return 0
    name = sql.Identifier(schema.name, "schema_version")
    found = connection.execute(sql.SQL("SELECT COALESCE(max(number), 0) FROM {}").format(name)).fetchone()
    return 0 if found is None else int(found[0])


def _refuse_newer(version: int, schema: Schema) -> None:
    if version > len(schema.steps):
        msg = (
            f"the schema {schema.name} has version {version}, newer than {len(schema.steps)}, "
            "the newest that this release knows: run the newer release"
        )
        raise NewerStore(msg)


def _grant(connection: Connection, schema: Schema, role: str) -> None:
    name = sql.Identifier(role)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema.name), name))
    for right in _RIGHTS[schema.name]:
        connection.execute(sql.SQL(right).format(role=name))
