# shellcheck shell=sh
# How an integration script begins, to be sourced from the project's root:
# builds the program, goes on as an ordinary user in a copy (ordinary.sh), with
# TAP at hand (tap.sh).
#
# FLAVOUR names the build; where it is not set, $flavour of the script, or
# `test`, the one with failpoints. Afterwards it is in $flavour.

flavour=${FLAVOUR:-${flavour:-test}}
[ -n "${ORDINARY_COPY:-}" ] || make -s -j2 FLAVOUR="$flavour" all \
    "build/$flavour/integration/ledger/append" || exit
. tests/harness/ordinary.sh
ordinary_exec env FLAVOUR="$flavour" "tests/integration/${0##*/}" "$@"
. tests/harness/tap.sh
