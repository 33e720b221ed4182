#!/bin/sh
# Backfills in a real environment: users come and it pauses, the window closes
# and it pauses, it is killed, it goes back from its checkpoint; each row is
# done once. TAP. FLAVOUR names the build (one with failpoints).
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/harness/shop.sh
meanwhile=
stop() {
    [ -z "$meanwhile" ] || kill "$meanwhile" 2>/dev/null
    shop_close
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# How often rows were done: "0:4000 1:1000".
rows() { site_sql "SELECT string_agg(n || ':' || c, ' ' ORDER BY n)
    FROM (SELECT n, count(*) AS c FROM orders GROUP BY n) x"; }
some() { [ "$(site_sql 'SELECT count(*) > 200 FROM orders WHERE n = 1')" = t ]; }
pace() { site_sql "UPDATE pace SET seconds = $1"; }
killed_at() { # POINT ARGUMENT...
    point=$1
    shift
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT=$point exec "$TIDEGATE" "$@")
}
backfill() { # NAME [WORD...]: a release with one more of them
    name=$1
    shift
    site_sql 'UPDATE orders SET n = 0'
    up "$name" "-- tidegate: batch=orders key=id size=50 $*
UPDATE orders SET n = n + 1 WHERE id BETWEEN \$1 AND \$2;"
    down "$name" "-- tidegate: batch=orders key=id size=50
UPDATE orders SET n = n - 1 WHERE id BETWEEN \$1 AND \$2;"
}
is_of() { t migrate status "$1" --format json 2>/dev/null | python3 -c '
import json, sys
print(*[m["is"] + " " + str("how" in m)
        for m in json.load(sys.stdin)["migrations"]
        if m["name"] == sys.argv[1]])' "$2"; }

shop_open 2 5000
ok 'the site stands' $?
site_sql "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0;
    CREATE TABLE pace (seconds float8); INSERT INTO pace VALUES (0);
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
        PERFORM pg_sleep(seconds) FROM public.pace; RETURN NULL; END \$\$;
    CREATE TRIGGER slow AFTER UPDATE ON orders EXECUTE FUNCTION slow()"
git -C "$SITE/repo" checkout -q -b plain v1.0
setting rollout pause_max 1s
users='[users]
count = sql: SELECT count(*) FROM session
max = 50
forecast = no'
policy 0 "$users"

echo '# users come'
backfill 0101_fill
release b1
announce b1
gives 0 'rehearsed' t rehearse b1
has 'batches are told' "$OUT" '0101_fill: 100 batches of up to 50 rows, 5000 rows'
pace 0.2
(
    until_true 60 some
    site_users 140
) &
meanwhile=$!
gives 12 'it pauses' t deploy b1 $yes
run=$(printf '%s\n' "$OUT" | sed -n 's/.* run=\([^ ]*\).*/\1/p')
has 'why' "$OUT" '140'
has 'how far it is' "$OUT" 'rows, up to key'
is 'half done' "$(is_of b1 0101_fill)" 'half done True'
gives 12 'status says so' t status
has 'and how far' "$OUT" '0101_fill: '
gives 0 'show' t show "$run"
has 'tells it as well' "$OUT" 'rows, up to key'
is 'the hosts have what they had' "$(releases)" releases/v1.0
gives 12 'it pauses at once: they are still there' t resume $yes
site_users 3
pace 0
gives 0 'it goes on' t resume $yes
has 'from there' "$OUT" 'goes on from'
is 'each row once' "$(rows)" 1:5000
is 'the code is out' "$(releases)" releases/b1
is 'applied' "$(is_of b1 0101_fill)" 'applied False'

echo '# killed, and on'
backfill 0102_fill
release b2
announce b2
killed_at backfill-checkpoint:7 deploy b2 $yes >/dev/null 2>&1
is 'killed' $? 137
is 'six batches are there' "$(rows)" '0:4700 1:300'
gives 12 'status says so' t status
has 'and how far it was when it was killed' "$OUT" '0102_fill: 300 of'
gives 0 'resumed' t resume $yes
is 'each row once' "$(rows)" 1:5000

echo '# killed, and back'
backfill 0103_fill
release b3
announce b3
killed_at backfill-batch:9 deploy b3 $yes >/dev/null 2>&1
is 'nine batches are there' "$(rows)" '0:4550 1:450'
killed_at backfill-ran:4 rollback --schema $yes >/dev/null 2>&1
is 'three less' "$(rows)" '0:4700 1:300'
gives 0 'gone back' t rollback --schema $yes
has 'what it did since is counted' "$OUT" '6 batches, 300 rows changed since it went on'
is 'none is done' "$(rows)" 0:5000
is 'pending' "$(is_of b3 0103_fill)" 'pending False'
is 'the hosts have what they had' "$(releases)" releases/b2

echo '# after the code, and the window closes'
git -C "$SITE/repo" checkout -q b2 -b later
backfill 0104_fill
sed -i '1s/$/ phase=after/' "$SITE/repo/migrations/0104_fill.up.sql"
release b4
announce b4
pace 0
gives 0 'rehearsed' t rehearse b4
now=$(date +%s)
closes=$(((now + 75) / 60 * 60))
policy 0 "$users" '[window]' 'zone = Europe/Tallinn' 'override = yes' "allow = $(
    TZ=Europe/Tallinn date -d "@$((closes - 600))" '+%Y-%m-%d %H:%M')-$(
    TZ=Europe/Tallinn date -d "@$closes" '+%H:%M')"
forge anna tidegate policy="$(pinned)"
pace 0.8
gives 12 'it pauses' t deploy b4 $yes --override fit --reason 'it may pause'
has 'the window is named' "$OUT" 'closed'
is 'the code is out' "$(releases)" releases/b4
is 'half done' "$(is_of b4 0104_fill)" 'half done True'
policy 0 "$users"
pace 0
gives 0 'and back, before the code' t rollback $yes
is 'none is done' "$(rows)" 0:5000
is 'the hosts have what they had' "$(releases)" releases/b2
gives 0 'all is whole' t status

echo '# migrations alone'
backfill 0105_fill
release b5
announce b5 --only migrations
gives 0 'rehearsed' t rehearse b5
killed_at backfill-batch:3 migrate up b5 $yes >/dev/null 2>&1
is 'three batches are there' "$(rows)" '0:4850 1:150'
gives 0 'and back' t rollback --schema $yes
is 'none is done' "$(rows)" 0:5000
gives 0 'all is whole' t status
tap_end
