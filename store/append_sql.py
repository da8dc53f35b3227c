"""The one way into the log on PostgreSQL: a function that stores a batch of writing units in one call.

It takes the log's lock, which is held until the commit is on disk, so that positions become visible in the order in
which they were drawn and a reader that goes on from the last one never skips any. Under the lock nothing moves, so
what is checked first is still true when it is stored, and refusing one unit needs no undoing of another.

The units of a batch do not touch each other's streams, counters or commands; whoever calls sees to that. Every array
but the last two groups has one entry an event; `unit` numbers the units from 1.
"""

LOCK = 7_202_212_141
"""The advisory lock of the log. Whoever else must be alone with it takes the same one."""

APPEND = """
CREATE FUNCTION log.append(
    units integer, empty boolean,
    event_units integer[], streams uuid[], versions integer[], topics text[], states bytea[],
    command_units integer[], command_events integer[], ids uuid[], actors uuid[], names text[], hashes text[],
    results text[], times timestamptz[],
    read_units integer[], read_streams uuid[], read_versions integer[],
    counter_units integer[], counter_names text[], counter_values bigint[],
    OUT drawn bigint[], OUT head bigint, OUT refusals text[])
LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    PERFORM pg_advisory_xact_lock(%LOCK%);
    refusals := array_fill(NULL::text, ARRAY[units]);
    IF ids IS NOT NULL THEN
        FOR found IN SELECT c.unit FROM unnest(command_units, ids) AS c(unit, id)
            WHERE EXISTS (SELECT FROM log.command k WHERE k.id = c.id) LOOP
            refusals[found.unit] := 'command';
        END LOOP;
    END IF;
    IF read_streams IS NOT NULL THEN
        FOR found IN SELECT * FROM (
            SELECT r.unit, r.stream, r.version, COALESCE((SELECT e.originator_version FROM log.event e
                WHERE e.originator_id = r.stream ORDER BY e.originator_version DESC LIMIT 1), 0) AS now
            FROM unnest(read_units, read_streams, read_versions) AS r(unit, stream, version)) AS looked
            WHERE version <> now LOOP
            refusals[found.unit] := COALESCE(refusals[found.unit],
                format('stream %s was read at version %s and is at %s', found.stream, found.version, found.now));
        END LOOP;
    END IF;
    IF counter_names IS NOT NULL THEN
        FOR found IN SELECT c.unit, c.name, c.value FROM unnest(counter_units, counter_names, counter_values)
            AS c(unit, name, value)
            WHERE c.value <> COALESCE((SELECT max(k.value) FROM log.counter k WHERE k.name = c.name), 0) LOOP
            refusals[found.unit] := COALESCE(refusals[found.unit],
                format('the counter ''%s'' was read at %s and has moved', found.name, found.value));
        END LOOP;
    END IF;
    IF empty THEN
        SELECT COALESCE(max(position), 0) INTO head FROM log.event;
    END IF;
    IF streams IS NOT NULL THEN
        drawn := ARRAY(SELECT nextval('log.position') FROM generate_series(1, cardinality(streams)));
        BEGIN
            INSERT INTO log.event
                SELECT e.position, e.stream, e.version, e.topic, e.state
                FROM unnest(drawn, event_units, streams, versions, topics, states)
                    AS e(position, unit, stream, version, topic, state)
                WHERE refusals[e.unit] IS NULL;
        EXCEPTION WHEN unique_violation THEN
            FOR found IN SELECT e.unit, e.stream, e.version FROM unnest(event_units, streams, versions)
                AS e(unit, stream, version) WHERE EXISTS (SELECT FROM log.event k
                    WHERE k.originator_id = e.stream AND k.originator_version = e.version) LOOP
                refusals[found.unit] := COALESCE(refusals[found.unit],
                    format('stream %s has a version %s already', found.stream, found.version));
            END LOOP;
            INSERT INTO log.event
                SELECT e.position, e.stream, e.version, e.topic, e.state
                FROM unnest(drawn, event_units, streams, versions, topics, states)
                    AS e(position, unit, stream, version, topic, state)
                WHERE refusals[e.unit] IS NULL;
        END;
    END IF;
    IF counter_names IS NOT NULL THEN
        INSERT INTO log.counter
            SELECT c.name, c.value + 1 FROM unnest(counter_units, counter_names, counter_values)
                AS c(unit, name, value)
            WHERE refusals[c.unit] IS NULL;
    END IF;
    IF ids IS NOT NULL THEN
        INSERT INTO log.command
            SELECT c.id, c.actor, c.name, c.hash, c.result, COALESCE(drawn[c.event], head), c.at
            FROM unnest(command_units, command_events, ids, actors, names, hashes, results, times)
                AS c(unit, event, id, actor, name, hash, result, at)
            WHERE refusals[c.unit] IS NULL;
    END IF;
END $$""".replace("%LOCK%", str(LOCK))
