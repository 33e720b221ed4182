#!/bin/sh
# lint: what it says of files, and its exit codes; then the same with a
# database to ask. TAP. FLAVOUR names the build.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=${FLAVOUR:-test}
make -s -j2 FLAVOUR="$flavour" all || exit
. tests/harness/tap.sh
. tests/harness/postgres.sh
TIDEGATE=$PWD/build/$flavour/tidegate
D=$(mktemp -d /tmp/tglint.XXXXXX)
trap 'postgres_stop; rm -rf "$D"' EXIT
trap 'exit 130' INT TERM HUP
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done
cd "$D" || exit
t() { "$TIDEGATE" "$@"; }
lacks() { # NAME TEXT PART
    case $2 in
    *"$3"*) is "$1" "$2" "without $3" ;;
    *) ok "$1" 0 ;;
    esac
}
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
gives 65 'a folder, as a set' t lint .
has 'all of it' "$OUT" '7 files: errors'
has 'each is named' "$OUT" '0003_bad.up.sql:2: error'
gives 0 'an added column' t lint 0001_note.up.sql
has 'no error is counted' "$OUT" '1 file: errors 0'
gives 0 'a rewrite is a warning' t lint 0002_token.up.sql
has 'file and line' "$OUT" '0002_token.up.sql:2: '
has 'the lock and the rewrite' "$OUT" 'ACCESS EXCLUSIVE, rewrites the table'
has 'what to write instead' "$OUT" 'safer'
gives 65 'a file that does not parse' t lint 0003_bad.up.sql
has 'file, line, error' "$OUT" '0003_bad.up.sql:2: error'
gives 0 'BEGIN and COMMIT around all of it' t lint 0004_begin.up.sql
printf 'SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;\n' >begin.up.sql
gives 65 'BEGIN and COMMIT amid it' t lint begin.up.sql
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

# ---- one more way to answer, and allowances
gives 0 'annotations' t lint --format github 0002_token.up.sql
has 'one line for each' "$OUT" '::warning file=0002_token.up.sql,line=2,title=tidegate lint%3A rewrite::'
has 'its lines are folded' "$OUT" '%0Asafer:%0AALTER TABLE orders ADD COLUMN token uuid;%0A'
lacks 'no words around' "$OUT" ' file: errors'
printf 'SELECT 1;\nALTER TABLE "a,b:c%%" DROP COLUMN x;\n' >'a,b.up.sql'
gives 65 'odd names' t lint --format github 'a,b.up.sql'
has 'names are escaped' "$OUT" '::error file=a%2Cb.up.sql,line=2,title='
has 'texts are escaped' "$OUT" 'DROP COLUMN x of "a,b:c%25"'
gives 64 'annotations of anything else' t check v1 --format github
has 'that is said' "$OUT" 'no --format github'
gives 0 'warnings are no failure' t lint 0002_token.up.sql
gives 65 'but strictly they are' t lint --strict 0002_token.up.sql
printf -- '-- tidegate: allow rewrite it has 40 rows\nALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();\n' >0010_allowed.up.sql
gives 0 'what is allowed is none' t lint --strict 0010_allowed.up.sql
has 'the reason is shown' "$OUT" 'it has 40 rows'
printf -- '-- tidegate: allow rewrites x\nALTER TABLE orders ADD COLUMN token int;\n' >0011_unknown.up.sql
gives 65 'a rule that there is not' t lint 0011_unknown.up.sql
has 'the nearest is named' "$OUT" 'did you mean `rewrite`?'
is 'JSON has all members, always' "$(t lint --format json 0005_index.up.sql 0002_token.up.sql | python3 -c '
import json, sys
d = json.load(sys.stdin)
want = {"file", "line", "level", "rule", "what", "lock", "rewrites", "scans",
        "waits", "worst_case", "safer", "allowed", "relations"}
print(all(set(f) == want for f in d["findings"]),
      set(d) == {"findings", "errors", "warnings", "notes", "database"},
      d["database"])')" 'True True None'

