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
REPLICA_FOLDER=
trap '[ -z "$REPLICA_FOLDER" ] || postgres_stop "$REPLICA_FOLDER"
    postgres_stop "$standby"; postgres_stop' EXIT
trap 'exit 130' INT TERM
# a server in recovery with nobody to follow
postgres_start
standby=$PG_FOLDER
postgres_halt fast
touch "$standby/data/standby.signal"
postgres_again
export TIDEGATE_TEST_STANDBY="$PG_CONNINFO"
postgres_start max_locks_per_transaction=256
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
