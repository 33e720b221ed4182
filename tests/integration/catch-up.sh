#!/bin/sh
# catch-up against a whole site: hosts left behind, emptied, new, unreachable;
# its artifact kept, built again, or not to be had; killed and gone on. TAP.
# FLAVOUR names the build (one with failpoints).
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
SITE_HOSTS=3
SITE_ROWS=50
holder=
stop() {
    [ -z "$holder" ] || kill "$holder" 2>/dev/null
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
has_release() { readlink "$SITE/hosts/127.0.0.$1/shop/current"; }
restarts() { wc -l <"$SITE/hosts/127.0.0.$1/shop/shared/log/restarts"; }
shop_stop() { kill "$(cat "$SITE/hosts/127.0.0.$1/shop/shared/log/pid")"; }
# Everything tidegate ever put there is gone; shared/ was made again.
emptied() {
    shop_stop "$1"
    rm -rf "$SITE/hosts/127.0.0.$1/shop/releases" \
        "$SITE/hosts/127.0.0.$1/shop/.tidegate" \
        "$SITE/hosts/127.0.0.$1/shop/current"
}
release() {
    t expect "$1" --at now --why test --key "$SITE/anna" >/dev/null 2>&1 &&
        t approve "$1" --key "$SITE/jaak" >/dev/null 2>&1 &&
        t rehearse "$1" >/dev/null 2>&1 && t deploy "$1" $yes
}
events() { t ledger verify --format json | sed 's/.*"records":\([0-9]*\).*/\1/'; }

site_start "$(mktemp -d /tmp/tgcatch.XXXXXX)"
ok 'the site starts' $?
site_users 3
sed -i 's/^max_out .*/max_out = 1/; s/^timeout .*/timeout = 5s/' "$SITE/repo/tidegate.ini"
gives 78 'no ledger yet' t catch-up $yes
gives 0 'init' t init
gives 10 'nothing is live yet' t catch-up $yes
has 'it says what to do' "$OUT" 'adopt'
gives 0 'adopt' t adopt --release v1.0 $yes
gives 0 'all are level: nothing to do' t catch-up $yes
has 'it says so' "$OUT" 'nothing to do'
emptied 2
gives 10 'an adopted release kept no artifact, and git gives another' t catch-up $yes
has 'both digests are named' "$OUT" 'built again from commit'
gives 0 'and nothing was begun' t resume $yes
git -C "$SITE/repo" archive v1.0 >/dev/null
site_stop

site_start "$(mktemp -d /tmp/tgcatch.XXXXXX)"
site_users 3
sed -i 's/^max_out .*/max_out = 1/; s/^timeout .*/timeout = 5s/' "$SITE/repo/tidegate.ini"
gives 0 'init' t init
gives 0 'adopt' t adopt --release v1.0 $yes
gives 0 'v1.1 goes out' release v1.1
gives 0 'v1.3 goes out' release v1.3

# who and whether
gives 64 'a host that is not listed' t catch-up 127.0.0.9 $yes
has 'the nearest is named' "$OUT" 'did you mean 127.0.0.'
gives 64 'nobody confirms' t catch-up 127.0.0.2
gives 64 'another environment is confirmed' t catch-up 127.0.0.2 --yes=staging
seq=$(events)
gives 0 'all are level' t catch-up $yes
is 'nothing was recorded' "$(events)" "$seq"

# a host whose current was moved by hand
ln -sfn releases/v1.1 "$SITE/hosts/127.0.0.2/shop/current"
before=$(restarts 1)
gives 0 'a host left behind is brought level' t catch-up $yes
is 'it has v1.3' "$(has_release 2)" releases/v1.3
is 'the others were not touched' "$(restarts 1)" "$before"
gives 0 'status is whole' t status

# a new host: everything, the way back too
emptied 3
gives 0 'an empty host is brought level' t catch-up 127.0.0.3 $yes
is 'it has v1.3' "$(has_release 3)" releases/v1.3
is 'its shop serves v1.3' "$(curl -s --max-time 3 "http://127.0.0.3:$SITE_PORT/health")" \
    '{"release":"v1.3"}'
[ -d "$SITE/hosts/127.0.0.3/shop/releases/v1.1" ]
ok 'the release before it is there too' $?
gives 0 'status is whole' t status
gives 0 'rollback finds its way back on it' t rollback $yes
is 'it has v1.1' "$(has_release 3)" releases/v1.1
gives 0 'and an empty host gets what was gone back to' t catch-up $yes

# from git when no folder kept it
emptied 3
mv "$SITE/repo/.tidegate/ledger/runs" "$SITE/runs"
gives 0 'built again from the recorded commit' t catch-up $yes
is 'it has v1.1' "$(has_release 3)" releases/v1.1
emptied 3
rm -rf "$SITE/repo/.tidegate/ledger/runs"
sed -i 's/^keep .*/keep = 5\nexclude = VERSION/' "$SITE/repo/tidegate.ini"
seq=$(events)
gives 10 'git gives another artifact now' t catch-up $yes
is 'no run was begun' "$(events)" $((seq + 1))
sed -i '/^exclude/d' "$SITE/repo/tidegate.ini"
mv "$SITE/runs" "$SITE/repo/.tidegate/ledger/runs"
gives 0 'with the kept one it goes' t catch-up $yes

# owing: a rollback that could not reach one host
gives 0 'v1.3 again' sh -c true
t expect v1.3 --again --at now --why again --key "$SITE/anna" >/dev/null 2>&1
t approve v1.3 --key "$SITE/jaak" >/dev/null 2>&1
gives 0 'v1.3 goes out again' t deploy v1.3 $yes
sshd_host_stop "$SITE" 3
gives 0 'rollback without one host' t rollback $yes
has 'it is owing' "$OUT" 'owing: '
gives 69 'catch-up of a host that does not answer' t catch-up 127.0.0.3 $yes
gives 69 'it is the only one that owes' t catch-up $yes
sshd_launch "$SITE" 3
gives 0 'it answers again, and is brought level' t catch-up $yes
is 'it has v1.1' "$(has_release 3)" releases/v1.1
gives 0 'nobody owes any more' t status
case $OUT in *owing*|*owes*) false ;; esac
ok 'status names no debt' $?
sshd_new_key "$SITE" 3
gives 10 'a host with another key' t catch-up 127.0.0.3 $yes
sed -i "s|^\[127.0.0.3\]:.*|[127.0.0.3]:$(cat "$SITE/port") $(cut -d' ' -f1,2 \
    "$SITE/sshd/3/key.pub")|" "$SITE/known_hosts"

