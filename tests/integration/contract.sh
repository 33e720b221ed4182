#!/bin/sh
# Expand and contract: what waits for a release to be good, the run that
# finishes it, the way back before and past it, and a finish that is killed.
# TAP. FLAVOUR names the build (one with failpoints).
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

applied() { site_sql 'SELECT name FROM tidegate.migration ORDER BY number' | xargs; }
columns() { site_sql "SELECT attname FROM pg_attribute WHERE attnum > 0
    AND attrelid = 'orders'::regclass AND NOT attisdropped
    AND attname IN ('note', 'a', 'b', 'c', 'd') ORDER BY 1" | xargs; }
killed_at() { # POINT ARGUMENT...
    point=$1
    shift
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT=$point exec "$TIDEGATE" "$@") \
        >"$SITE/killed.log" 2>&1
    is "killed at $point" $? 137
}
column() { # NAME COLUMN DIRECTIVES: contracts a column away
    up "$1" "$3
ALTER TABLE orders DROP COLUMN $2;"
    down "$1" "ALTER TABLE orders ADD COLUMN $2 int;"
}
goes() { # TAG: announced, rehearsed where something is to be, deployed
    release "$1"
    announce "$1"
    t rehearse "$1" >"$SITE/rehearse.log" 2>&1
    gives 0 "$1 goes out" t deploy "$1" $yes
}
finishes() { # TAG
    announce "$1" --only contract
    gives 0 "$1: its contracting migrations are rehearsed" \
        t rehearse "$1" --only contract
}
state() { t status --format json 2>/dev/null | /usr/bin/python3 -c '
import json, sys
print(" ".join("%s/%s/%s" % (c["name"], c["after"], c["may_run"])
               for c in json.load(sys.stdin)["contract"]))'; }
last_run() { t history --last 1 --format json | /usr/bin/python3 -c '
import json, sys
run = json.load(sys.stdin)["runs"][0]
print(run["kind"], run["outcome"],
      *[c["name"] for c in run.get("contract", [])])'; }

shop_open 1 100
ok 'the site stands' $?
setting rollout max_unreachable 1
accept
git -C "$SITE/repo" checkout -q -b work v1.1

echo '# the expanding half goes out, the contracting half waits'
up 0002_expand 'ALTER TABLE orders ADD COLUMN a int, ADD COLUMN b int,
ADD COLUMN c int, ADD COLUMN d int;'
column 0003_later a '-- tidegate: after=this for=24h'
column 0004_soon b '-- tidegate: after=this'
column 0005_never c '-- tidegate: after=v9 for=1h'
goes c1
has 'what waits is told' "$OUT" 'contract pending: 0003_later, not before'
has 'what may run is told' "$OUT" '0004_soon, may run since'
has 'what nobody knows is told' "$OUT" '0005_never, once v9 has been good for 1 h'
has 'and how' "$OUT" 'tidegate expect c1 --only contract'
has 'the verdict names them' "$OUT" 'contract_pending=0003_later,0004_soon,0005_never'
is 'the rest was applied' "$(applied)" '0001_order_note 0002_expand'
is 'history says it' "$(last_run)" 'deploy good 0003_later 0004_soon 0005_never'
gives 0 'all is whole' t status
has 'status tells them' "$OUT" 'contract    0003_later, not before'
is 'programs too' "$(state)" '0003_later/c1/False 0004_soon/c1/True 0005_never/v9/False'
gives 0 'deployed once more: nothing to do' t deploy c1 $yes
has 'and it tells them' "$OUT" 'contract pending: 0003_later'
gives 0 'migrate status' t migrate status c1
has 'a state of its own' "$OUT" '0003_later       contract'

echo '# finish is a run of its own'
gives 64 'no release is live by that name' t migrate finish '' $yes
gives 10 'one that nobody announced' t migrate finish $yes
gives 10 'of what is not live' t check v1.0 --only contract
announce c1 --only contract
gives 0 'approved' t approve c1 --key "$SITE/jaak"
has 'who approves sees what runs' "$OUT" '0004_soon runs'
gives 10 'whose way back was not rehearsed' t migrate finish $yes
asks 10 contract contract.due 'the wait of one is over' check c1 --only contract
gives 0 'rehearsed' t rehearse c1 --only contract
has 'that one' "$OUT" '0004_soon: up, down, schema equal'
gives 0 'planned' t plan c1 --only contract
has 'what runs' "$OUT" 'pending: 0004_soon, contracting'
has 'what does not' "$OUT" 'contract pending: 0003_later, not before'

echo '# not while a host may have code from before'
current=$SITE/hosts/127.0.0.1/shop/current
ln -sfn releases/v1.0 "$current"
gives 10 'one has another release' t migrate finish $yes
has 'it is named, and what it has' "$OUT" 'it has v1.0'
has 'and what to do' "$OUT" 'tidegate catch-up 127.0.0.1'
ln -sfn releases/c1 "$current"
sshd_host_stop "$SITE" 1
gives 69 'one is not reached, although releases may pass it over' \
    t migrate finish $yes
has 'the reason' "$OUT" 'may still need what'
sshd_host_start "$SITE" 1
"$APPEND" "$SITE/repo/.tidegate/ledger" owing '{"environment":"production",
    "host":"127.0.0.1","release":"c1","why":"not reached"}' >"$SITE/owing"
gives 10 'one owes a release' t migrate finish $yes
has 'that is the reason' "$OUT" 'owes a release'
is 'nothing was changed' "$(columns)" 'a b c d note'
gives 0 'caught up' t catch-up $yes

gives 0 'finished' t migrate finish $yes
has 'two still wait' "$OUT" 'contract_pending=0003_later,0005_never'
is 'one column is gone' "$(columns)" 'a c d note'
is 'the code is as it was' "$(releases)" releases/c1
is 'history names the kind' "$(last_run)" 'finish good 0003_later 0005_never'
asks 75 contract contract.early 'an announcement before its time' \
    expect c1 --only contract --at now --why test --key "$SITE/anna"
has 'with the time' "$OUT" '"retry_after":86'
gives 0 'one for its time' t expect c1 --only contract --for 8h --why test \
    --key "$SITE/anna"
has 'tomorrow' "$OUT" '0003_later runs'
gives 0 'rehearsed ahead of time' t rehearse c1 --only contract
has 'it as well' "$OUT" '0003_later: up, down, schema equal'
asks 75 contract contract.early 'finish before it' deploy c1 --only contract $yes

echo '# a later release: it still waits, by the first; its number is no order'
up 0006_more 'CREATE TABLE more (i int);'
down 0006_more 'DROP TABLE more;'
git -C "$SITE/repo" tag v9 c1
goes c2
is 'since the first that brought it, or went out with its tag' "$(state)" \
    '0003_later/c1/False 0005_never/c2/False'
column 0003_later a '-- tidegate: after=c1 for=1s'
rm "$SITE/repo"/migrations/0005_never.*
release c3
announce c3
gives 0 'a wait that is over' t rehearse c3
"$APPEND" "$SITE/repo/.tidegate/ledger" owing '{"environment":"production",
    "host":"127.0.0.1","release":"c2","why":"not reached"}' >"$SITE/owing"
