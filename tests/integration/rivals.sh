#!/bin/sh
# Two runners, a ledger that was copied or put back, another policy: one goes
# on, the others are told who and why, and nothing happens twice.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/fault/world.sh
. tests/harness/background.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap world_end EXIT
trap 'exit 130' INT TERM HUP

released() {
    world_common
    same 'code' "$(world_code)" 'releases/r2 r2'
    same 'restarts of r2' "$(world_restarts r2)" 1
}
ledger=.tidegate/ledger

slow_site 2

world_back start
start deploy r2 $yes
world_until said staging
wants 75 deploy r2 $yes
run=$(cd "$SITE/repo" && "$TIDEGATE" status --format json | grep -o '20[0-9]*-[0-9]*-[0-9a-f]*' | head -1)
says "$run"
says "$(id -un)@"
says since
wants 75 rollback $yes
wants 75 resume $yes
ended 0
released
world_judge 'a second deploy is told which run, whose, since when; the first goes out'

n=0
while [ "$n" -lt 5 ]; do
    n=$((n + 1))
    world_back start
    start deploy r2 $yes
    t deploy r2 $yes
    ours=$?
    wait "$runner"
    theirs=$?
    {
        echo '-- in the background:'
        cat "$SITE/killed.log"
    } >>"$SITE/story"
    case "$ours $theirs" in
    '0 75' | '75 0') ;;
    *) world_wrong "they ended $ours and $theirs: one 0, the other 75 was wanted" ;;
    esac
    released
    world_judge "started together: one goes out, the other is held ($n: $ours, $theirs)"
done

world_back start
start deploy r2 $yes
world_until restarting
kill -s STOP "$runner"
wants 12 status
says 'goes on now'
wants 75 rollback $yes
wants 75 resume $yes
wants 75 deploy r2 $yes
kill -s KILL "$runner"
wait "$runner" 2>/dev/null
wants 0 resume $yes
world_common
same 'code' "$(world_code)" 'releases/r2 r2'
world_judge 'a stopped process keeps its lease; killed, it is free at once'

world_back start
start deploy r2 $yes
world_until restarting
kill -s STOP "$runner"
rm "$SITE/repo/$ledger"/*.lease
wants 0 resume $yes
before=$(cat "$SITE"/hosts/*/shop/shared/log/restarts | wc -l)
kill -s CONT "$runner"
ended 13 superseded
same 'restarts by the superseded run' \
    "$(cat "$SITE"/hosts/*/shop/shared/log/restarts | wc -l)" "$before"
world_common
same 'code' "$(world_code)" 'releases/r2 r2'
world_judge 'a run whose lease was taken wakes up: superseded, no effect'

world_back start
cp -a "$SITE/repo/$ledger" "$SITE/copy"
wants 0 deploy r2 $yes
rm -rf "${SITE:?}/repo/$ledger"
cp -a "$SITE/copy" "$SITE/repo/$ledger"
trees=$(world_trees)
wants 74 deploy r2 $yes
says 'rolled back'
wants 74 rollback $yes
same 'trees' "$(world_trees)" "$trees"
same 'restarts of r2' "$(world_restarts r2)" 1
world_judge 'an older copy of the ledger: the hosts have seen more, exit 74'

world_back start
rm -rf "${SITE:?}/repo/$ledger"
cp -a "$SITE/copy" "$SITE/repo/$ledger"
wants 0 deploy r2 $yes
rm -rf "${SITE:?}/repo/$ledger"
cp -a "$SITE/copy" "$SITE/repo/$ledger"
n=0
while [ "$n" -lt 40 ]; do # the copy goes on by itself, further than the hosts saw
    t freeze --why copy
    t thaw --why copy
    n=$((n + 1))
done
wants 74 deploy r2 $yes
says 'fork\|another'
world_judge 'a copied ledger that went its own way: fork, exit 74'

world_back start
rm -rf "${SITE:?}/repo/$ledger"
t init
t adopt --release r1 $yes
same 'adopt with a foreign ledger' $? 74
says 'another ledger\|foreign\|belongs'
untouched
world_judge 'hosts of another ledger are not taken: exit 74'

world_back start
sed -i 's/^epoch .*/epoch 999/; s/^run .*/run 20990101-000000-abcd/' \
    "$SITE"/hosts/127.0.0.2/shop/.tidegate/fence
wants 74 deploy r2 $yes
says 'superseded\|rolled back\|epoch'
untouched
world_judge 'a host that a later epoch has fenced: exit 74, nothing changed'

world_back start
sed -i 's/^max     = 50/max     = 500/' "$SITE/repo/policies/production.ini"
wants 10 deploy r2 $yes
says 'was 50, is 500'
untouched
world_judge 'another policy than the pinned one: exit 10 with the difference'
sed -i 's/^max     = 500/max     = 50/' "$SITE/repo/policies/production.ini"

world_back start
start deploy r2 $yes
world_until has_it 1 r2
kill -s KILL "$runner"
wait "$runner" 2>/dev/null
sed -i 's/^max     = 50/max     = 500/' "$SITE/repo/policies/production.ini"
wants 0 resume $yes
says 'was 50, is 500'
sed -i 's/^max     = 500/max     = 50/' "$SITE/repo/policies/production.ini"
world_common
same 'code' "$(world_code)" 'releases/r2 r2'
world_judge 'another policy in mid-release: on_hold decides to finish, and says the difference'
tap_end
