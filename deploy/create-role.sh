#!/bin/sh
# Run once by PostgreSQL's image, when the database is made: the role that the processes run as, which owns nothing.
set -eu
: "${SHAOXIANG_ROLE_PASSWORD:?set it in database.env: the password of the role shaoxiang}"
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$SHAOXIANG_ROLE_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE shaoxiang LOGIN PASSWORD :'password';
SQL
