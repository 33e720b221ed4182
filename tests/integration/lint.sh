#!/bin/sh
# lint: what it says of files, and its exit codes. Needs no configuration, no
# ledger and no server. TAP. FLAVOUR names the build.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=${FLAVOUR:-test}
make -s -j2 FLAVOUR="$flavour" all || exit
. tests/harness/tap.sh
TIDEGATE=$PWD/build/$flavour/tidegate
D=$(mktemp -d /tmp/tglint.XXXXXX)
trap 'rm -rf "$D"' EXIT
trap 'exit 130' INT TERM HUP
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done
cd "$D" || exit
t() { "$TIDEGATE" "$@"; }
levels() { python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["errors"], d["warnings"],
      sorted((f["level"], f["file"], f["line"]) for f in d["findings"]
             if f["level"] == "error"))'; }

echo 'ALTER TABLE orders ADD COLUMN note text;' >0001_note.up.sql
printf -- '-- one\nALTER TABLE orders\n  ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();\n' >0002_token.up.sql
printf 'SELECT 1;\nALTER TABLE orders DROP;\n' >0003_bad.up.sql
printf 'BEGIN;\nSELECT 1;\nCOMMIT;\n' >0004_begin.up.sql
printf 'CREATE TABLE t (i int);\n\nCREATE INDEX CONCURRENTLY i ON t (i);\n' >0005_index.up.sql
printf '\\i other.sql\n' >0006_psql.up.sql
printf 'DROP TABLE orders;\n' >0001_note.down.sql

gives 64 'no file at all' t lint
gives 65 'a file that is not there' t lint 0009_none.up.sql
has 'it is named' "$OUT" '0009_none.up.sql'
gives 65 'a folder' t lint .
gives 0 'an added column' t lint 0001_note.up.sql
has 'no error is counted' "$OUT" '1 file: errors 0'
gives 0 'a rewrite is a warning' t lint 0002_token.up.sql
has 'file and line' "$OUT" '0002_token.up.sql:2: '
has 'the lock and the rewrite' "$OUT" 'ACCESS EXCLUSIVE, rewrites the table'
has 'what to write instead' "$OUT" 'safer'
gives 65 'a file that does not parse' t lint 0003_bad.up.sql
has 'file, line, error' "$OUT" '0003_bad.up.sql:2: error'
gives 65 'BEGIN and COMMIT' t lint 0004_begin.up.sql
gives 65 'psql commands' t lint 0006_psql.up.sql
gives 65 'all of them' t lint 0*.up.sql
has 'they are counted' "$OUT" '6 files: '
gives 0 'a down may drop what its up made' t lint 0001_note.down.sql
gives 64 'an option that is not there' t lint --fix 0001_note.up.sql
is 'JSON names errors with file and line' \
    "$(t lint --format json 0001_note.up.sql 0003_bad.up.sql | levels)" \
    "1 0 [('error', '0003_bad.up.sql', 2)]"
t lint --format json 0003_bad.up.sql >/dev/null 2>&1
is 'JSON exits alike' $? 65
is 'JSON has the lock and the rewrite' \
    "$(t lint --format json 0002_token.up.sql | python3 -c '
import json, sys
print(any(f["lock"] == "ACCESS EXCLUSIVE" and f["rewrites"]
          for f in json.load(sys.stdin)["findings"]))')" True
python3 -c 'print("SELECT 1;" * 200000)' >0007_big.up.sql
gives 65 'a file over a MiB' t lint 0007_big.up.sql
mkfifo 0008_pipe.up.sql
gives 65 'a pipe does not hang it' t lint 0008_pipe.up.sql
tap_end
