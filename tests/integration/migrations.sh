#!/bin/sh
# Usage: migrations.sh [TEST...]: runs the programs of tests/integration/
# migrations (built on demand) on a private PostgreSQL, TAP on stdout.
# FLAVOUR names the build (default: test, the one with failpoints).
set -eu
cd "$(dirname "$0")/../.."
. tests/harness/postgres.sh
flavour=${FLAVOUR:-test}
# shellcheck disable=SC2046 # names without blanks
[ $# -gt 0 ] || set -- $(cd tests/integration/migrations &&
    ls test_*.c | sed 's/\.c$//')
for test; do
    make -s -j2 FLAVOUR="$flavour" "build/$flavour/integration/migrations/$test"
done
standby=
small=
REPLICA_FOLDER=
stop() {
    for folder in "$REPLICA_FOLDER" "$standby" "$small"; do
        [ -z "$folder" ] || postgres_stop "$folder"
    done
    postgres_stop
}
trap stop EXIT
trap 'exit 130' INT TERM
# a server in recovery with nobody to follow
postgres_start
standby=$PG_FOLDER
postgres_halt fast
touch "$standby/data/standby.signal"
postgres_again
export TIDEGATE_TEST_STANDBY="$PG_CONNINFO"
# one whose files may not grow beyond 50 MB (100 by another shell's blocks)
# shellcheck disable=SC3045 # dash and bash have it
case " $* " in *' test_ends '*)
    limit=$(ulimit -S -f)
    ulimit -S -f 100000
    postgres_start
    ulimit -S -f "$limit"
    small=$PG_FOLDER
    export TIDEGATE_TEST_SMALL="$PG_CONNINFO"
    ;;
esac
postgres_start max_locks_per_transaction=256 allow_in_place_tablespaces=on
export TIDEGATE_TEST_PG="$PG_CONNINFO" TIDEGATE_TEST_TCP="$PG_TCP"
case " $* " in *' test_throttle '*)
    postgres_replica
    export TIDEGATE_TEST_REPLICA="$REPLICA_CONNINFO"
    ;;
esac
failed=0
for test; do
    "build/$flavour/integration/migrations/$test" || failed=1
done
exit $failed
