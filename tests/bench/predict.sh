#!/bin/sh
# Rehearsals on clones of 1, 10 and 33 % of a table of PREDICT_ROWS rows
# (default 15 million; some 15 GB of disk and half an hour), held against what
# the same statements then take on all of it. PREDICT_CLONES: other shares.
# The server has PostgreSQL's own settings where they cost time: fsync,
# full_page_writes, parallel workers and the memory for sorting.
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/harness/postgres.sh
. tests/harness/postgres.sh
program=build/release/bench/predict
trap postgres_stop EXIT
trap 'exit 130' INT TERM HUP
postgres_start fsync=on synchronous_commit=on full_page_writes=on \
    shared_buffers="${PREDICT_BUFFERS:-512MB}" max_wal_size=4GB || exit
echo "$(date -u +%Y-%m-%d)  make bench-predict PREDICT_ROWS=${PREDICT_ROWS:-15000000}"
# shellcheck disable=SC2086 # a list of numbers
TIDEGATE_TEST_PG=$PG_CONNINFO "$program" "${PREDICT_ROWS:-15000000}" \
    ${PREDICT_CLONES:-}
