#!/bin/sh
# The demo's scenes as assertions, with a sampler that watches the pool from
# outside: never more than max_out hosts are out.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
sampler=
stop() {
    [ -z "$sampler" ] || kill "$sampler" 2>/dev/null
    site_stop
    ordinary_end
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

t() { (cd "$SITE/repo" && exec "$TIDEGATE" "$@"); }
yes=--yes=production

# Appends how many servers are not up, fifty times a second.
sample() {
    /usr/bin/python3 - "$SITE/haproxy.sock" "$SITE/out" <<'PY' &
import socket, sys, time
path, out = sys.argv[1:]
with open(out, "a") as log:
    while True:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"show stat\n")
            rows = s.makefile().read().splitlines()
        names = rows[0].lstrip("# ").split(",")
        status = names.index("status")
        down = [r for r in rows[1:] if r.startswith("shop,127.")
                and not r.split(",")[status].startswith("UP")]
        log.write("%d\n" % len(down))
        log.flush()
        time.sleep(0.02)
PY
    sampler=$!
}
most_out() { sort -n "$SITE/out" | tail -1; }
releases() { for h in "$SITE"/hosts/*; do readlink "$h/shop/current"; done | sort -u; }
restarts() { cat "$SITE"/hosts/*/shop/shared/log/restarts | grep -c "releases/$1\$"; }
tables() { site_sql "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace OR relnamespace = to_regnamespace('tidegate')"; }
announce() {
    t expect "$1" --at now --why test --key "$SITE/anna" >/dev/null 2>&1 &&
        t approve "$1" --key "$SITE/jaak" >/dev/null 2>&1
    ok "$1 is announced and approved" $?
}

site_start "$(mktemp -d /tmp/tgscenes.XXXXXX)"
ok 'the site starts' $?
gives 0 'init' t init
gives 0 'adopt takes over what Capistrano left' t adopt --release v1.0 $yes
is 'current is relative now' "$(releases)" releases/v1.0
gives 64 'adopt twice is a mistake' t adopt --release v1.0 $yes
sample

# 1
before="$(tables) $(releases)"
gives 10 'an unannounced release is refused' t deploy v1.1 $yes
has 'with a big exclamation mark' "$OUT" '!!!'
has 'and says that nothing was changed' "$OUT" 'nothing was changed'
is 'no host and no table changed' "$(tables) $(releases)" "$before"

# 2
seq=$(t ledger verify --format json | sed 's/.*"records":\([0-9]*\).*/\1/')
gives 75 'a time with 900 users is refused' t expect v1.1 \
    --at "$(date -u -d '+6 hours' +%Y-%m-%dT%H:%M:%SZ)" --why x --key "$SITE/anna"
is 'and nothing is recorded' \
    "$(t ledger verify --format json | sed 's/.*"records":\([0-9]*\).*/\1/')" "$seq"
announce v1.1
gives 75 'not rehearsed: held' t check v1.1
gives 0 'rehearse v1.1' t rehearse v1.1
gives 75 '140 users: held' t deploy v1.1 $yes
has 'the count and the limit are named' "$OUT" '140'
is 'still nothing changed' "$(releases)" releases/v1.0

# 3
(t deploy v1.1 --wait $yes >"$SITE/wait.log" 2>&1; echo $? >"$SITE/wait.code") &
tries=0
until grep -q waiting "$SITE/wait.log" 2>/dev/null || [ "$tries" -gt 200 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
site_users 12
wait $!
is 'deploy --wait goes out when the users leave' "$(cat "$SITE/wait.code")" 0
is 'every host has v1.1' "$(releases)" releases/v1.1
is 'the front answers as v1.1' "$(site_front)" v1.1
is 'the migration is applied once' \
    "$(site_sql "SELECT count(*) FROM tidegate.migration WHERE name = '0001_order_note'")" 1
gives 0 'deploying it again: nothing to do' t deploy v1.1 $yes
gives 0 'status: whole' t status

# 4
t expect v1.2 --at now --why test --key "$SITE/anna" >/dev/null 2>&1
gives 10 'a rewrite is refused by its rehearsal' t rehearse v1.2
has 'the lock is named' "$OUT" 'ACCESS EXCLUSIVE'
has 'the table is named' "$OUT" 'orders'
has 'and what to write instead' "$OUT" 'SET DEFAULT'
announce v1.3
gives 0 'the corrected one is rehearsed' t rehearse v1.3
gives 0 'and goes out' t deploy v1.3 $yes
is 'every host has v1.3' "$(releases)" releases/v1.3

# 5
announce v1.4
gives 11 'a broken release goes back by itself' t deploy v1.4 $yes
is 'every host has v1.3 again' "$(releases)" releases/v1.3
is 'only the canary ever had it' "$(restarts v1.4)" 1
is 'the front answers as v1.3' "$(site_front)" v1.3
gives 0 'status: whole' t status

# 6
announce v1.5
gives 0 'rehearse v1.5' t rehearse v1.5
(cd "$SITE/repo" && exec "$TIDEGATE" deploy v1.5 $yes) >"$SITE/killed.log" 2>&1 &
runner=$!
tries=0
until [ "$(readlink "$SITE/hosts/127.0.0.2/shop/current")" = releases/v1.5 ] ||
    [ "$(readlink "$SITE/hosts/127.0.0.3/shop/current")" = releases/v1.5 ] ||
    [ "$tries" -gt 1000 ]; do
    tries=$((tries + 1))
    sleep 0.02
done
kill -9 "$runner"
wait "$runner" 2>/dev/null
gives 12 'status after kill -9' t status
has 'names the run as unfinished' "$OUT" 'v1.5'
gives 10 'another deploy is refused meanwhile' t deploy v1.5 $yes
gives 0 'resume finishes' t resume $yes
is 'every host has v1.5' "$(releases)" releases/v1.5
is 'every host was restarted once' "$(restarts v1.5)" 5
gives 0 'a second resume has nothing to do' t resume $yes
is 'and did nothing' "$(restarts v1.5)" 5

# 7
postgres_halt immediate
gives 0 'rollback with the database down' t rollback $yes
has 'it says what the database keeps' "$OUT" '0003_voucher'
is 'every host has v1.3' "$(releases)" releases/v1.3
gives 0 'a second rollback proves it and touches nothing' t rollback $yes
has 'and says so' "$OUT" 'already on v1.3'
postgres_again
is 'the front answers as v1.3' "$(site_front)" v1.3
gives 0 'history' t history
gives 0 'the chain verifies' t ledger verify
kill "$sampler" 2>/dev/null
sampler=
[ "$(most_out)" -le 2 ]
ok "never more than 2 hosts out of the pool (saw $(most_out) at most)" $?
tap_end
