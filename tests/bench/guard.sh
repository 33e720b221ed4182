#!/bin/sh
# What clients feel while a migration waits for its lock: eight clients at 300
# transactions a second on one table, a reader that keeps ACCESS SHARE on it
# for HOLD (8) seconds, and an ALTER TABLE that wants ACCESS EXCLUSIVE: by psql
# without a guard, and by tidegate (lock_timeout 100 ms, tried again). ROUNDS
# (5) times in turn; the worst wait of any client counts.
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/harness/postgres.sh
. tests/harness/postgres.sh

rounds=${ROUNDS:-5}
hold=${HOLD:-8}
program=$PWD/build/release/bench/migrate
W=$(mktemp -d /tmp/tgbench.XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; postgres_stop; rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP

psql_do() {
    psql -X -q -v ON_ERROR_STOP=1 -d "$PG_CONNINFO" "$@"
}

fresh() {
    psql_do -c 'DROP SCHEMA IF EXISTS tidegate CASCADE' \
        -c 'DROP TABLE IF EXISTS orders' \
        -c "CREATE TABLE orders AS SELECT i AS id, repeat('x', 60) AS note, 0 AS n
            FROM generate_series(1, 100000) i" \
        -c 'ALTER TABLE orders ADD PRIMARY KEY (id)' 2>/dev/null
}
unguarded() { psql_do -f "$W/m/0001_add.up.sql"; }
guarded() { "$program" apply "$PG_CONNINFO" "$W/m"; }

# The worst of one round, in ms: the transaction's own time, without what it
# was late by when it began (pgbench's sixth and third column).
worst() { # WHO
    fresh
    rm -f "$W"/log.*
    (cd "$W" && exec "$PG_BIN/pgbench" -n -c 8 -j 2 -R 300 -T $((hold + 6)) \
        -M prepared -f "$W/mix.sql" -l --log-prefix=log -h "$PG_SOCKET" \
        -p "$PG_PORT" -U postgres postgres) >"$W/pgbench" 2>&1 &
    load=$!
    sleep 2
    psql_do -c 'BEGIN' -c 'SELECT count(*) FROM orders' \
        -c "SELECT pg_sleep($hold)" -c COMMIT >/dev/null &
    reader=$!
    until [ "$(psql_do -Atc "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event = 'PgSleep'")" = 1 ]; do :; done
    "$1" >"$W/said" 2>&1 || {
        cat "$W/said" >&2
        exit 1
    }
    wait "$reader" "$load" || cat "$W/pgbench" >&2
    [ "$(psql_do -Atc "SELECT count(*) FROM pg_attribute WHERE attname = 'at'
        AND attrelid = 'orders'::regclass")" = 1 ] || exit 1
    cat "$W"/log.* | awk '{ t = ($3 - $7) / 1000; if (t > w) w = t }
        END { if (NR < 1000) exit 1; printf "%.0f\n", w }'
}

postgres_start shared_buffers=256MB || exit
mkdir "$W/m"
echo 'ALTER TABLE orders ADD COLUMN at timestamptz;' >"$W/m/0001_add.up.sql"
cat >"$W/mix.sql" <<'END'
\set id random(1, 100000)
BEGIN;
SELECT note FROM orders WHERE id = :id;
UPDATE orders SET n = n + 1 WHERE id = :id;
COMMIT;
END
round=0
while [ $((round += 1)) -le "$rounds" ]; do
    for who in unguarded guarded; do
        ms=$(worst "$who") || exit
        echo "$ms" >>"$W/$who.ms"
    done
done
median() { sort -n "$1" | awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)] }'; }
slow=$(median "$W/unguarded.ms")
fast=$(median "$W/guarded.ms")
echo "8 clients, 300 transactions/s, a reader for $hold s; median of $rounds rounds:"
echo "  worst wait, ALTER TABLE by psql        $slow ms"
echo "  worst wait, ALTER TABLE by tidegate    $fast ms, at most 150"
awk -v s="$slow" -v f="$fast" 'BEGIN {
    printf "  unguarded / guarded                    %.0f times, at least 20\n", s / f
    exit !(f <= 150 && s >= 20 * f) }'