# ---- a folder of another tool's
mkdir -p set/sub
printf -- '-- +goose Up\nCREATE TABLE a (i int);\n-- +goose Down\nDROP TABLE a;\n' >set/0001_a.sql
cp set/0001_a.sql set/0003-foo.sql
cp set/0001_a.sql set/foo.sql
cp set/0001_a.sql set/sub/0002_b.sql
cp set/0001_a.sql set/x.SQL
echo 'SELECT 1;' >set/schema.sql
gives 0 'a folder of goose' t lint set
has 'one migration, and four that are passed over' "$OUT" '5 files: errors 0, warnings 5'
has 'by its name' "$OUT" 'set/0003-foo.sql:1: warning [name] no migration has such a name'
has 'by what it holds' "$OUT" 'set/foo.sql:1: warning [name]'
has 'by where it stands' "$OUT" 'set/sub/0002_b.sql:1: warning [name]'
has 'by its ending' "$OUT" 'set/x.SQL:1: warning [name]'
lacks 'what is there for another reason is none' "$OUT" 'schema.sql'
gives 65 'strictly' t lint --strict set/
mkdir empty
gives 65 'an empty one' t lint empty
has 'is said to be' "$OUT" 'no migrations in empty'
has 'the words stand together' "$(t lint 0001_note.down.sql)" '    worst case: no database was asked'

# ---- with a database
postgres_start
sql() { psql -X -q -v ON_ERROR_STOP=1 -d "$PG_CONNINFO" "$@"; }
sql <<'END'
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, name varchar(10), note text,
    at timestamp, paid int NOT NULL DEFAULT 0);
INSERT INTO shop.orders SELECT i, 'n', repeat('x', 100), now()
    FROM generate_series(1, 20000) i;
