#!/bin/sh
# Migrations through a release: alone, before, after, one way only, statement
# by statement; restarts alone; files that do not agree with what is applied;
# migrations that fail; where clones come from. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

applied() { site_sql 'SELECT name FROM tidegate.migration ORDER BY number' | xargs; }
column() { site_sql "SELECT count(*) FROM information_schema.columns
    WHERE table_name = 'orders' AND column_name = '$1'"; }
restarts() { cat "$SITE"/hosts/*/shop/shared/log/restarts | wc -l; }
# goes CODE NAME TAG [WORD...]: tagged, announced, deployed
goes() {
    goes_code=$1
    goes_name=$2
    goes_tag=$3
    shift 3
    release "$goes_tag"
    announce "$goes_tag"
    gives "$goes_code" "$goes_name" t deploy "$goes_tag" $yes "$@"
}

shop_open 2 1000
ok 'the site stands' $?
git -C "$SITE/repo" checkout -q -b work v1.1

echo '# migrations alone, a restart alone'
announce v1.1 --only migrations
gives 10 'announced for migrations, it does not go out whole' t deploy v1.1 $yes
gives 0 'migrations alone' t deploy v1.1 --only migrations $yes
is 'they are applied' "$(applied)" 0001_order_note
is 'the hosts have what they had' "$(releases)" releases/v1.0
gives 0 'status is whole' t status
gives 10 'the announcement is used' t deploy v1.1 --only migrations $yes
announce v1.1
gives 0 'then the whole release' t deploy v1.1 $yes
is 'on every host' "$(releases)" releases/v1.1
is 'nothing was applied twice' "$(applied)" 0001_order_note
before=$(restarts)
gives 10 'a restart nobody announced' t deploy v1.1 --restart-only $yes
announce v1.1 --only restart
gives 0 'a restart alone' t deploy v1.1 --restart-only $yes
is 'every host was restarted once' "$(restarts)" $((before + 2))
is 'and has what it had' "$(releases)" releases/v1.1
gives 0 'status is whole' t status
gives 64 'only one of the two' t deploy v1.1 --restart-only --only migrations $yes

echo '# after, forward-only, statement by statement'
up 0002_late '-- tidegate: phase=after
ALTER TABLE orders DROP COLUMN note;'
down 0002_late 'ALTER TABLE orders ADD COLUMN note text;'
release w2
announce w2
gives 10 'an after migration whose down was not rehearsed' t deploy w2 $yes
gives 0 'rehearsed' t rehearse w2
gives 0 'an after migration' t deploy w2 $yes
is 'it is applied' "$(applied)" '0001_order_note 0002_late'
is 'as one that runs after' "$(site_sql "SELECT phase FROM tidegate.migration
    WHERE name = '0002_late'")" after
is 'it ran when all hosts had the code' "$(
    t show "$(t history --format json | /usr/bin/python3 -c '
import json, sys
runs = json.load(sys.stdin)["runs"]
print([r["run"] for r in runs if r.get("release") == "w2"][-1])')" |
    grep -n 'serve\|migrate' | tail -1 | grep -c migrate)" 1
policy 0 '[backup]' 'age_seconds = command: echo 60' 'max_age = 12h'
up 0003_once '-- tidegate: phase=after
-- tidegate: forward-only the numbers are gone
UPDATE orders SET total = 0;'
goes 0 'a forward-only migration with a fresh backup' w3
up 0004_index 'CREATE INDEX CONCURRENTLY orders_total ON orders (total);'
down 0004_index 'DROP INDEX CONCURRENTLY orders_total;'
goes 0 'an index built concurrently' w4
is 'it is valid' "$(site_sql "SELECT indisvalid FROM pg_index
    WHERE indexrelid = 'orders_total'::regclass")" t
policy 0

echo '# files that do not agree with what is applied'
cp "$SITE/repo/migrations/0001_order_note.up.sql" "$SITE/kept"
up 0001_order_note 'ALTER TABLE orders ADD COLUMN note varchar;'
release e1
announce e1
gives 10 'an edited migration' t check e1
has 'it is named' "$OUT" '0001_order_note.up.sql was edited after it was applied'
is 'with both digests' "$(printf '%s\n' "$OUT" | grep -c '[0-9a-f]\{64\}.*[0-9a-f]\{64\}')" 1
gives 10 'deploy says so too' t deploy e1 $yes
cp "$SITE/kept" "$SITE/repo/migrations/0001_order_note.up.sql"
up 0000_first 'CREATE TABLE first (i int);'
down 0000_first 'DROP TABLE first;'
release e2
announce e2
gives 10 'one that comes before an applied one' t deploy e2 $yes
has 'it is named' "$OUT" '0000_first.up.sql comes before one that is applied'
is 'with both digests' "$(printf '%s\n' "$OUT" | grep -c '[0-9a-f]\{64\}.*[0-9a-f]\{64\}')" 1
rm "$SITE/repo/migrations/0000_first.up.sql" \
    "$SITE/repo/migrations/0000_first.down.sql"
rm "$SITE/repo/migrations/0004_index.up.sql" \
    "$SITE/repo/migrations/0004_index.down.sql"
release e3
announce e3
gives 10 'one that is applied and not in the commit' t deploy e3 $yes
has 'it is named' "$OUT" '0004_index'
gives 10 'check says so too' t check e3
git -C "$SITE/repo" checkout -q w4 -- migrations
up 0005_bad 'SELECT;
SELECT "half'
release e4
announce e4
gives 65 'a file that cannot be cut into statements' t expect e4 --at now --why x --key "$SITE/anna"
has 'with file and line' "$OUT" '0005_bad.up.sql:'
rm "$SITE/repo/migrations/0005_bad.up.sql"

echo '# migrations that fail'
up 0005_fails 'CREATE TABLE half (i int);
INSERT INTO half SELECT 1 / 0;'
down 0005_fails 'DROP TABLE half;'
goes 11 'one that fails leaves nothing' f1
has 'why is told' "$OUT" 'division by zero'
is 'no table is left' "$(site_sql "SELECT count(*) FROM pg_class WHERE relname = 'half'")" 0
is 'the hosts have what they had' "$(releases)" releases/w4
gives 0 'status is whole' t status
gives 10 'rehearsing it finds out' t rehearse f1
has 'why' "$OUT" 'division by zero'
announce f1 --only migrations
gives 11 'alone it fails as well' t deploy f1 --only migrations $yes
gives 0 'status is whole' t status
rm "$SITE/repo"/migrations/0005_fails.*
up 0005_partly '-- tidegate: transaction=none
CREATE TABLE half (i int);
INSERT INTO half SELECT i FROM trouble;'
down 0005_partly 'DROP TABLE half;'
goes 12 'a partial one stops' f2
has 'and says what stands' "$OUT" 'tidegate status'
is 'its first statement is there' "$(site_sql 'SELECT count(*) FROM half')" 0
gives 12 'status' t status
gives 12 'resume meets the same' t resume $yes
site_sql 'CREATE TABLE trouble AS SELECT 7 AS i'
gives 0 'resume when its cause is gone' t resume $yes
is 'nothing ran twice' "$(site_sql 'SELECT count(*) FROM half')" 1
is 'every host has it' "$(releases)" releases/f2
gives 0 'status is whole' t status

site_sql 'CREATE TABLE cause AS SELECT 7 AS i'
up 0006_late '-- tidegate: phase=after transaction=none
CREATE TABLE late (i int);
INSERT INTO late SELECT i FROM cause;'
down 0006_late 'DROP TABLE late;
DELETE FROM half WHERE i = 9;'
release f3
announce f3
gives 0 'an after migration of two steps is rehearsed' t rehearse f3
site_sql 'DROP TABLE cause'
gives 12 'and stops between them' t deploy f3 $yes
gives 12 'a half applied one closes the way back' t rollback $yes
has 'which is told' "$OUT" '0006_late is half applied'
has 'and why' "$OUT" 'line 2 of its down, DELETE, undoes no one statement of the up'
has 'and how it opens' "$OUT" 'finish it (tidegate resume) and then go back'
is 'every host has what it had' "$(releases)" releases/f3
site_sql 'CREATE TABLE cause AS SELECT 7 AS i'
gives 0 'so it is finished' t resume $yes
gives 0 'and undone' t rollback $yes
is 'whole' "$(site_sql "SELECT count(*) FROM pg_class WHERE relname = 'late'")" 0
is 'with the code' "$(releases)" releases/f2
rm "$SITE/repo"/migrations/0006_late.*

echo '# what is refused unless the policy allows it'
site_sql 'CREATE ROLE shop_owner; GRANT ALL ON SCHEMA public TO shop_owner'
up 0006_role 'SET ROLE shop_owner;
CREATE TABLE owned (i int);'
down 0006_role 'SET ROLE shop_owner;
DROP TABLE owned;'
release a1
gives 10 'another role' t expect a1 --at now --why x --key "$SITE/anna"
has 'where it stands' "$OUT" '0006_role.up.sql:1: a migration changes a setting'
has 'and what could allow it' "$OUT" 'let the policy allow it: [statements]'
policy 0 '[statements]' 'settings = allow'
gives 0 'then it is rehearsed' t rehearse a1
has 'and undone' "$OUT" '0006_role: up, down, schema equal'
goes 0 'and goes out' a2
is 'made by that role' "$(site_sql "SELECT tableowner FROM pg_tables
    WHERE tablename = 'owned'")" shop_owner
is 'written down by ours' "$(site_sql "SELECT count(*) FROM tidegate.migration
    WHERE name = '0006_role'")" 1
policy 0
gives 0 'the way back asks no policy' t rollback --schema $yes
is 'it is gone' "$(site_sql "SELECT count(*) FROM pg_tables
    WHERE tablename = 'owned'")" 0
rm "$SITE/repo"/migrations/0006_role.*

echo '# where clones come from'
up 0006_clone 'ALTER TABLE orders ADD COLUMN cloned int;'
down 0006_clone 'ALTER TABLE orders DROP COLUMN cloned;'
release c1
pg="host=$PG_SOCKET port=$PG_PORT user=postgres"
databases() { site_sql "SELECT datname FROM pg_database ORDER BY 1" | xargs; }
site_sql 'CREATE DATABASE golden TEMPLATE shop' postgres ||
    "$PG_BIN/createdb" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres golden
"$PG_BIN/pg_dump" "$(postgres_conninfo shop)" |
    "$PG_BIN/psql" -q "$(postgres_conninfo golden)" >/dev/null 2>&1
before=$(databases)
policy 0 '[budget]' 'total = 10m'
setting rehearsal clone template:golden
setting rehearsal from
gives 0 'of a template' t rehearse c1
is 'nothing is left of it' "$(databases)" "$before"
setting rehearsal clone template:shop
gives 10 'production is no template' t rehearse c1
setting rehearsal clone existing
setting rehearsal server "$pg dbname=shop"
gives 10 'production is no clone' t rehearse c1
setting rehearsal server "$pg dbname=golden"
gives 0 'one that exists' t rehearse c1
is 'it is still there' "$(databases)" "$before"
setting rehearsal server
gives 78 'a clone without a server' t rehearse c1
setting rehearsal clone nonsense
gives 78 'no such clone' t rehearse c1
setting rehearsal clone existing
setting rehearsal server "$pg dbname=golden"
announce c1
gives 0 'what was rehearsed so goes out' t deploy c1 $yes
is 'and is there' "$(column cloned)" 1
tap_end
