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
space=
REPLICA_FOLDER=
stop() {
    for folder in "$REPLICA_FOLDER" "$standby" "$small"; do
        [ -z "$folder" ] || postgres_stop "$folder"
    done
    postgres_stop
    [ -z "$space" ] || umount "$space"
    [ -z "$space" ] || rmdir "$space"
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
# one whose tables are on a file system of 48 MB; where that cannot be mounted,
# whose files may not grow beyond 50 MB (100 by another shell's blocks)
# shellcheck disable=SC3045 # dash and bash have it
case " $* " in *' test_ends '*)
    limit=$(ulimit -S -f)
    space=$(mktemp -d /tmp/tgspace.XXXXXX)
    mount -t tmpfs -o size=48m tmpfs "$space" 2>/dev/null || {
        rmdir "$space"
        space=
        ulimit -S -f 100000
    }
    postgres_start
    ulimit -S -f "$limit"
    small=$PG_FOLDER
    export TIDEGATE_TEST_SMALL="$PG_CONNINFO"
    [ -z "$space" ] || {
        chown "$PG_USER" "$space"
        chmod 700 "$space"
        "$PG_BIN/psql" -X -q "$PG_CONNINFO" \
            -c "CREATE TABLESPACE small LOCATION '$space'" \
            -c "ALTER DATABASE postgres SET default_tablespace = small"
        export TIDEGATE_TEST_FULL='No space left on device'
    }
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
