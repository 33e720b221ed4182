#!/bin/sh
# MIGRATIONS (500) tiny migrations of three statements each, applied and
# rehearsed by tidegate, against psql and the tools that are installed: dbmate,
# sqitch, node-pg-migrate, golang-migrate (as `migrate`), goose (also those in
# $PEERS/node_modules/.bin). All run in turn, ROUNDS times (5), each on a fresh
# database; a ratio is the median of the ratios of each round. Then what tracing
# adds to one long statement, and the fingerprint of a schema of 1,000 tables
# against pg_dump -s.
# ONLY="tiny long schema" runs some of the parts.
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/harness/postgres.sh
. tests/harness/postgres.sh

migrations=${MIGRATIONS:-500}
rounds=${ROUNDS:-5}
program=$PWD/build/release/bench/migrate
PATH=$PATH:/usr/sbin:${PEERS:-/nonexistent}/node_modules/.bin
W=$(mktemp -d /tmp/tgbench.XXXXXX)
failed=0
trap 'postgres_stop; rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP

psql_do() { # DATABASE ARG...
    database=$1
    shift
    psql -X -q -v ON_ERROR_STOP=1 -d "$(postgres_conninfo "$database")" "$@"
}
url() {
    echo "postgres://postgres@127.0.0.1:$PG_PORT/$1?sslmode=disable"
}
have() {
    command -v "$1" >/dev/null 2>&1
}

# ---- the same work, in everybody's form ----

