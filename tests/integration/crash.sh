#!/bin/sh
# kill -9 at the failpoints of whole runs, and then `resume`, `rollback`, or
# another kill: each reaches its end state, nothing happens twice. Usage:
#
#   crash.sh [SERIES...]    a sample of each series; `make crash` tries all
#
# CRASH_EVERY=N tries each N-th point that differs, CRASH_FROM=N begins there,
# CRASH_SAMPLES=N tries N of a series, CRASH_ALL=yes those that look alike too.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/fault/world.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap world_end EXIT
trap 'exit 130' INT TERM HUP

# One migration before and one, outside a transaction, after.
release_whole='
    echo "CREATE TABLE crash (id int); ALTER TABLE orders ADD COLUMN crash int;" \
        >migrations/0101_crash.up.sql
    echo "DROP TABLE crash; ALTER TABLE orders DROP COLUMN crash;" \
        >migrations/0101_crash.down.sql
    {
        echo "-- tidegate: phase=after"
        echo "CREATE INDEX CONCURRENTLY crash_total ON orders (total, id);"
    } >migrations/0102_index.up.sql
    echo "DROP INDEX CONCURRENTLY crash_total;" >migrations/0102_index.down.sql'
# Statement by statement before the code changes, which then does not work.
release_broken='
    {
        echo "CREATE INDEX CONCURRENTLY broken_total ON orders (total, id);"
        echo "CREATE INDEX CONCURRENTLY broken_at ON orders (at);"
    } >migrations/0201_broken.up.sql
    {
        echo "DROP INDEX CONCURRENTLY broken_at;"
        echo "DROP INDEX CONCURRENTLY broken_total;"
    } >migrations/0201_broken.down.sql
    sed -i "s/^HEALTHY = .*/HEALTHY = False/" app.py'

# The ends that are right: START is where everything began, KEPT the same
# with the "before" migration, END a release without a crash.
remember() { # NAME
    eval "$1_CODE=\$(world_code) $1_TREES=\$(world_trees)
        $1_SCHEMA=\$(world_schema) $1_ROWS=\$(world_rows)"
}

as_released() {
    world_common
    same 'code' "$(world_code)" "$END_CODE"
    same 'files and states' "$(world_trees)" "$END_TREES"
    same 'schema' "$(world_schema)" "$END_SCHEMA"
    same 'applied' "$(world_rows)" "$END_ROWS"
}

# As before; a "before" migration that was committed stays.
as_before() {
    world_common
    same 'code' "$(world_code)" "$START_CODE"
    case $(world_rows) in
    "$START_ROWS")
        world_half_said || same 'schema' "$(world_schema)" "$START_SCHEMA"
        ;;
    "$KEPT_ROWS") same 'schema' "$(world_schema)" "$KEPT_SCHEMA" ;;
    *) same 'applied' "$(world_rows)" "$START_ROWS, or $KEPT_ROWS" ;;
    esac
}

# Runs it whole, and counts its points.
whole() { # CODE ARGUMENT...
    code=$1
    shift
    TIDEGATE_FAILPOINT_LIST=$SITE/points
    export TIDEGATE_FAILPOINT_LIST
    : >"$SITE/points"
    wants "$code" "$@"
    unset TIDEGATE_FAILPOINT_LIST
    points=$(wc -l <"$SITE/points")
    : >"$SITE/killed.log"
    doing=$*
}
point_of() { # NAME NTH: the number of the NTH hit of a failpoint
    grep -n "^$1\$" "$SITE/points" | sed -n "${2}s/:.*//p"
}

# Between some failpoints nothing happens that anybody could see after a kill:
# of those one is enough (CRASH_ALL=yes tries each all the same).
seen_alike='^(ledger\.(before|after)-append|(intent|done)\.(before|after)|step\.(before|after)|(run|part|end|decision)\..*|batch\.step|(migrate|down)\.before|apply-begin)$'
distinct() {
    if [ -n "${CRASH_ALL:-}" ]; then
        seq "$points"
    else
        grep -n '' "$SITE/points" | grep -v -E "^1:" |
            awk -F: -v alike="$seen_alike" '$2 !~ alike { print $1 }'
    fi
}

# From MOMENT, `tidegate $doing` is killed at each point that is to be tried,
# and THEN is what a person does next.
each() { # MOMENT THEN SAMPLES
    distinct >"$SITE/tried"
    n=$(wc -l <"$SITE/tried")
    every=${CRASH_EVERY:-$(((n + $3 - 1) / $3))}
    turn=${CRASH_FROM:-$((1 + every / 2))}
    echo "# $2: $n of $points points differ, every $every"
    while [ "$turn" -le "$n" ]; do
        point=$(sed -n "${turn}p" "$SITE/tried")
        world_back "$1"
        # shellcheck disable=SC2086 # words without blanks
        t_at "$point" $doing
        was=$?
        if [ "$was" != 137 ]; then
            same 'an end that no kill cut short' "$was" "$code"
        fi
        t status
        left=$?
        "$2"
        world_judge "$2: $doing, killed at $turn: $point ($(sed -n "${point}p" "$SITE/points"))"
        turn=$((turn + every))
    done
}
unfinished() { [ "$left" != 0 ]; }
even() { [ $((turn % 2)) = 0 ]; }

