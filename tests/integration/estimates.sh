#!/bin/sh
# What a rehearsal says of production, when it is no longer worth anything,
# and what became of it: expiry by schema, settings and growth, --compare,
# predicted against actual, and what is learnt from it. TAP. FLAVOUR names
# the build (one with failpoints).
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/harness/project.sh

next() { # TAG NAME UP DOWN: one more migration
    migration "$2" "$3" "$4"
    release "$1"
}
# What the gate says of the release, and why.
gate() {
    t check "$1" --format json 2>/dev/null | python3 -c '
import json, sys
for g in json.load(sys.stdin)["gates"]:
    if g["gate"] == "rehearsal":
        print(g["verdict"], g["because"])'
}
field() { # of JSON on stdin: an expression of j
    python3 -c "import json, sys; j = json.load(sys.stdin); print($1)"
}

project_open
project_clones shop >"$D/clones.ini"
project_data shop <"$D/clones.ini"
project_budget
# what a loaded machine takes breaks no budget here
sed -i 's/^blocked = .*/blocked = 1m/' "$P/policies/production.ini"
db 'CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        total int NOT NULL, at timestamptz NOT NULL DEFAULT now());
    INSERT INTO orders (total) SELECT i % 500 FROM generate_series(1, 200000) i'
gives 0 'init' t init
next r1 0001_one '-- tidegate: transaction=none
ALTER TABLE orders ADD COLUMN one int;
CREATE INDEX CONCURRENTLY orders_at ON orders (at);' \
    '-- tidegate: transaction=none
DROP INDEX CONCURRENTLY orders_at;
ALTER TABLE orders DROP COLUMN one;'
db 'VACUUM ANALYZE'

# what the estimate stands on
gives 0 'rehearse' t rehearse r1
has 'by what it was estimated' "$OUT" 'estimated: catalog changes, index builds by default factors'
has 'the gate passes' "$(gate r1)" 'pass'

# it expires when production changes
announce r1
db 'ALTER TABLE orders ADD COLUMN strange int'
has 'another schema' "$(gate r1)" \
    'hold the schema has changed since the rehearsal: new: column public.orders.strange: integer'
gives 75 'and no migration runs' t migrate up r1 $yes
has 'it says what to do' "$OUT" 'rehearse again: tidegate rehearse r1'
db 'ALTER TABLE orders DROP COLUMN strange'
has 'the schema as it was' "$(gate r1)" 'pass'
db "ALTER DATABASE shop SET maintenance_work_mem = '5MB'"
has 'another setting' "$(gate r1)" \
    'hold maintenance_work_mem is "5120kB" now, and was "65536kB" at the rehearsal'
db 'ALTER DATABASE shop RESET maintenance_work_mem'
has 'the setting as it was' "$(gate r1)" 'pass'
db 'INSERT INTO orders (total) SELECT i FROM generate_series(1, 60000) i'
has 'a grown table' "$(gate r1)" 'hold public.orders has grown since the rehearsal, from '

# compared with the last one
gives 0 'rehearse --compare' t rehearse r1 --compare
has 'with what' "$OUT" 'against the rehearsal of r1 at '
has 'the gate passes again' "$(gate r1)" 'pass'
t rehearse r1 --compare --format json >"$D/json" 2>/dev/null
is 'as JSON' "$(field 'j["compared"]["release"], len(j["compared"]["statements"])' <"$D/json")" 'r1 2'
is 'production is in the certificate' \
    "$(field '[t["table"] for t in j["production"]["tables"]], len(j["production"]["schema"])' <"$D/json")" \
    "['public.orders'] 64"
is 'what each statement works on' \
    "$(field '[s.get("work", "catalog") for s in j["migrations"][0]["up"]]' <"$D/json")" \
    "['catalog', 'index']"
next r2 0001_one 'ALTER TABLE orders ADD COLUMN one bigint;
CREATE INDEX orders_at ON orders (at);' \
    'DROP INDEX orders_at;
ALTER TABLE orders DROP COLUMN one;'
gives 0 'another release of the same names' t rehearse r2 --compare
has 'is compared with it' "$OUT" 'against the rehearsal of r1 at '
has 'a statement is gone' "$OUT" 'CREATE INDEX CONCURRENTLY orders_at'

# a clone without rows tells no times, and hides no better rehearsal
sed -i 's/^clone = .*/clone = schema/' "$P/tidegate.ini"
gives 0 'a rehearsal without rows' t rehearse r2
has 'tells no time' "$OUT" 'not told'
has 'the gate stands on the one with rows' "$(gate r2)" 'pass takes '
sed -i 's/^clone = .*/clone = dump/' "$P/tidegate.ini"

# predicted against actual
announce r2
gives 0 'up' t migrate up r2 $yes
has 'told after the run' "$OUT" '0001_one:2: predicted '
has 'with what it took' "$OUT" ', took '
run=$(t history --format json 2>/dev/null | field 'j["runs"][-1]["run"]')
gives 0 'show' t show "$run"
has 'a table of them' "$OUT" 'PREDICTED'
has 'with the line' "$OUT" '0001_one:2'
t show "$run" --format json >"$D/json" 2>/dev/null
is 'as JSON' \
    "$(field '[(s["migration"], s["line"], s["took_ms"] >= 0, s["high_ms"] > 0) for s in j["statements"]]' <"$D/json")" \
    "[('0001_one', 1, True, True), ('0001_one', 2, True, True)]"

# ten of a kind teach
next r3 0002_many "$(i=0
while [ $((i += 1)) -le 9 ]; do
    echo "ALTER TABLE orders ADD COLUMN c$i int;"
done)" 'SELECT 1;'
gives 0 'rehearse' t rehearse r3
announce r3
gives 0 'up' t migrate up r3 $yes
next r4 0003_last 'ALTER TABLE orders ADD COLUMN last int;' \
    'ALTER TABLE orders DROP COLUMN last;'
gives 0 'rehearse' t rehearse r4
has 'by the past' "$OUT" 'estimated: catalog changes by 10 past runs'

# one that fails breaks no budget; an existing clone may be no copy at all
next r5 0004_wrong 'ALTER TABLE orders
    ADD COLUMN x int;
UPDATE orders SET total = 1 / 0 WHERE id = 1;' 'SELECT 1;'
gives 10 'a migration that fails' t rehearse r5
has 'is no broken budget' "$OUT" 'the rehearsal failed'
has 'what to do' "$OUT" 'correct the migration'
"$PG_BIN/createdb" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres empty
sed -i "s|^clone = .*|clone = existing|; /^from = /d
    s|^server = .*|server = $(postgres_conninfo empty)|" "$P/tidegate.ini"
gives 10 'an empty existing clone' t rehearse r5
has 'is no copy of production' "$OUT" \
    "the clone lacks tables of production's (public.orders): make it anew"
gives 0 'the ledger is whole' t ledger verify
tap_end
