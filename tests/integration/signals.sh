#!/bin/sh
# SIGTERM, SIGINT and SIGHUP, once and twice, at every kind of moment; outputs
# that nobody reads. A run ends where it says, and can be gone on with.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/fault/world.sh
. tests/harness/background.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap world_end EXIT
trap 'exit 130' INT TERM HUP

restarted() { [ "$(cat "$SITE"/hosts/*/shop/shared/log/restarts | grep -c "/$1\$")" -ge "$2" ]; }
sleeping() { [ "$(site_sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND application_name LIKE 'tidegate%'")" = 1 ]; }
unchanged() {
    world_common
    same 'code' "$(world_code)" "$START"
    same 'applied' "$(world_rows)" "$START_ROWS"
    same 'restarts' "$(cat "$SITE"/hosts/*/shop/shared/log/restarts)" ''
}
released() {
    world_common
    same 'code' "$(world_code)" 'releases/r2 r2'
    same 'restarts of r2' "$(world_restarts r2)" 1
}

world_start 3 || exit
sed -i 's/^\(restart .*= \)/\1sleep 0.3 \&\& /; s/^from   = git$/&\nprepare = sleep 1/' \
    "$SITE/repo/tidegate.ini"
t policy accept --key "$SITE/anna"
wants 0 policy accept --key "$SITE/jaak"
world_release r2 '
    echo "SELECT pg_sleep(0.7); CREATE TABLE slow (id int);" >migrations/0101_slow.up.sql
    echo "DROP TABLE slow;" >migrations/0101_slow.down.sql' && world_save start
world_judge 'a site whose steps take time'
START=$(world_code)
START_ROWS=$(world_rows)

for signal in TERM INT HUP; do
    case $signal in TERM) code=143 ;; INT) code=130 ;; HUP) code=129 ;; esac
    world_back start
    site_users 140
    start deploy r2 --wait $yes
    world_until said waiting
    kill -s $signal "$runner"
    ended $code
    site_users 3
    unchanged
    world_judge "SIG$signal while waiting: exit $code, nothing changed"

    world_back start
    start deploy r2 $yes
    world_until said staging
    kill -s $signal "$runner"
    ended $code
    unchanged
    wants 0 deploy r2 $yes
    released
    world_judge "SIG$signal while staging: exit $code, nothing changed, it can go again"
done

world_back start
start deploy r2 $yes
world_until sleeping
kill -s TERM "$runner"
ended 12
wants 12 status
wants 0 resume $yes
released
world_judge 'SIGTERM in a migration: cancelled, exit 12; resume finishes'

world_back start
start deploy r2 $yes
world_until sleeping
kill -s TERM "$runner"
ended 12
wants 0 rollback $yes
world_common
same 'code' "$(world_code)" "$START"
world_judge 'SIGTERM in a migration, then rollback'

for at in 'has_it 1 r2' 'restarted r2 1' 'restarted r2 2'; do
    world_back start
    start deploy r2 $yes
    # shellcheck disable=SC2086
    world_until $at
    kill -s TERM "$runner"
    case $at in
    *2\ 2) # the last wave: what it has in hand is finished, and is all
        wait "$runner"
        world_ended=$?
        cat "$SITE/killed.log" >>"$SITE/story"
        case $world_ended in 0 | 12) ;; *) world_wrong "exit $world_ended" ;; esac
        [ "$world_ended" = 0 ] || wants 12 status
        ;;
    *)
        ended 12
        wants 12 status
        ;;
    esac
    same 'one host or all have it' "$(world_rows)" '0001_first 0101_slow'
    wants 0 resume $yes
    released
    world_judge "SIGTERM in a wave ($at): exit 12; resume finishes, nothing twice"
done

for signal in TERM INT; do
    world_back start
    start deploy r2 $yes
    world_until has_it 1 r2
    kill -s $signal "$runner"
    sleep 0.05
    kill -s $signal "$runner"
    ended 12
    wants 12 status
    wants 0 resume $yes
    world_common
    same 'code' "$(world_code)" 'releases/r2 r2'
    world_judge "SIG$signal twice in a wave: exit 12 at once; resume finishes"
done

world_back start
wants 0 deploy r2 $yes
start rollback $yes
world_until has_it 1 r1
kill -s TERM "$runner"
wait "$runner"
world_ended=$?
cat "$SITE/killed.log" >>"$SITE/story"
case $world_ended in
0) ;;
12)
    wants 12 status
    wants 0 rollback $yes
    ;;
*) world_wrong "rollback ended with $world_ended" ;;
esac
world_common
same 'code' "$(world_code)" "$START"
world_judge 'SIGTERM in a rollback: finished, or finished by the next'

# Outputs that nobody reads.
world_back start
(
    cd "$SITE/repo" || exit
    { "$TIDEGATE" deploy r2 $yes 2>&1; echo $? >"$SITE/code"; } | head -c1 >/dev/null
)
same 'exit code into a closed pipe' "$(cat "$SITE/code")" 0
released
world_judge 'deploy | head -c1: the release goes out whole'

world_back start
(cd "$SITE/repo" && exec "$TIDEGATE" deploy r2 $yes >&- 2>&-)
same 'exit code without outputs' $? 0
released
world_judge 'deploy >&- 2>&-: the release goes out whole'
tap_end