# A migration outside a transaction that was cut short may have a down that
# undoes no half of it: the way back says so, and opens once it is finished.
go_back() {
    t rollback $yes
    got=$?
    if [ "$got" = 12 ] && grep -q 'is half applied' "$SITE/said"; then
        wants 0 resume $yes
        wants 0 rollback $yes
    else
        same 'exit code of the rollback' "$got" 0
    fi
}

then_resume() {
    if unfinished; then wants 0 resume $yes; else wants 0 deploy r2 $yes; fi
    as_released
    # a restart without an answer is asked again, or seen by its probe
    most=1
    case $(tail -n 1 "$SITE/killed.log") in *restarting) most=2 ;; esac
    [ "$(world_restarts r2)" -le "$most" ] ||
        world_wrong "r2 was restarted $(world_restarts r2) times on one host"
    world_again resume $yes
}

then_rollback() {
    if unfinished; then
        go_back
        as_before
        world_again rollback $yes
    else
        case $(world_code) in
        "$START_CODE") as_before ;;
        *) as_released ;;
        esac
    fi
}

then_back_again() {
    if grep -q 'unfinished *rollback' "$SITE/said" && even; then wants 0 resume $yes; else go_back; fi
    as_before
    world_again rollback $yes
}

then_on_or_back() {
    if even; then
        wants 0 resume $yes
        as_released
        world_again resume $yes
    elif unfinished; then
        go_back
        as_before
        world_again rollback $yes
    else
        as_released
    fi
}

# It goes back by itself, whoever ends it.
then_it_is_back() {
    if ! unfinished; then
        [ "$(world_rows)$(world_restarts r3)" != "${START_ROWS}0" ] ||
            wants 11 deploy r3 $yes
    elif even; then
        wants 11 resume $yes
    else
        wants 0 rollback $yes
    fi
    as_before
    world_again resume $yes
}

# It stands where it failed until a person decides.
then_it_stands() {
    if unfinished; then
        wants 12 resume $yes
        wants 12 status
        go_back
        as_before
        world_again rollback $yes
    else
        as_before
    fi
}

series_release() { # a release killed; its rollback killed
    : >"$SITE/story"
    world_release r2 "$release_whole" && world_save start
    ok 'r2 is ready to go' $?
    remember START
    whole 0 deploy r2 $yes
    remember END
    as_released
    world_save out
    world_judge "r2 goes out whole ($points points)"
    late=$(point_of migrate.after 2)
    middle=$(point_of batch.step 9)
    whole 0 rollback $yes
    remember KEPT
    as_before
    world_judge "and comes back ($points points)"
    ! wanted back || each out then_back_again "$some"

    world_back start
    whole 0 deploy r2 $yes
    ! wanted resume || each start then_resume $((some * 2))
    ! wanted rollback || each start then_rollback $((some * 2))
}

series_undo() { # a killed release, whose rollback is killed
    world_back start
    # shellcheck disable=SC2086
    t_at "$late" deploy r2 $yes
    world_save late
    whole 0 rollback $yes
    as_before
    world_judge "a release killed after its last migration comes back ($points points)"
    each late then_back_again "$some"
}

series_twice() { # a killed release, whose resume is killed
    world_back start
    t_at "$middle" deploy r2 $yes
    world_save middle
    whole 0 resume $yes
    as_released
    world_judge "a release killed between two steps goes on ($points points)"
    each middle then_on_or_back "$some"
}

series_broken() {
    world_back start
    world_release r3 "$release_broken" && world_save broken
    ok 'r3 is ready to fail' $?
    whole 11 deploy r3 $yes
    remember KEPT
    as_before
    world_judge "r3 comes back by itself ($points points)"
    each broken then_it_is_back "$some"
}

series_stop() {
    world_back start
    sed -i 's/^timeout    = .*/&\non_failure = stop/' "$SITE/repo/tidegate.ini"
    t policy accept --key "$SITE/anna" # and a second person, as for a release
    wants 0 policy accept --key "$SITE/jaak"
    world_release r3 "$release_broken" && world_save stop
    ok 'r3 is ready to stop' $?
    whole 12 deploy r3 $yes
    wants 0 rollback $yes
    remember KEPT
    as_before
    world_judge "r3 stops where it failed ($points points)"
    each stop then_it_stands "$some"
}

some=${CRASH_SAMPLES:-1}
all=${*:-back resume rollback undo twice broken stop}
wanted() { case " $all " in *" $1 "*) ;; *) false ;; esac; }

world_start 3 || exit
series_release
for series in undo twice broken stop; do
    ! wanted "$series" || "series_$series"
done
tap_end
