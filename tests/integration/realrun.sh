#!/bin/sh
# A migration in production as it goes wrong there: far over what the
# rehearsal promised, behind a dump, beside what a dead run left. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

# as APPLICATION SQL: a session that stays until it is ended
as() {
    PGAPPNAME=$1 "$PG_BIN/psql" -X -q "$(postgres_conninfo shop)" -c "$2" \
        >/dev/null 2>&1 &
    until_true 20 sessions "$1" 1
}
sessions() { # APPLICATION HOW-MANY
    [ "$(site_sql "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = '$1'")" = "$2" ]
}
# beside_a_dump ARGUMENT...: a dump holds the table until tidegate waits for it
beside_a_dump() {
    as pg_dump 'BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE; SELECT pg_sleep(600)'
    t "$@" >"$SITE/beside.log" 2>&1 &
    until_true 120 grep -q 'not begun yet' "$SITE/beside.log"
    site_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'pg_dump'" >/dev/null
    wait $!
    beside=$?
    cat "$SITE/beside.log"
    return $beside
}
columns() { site_sql "SELECT count(*) FROM pg_attribute WHERE attname = '$1'
    AND attrelid = 'orders'::regclass"; }

shop_open 2 200
ok 'the site stands' $?
git -C "$SITE/repo" checkout -q -b plain v1.0
policy 0 '[users]' 'count = sql: SELECT count(*) FROM session' 'max = 50' \
    'forecast = no' '[budget]' 'total = 10m' 'overrun = 2'
site_users 7

echo '# far over its estimate'
site_sql 'CREATE TABLE pace AS SELECT 0 AS s'
up 0001_slow 'ALTER TABLE orders ADD slow int;
SELECT pg_sleep(s) FROM pace;'
down 0001_slow 'ALTER TABLE orders DROP slow;'
release r1
announce r1
gives 0 'it is quick on the clone' t rehearse r1
site_sql 'UPDATE pace SET s = 600'
gives 11 'it is cancelled and rolled back' t deploy r1 $yes
has 'it says why' "$OUT" '0001_slow.up.sql:2: SELECT: cancelled, far over its estimate'
has 'and by what' "$OUT" 'and overrun = 2; nothing of it is there'
has 'the line had what matters' "$OUT" \
    ' (cancelled after 5 s); stop now costs seconds, it rolls back; point of no return: none; the announcement ends in '
has 'and the users' "$OUT" '; 7 users on (limit 50); 0 waiting behind'
is 'nothing of it is there' "$(columns slow)" 0
is 'nor a row' "$(site_sql 'SELECT count(*) FROM tidegate.migration')" 0
is 'the old release serves' "$(releases)" releases/v1.0
gives 0 'status is whole' t status

echo '# a dump holds the table'
site_sql 'UPDATE pace SET s = 0'
release r2
announce r2
gives 0 'rehearse' t rehearse r2
gives 0 'it is waited for' beside_a_dump deploy r2 $yes
has 'and named' "$OUT" '0001_slow: not begun yet: waits for pid'
has 'with its application' "$OUT" 'pg_dump, in its transaction for'
is 'it is applied' "$(columns slow)" 1

echo '# what a dead run left'
up 0002_more 'ALTER TABLE orders ADD more int;'
down 0002_more 'ALTER TABLE orders DROP more;'
release r3
announce r3
gives 0 'rehearse' t rehearse r3
as tidegate:dead:=0009_x 'SELECT pg_sleep(600)'
gives 0 '--terminate-orphan ends it' t deploy r3 --terminate-orphan $yes
has 'which is said' "$OUT" 'ending what an earlier run left: pid'
ok 'it is gone' "$(until_true 20 sessions tidegate:dead:=0009_x 0; echo $?)"
is 'the migration is there' "$(columns more)" 1

up 0003_most 'ALTER TABLE orders ADD most int;'
down 0003_most 'ALTER TABLE orders DROP most;'
release r4
announce r4
gives 0 'rehearse' t rehearse r4
as tidegate:dead:=0009_x 'SELECT pg_sleep(600)'
# a terminal, on which somebody types yes
on_terminal() {
    (cd "$SITE/repo" && echo yes |
        script -qec "$TIDEGATE deploy r4 $yes" /dev/null)
}
gives 0 'on a terminal it is asked about' on_terminal
has 'by name' "$OUT" 'tidegate:dead:=0009_x'
has 'and ended once somebody says yes' "$OUT" 'ending what an earlier run left'
ok 'it is gone' "$(until_true 20 sessions tidegate:dead:=0009_x 0; echo $?)"
is 'the migration is there' "$(columns most)" 1

echo '# the server falls in the middle of one'
site_sql 'UPDATE pace SET s = 0'
up 0004_last 'ALTER TABLE orders ADD last int;
SELECT pg_sleep(s) FROM pace;'
down 0004_last 'ALTER TABLE orders DROP last;'
release r5
announce r5
gives 0 'rehearse' t rehearse r5
site_sql 'UPDATE pace SET s = 600'
sleeps() {
    [ "$(site_sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE
        'SELECT pg_sleep(s)%' AND application_name LIKE 'tidegate:%'")" = 1 ]
}
falls() { # the deploy, and what becomes of it
    t deploy r5 $yes &
    deploying=$!
    until_true 30 sleeps
    postgres_halt immediate
    postgres_again
    wait "$deploying"
}
falls >"$SITE/falls.log" 2>&1
code=$?
OUT=$(cat "$SITE/falls.log")
has 'it says where' "$OUT" '0004_last.up.sql:2: SELECT: the connection was lost'
is 'nothing of it is there' "$(columns last)" 0
is 'exit 11: all is as before' "$code" 11
is 'the old release serves' "$(releases)" releases/r4
gives 0 'status is whole' t status

echo '# a dump holds the table on the way back'
site_sql 'UPDATE pace SET s = 0'
gives 0 'it is waited for' beside_a_dump rollback --to r3 --schema $yes
has 'and named' "$OUT" '0003_most: not begun yet: waits for pid'
has 'with what it holds' "$OUT" 'holds AccessShareLock on'
is 'it is undone' "$(columns most)" 0

echo '# what was not rehearsed is read'
policy 0 '[users]' 'count = sql: SELECT count(*) FROM session' 'max = 50' \
    'forecast = no'
git -C "$SITE/repo" rm -q migrations/0003_most.* migrations/0004_last.*
up 0005_read 'ALTER TABLE orders ADD read int;'
down 0005_read 'ALTER TABLE orders DROP read;'
release r6
announce r6
gives 0 'a dump is waited for' beside_a_dump deploy r6 $yes
has 'and named' "$OUT" '0005_read: not begun yet: waits for pid'
has 'with what it holds' "$OUT" 'holds AccessShareLock on'
is 'it is applied' "$(columns read)" 1

tap_end