gives 10 'nor with a release while a host owes one' t deploy c3 $yes
has 'that is the reason' "$OUT" 'owes a release'
gives 0 'caught up' t catch-up $yes
gives 0 'it runs with the release' t deploy c3 $yes
is 'applied, although a higher number is' "$(applied)" \
    '0001_order_note 0002_expand 0003_later 0004_soon 0006_more'
is 'nothing waits' "$(state)" ''

echo '# the way back'
gives 0 'to a release after the one it waited for' t rollback $yes
has 'it stays' "$OUT" 'keeps 0003_later'
is 'and nothing says otherwise' \
    "$(printf '%s\n' "$OUT" | grep -c 'undoes *0003_later')" 0
is 'the columns stay away' "$(columns)" 'c d note'
gives 0 'past it' t rollback --to v1.0 $yes
is 'the columns are back' "$(columns)" 'a b c d note'
is 'the code too' "$(releases)" releases/v1.0

echo '# a finish that is killed'
git -C "$SITE/repo" checkout -q v1.1 -- migrations
for f in 0002_expand 0006_more; do
    git -C "$SITE/repo" checkout -q c2 -- migrations/$f.up.sql
done
git -C "$SITE/repo" checkout -q c2 -- migrations/0006_more.down.sql
rm -f "$SITE/repo"/migrations/0003* "$SITE/repo"/migrations/0004*
column 0007_seven a '-- tidegate: after=this'
column 0008_eight b '-- tidegate: after=this'
goes k1
finishes k1
killed_at migrate.after:1 migrate finish $yes
gives 12 'status' t status
has 'what it was' "$OUT" 'finish '
gives 10 'nothing else begins' t migrate finish $yes
gives 0 'resumed' t resume $yes
is 'both are gone' "$(columns)" 'c d note'
column 0009_nine c '-- tidegate: after=this'
column 0010_ten d '-- tidegate: after=k2'
goes k2
finishes k2
killed_at migrate.after:2 migrate finish $yes
killed_at down.after:1 rollback $yes
gives 12 'status' t status
gives 0 'taken back' t rollback $yes
is 'what it contracted is there again' "$(columns)" 'c d note'
is 'the code is as it was' "$(releases)" releases/k2
gives 0 'status is whole' t status
is 'it waits again' "$(state)" '0009_nine/k2/True 0010_ten/k2/True'
is 'hosts remember what may not be passed' \
    "$(cat "$SITE"/hosts/*/shop/.tidegate/after-begun | sort -u)" k1

