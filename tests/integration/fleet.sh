#!/bin/sh
# The fleet's tests against five real sshd. FLAVOUR names the build.
set -eu
TOP=$(cd "$(dirname "$0")/../.." && pwd)
flavour=${FLAVOUR:-test}
make -s -C "$TOP" -j2 "build/$flavour/integration/test_fleet"
export TOP
# shellcheck source=tests/harness/sshd.sh
. "$TOP/tests/harness/sshd.sh"
FLEET=$(mktemp -d /tmp/tidegate-fleet.XXXXXX)
export FLEET
chmod 0755 "$FLEET"
trap 'sshd_stop "$FLEET"; rm -rf "$FLEET"' EXIT
trap 'exit 130' INT TERM HUP
sshd_start "$FLEET" 5
"$TOP/build/$flavour/integration/test_fleet"
