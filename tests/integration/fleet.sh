#!/bin/sh
# Usage: fleet.sh [TEST...]: runs the programs of tests/integration/fleet
# (built on demand) against five real sshd. FLAVOUR names the build (default:
# test, the one with failpoints).
set -eu
cd "$(dirname "$0")/../.."
. tests/harness/ordinary.sh
. tests/harness/sshd.sh
flavour=${FLAVOUR:-test}
if [ -z "${FLEET_PROGRAMS:-}" ]; then
    # shellcheck disable=SC2046 # names without blanks
    [ $# -gt 0 ] || set -- $(cd tests/integration/fleet &&
        ls test_*.c | sed 's/\.c$//')
    FLEET_PROGRAMS=$(mktemp -d /tmp/tidegate-fleet-programs.XXXXXX)
    chmod 0755 "$FLEET_PROGRAMS"
    export FLEET_PROGRAMS
    for test; do
        make -s -j2 FLAVOUR="$flavour" "build/$flavour/integration/fleet/$test"
        cp "build/$flavour/integration/fleet/$test" "$FLEET_PROGRAMS/"
    done
    [ "$(id -u)" != 0 ] || chown -R "$(sshd_who)" "$FLEET_PROGRAMS"
fi
ordinary_exec sh tests/integration/fleet.sh "$@"

TOP=$(pwd)
FLEET=$(mktemp -d /tmp/tidegate-fleet.XXXXXX)
export TOP FLEET
trap 'sshd_stop "$FLEET"; rm -rf "$FLEET" "$FLEET_PROGRAMS"; ordinary_end' EXIT
trap 'exit 130' INT TERM HUP
sshd_start "$FLEET" 5
failed=0
for test; do
    "$FLEET_PROGRAMS/$test" || failed=1
done
exit $failed