echo '# one way only'
policy 0 '[backup]' 'age_seconds = command: echo 60' 'max_age = 12h'
up 0010_ten '-- tidegate: after=k2 for=1s
-- tidegate: forward-only the numbers are gone
UPDATE orders SET total = 0;'
rm "$SITE/repo/migrations/0010_ten.down.sql"
goes k3
finishes k3
gives 0 'finished' t migrate finish $yes
has 'nothing waits' "$(state)." .
gives 0 'back to the release that it waited for' t rollback $yes
is 'it stays' "$(columns)" 'd note'
gives 10 'there is no way past it' t rollback --to k1 $yes
has 'it is named' "$OUT" 'no way back past 0010_ten'
is 'nothing was changed' "$(releases)" releases/k2

echo '# a release that was taken back'
column 0011_last d '-- tidegate: after=k3 for=1h'
goes k4
is 'waits for it' "$(state)" '0011_last/k3/False'
asks 10 contract contract.taken_back 'and will for ever' \
    expect k4 --only contract --at now --why test --key "$SITE/anna"

echo '# without hosts: a release is good when its migrations are'
S=$SITE/lone
mkdir -p "$S/policies" "$S/migrations"
site_sql 'CREATE DATABASE lone' postgres
lone_db="host=$PG_SOCKET port=$PG_PORT user=postgres dbname"
printf '[project]\nname = lone\nrepository = .\n[environment production]
policy = policies/production.ini\ndatabase = %s=lone\n[rehearsal]
clone = dump\nfrom = %s=lone\nserver = %s=postgres\n' \
    "$lone_db" "$lone_db" "$lone_db" >"$S/tidegate.ini"
printf '[expected]\nsignatures = optional\nnotice = 0s\n' \
    >"$S/policies/production.ini"
printf '.tidegate/\ntidegate.ini\npolicies/\n' >"$S/.gitignore"
echo 'CREATE TABLE l (a int, b int);' >"$S/migrations/0001_l.up.sql"
echo 'DROP TABLE l;' >"$S/migrations/0001_l.down.sql"
printf -- '-- tidegate: after=this\nALTER TABLE l DROP COLUMN b;\n' \
    >"$S/migrations/0002_b.up.sql"
echo 'ALTER TABLE l ADD COLUMN b int;' >"$S/migrations/0002_b.down.sql"
git -C "$S" init -q -b main
(cd "$S" && site_tag d1)
lone() { (cd "$S" && exec "$TIDEGATE" "$@"); }
lone init >"$SITE/lone.log" 2>&1
lone expect d1 --only migrations --at now --why test >"$SITE/lone.log" 2>&1
gives 0 'migrations alone' lone migrate up d1 $yes
has 'one waits' "$OUT" 'contract_pending=0002_b'
gives 0 'status' lone status
has 'tells it' "$OUT" '0002_b, may run since'
has 'and what to type' "$OUT" 'expect d1 --only contract, then tidegate migrate finish d1'
gives 64 'nothing is live: which release?' lone migrate finish $yes
lone expect d1 --only contract --at now --why test >"$SITE/lone.log" 2>&1
site_sql 'INSERT INTO l VALUES (1, 2)' lone
gives 10 'what no down brings back' lone rehearse d1 --only contract
has 'is told' "$OUT" 'does not bring the data back: public.l.b: 1 of 1 values lost'
gives 10 'the gate says the same' lone migrate finish d1 $yes
has 'and what to write' "$OUT" 'declare `-- tidegate: forward-only REASON`'
site_sql 'TRUNCATE l' lone
gives 0 'rehearsed' lone rehearse d1 --only contract
gives 0 'finished' lone migrate finish d1 $yes
is 'the column is gone' "$(site_sql "SELECT count(*) FROM pg_attribute
    WHERE attrelid = 'l'::regclass AND attname = 'b'" lone)" 0
tap_end