statements() { # N
    echo "CREATE TABLE t$1 (id bigint PRIMARY KEY, note text);"
    echo "CREATE INDEX t$1_note ON t$1 (note);"
    echo "ALTER TABLE t$1 ADD COLUMN at timestamptz DEFAULT now();"
}
# The row that says so, with the text: what tidegate writes.
row() { # N
    echo "INSERT INTO ledger (name, number, checksum, phase, release, run, up,"
    echo "  ms) VALUES ('$1_t', $1, repeat('0', 64), 'before', 'v1', 'bench',"
    echo "  \$up\$$(statements "$1")\$up\$, 1);"
}
forms() {
    mkdir -p "$W/ours" "$W/files" "$W/dbmate" "$W/node" "$W/goose" \
        "$W/sqitch/deploy"
    printf '[core]\n  engine = pg\n  uri = https://example.net/\n' \
        >"$W/sqitch/sqitch.conf"
    printf '%%syntax-version=1.0.0\n%%project=bench\n\n' \
        >"$W/sqitch/sqitch.plan"
    n=0
    while [ $((n += 1)) -le "$migrations" ]; do
        name=$(printf '%014d' "$n")
        statements "$n" >"$W/ours/${name}_t.up.sql"
        { echo 'BEGIN;' && statements "$n" && row "$n" && echo 'COMMIT;'; } \
            >"$W/files/$name.sql"
        { echo '-- migrate:up' && statements "$n" && echo '-- migrate:down'; } \
            >"$W/dbmate/${name}_t.sql"
        { echo '-- +goose Up' && statements "$n"; } >"$W/goose/${name}_t.sql"
        { echo '-- Up Migration' && statements "$n"; } >"$W/node/${name}_t.sql"
        { echo 'BEGIN;' && statements "$n" && echo 'COMMIT;'; } \
            >"$W/sqitch/deploy/c$n.sql"
        echo "c$n 2026-01-01T00:00:00Z bench <bench@example.net> # t" \
            >>"$W/sqitch/sqitch.plan"
    done
    cat "$W"/files/*.sql >"$W/whole.sql"
}

# ---- who runs it; $1 is the database ----

run_psql() { psql_do "$1" -f "$W/whole.sql"; }
run_files() {
    for file in "$W"/files/*.sql; do
        psql_do "$1" -f "$file" || return
    done
}
run_apply() { "$program" apply "$(postgres_conninfo "$1")" "$W/ours"; }
run_rehearse() { "$program" rehearse "$(postgres_conninfo "$1")" "$W/ours"; }
run_dbmate() {
    dbmate --url "$(url "$1")" --migrations-dir "$W/dbmate" --no-dump-schema \
        migrate
}
run_node() {
    DATABASE_URL=$(url "$1") node-pg-migrate up -m "$W/node" \
        --no-check-order
}
run_sqitch() {
    (cd "$W/sqitch" && SQITCH_FULLNAME=bench SQITCH_EMAIL=b@example.net \
        sqitch deploy "db:pg://postgres@127.0.0.1:$PG_PORT/$1")
}

# golang-migrate reads our own form
run_migrate() { migrate -path "$W/ours" -database "$(url "$1")" up; }
run_goose() { goose -dir "$W/goose" postgres "$(url "$1")" up; }

fresh() { # DATABASE
    psql_do postgres -c "DROP DATABASE IF EXISTS $1" 2>/dev/null
    psql_do postgres -c "CREATE DATABASE $1"
    psql_do "$1" -c "CREATE TABLE ledger (name text PRIMARY KEY, number bigint
        NOT NULL, checksum text NOT NULL, phase text NOT NULL, release text NOT
        NULL, run text NOT NULL, up text NOT NULL, at timestamptz NOT NULL
        DEFAULT clock_timestamp(), ms bigint NOT NULL)"
}
tables() { # DATABASE: how many of ours are there
    psql_do "$1" -Atc "SELECT count(*) FROM pg_class WHERE relkind = 'r'
        AND relname ~ '^t[0-9]+\$'"
}

took() { # COMMAND ARG...: its nanoseconds
    begun=$(date +%s%N)
    "$@" >"$W/said" 2>&1 || {
        echo "bench: $* failed" >&2
        tail -n 5 "$W/said" >&2
        exit 1
    }
    echo $(($(date +%s%N) - begun))
}

# ---- ratios ----

median() { sort -n | awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)] }'; }
ratio() { # ONE OTHER: median of the rounds' ratios, of files of nanoseconds
    paste "$W/$1.ns" "$W/$2.ns" | awk '{ printf "%.4f\n", $1 / $2 }' | median
}
says() { # WHAT RATIO [MOST]
    if [ -z "${3:-}" ]; then
        printf '%-58s %6.2f\n' "$1" "$2"
    elif awk -v a="$2" -v b="$3" 'BEGIN { exit !(a <= b) }'; then
        printf '%-58s %6.2f  at most %s  kept\n' "$1" "$2" "$3"
    else
        printf '%-58s %6.2f  at most %s  MISSED\n' "$1" "$2" "$3"
        failed=1
    fi
}

tiny() {
    forms
    who='psql files apply rehearse'
    have dbmate && who="$who dbmate"
    have node-pg-migrate && who="$who node"
    have sqitch && who="$who sqitch"
    have migrate && who="$who migrate"
    have goose && who="$who goose"
    round=0
    while [ "$round" -le "$rounds" ]; do
        for name in $who; do
            fresh bench
            ns=$(took "run_$name" bench) || exit
            # a rehearsal leaves what it worked on as it was, or all of it
            [ "$(tables bench)" = "$migrations" ] || [ "$name" = rehearse ] || {
                echo "bench: $name made $(tables bench) tables" >&2
                exit 1
            }
            # the first round warms the caches
            [ "$round" = 0 ] || echo "$ns" >>"$W/$name.ns"
        done
        round=$((round + 1))
    done
    echo "$migrations migrations of three statements, median of $rounds rounds:"
    says '  apply / one psql process with the same rows' \
        "$(ratio apply psql)" 1.15
    says '  apply / psql for each file' "$(ratio apply files)" 0.3
    says '  rehearse, traced / one psql process' "$(ratio rehearse psql)" 1.5
    for name in dbmate node sqitch migrate goose; do
        [ ! -f "$W/$name.ns" ] || says "  apply / $name" "$(ratio apply "$name")"
    done
}

# One statement that takes ten seconds or more, alone and traced. It computes
# more than it writes: what a disk does in ten seconds differs by a tenth from
# one time to the next, which hides what tracing costs.
long() {
    mkdir -p "$W/long"
    echo "ALTER TABLE big ADD COLUMN r text
        DEFAULT md5(repeat(random()::text, 500));" \
        >"$W/long/0001_rewrite.up.sql"
    rows=${ROWS:-500000}
    fresh bench
    psql_do bench -c "CREATE TABLE big AS SELECT i, repeat('x', 100) AS note
        FROM generate_series(1, $rows) i" -c 'CHECKPOINT'
    # grown until it takes that long here
    while :; do
        psql_do bench -c 'CREATE DATABASE golden TEMPLATE postgres' 2>/dev/null
        ns=$(took psql_do bench -f "$W/long/0001_rewrite.up.sql")
        psql_do bench -c 'ALTER TABLE big DROP COLUMN r' -c 'VACUUM FULL big'
        [ "$ns" -lt "${LONG_NS:-10000000000}" ] || break
        psql_do bench -c 'INSERT INTO big SELECT * FROM big'
    done
    psql_do postgres -c 'DROP DATABASE IF EXISTS golden' \
        -c 'ALTER DATABASE bench RENAME TO golden'
    round=0
    while [ "$round" -le "$rounds" ]; do
        # who comes second finds another disk
        [ $((round % 2)) = 0 ] && order='plain traced' || order='traced plain'
        for name in $order; do
            psql_do postgres -c 'DROP DATABASE IF EXISTS bench' \
                -c 'CREATE DATABASE bench TEMPLATE golden STRATEGY file_copy' \
                -c 'CHECKPOINT' 2>/dev/null
            if [ "$name" = plain ]; then
                ns=$(took psql_do bench -f "$W/long/0001_rewrite.up.sql")
            else
                ns=$(took "$program" rehearse "$(postgres_conninfo bench)" \
                    "$W/long")
            fi || exit
            [ "$round" = 0 ] || echo "$ns" >>"$W/$name.ns"
        done
        round=$((round + 1))
    done
    says "a rewrite of $(median <"$W/plain.ns" | cut -c1-2) s or more, traced / plain" \
        "$(ratio traced plain)" 1.03
}

schema() {
    fresh bench
    n=0
    while [ $((n += 1)) -le 1000 ]; do
        statements "$n"
    done | psql_do bench
    round=0
    while [ "$round" -le "$rounds" ]; do
        ours=$(took "$program" fingerprint "$(postgres_conninfo bench)") || exit
        theirs=$(took "$PG_BIN/pg_dump" -s -f "$W/dump.sql" \
            -d "$(postgres_conninfo bench)") || exit
        [ "$round" = 0 ] || {
            echo "$ours" >>"$W/fingerprint.ns"
            echo "$theirs" >>"$W/dump.ns"
        }
        round=$((round + 1))
    done
    says 'fingerprint of 1,000 tables / pg_dump -s' \
        "$(ratio fingerprint dump)" 0.5
}

# As servers come: each COMMIT reaches the disk.
postgres_start fsync=on synchronous_commit=on full_page_writes=on \
    shared_buffers=256MB max_locks_per_transaction=512 || exit
sed -i 's/scram-sha-256$/trust/' "$PG_FOLDER/data/pg_hba.conf"
psql_do postgres -c 'SELECT pg_reload_conf()' >/dev/null
for part in ${ONLY:-tiny long schema}; do
    "$part"
done
exit $failed