# what forbids it
gives 0 'freeze' t freeze --why 'the sale'
gives 10 'frozen' t catch-up 127.0.0.2 $yes
has 'the reason is named' "$OUT" 'the sale'
gives 0 'thaw' t thaw --why over
sed -i 's/^max_out .*/max_out = 2/' "$SITE/repo/tidegate.ini"
gives 10 'a policy that is not the pinned one' t catch-up 127.0.0.2 $yes
sed -i 's/^max_out .*/max_out = 1/' "$SITE/repo/tidegate.ini"
python3 - "$SITE/repo/.tidegate/ledger/production.lease" "$SITE/held" <<'PY' &
import fcntl, sys, time
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(600)
PY
holder=$!
until [ -e "$SITE/held" ]; do sleep 0.02; done
gives 75 'another run holds the lease' t catch-up 127.0.0.2 $yes
kill "$holder"
wait "$holder" 2>/dev/null
holder=
L=$SITE/repo/.tidegate/ledger/ledger.tg
cp "$L" "$SITE/ledger.good"
printf '\377' | dd of="$L" bs=1 seek=300 conv=notrunc 2>/dev/null
gives 74 'a ledger that is not intact' t catch-up 127.0.0.2 $yes
cp "$SITE/ledger.good" "$L"

# a shop that does not come up
env2=$SITE/hosts/127.0.0.2/shop/shared/app.env
cp "$env2" "$SITE/app.env"
sed -i 's/^PORT=.*/PORT=1/' "$env2"
gives 12 'a host that does not come up' t catch-up 127.0.0.2 $yes
has 'it is named' "$OUT" '127.0.0.2'
gives 12 'status says what stands' t status
cp "$SITE/app.env" "$env2"
gives 0 'mended: the same again takes it over' t catch-up $yes
gives 0 'status is whole' t status

# killed, then gone on
ln -sfn releases/v1.3 "$SITE/hosts/127.0.0.2/shop/current"
killed_at batch.step:3 catch-up $yes >/dev/null 2>&1
is 'kill -9 in mid-batch' $? 137
gives 12 'status: unfinished' t status
gives 0 'resume finishes it' t resume $yes
is 'it has v1.1' "$(has_release 2)" releases/v1.1
gives 0 'status is whole' t status
killed_at step.after:1 catch-up 127.0.0.2 $yes >/dev/null 2>&1
is 'kill -9 after the fence' $? 137
gives 0 'a second catch-up takes it over' t catch-up $yes
gives 0 'status is whole' t status
killed_at intent.after:3 catch-up 127.0.0.2 $yes >/dev/null 2>&1
is 'kill -9 before the first drain' $? 137
t expect v1.3 --again --at now --why again --key "$SITE/anna" >/dev/null 2>&1
t approve v1.3 --key "$SITE/jaak" >/dev/null 2>&1
gives 10 'a deploy is refused meanwhile' t deploy v1.3 $yes
gives 0 'resume' t resume $yes
killed_at part.begin:3 deploy v1.3 $yes >/dev/null 2>&1
is 'a deploy is killed' $? 137
gives 10 'catch-up is refused meanwhile' t catch-up $yes
has 'it names the way out' "$OUT" 'tidegate resume'
gives 0 'resume of the deploy' t resume $yes
gives 0 'the chain verifies' t ledger verify
is 'the front answers' "$(site_front)" v1.3

# a rollback does not wait for a catch-up that died
killed_at intent.after:3 catch-up 127.0.0.2 $yes >/dev/null 2>&1
is 'kill -9 once more' $? 137
gives 0 'rollback takes it over' t rollback $yes
is 'the hosts went back' "$(has_release 1) $(has_release 2)" \
    'releases/v1.1 releases/v1.1'
gives 0 'status is whole' t status
tap_end
