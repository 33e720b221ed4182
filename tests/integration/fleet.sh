#!/bin/sh
# Usage: fleet.sh PROGRAM: the fleet's tests against five real sshd.
set -eu
TOP=$(cd "$(dirname "$0")/../.." && pwd)
export TOP
# shellcheck source=tests/harness/sshd.sh
. "$TOP/tests/harness/sshd.sh"
FLEET=$(mktemp -d /tmp/tidegate-fleet.XXXXXX)
export FLEET
chmod 0755 "$FLEET"
trap 'sshd_stop "$FLEET"; rm -rf "$FLEET"' EXIT
trap 'exit 130' INT TERM HUP
sshd_start "$FLEET" 5
"$1"