ANALYZE shop.orders;
CREATE INDEX orders_name ON shop.orders (name);
CREATE VIEW shop.names AS SELECT id, name FROM shop.orders;
CREATE FUNCTION shop.total(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE TABLE shop.parts (a int) PARTITION BY RANGE (a);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (9);
CREATE TABLE shop.parts_d PARTITION OF shop.parts DEFAULT;
CREATE ROLE reader LOGIN;
ALTER ROLE reader SET search_path = shop;
GRANT USAGE ON SCHEMA shop TO reader;
END
lint() { t lint --database "$PG_CONNINFO" "$@"; }
# one FILE SQL: what lint says of it
one() {
    printf '%s;\n' "$1" >0020_one.up.sql
    OUT=$(lint 0020_one.up.sql 2>&1)
}
one 'CREATE INDEX ON shop.orders (note)'
has 'the size of a table' "$OUT" ' MB, 20 k rows: SHARE, reads all of it'
lacks 'no worst case' "$OUT" 'worst'
one 'ALTER TABLE shop.orders ALTER name TYPE varchar(20)'
has 'a longer varchar is free' "$OUT" 'stored alike'
one 'ALTER TABLE shop.orders ALTER name TYPE varchar(5)'
has 'a shorter one is not, nor its indexes' "$OUT" 'rewrites the table and its indexes (2) under lock'
has 'the view on it is named' "$OUT" 'view shop.names use name of shop.orders'
has 'the key fills the batches' "$OUT" 'AND id BETWEEN $1 AND $2'
one 'ALTER TABLE shop.orders ALTER at TYPE timestamptz'
printf 'SET LOCAL timezone = %s;\nALTER TABLE shop.orders ALTER at TYPE timestamptz;\n' "'UTC'" >0021_utc.up.sql
has 'timestamps in UTC are free' "$(lint 0021_utc.up.sql)" 'stored alike'
printf 'SET LOCAL timezone = %s;\nALTER TABLE shop.orders ALTER at TYPE timestamptz;\n' "'Europe/Tallinn'" >0021_utc.up.sql
has 'elsewhere they are rewritten' "$(lint 0021_utc.up.sql)" 'ACCESS EXCLUSIVE, rewrites the table'
one 'DROP VIEW shop.names'
has 'a dropped view breaks' "$OUT" 'error [breaks-old-code] DROP VIEW shop.names'
one 'DROP TABLE shop.orders CASCADE'
has 'what goes with it' "$OUT" 'view shop.names depend on shop.orders'
one "CREATE OR REPLACE FUNCTION shop.total(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'"
has 'another signature is another function' "$OUT" '[overload] shop.total stays beside shop.total(integer)'
one "CREATE OR REPLACE FUNCTION shop.total(integer) RETURNS int LANGUAGE sql AS 'SELECT 2'"
lacks 'the same is none' "$OUT" 'overload'
sql <<'END'
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamped BEFORE INSERT ON shop.orders FOR EACH ROW
    EXECUTE FUNCTION shop.stamp();
CREATE FUNCTION shop.plain(text) RETURNS text IMMUTABLE LANGUAGE sql
    AS 'SELECT $1';
CREATE INDEX orders_plain ON shop.orders (shop.plain(name));
END
stamp="FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
one "CREATE OR REPLACE $stamp"
has 'the trigger of a function that is replaced' "$OUT" 'warning [trigger] trigger stamped on table shop.orders call shop.stamp'
has 'and who runs the new one' "$OUT" 'writes of the old code run the new text too'
lacks 'no index has it' "$OUT" '[index]'
lacks 'and no table is locked' "$OUT" 'EXCLUSIVE'
one "CREATE OR REPLACE FUNCTION shop.plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(\$1)'"
has 'the index on a function that is replaced' "$OUT" 'warning [index] index shop.orders_plain are made of shop.plain'
one "CREATE OR REPLACE FUNCTION shop.total(int) RETURNS int LANGUAGE sql AS 'SELECT 2'"
has 'one that nothing has' "$OUT" 'warnings 0, notes 0'
one 'DROP TRIGGER stamped ON shop.orders'
has 'a trigger that goes' "$OUT" ' MB, 20 k rows: ACCESS EXCLUSIVE'
has 'is missed by the old code' "$OUT" 'what it did for the old code is done no more'
one 'DROP FUNCTION shop.stamp()'
has 'what hangs on a function that goes' "$OUT" 'trigger stamped on table shop.orders depend on shop.stamp'
one 'DROP FUNCTION shop.stamp() CASCADE'
has 'and its table is locked when it goes along' "$OUT" ' MB, 20 k rows: ACCESS EXCLUSIVE'
one 'ALTER TABLE shop.orders DISABLE TRIGGER stamped'
has 'one that is switched off for good is refused' "$OUT" 'error [refused]'
has 'with its lock' "$OUT" ' MB, 20 k rows: SHARE ROW EXCLUSIVE'
sql -c 'DROP FUNCTION shop.stamp() CASCADE; DROP FUNCTION shop.plain CASCADE'
one 'ALTER TABLE shop.parts ADD COLUMN b int'
has 'partitions are locked' "$OUT" 'shop.parts_1, 0 B'
one 'CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM (9) TO (19)'
has 'the default partition is read' "$OUT" 'shop.parts_d, 0 B: ACCESS EXCLUSIVE, reads all of it'
one 'CREATE INDEX CONCURRENTLY i ON shop.parts (a)'
has 'what would fail is an error' "$OUT" 'error [fails] shop.parts is partitioned'
one 'CREATE TABLE shop.later (a int)'
printf 'CREATE INDEX ON shop.later (a);\nCREATE INDEX ON shop.orders (note);\n' >0022_later.up.sql
OUT=$(lint 0020_one.up.sql 0022_later.up.sql 2>&1)
lacks 'a table that an earlier file makes is nobody'"'"'s hazard' "$OUT" 'shop.later'
has 'one that is there is' "$OUT" '0022_later.up.sql:2: warning [scan]'
# PAIRS of statements in two files: what an earlier file makes, and the database
# does not have, is not missed; what it has is
cat >pairs <<'END'
0|CREATE FUNCTION shop.twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1'|DROP FUNCTION shop.twice(int)
1|CREATE OR REPLACE FUNCTION shop.total(int) RETURNS int LANGUAGE sql AS 'SELECT 2'|DROP FUNCTION shop.total(int)
0|CREATE TYPE shop.mood AS ENUM ('a')|DROP TYPE shop.mood
0|CREATE SCHEMA fresh|ALTER SCHEMA fresh RENAME TO old
1|CREATE SCHEMA IF NOT EXISTS shop|ALTER SCHEMA shop RENAME TO old
0|ALTER TABLE shop.orders ADD c int|ALTER TABLE shop.orders DROP c
1|ALTER TABLE shop.orders ADD IF NOT EXISTS note text|ALTER TABLE shop.orders DROP note
0|CREATE ROLE nobody2|DROP ROLE nobody2
0|GRANT SELECT ON shop.orders TO reader|REVOKE SELECT ON shop.orders FROM reader
1|GRANT SELECT ON shop.orders TO reader|REVOKE SELECT, INSERT ON shop.orders FROM reader
1|GRANT USAGE ON SCHEMA shop TO reader|REVOKE USAGE ON SCHEMA shop FROM reader
0|GRANT CREATE ON SCHEMA shop TO reader|REVOKE CREATE ON SCHEMA shop FROM reader
1|GRANT EXECUTE ON FUNCTION shop.total(int) TO PUBLIC|REVOKE EXECUTE ON FUNCTION shop.total(int) FROM PUBLIC
0|GRANT EXECUTE ON FUNCTION shop.total(int) TO reader|REVOKE EXECUTE ON FUNCTION shop.total(int) FROM reader
0|GRANT pg_monitor TO reader|REVOKE pg_monitor FROM reader
1|GRANT pg_read_all_stats TO pg_monitor|REVOKE pg_read_all_stats FROM pg_monitor
END
wrong=
while IFS='|' read -r want first second; do
    echo "$first;" >0024_first.up.sql
    echo "$second;" >0025_then.up.sql
    got=$(lint 0024_first.up.sql 0025_then.up.sql 2>&1 |
        grep -c '^0025.*breaks-old-code')
    [ "$got" = "$want" ] || wrong="$wrong $second: $got;"
done <pairs
is 'what an earlier file makes is not missed' "$wrong" ''
OUT=$(t lint --database "$PG_CONNINFO user=reader" 0022_later.up.sql 2>&1)
has 'without rights on a table its size is known all the same' "$OUT" ' MB, 20 k rows'
echo 'ALTER TABLE orders ALTER name TYPE text;' >0023_path.up.sql
has 'names are looked for on the role'"'"'s search_path' \
    "$(t lint --database "$PG_CONNINFO user=reader" 0023_path.up.sql)" 'stored alike'
lacks 'and are there' \
    "$(t lint --database "$PG_CONNINFO user=reader" 0023_path.up.sql)" 'missing'
one 'CREATE INDEX ON nowhere (a)'
has 'a table that is not there is said to be' "$OUT" 'the database has no nowhere'
# what would fail
sql -c 'CREATE TABLE big (a int, b int PRIMARY KEY)'
fails() { # NAME SQL PART
    one "$2"
    has "$1" "$OUT" "$3"
    lint 0020_one.up.sql >/dev/null 2>&1
    is "$1: an error" $? 65
}
range='WHERE a BETWEEN $1 AND $2'
fails 'a key that is not unique' "-- tidegate: batch=big key=a
UPDATE big SET b = b $range" 'it may be NULL'
fails 'a batch of no table' "-- Tidegate: batch=bigg key=a
UPDATE bigg SET b = b $range" 'the database has no table bigg'
fails 'a table that is not there' 'ALTER TABLE nope ADD COLUMN a int' '[missing] the database has no table nope'
one "-- tidegate: batch=big key=b
UPDATE big SET a = 1 WHERE b BETWEEN \$1 AND \$2"
has 'a key that will do' "$OUT" 'errors 0'
one 'CREATE TABLE nope (a int)'
echo 'ALTER TABLE nope RENAME TO yes; ALTER TABLE yes ADD COLUMN b int;' >0026_yes.up.sql
gives 0 'what a file before makes' lint 0020_one.up.sql 0026_yes.up.sql
# dependents that are gone by then
sql -c 'CREATE TABLE users (id int PRIMARY KEY);
    CREATE TABLE bills (u int REFERENCES users)'
one 'DROP TABLE users'
has 'what depends on it' "$OUT" 'error [dependents] constraint bills_u_fkey'
printf -- '-- tidegate: phase=after\nDROP TABLE bills;\n' >0027_bills.up.sql
printf -- '-- tidegate: phase=after\nDROP TABLE users;\n' >0028_users.up.sql
gives 0 'what a file before drops does not' lint 0027_bills.up.sql 0028_users.up.sql
echo 'ALTER TABLE bills DROP CONSTRAINT bills_u_fkey;' >0027_bills.up.sql
gives 0 'nor what ends a constraint' lint 0027_bills.up.sql 0028_users.up.sql
echo 'DROP TABLE users;' >0029_users.down.sql
gives 0 'nor does what is undone first' lint 0029_users.down.sql
has 'that is a note' "$OUT" 'note [dependents]'
sql -c 'CREATE ROLE stranger LOGIN'
gives 0 'a role that may not look' t lint --database "$PG_CONNINFO user=stranger" 0022_later.up.sql
has 'is told of it, and the worst case' "$OUT" 'did not answer all questions'
gives 69 'a database that is not there' t lint --database 'host=/nowhere' 0001_note.up.sql
gives 78 'no conninfo' t lint --database 'x y' 0001_note.up.sql
gives 78 'an environment without configuration' t lint -e shop 0001_note.up.sql
cat >tidegate.ini <<END
[project]
name = shop
repository = .
[environment shop]
policy = policy.ini
database = $PG_CONNINFO
END
printf '[expected]\nsignatures = optional\n[window]\nzone = UTC\nallow = always\n' >policy.ini
one 'CREATE INDEX ON shop.orders (note)'
has 'the database of an environment' "$(t -e shop lint 0020_one.up.sql 2>&1)" '20 k rows'
lacks 'only when it is named' "$(t lint 0020_one.up.sql 2>&1)" '20 k rows'
is 'JSON names the database' "$(lint --format json 0020_one.up.sql | python3 -c '
import json, sys
d = json.load(sys.stdin)
r = d["findings"][0]["relations"][0]
print(d["database"] is not None, r["relation"], r["rows"], r["bytes"] > 2000000)')" \
    'True shop.orders 20000 True'
tap_end
