#!/bin/sh
# migrate against a whole site: up and down as runs, what refuses and holds
# them, a down that fails or is killed, and status. TAP. FLAVOUR names the
# build (one with failpoints).
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
SITE_HOSTS=2
SITE_ROWS=50
stop() {
    site_stop
    ordinary_end
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
yes=--yes=production

t() { (cd "$SITE/repo" && exec "$TIDEGATE" "$@"); }
killed_at() { # POINT ARGUMENT...
    point=$1
    shift
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT=$point exec "$TIDEGATE" "$@")
}
announce() { # RELEASE [OPTION]
    t expect "$@" --at now --why test --key "$SITE/anna" >"$SITE/said" 2>&1 &&
        t approve "$1" --key "$SITE/jaak" >>"$SITE/said" 2>&1
    ok "announced: $*" $?
}
migration() { # NAME UP DOWN: into the checkout
    printf '%s\n' "$2" >"$SITE/repo/migrations/$1.up.sql"
    if [ -n "$3" ]; then
        printf '%s\n' "$3" >"$SITE/repo/migrations/$1.down.sql"
    fi
}
tag() { (cd "$SITE/repo" && site_tag "$1"); }
columns() { site_sql "SELECT string_agg(attname, ' ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 3
    AND NOT attisdropped"; }
there() { site_sql "SELECT to_regclass('$1') IS NOT NULL"; }
state() { t migrate status "$1" --format json 2>/dev/null | python3 -c '
import json, sys
print(" ".join(m["name"] + "=" + m["is"]
               for m in json.load(sys.stdin)["migrations"]))'; }

site_start "$(mktemp -d /tmp/tgmigrate.XXXXXX)"
ok 'the site starts' $?
site_users 3
git -C "$SITE/repo" checkout -q v1.0 -b work
gives 0 'init' t init
gives 0 'adopt' t adopt --release v1.0 $yes

# the command line
gives 64 'no verb' t migrate
gives 64 'another verb' t migrate sideways v1.1
gives 64 'up of nothing' t migrate up $yes
gives 64 'down of nothing' t migrate down $yes
gives 64 'a tag that is not there' t migrate status v9
gives 0 'nothing is applied' t migrate status
has 'it says so' "$OUT" 'no migrations'
is 'one is pending' "$(state v1.1)" '0001_order_note=pending'

# up
gives 10 'up that nobody announced' t migrate up v1.1 $yes
announce v1.1 --only migrations
gives 0 'rehearse' t rehearse v1.1
gives 64 'nobody confirms' t migrate up v1.1
gives 0 'up' t migrate up v1.1 $yes
is 'the column is there' "$(columns)" note
is 'the hosts have what they had' "$(readlink "$SITE/hosts/127.0.0.1/shop/current")" releases/v1.0
is 'status: applied' "$(state v1.1)" '0001_order_note=applied'
gives 0 'as a table' t migrate status v1.1
has 'with phase and release' "$OUT" '0001_order_note  applied  before  v1.1'
has 'and local time' "$OUT" 'EET'
gives 10 'up again: the announcement was used' t migrate up v1.1 $yes

# down: what refuses and holds it
gives 10 'down that nobody announced' t migrate down v1.1 $yes
announce v1.1 --only migrations
site_users 140
gives 75 'too many users' t migrate down v1.1 $yes
has 'the count is named' "$OUT" '140'
site_users 3
gives 64 'nobody confirms' t migrate down v1.1
gives 0 'freeze' t freeze --why 'the sale'
gives 10 'frozen' t migrate down v1.1 $yes
gives 0 'thaw' t thaw --why over
sed -i 's/^max_out .*/max_out = 1/' "$SITE/repo/tidegate.ini"
gives 10 'a policy that is not the pinned one' t migrate down v1.1 $yes
sed -i 's/^max_out .*/max_out = 2/' "$SITE/repo/tidegate.ini"
is 'the column is still there' "$(columns)" note
postgres_halt fast
gives 69 'the database is down' t migrate down v1.1 $yes
gives 69 'status needs it as well' t migrate status v1.1
postgres_again

# down
gives 0 'down' t migrate down v1.1 $yes
is 'the column is gone' "$(columns)" ''
is 'status: pending' "$(state v1.1)" '0001_order_note=pending'
gives 0 'status of the whole' t status
announce v1.1 --only migrations
gives 0 'down again: nothing is left of it' t migrate down v1.1 $yes
has 'it says so' "$OUT" 'nothing to do'

# a release that is live needs them
gives 0 'withdraw' t withdraw v1.1 --why 'the whole of it' --key "$SITE/anna"
announce v1.1
gives 0 'rehearse' t rehearse v1.1
gives 0 'v1.1 goes out' t deploy v1.1 $yes
announce v1.1 --only migrations
gives 10 'the live release needs them' t migrate down v1.1 $yes
has 'it says so' "$OUT" 'in use'
gives 0 'withdraw' t withdraw v1.1 --why 'no more' --key "$SITE/anna"
is 'the column is there' "$(columns)" note

# two at once, newest first; after before before
git -C "$SITE/repo" checkout -q v1.1 -b two
migration 0010_ten 'CREATE TABLE ten (id int);' 'DROP TABLE ten;'
migration 0011_eleven 'CREATE TABLE eleven (id int);' 'DROP TABLE eleven;'
tag r2
announce r2 --only migrations
gives 0 'rehearse' t rehearse r2
gives 0 'up of two' t migrate up r2 $yes
announce r2 --only migrations
site_sql 'CREATE VIEW on_eleven AS SELECT * FROM eleven'
gives 11 'the first down fails: all is as before' t migrate down r2 $yes
has 'the reason is named' "$OUT" 'on_eleven'
is 'both are there' "$(there ten)$(there eleven)" tt
gives 0 'status is whole' t status
site_sql 'DROP VIEW on_eleven'
announce r2 --only migrations
site_sql 'CREATE VIEW on_ten AS SELECT * FROM ten'
gives 12 'the second down fails: stopped part-way' t migrate down r2 $yes
is 'one is undone' "$(there ten)$(there eleven)" tf
gives 12 'status says so' t status
is 'migrate status too' "$(state r2)" \
    '0001_order_note=applied 0010_ten=applied 0011_eleven=pending'
gives 10 'nothing else may begin' t migrate up r2 $yes
gives 12 'resume fails again: one is undone all the same' t resume $yes
gives 12 'status still says so' t status
site_sql 'DROP VIEW on_ten'
gives 0 'resume finishes it' t resume $yes
is 'both are undone' "$(there ten)$(there eleven)" ff
gives 0 'status is whole' t status

# the second of two fails, and once more when it is taken up again
git -C "$SITE/repo" checkout -q v1.1 -b half
migration 0012_one 'CREATE TABLE one (id int);' 'DROP TABLE one;'
migration 0013_few 'ALTER TABLE orders ADD CONSTRAINT few CHECK (total < 9999);' \
    'ALTER TABLE orders DROP CONSTRAINT few;'
tag rh
announce rh --only migrations
gives 0 'rehearse' t rehearse rh
site_sql "INSERT INTO orders (total) VALUES (10000)"
gives 12 'the second of two fails' t migrate up rh $yes
gives 12 'resume fails on it again, and the first is still there' \
    t resume $yes
has 'what was rehearsed is known' "$OUT" 'migrations   1, 0 s to '
has 'and how to undo it' "$OUT" 'rollback --schema'
gives 12 'status says that it is unfinished' t status
site_sql 'DELETE FROM orders WHERE total = 10000'
gives 0 'resume finishes it' t resume $yes
is 'both are there' "$(state rh)" \
    '0001_order_note=applied 0012_one=applied 0013_few=applied'
announce rh --only migrations
gives 0 'both are undone' t migrate down rh $yes
git -C "$SITE/repo" checkout -q two

# killed
for point in down.before:1 down.after:1 down.after:2 end.before:1; do
    announce r2 --only migrations
    gives 0 "$point: up" t migrate up r2 $yes
    announce r2 --only migrations
    killed_at $point migrate down r2 $yes >/dev/null 2>&1
    is "$point: kill -9" $? 137
    gives 12 "$point: status" t status
    gives 0 "$point: resume" t resume $yes
    is "$point: what stays is no news" \
        "$(printf '%s' "$OUT" | grep -c 'the database keeps it')" 0
    is "$point: both are undone" "$(there ten)$(there eleven)" ff
    gives 0 "$point: status is whole" t status
done

# no way back
git -C "$SITE/repo" checkout -q v1.1 -b three
migration 0020_twenty '-- tidegate: forward-only it is history
CREATE TABLE twenty (id int);' ''
tag r3
announce r3 --only migrations
gives 0 'rehearse' t rehearse r3
gives 0 'up of a forward-only one' t migrate up r3 $yes
announce r3 --only migrations
gives 10 'forward-only is not undone' t migrate down r3 $yes
has 'the reason is named' "$OUT" 'it is history'
is 'it is there' "$(there twenty)" t

# what status shows of files that changed
git -C "$SITE/repo" checkout -q r3 -b four
migration 0020_twenty '-- tidegate: forward-only it is history
CREATE TABLE twenty (id bigint);' ''
migration 0015_fifteen 'CREATE TABLE fifteen (id int);' ''
git -C "$SITE/repo" rm -q migrations/0001_order_note.up.sql migrations/0001_order_note.down.sql
tag r4
is 'gone, late, edited' "$(state r4)" \
    '0001_order_note=gone 0015_fifteen=late 0020_twenty=edited'
echo 'NOT SQL' >"$SITE/repo/migrations/0030_bad.up.sql"
tag r5
gives 65 'a file that is no SQL' t migrate status r5

# without hosts no code needs them: what is live may be undone
S=$SITE/lone
mkdir -p "$S/policies" "$S/migrations"
site_sql 'CREATE DATABASE lone' postgres
cat >"$S/tidegate.ini" <<END
[project]
name = lone
repository = .
[environment production]
policy = policies/production.ini
database = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=lone
END
printf '[expected]\nsignatures = optional\napprovals = 0\nnotice = 0s\n' \
    >"$S/policies/production.ini"
echo 'CREATE TABLE lonely (id int);' >"$S/migrations/0001_lonely.up.sql"
echo 'DROP TABLE lonely;' >"$S/migrations/0001_lonely.down.sql"
printf '.tidegate/\ntidegate.ini\npolicies/\n' >"$S/.gitignore"
git -C "$S" init -q -b main
(cd "$S" && site_tag d1)
lone() { (cd "$S" && exec "$TIDEGATE" "$@"); }
lone_killed() { # POINT ARGUMENT...
    point=$1
    shift
    (cd "$S" && TIDEGATE_FAILPOINT=$point exec "$TIDEGATE" "$@")
}
lone_expect() { # TAG
    lone expect "$1" --only migrations --at now --why test \
        >"$SITE/said" 2>&1 || sed 's/^/# /' "$SITE/said"
}
lone_up() { # TAG: announced, and run
    lone_expect "$1"
    lone migrate up "$1" $yes
}
# what is there of all that d1 to d3 make, and of what tidegate remembers
lone_has() { site_sql "SELECT concat_ws(' ', to_regclass('lonely'),
    (SELECT 'a' FROM pg_attribute WHERE attrelid = to_regclass('lonely')
        AND attname = 'a' AND NOT attisdropped), to_regclass('lonely_id'),
    'rows', (SELECT count(*) FROM tidegate.migration),
    'journal', (SELECT count(*) FROM tidegate.journal),
    'kept', (SELECT count(*) FROM tidegate.alone))" lone; }
gives 0 'init without hosts' lone init
gives 0 'announced' lone expect d1 --at now --why test
gives 0 'deployed' lone deploy d1 $yes
is 'its table is there' "$(site_sql "SELECT to_regclass('lonely') IS NOT NULL" lone)" t
gives 10 'undoing wants an announcement' lone migrate down d1 $yes
gives 0 'announced' lone expect d1 --only migrations --at now --why test
gives 0 'undone, although it is live' lone migrate down d1 $yes
is 'its table is gone' "$(site_sql "SELECT to_regclass('lonely') IS NOT NULL" lone)" f

# half done, and undone: one whole, one that stopped between its statements
echo 'INSERT INTO lonely VALUES (1), (1);' >>"$S/migrations/0001_lonely.up.sql"
cat >"$S/migrations/0002_half.up.sql" <<'END'
-- tidegate: transaction=none
ALTER TABLE lonely ADD COLUMN a int;
CREATE UNIQUE INDEX CONCURRENTLY lonely_id ON lonely (id);
END
cat >"$S/migrations/0002_half.down.sql" <<'END'
-- tidegate: transaction=none
DROP INDEX CONCURRENTLY lonely_id;
ALTER TABLE lonely DROP COLUMN a;
END
(cd "$S" && site_tag d2)
gives 12 'it stops between its statements' lone_up d2
has 'the way back is said' "$OUT" 'tidegate rollback --schema'
is 'half of it is there' "$(lone_has)" 'lonely a rows 1 journal 2 kept 1'
gives 12 'status' lone status
has 'says it as well' "$OUT" 'undo it: tidegate rollback --schema'
gives 0 'tried dry' lone rollback --schema --dry-run
has 'the half is told' "$OUT" \
    '0002_half, never rehearsed: nobody knows its cost; 1 of its 2 statements is done'
has 'and the whole' "$OUT" '0001_lonely, never rehearsed'
gives 0 'undone' lone rollback --schema $yes
is 'nothing is left' "$(lone_has)" 'rows 0 journal 0 kept 0'
gives 0 'once more' lone rollback --schema $yes
has 'undoes nothing else' "$OUT" 'undone already'
gives 0 'status is whole' lone status
for point in journal-done:1 journal-intent:2; do # of the up
    lone_expect d2
    lone_killed "$point" migrate up d2 $yes >/dev/null 2>&1
    is "$point: kill -9" $? 137
    gives 0 "$point: undone" lone rollback --schema $yes
    is "$point: nothing is left" "$(lone_has)" 'rows 0 journal 0 kept 0'
done
for point in down.after:1 down.before:2; do
    lone_up d2 >/dev/null 2>&1
    lone_killed "$point" rollback --schema $yes >/dev/null 2>&1
    is "$point: kill -9" $? 137
    gives 0 "$point: resume goes on back" lone resume $yes
    is "$point: nothing is left" "$(lone_has)" 'rows 0 journal 0 kept 0'
done
gives 0 'status is whole' lone status

# killed between the statements of its undoing, and in one
cat >"$S/migrations/0002_half.up.sql" <<'END'
-- tidegate: transaction=none
ALTER TABLE lonely ADD COLUMN a int;
CREATE INDEX CONCURRENTLY lonely_id ON lonely (id);
ALTER TABLE lonely ADD CONSTRAINT lonely_much CHECK (id > 1);
END
cat >"$S/migrations/0002_half.down.sql" <<'END'
-- tidegate: transaction=none
ALTER TABLE lonely DROP CONSTRAINT lonely_much;
DROP INDEX CONCURRENTLY lonely_id;
ALTER TABLE lonely DROP COLUMN a;
END
(cd "$S" && site_tag d2b)
for point in journal-intent:1 journal-ran:1 journal-done:1 journal-done:2; do
    lone_up d2b >/dev/null 2>&1
    is "$point: two are there" "$(lone_has)" 'lonely a lonely_id rows 1 journal 3 kept 1'
    lone_killed "$point" rollback --schema $yes >/dev/null 2>&1
    is "$point: kill -9" $? 137
    gives 0 "$point: asked again" lone rollback --schema $yes
    is "$point: nothing is left" "$(lone_has)" 'rows 0 journal 0 kept 0'
done
gives 0 'status is whole' lone status

# what its down does not undo by itself is said
cat >"$S/migrations/0002_half.up.sql" <<'END'
-- tidegate: transaction=none
ALTER TABLE lonely ADD COLUMN a int;
UPDATE lonely SET a = 1;
CREATE UNIQUE INDEX CONCURRENTLY lonely_id ON lonely (id);
END
cat >"$S/migrations/0002_half.down.sql" <<'END'
-- tidegate: transaction=none
DROP INDEX CONCURRENTLY lonely_id;
ALTER TABLE lonely DROP COLUMN a;
END
(cd "$S" && site_tag d3)
gives 12 'it stops later' lone_up d3
has 'no way back is offered, but where to read why' "$OUT" 'tidegate status says why'
before=$(lone_has)
gives 12 'status' lone status
is 'offers none either' "$(echo "$OUT" | grep -c 'rollback --schema')" 0
has 'and says why' "$OUT" 'it cannot be undone as it stands: 0002_half is half'
has 'by its line' "$OUT" 'line 3, UPDATE, is done'
gives 12 'no way back by itself' lone rollback --schema $yes
has 'what stands against it' "$OUT" 'line 3, UPDATE, is done'
has 'and what to do' "$OUT" "DELETE FROM tidegate.journal WHERE name = '0002_half'"
is 'nothing was changed' "$(lone_has)" "$before"
site_sql "ALTER TABLE lonely DROP COLUMN a;
    DELETE FROM tidegate.journal WHERE name = '0002_half'" lone
gives 0 'done so, it goes back' lone rollback --schema $yes
is 'nothing is left' "$(lone_has | sed 's/ kept .*//')" 'rows 0 journal 0'
gives 0 'status is whole' lone status

# before the first release there is none to go back to, but what it did
rm -rf "$S/.tidegate"
site_sql 'DROP DATABASE lone' postgres
site_sql 'CREATE DATABASE lone' postgres
gives 0 'a new ledger' lone init
gives 12 'half done' lone_up d2
gives 10 'no release to go back to' lone rollback $yes
has 'but a way' "$OUT" 'undo what it did: tidegate rollback --schema'
gives 0 'which is gone' lone rollback --schema $yes
is 'nothing is left' "$(lone_has)" 'rows 0 journal 0 kept 0'
gives 0 'status is whole' lone status

# one release on another: the older is not taken from under the newer
rm -rf "$S/.tidegate"
site_sql 'DROP DATABASE lone' postgres
site_sql 'CREATE DATABASE lone' postgres
cat >>"$S/tidegate.ini" <<END
[rehearsal production]
from = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=lone
server = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=postgres
END
rm "$S"/migrations/*
lone_migration() { # NAME UP DOWN
    printf '%s\n' "$2" >"$S/migrations/$1.up.sql"
    [ -z "$3" ] || printf '%s\n' "$3" >"$S/migrations/$1.down.sql"
}
lone_undo() { # TAG: announced, and undone
    lone_expect "$1"
    lone migrate down "$1" $yes
}
lone_tag() { (cd "$S" && site_tag "$1"); }
names() { site_sql "SELECT string_agg(name, ' ' ORDER BY number)
    FROM tidegate.migration" lone; }
gives 0 'a new ledger' lone init
lone_migration 0001_goods 'CREATE TABLE goods (id int PRIMARY KEY, n int);
INSERT INTO goods SELECT i, 0 FROM generate_series(1, 200) i;' 'DROP TABLE goods;'
lone_migration 0002_price 'ALTER TABLE goods ADD COLUMN price int;
UPDATE goods SET price = id;' 'ALTER TABLE goods DROP COLUMN price;'
lone_tag s2
gives 0 'rehearsed' lone rehearse s2
gives 0 's2' lone_up s2
has 'the way back can be typed' "$OUT" 'way back     tidegate expect s2 --only migrations --why TEXT, then tidegate migrate down s2;'
lone_migration 0003_price_index 'CREATE INDEX goods_price ON goods (price);' 'DROP INDEX goods_price;'
lone_tag s3
gives 0 's3' lone_up s3
lone_migration 0004_fill '-- tidegate: batch=goods key=id size=50
UPDATE goods SET n = n + 1 WHERE id BETWEEN $1 AND $2;' '-- tidegate: batch=goods key=id size=50
UPDATE goods SET n = n - 1 WHERE id BETWEEN $1 AND $2;'
lone_tag s4
gives 0 's4' lone_up s4
has 'what was done is counted' "$OUT" '0004_fill: 4 batches, 200 rows changed'
before=$(names)
gives 10 's2 is below two' lone_undo s2
has 'they are named, newest first' "$OUT" 'applied after them, and kept: 0004_fill (s4), 0003_price_index (s3)'
has 'and what to do' "$OUT" 'first undo, newest first, by tidegate migrate down: s4, s3'
gives 10 'tried dry' lone migrate down s2 --dry-run
is 'nothing was undone' "$(names)" "$before"
gives 0 's4 dry' lone migrate down s4 --dry-run
has 'never rehearsed' "$OUT" '0004_fill, never rehearsed'
is 'nothing was undone' "$(names)" "$before"
gives 0 's4 is undone' lone_undo s4
has 'and counted by itself' "$OUT" '0004_fill: 4 batches, 200 rows changed'
gives 0 's3 is undone' lone_undo s3
gives 0 's2 dry, though nobody announced it' lone migrate down s2 --dry-run
has 'it has been rehearsed' "$OUT" '0002_price, rehearsed: '
has 'what it loses' "$OUT" 'data lost    public.goods'
has 'that it would' "$OUT" 'the migrations of s2 would be undone'
is 'nothing was undone' "$(names)" '0001_goods 0002_price'
is 'the same in JSON' "$(lone migrate down s2 --dry-run --format json | python3 -c '
import json, sys
print([(m["name"], m["loses"]) for m in json.load(sys.stdin)["undoes"]])')" \
    "[('0002_price', ['public.goods.price']), ('0001_goods', ['public.goods'])]"
gives 0 's2 is undone' lone_undo s2
has 'what that loses was said' "$OUT" 'data lost    public.goods'
is 'all are' "$(names)" ''
is 'history tells ups from downs' "$(lone history --format json | python3 -c '
import json, sys
print(" ".join(r["kind"] for r in json.load(sys.stdin)["runs"]))')" \
    'migrate migrate migrate down down down'
lone_migration 0005_last '-- tidegate: forward-only it is history
-- tidegate: transaction=none
CREATE TABLE last (id int);
INSERT INTO last VALUES (1), (1);
CREATE UNIQUE INDEX CONCURRENTLY last_id ON last (id);' ''
lone_tag s5
gives 12 's5 stops' lone_up s5
has 'no way back past it' "$OUT" 'no way back past 0005_last'
gives 12 'status' lone status
is 'it stands last, with what was done' "$(lone migrate status 2>/dev/null | sed -n '6s/  before.*//p')" \
    '0005_last         half done: 2 of its 3 statements are done; it stopped after line 4, INSERT'
site_sql 'DELETE FROM last' lone
gives 0 'resumed' lone resume $yes
has 'nothing serves' "$OUT" 'finished, s5 is applied'

# without a database
sed -i '/^database /d' "$SITE/repo/tidegate.ini"
gives 64 'no database' t migrate status
gives 64 'no database to undo anything in' t migrate down r2 $yes
rm "$SITE/repo/.tidegate/ledger/ledger.tg"
gives 78 'no ledger' t migrate status
tap_end
