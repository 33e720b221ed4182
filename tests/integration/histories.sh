#!/bin/sh
# scripts/history on small sets: what it counts, names and leaves out. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/tap.sh

export FLAVOUR="${FLAVOUR:-test}"
SETS=$(mktemp -d /tmp/tgsets.XXXXXX)
chmod 755 "$SETS"
trap 'rm -rf "$SETS"' EXIT
trap 'exit 130' INT TERM HUP

goose() { # NAME UP [DOWN]: one migration of goose's
    {
        printf -- '-- +goose Up\n%s\n' "$2"
        [ $# -lt 3 ] || printf -- '-- +goose Down\n%s\n' "$3"
    } >"$SETS/goose/$1.sql"
}
way_back() { # MIGRATION: the last column of its line
    printf '%s\n' "$OUT" | grep "^$1 " | cut -c115-
}

# every kind of end, and what comes after a failure runs all the same
mkdir "$SETS/goose"
goose 1_good 'CREATE TABLE a (id int PRIMARY KEY, note text);' 'DROP TABLE a;'
goose 2_alone 'CREATE TABLE b (id int);'
goose 3_role 'GRANT SELECT ON a TO nobody_here;' 'SELECT 1;'
goose 4_broken_down 'ALTER TABLE a ADD c int;' 'ALTER TABLE a DROP nothing;'
goose 5_leaves 'CREATE INDEX IF NOT EXISTS i ON a (note);
CREATE TABLE extra (id int);' 'DROP TABLE extra;'
goose 6_again 'CREATE TABLE d (id int);' 'SELECT 1;'
goose 7_maker 'CREATE ROLE tidegate_made;
GRANT SELECT ON a TO tidegate_made;' 'REVOKE SELECT ON a FROM tidegate_made;
DROP ROLE tidegate_made;'
goose 15_namer 'CREATE ROLE tidegate_old;'
goose 16_renames 'ALTER ROLE tidegate_old RENAME TO tidegate_new;'
goose 8_template 'SELECT {{ name }};'
goose 9_bad_down 'CREATE TABLE e (id int);' 'DROP TABLE {{ e }};'
goose 11_key 'CREATE TABLE k (id serial PRIMARY KEY);' 'DROP TABLE k;'
goose 12_row 'INSERT INTO k DEFAULT VALUES;' 'DELETE FROM k;'
goose 13_its_id 'CREATE TABLE l (k int REFERENCES k);
INSERT INTO l VALUES (1);' 'DROP TABLE l;'
goose 14_taken 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON k (id);'
echo 'package migrations' >"$SETS/goose/10_code.go"
gives 1 'a set with failures' scripts/history "$SETS/goose"
is 'undone' "$(way_back 1_good)" undone
is 'without a down' "$(way_back 2_alone)" 'no down'
is 'an up that fails' "$(way_back 3_role)" 'UP FAILED'
has 'with its reason' "$OUT" \
    '3_role.sql:2: role "nobody_here" does not exist (SQLSTATE 42704)'
has 'what is missing is named' "$OUT" 'MISSING role nobody_here'
is 'a down that fails' "$(way_back 4_broken_down)" 'DOWN FAILED'
has 'with its line' "$OUT" 'down failed: 4_broken_down.sql:4: column "nothing"'
is 'a down that leaves something' "$(way_back 5_leaves)" 'NOT UNDONE'
has 'which is named' "$OUT" 'left: index public.i'
is 'an up that its down is in the way of' "$(way_back 6_again)" \
    'UP AGAIN FAILED'
is 'a role is made and unmade' "$(way_back 7_maker)" undone
is 'and renamed' "$(way_back 16_renames)" 'no down'
is 'a row has the number that it has without its down' \
    "$(way_back 13_its_id)" undone
is 'an index whose name another has' "$(way_back 14_taken)" 'UP FAILED'
has 'is said by the rehearsal' "$OUT" \
    '14_taken.sql:2: the index is not there: another relation has its name'
has 'a template is left out' "$OUT" 'LEFT OUT 8_template.sql: line 2: not SQL'
is 'a way back that is none leaves the up' "$(way_back 9_bad_down)" 'no down'
has 'and is told' "$OUT" 'LEFT OUT 9_bad_down.sql: the way back: line 4'
has 'code is left out' "$OUT" 'LEFT OUT 10_code.go: a migration that is no SQL'
has 'the sums' "$OUT" 'goose: 16 files, 3 left out, 14 migrations, 16 statements'
has 'each by itself' "$OUT" \
    '5 undone; 4 no down; 2 UP FAILED; 1 DOWN FAILED; 1 UP AGAIN FAILED; 1 NOT'
has 'and all at once' "$OUT" 'all at once: 12 up, 6 down, '

# what is missing may be set up before; then all is well
mkdir "$SETS/pairs"
echo "SET lock_timeout = '5s';" \
    'CREATE TABLE a (id int); GRANT SELECT ON a TO nobody_here;' \
    >"$SETS/pairs/1_a.up.sql"
echo 'DROP TABLE a;' >"$SETS/pairs/1_a.down.sql"
echo 'CREATE ROLE nobody_here;' >"$SETS/setup.sql"
gives 0 'a set that wants a role, and has it' \
    env SETUP="$SETS/setup.sql" scripts/history "$SETS/pairs"
has "what is golang-migrate's custom is read as its" "$OUT" \
    'golang-migrate: 2 files, 0 left out'
has 'all of it is undone' "$OUT" 'each by itself: 1 undone'
has 'and up again' "$OUT" 'all at once: 1 up, 1 down, 1 of them undone, up again'

# two layouts are an error, unless one is named
cp "$SETS/pairs"/* "$SETS/goose/"
gives 2 'a set of two layouts' scripts/history "$SETS/goose"
has 'they are named' "$OUT" 'migrations of two layouts: tidegate and goose'
tap_end
