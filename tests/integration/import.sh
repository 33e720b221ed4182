#!/bin/sh
# Coming from another tool: what its own table says is applied is recorded, or
# what a person says; nothing is run, and no rollback undoes it. TAP. FLAVOUR
# names the build (one with failpoints). Tables and rows are as the tools wrote
# them: golang-migrate 4.17.1, goose 2.1.0 and 3.17.0, diesel 2.0.1, Flyway
# 7.15.0 (but for undone ones, which its free edition does not make). Those of
# migrate, goose, dbmate and sqitch that are on PATH are asked themselves.
# shellcheck disable=SC2016 # $$ are SQL's quotes
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/harness/project.sh

begin() { # NAME: a project with a database of its own
    project_data "$1" </dev/null
    t init >"$D/init.log" 2>&1 || sed 's/^/# /' "$D/init.log"
}
recorded() {
    db "SELECT regexp_replace(name, '@.*', '@') FROM tidegate.migration
        ORDER BY number" | xargs
}
states() { t migrate status "$1" --format json 2>/dev/null | /usr/bin/python3 -c '
import json, sys
print(*[m["name"].split("@")[0] + "=" + m["is"] for m in json.load(sys.stdin)["migrations"]])'; }
no_schema() { db "SELECT to_regnamespace('tidegate') IS NULL"; }

project_open

echo '# golang-migrate: a high-water mark'
begin gomigrate
release v0
for n in 1 2 3 4; do
    file "00000${n}_t$n.up.sql" "CREATE TABLE t$n (i int);"
    file "00000${n}_t$n.down.sql" "DROP TABLE t$n;"
done
release v1
db 'CREATE TABLE schema_migrations (version bigint NOT NULL,
    dirty boolean NOT NULL, PRIMARY KEY (version));
    INSERT INTO schema_migrations VALUES (3, true);
    CREATE TABLE t1 (i int); CREATE TABLE t2 (i int); CREATE TABLE t3 (i int)'
gives 64 'of no release' t migrate import $yes
gives 64 'an option of another verb' t migrate import v1 --to x $yes
gives 10 'a dirty version' t migrate import v1 $yes
has 'it is named' "$OUT" 'version 3 is unfinished in public.schema_migrations'
has 'and its end' "$OUT" 'migrate force VERSION'
# what a first down that fails leaves behind
db 'UPDATE schema_migrations SET version = -1'
gives 10 'dirty before the first' t migrate import v1 $yes
has 'that is said' "$OUT" '-1 is before the first'
db 'UPDATE schema_migrations SET dirty = false'
gives 0 'before the first, and not dirty: nothing is' t migrate import v1 --dry-run
has 'nothing is recorded' "$OUT" 'nothing to record'
db 'UPDATE schema_migrations SET version = 1;
    INSERT INTO schema_migrations VALUES (4, false)'
gives 10 'two versions' t migrate import v1 $yes
has 'one of them is wrong' "$OUT" 'more than the one row'
db 'DELETE FROM schema_migrations WHERE version = 4;
    UPDATE schema_migrations SET version = 3'
gives 0 'only told' t migrate import v1 --dry-run
has 'which table' "$OUT" 'public.schema_migrations, of golang-migrate'
has 'what would be' "$OUT" '000003_t3'
is 'nothing is there' "$(no_schema)" t
gives 64 'nobody confirms' t migrate import v1
db 'CREATE SCHEMA old; CREATE TABLE old.schema_migrations AS
    SELECT * FROM schema_migrations'
gives 10 'two tables' t migrate import v1 $yes
has 'both are named' "$OUT" 'old.schema_migrations and public.schema_migrations'
db 'DROP TABLE old.schema_migrations'
gives 10 'a table that is not there' t migrate import v1 --table old.x $yes
# somebody who may create in a schema, and would have us run something of theirs
db 'CREATE ROLE mallory; CREATE SCHEMA evil AUTHORIZATION mallory;
    CREATE TABLE public.ran (i int); GRANT INSERT ON public.ran TO mallory;
    SET ROLE mallory;
    CREATE FUNCTION evil.run() RETURNS bigint LANGUAGE sql AS $$
        INSERT INTO public.ran VALUES (1); SELECT 1::bigint $$;
    CREATE VIEW evil.schema_migrations AS
        SELECT evil.run() AS version, false AS dirty'
gives 0 'a view of that name is not asked' t migrate import v1 --dry-run
has 'the table is' "$OUT" 'public.schema_migrations, of golang-migrate'
gives 10 'nor when it is named' t migrate import v1 --dry-run \
    --table evil.schema_migrations
is 'nothing of theirs was run' "$(db 'SELECT count(*) FROM ran')" 0
db 'SET ROLE mallory; DROP VIEW evil.schema_migrations;
    CREATE TABLE evil.schema_migrations AS SELECT 3::bigint AS version,
        false AS dirty'
gives 10 'a table of theirs is refused' t migrate import v1 $yes
has 'its owner is named' "$OUT" 'it is owned by mallory'
has 'and what to say' "$OUT" '--table evil.schema_migrations'
gives 0 'unless somebody names it' t migrate import v1 --dry-run \
    --table evil.schema_migrations
db 'DROP TABLE evil.schema_migrations;
    ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY'
gives 10 'one with row security is refused' t migrate import v1 $yes
db 'ALTER TABLE schema_migrations DISABLE ROW LEVEL SECURITY'
gives 0 'frozen' t freeze --why sale
gives 10 'a freeze is obeyed' t migrate import v1 $yes
gives 0 'thawed' t thaw --why over
for point in record.before:1 record.after:1; do
    (cd "$P" && TIDEGATE_FAILPOINT=$point exec "$TIDEGATE" migrate import v1 \
        $yes >"$D/killed.log" 2>&1)
    is "$point: killed" $? 137
    gives 12 "$point: status" t status
    case $point in
    *before*) gives 10 "$point: it recorded nothing" t resume $yes ;;
    *) gives 0 "$point: it had recorded it" t resume $yes ;;
    esac
    gives 0 "$point: all is whole" t status
done
is 'three are recorded' "$(recorded)" '000001_t1 000002_t2 000003_t3'
is 'as imported, with their downs' "$(db "SELECT DISTINCT release, phase,
    down IS NOT NULL FROM tidegate.migration")" 'imported|before|t'
gives 0 'once more' t migrate import v1 $yes
has 'nothing is left' "$OUT" 'nothing to record'
is 'the fourth is pending' "$(states v1)" \
    '000001_t1=applied 000002_t2=applied 000003_t3=applied 000004_t4=pending'
gives 0 'history' t history
has 'names it' "$OUT" 'import'
t expect v1 --only migrations --at now --why test >/dev/null 2>&1
gives 0 'the fourth goes up' t migrate up v1 $yes
is 'it is there' "$(db "SELECT to_regclass('t4') IS NOT NULL")" t

echo '# a version without a file, a table that is another tool'"'"'s'
db 'UPDATE schema_migrations SET version = 99'
gives 0 'told' t migrate import v1 --dry-run
has 'no file' "$OUT" '99 is applied, and v1 does not have it'
db 'UPDATE schema_migrations SET version = 2'
gives 0 'told, when the tool went back' t migrate import v1 --dry-run
has 'what it undid' "$(printf '%s' "$OUT" | tr -s ' \n' '  ')" \
    'still counts as applied: 000003_t3 nothing to record'
db 'ALTER TABLE schema_migrations DROP COLUMN dirty'
gives 10 'another tool has that name' t migrate import v1 --dry-run
has 'it is not taken' "$OUT" 'no table of golang-migrate'
gives 64 'a tool nobody knows' t migrate import v1 --from liquibase $yes

echo '# tables as other tools make them'
# takes NAME RECORDED STATES: of what stands in P, after the tool's own rows
takes() {
    release v1
    gives 0 "$1: taken over" t migrate import v1 $yes
    is "$1: what its table says" "$(recorded)" "$2"
    is "$1: the rest is pending" "$(states v1)" "$3"
    is "$1: nothing was run" "$(db "SELECT to_regclass('x1') IS NULL")" t
}
begin dbmate
for n in 1 2; do
    file "2026010100000${n}_x$n.sql" "-- migrate:up
CREATE TABLE x$n (i int);
-- migrate:down
DROP TABLE x$n;"
done
db 'CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
    INSERT INTO schema_migrations VALUES ($$20260101000001$$)'
takes dbmate 20260101000001_x1 '20260101000001_x1=applied 20260101000002_x2=pending'
is 'dbmate: with its way back' "$(db 'SELECT down FROM tidegate.migration' |
    grep -c 'DROP TABLE x1')" 1

begin goose
for n in 1 2; do
    file "0000${n}_x$n.sql" "-- +goose Up
CREATE TABLE x$n (i int);
-- +goose Down
DROP TABLE x$n;"
done
# the second was undone: by 2.1 with a row for each way, by 3 with none
db 'CREATE TABLE goose_db_version (id serial NOT NULL,
        version_id bigint NOT NULL, is_applied boolean NOT NULL,
        tstamp timestamp NULL DEFAULT now(), PRIMARY KEY (id));
    INSERT INTO goose_db_version (version_id, is_applied)
    VALUES (0, true), (1, true), (2, true), (2, false), (2, true), (2, false),
        (1, false), (1, true)'
takes goose 00001_x1 '00001_x1=applied 00002_x2=pending'

begin flyway
file V1__x1.sql 'CREATE TABLE x1 (i int);'
file V1.1__x2.sql 'CREATE TABLE x2 (i int);'
db 'CREATE TABLE flyway_schema_history (installed_rank integer NOT NULL
        CONSTRAINT flyway_schema_history_pk PRIMARY KEY,
        version varchar(50), description varchar(200) NOT NULL,
        type varchar(20) NOT NULL, script varchar(1000) NOT NULL,
        checksum integer, installed_by varchar(100) NOT NULL,
        installed_on timestamp NOT NULL DEFAULT now(),
        execution_time integer NOT NULL, success boolean NOT NULL);
    INSERT INTO flyway_schema_history VALUES
    (1, 1, $$x1$$, $$SQL$$, $$V1__x1.sql$$, 7, $$me$$, now(), 5, true),
    (2, 1.1, $$x2$$, $$SQL$$, $$V1.1__x2.sql$$, 8, $$me$$, now(), 5, false)'
release v0
gives 10 'flyway: a migration that failed' t migrate import v0 $yes
has 'flyway: it is named' "$OUT" 'version 1.1 is unfinished'
has 'flyway: and its end' "$OUT" 'flyway repair'
# one that was undone, one that `flyway repair` has marked as deleted, two that
# repeat, of which one has been changed since, and some that nobody has
file R__as_it_was.sql "$(printf 'CREATE VIEW r1 AS\r\n  SELECT 1;')"
file R__changed.sql 'CREATE VIEW r2 AS SELECT 2;'
history() { # RANK VERSION DESCRIPTION TYPE CHECKSUM
    db "INSERT INTO flyway_schema_history VALUES ($1, nullif('$2', ''), '$3',
        '$4', '', $5, 'me', now(), 1, true)"
}
db 'DELETE FROM flyway_schema_history WHERE NOT success'
history 0 '' '<< Flyway Schema Creation >>' SCHEMA NULL
history 3 1.1 x2 SQL 8
history 4 1.1 x2 UNDO_SQL 9
history 5 1.2 gone SQL 9
history 6 1.2 gone DELETE 9
history 7 '' 'as it was' SQL 1
history 8 '' 'as it was' SQL -1291379901
history 9 '' changed SQL 77
history 10 '' 'nobody has' SQL 77
history 11 '' 'no longer' SQL 77
history 12 '' 'no longer' DELETE 77
release v0.1
gives 10 'flyway: a file that was changed since' t migrate import v0.1 $yes
has 'flyway: it is named' "$OUT" 'V1__x1.sql was changed after flyway applied it'
has 'flyway: with both checksums' "$OUT" \
    'public.flyway_schema_history has the checksum 7, the file has -130838166'
has 'flyway: and what to do' "$OUT" 'flyway repair'
is 'flyway: nothing is recorded' "$(no_schema)" t
db 'UPDATE flyway_schema_history SET checksum = -130838166 WHERE checksum = 7'
gives 0 'flyway: only told' t migrate import v0.1 --dry-run
has 'flyway: what is to run again' "$OUT" \
    'flyway ran another text of it, so it runs again'
has 'flyway: what has no file' "$OUT" 'R__nobody has is applied'
is 'flyway: what was marked as deleted is not' \
    "$(printf '%s\n' "$OUT" | grep -c 'no longer\|1\.2')" 0
takes flyway 'V1__x1 R__as_it_was@' \
    'V1__x1=applied V1.1__x2=pending R__as_it_was=applied R__changed=pending'
db 'CREATE VIEW r1 AS SELECT 1'
t expect v1 --only migrations --at now --why test >/dev/null 2>&1
gives 0 'flyway: the rest' t migrate up v1 $yes
is 'flyway: each once' "$(recorded)" \
    'V1__x1 V1.1__x2 R__as_it_was@ R__changed@'
file R__changed.sql 'CREATE OR REPLACE VIEW r2 AS SELECT ${answer};'
release v2
gives 65 'flyway: a placeholder without a value' t plan v2 --only migrations
has 'flyway: with its place' "$OUT" 'R__changed.sql:1: ${answer} has no value'
has 'flyway: and the line to write' "$OUT" 'below [placeholders]: answer = VALUE'
printf '[placeholders]\nanswer = 4\n[placeholders production]\nAnswer = 3\n' \
    >>"$P/tidegate.ini"
t expect v2 --only migrations --at now --why test >/dev/null 2>&1
sed -i 's/^Answer.*/Answer = 5/' "$P/tidegate.ini"
gives 10 'flyway: what was announced has its values' t migrate up v2 $yes
sed -i 's/^Answer.*/Answer = 3/' "$P/tidegate.ini"
gives 0 'flyway: another text of one' t migrate up v2 $yes
is 'flyway: it ran' "$(db 'TABLE r2')" 3
is 'flyway: and stands for the one before' "$(states v2)" \
    'V1__x1=applied V1.1__x2=applied R__as_it_was=applied R__changed=applied'

# versions are numbers, whatever they look like; elsewhere, and baselined
begin renamed
for n in 1 02 3.0 4; do
    file "V${n}__t$n.sql" 'CREATE TABLE x1 (i int);'
done
file R__mixed.sql "$(printf 'CREATE OR REPLACE VIEW rm AS\r SELECT 1;\n\n\n')"
db 'CREATE SCHEMA app; CREATE TABLE app.history (installed_rank integer NOT NULL
        CONSTRAINT history_pk PRIMARY KEY, version varchar(50),
        description varchar(200) NOT NULL, type varchar(20) NOT NULL,
        script varchar(1000) NOT NULL, checksum integer,
        installed_by varchar(100) NOT NULL,
        installed_on timestamp NOT NULL DEFAULT now(),
        execution_time integer NOT NULL, success boolean NOT NULL);
    CREATE INDEX history_s_idx ON app.history (success);
    INSERT INTO app.history VALUES
    (0, NULL, $$<< Flyway Schema Creation >>$$, $$SCHEMA$$, $$"app","other"$$,
        NULL, $$postgres$$, now(), 0, true),
    (1, 2, $$<< Flyway Baseline >>$$, $$BASELINE$$, $$<< Flyway Baseline >>$$,
        NULL, $$null$$, now(), 0, true),
    (2, $$003$$, $$t3$$, $$SQL$$, $$V003__t3.sql$$, -130838166, $$postgres$$,
        now(), 9, true),
    (3, NULL, $$mixed$$, $$SQL$$, $$R__mixed.sql$$, -1181636704, $$postgres$$,
        now(), 10, true)'
release v1
gives 10 'flyway: no table of its usual name' t migrate import v1 $yes
gives 0 'flyway: its table is named' t migrate import v1 $yes \
    --table app.history
has 'flyway: where the next would go' "$OUT" \
    'the table is in app, but new ones go to public'
is 'flyway: 003 is 3.0' "$(states v1)" \
    'V1__t1=applied V02__t02=applied V3.0__t3.0=applied V4__t4=pending R__mixed=applied'
db 'ALTER DATABASE renamed SET search_path = app'
gives 0 'flyway: once more' t migrate import v1 --table app.history --dry-run
is 'flyway: the next go there, too' "$(printf '%s' "$OUT" | grep -c 'new ones')" 0

begin sqitch
file sqitch.plan '%syntax-version=1.0.0
%project=shop

x1 2026-01-02T03:04:05Z Anna <anna@example.net> # first
x2 [x1] 2026-01-03T03:04:05Z Anna <anna@example.net> # second'
for n in 1 2; do
    file "deploy/x$n.sql" "BEGIN;
CREATE TABLE x$n (i int);
COMMIT;"
    file "revert/x$n.sql" "BEGIN;
DROP TABLE x$n;
COMMIT;"
done
db 'CREATE SCHEMA sqitch;
    CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text
        UNIQUE, change text NOT NULL, project text NOT NULL,
        note text NOT NULL DEFAULT $$$$,
        committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        committer_name text NOT NULL, committer_email text NOT NULL,
        planned_at timestamptz NOT NULL, planner_name text NOT NULL,
        planner_email text NOT NULL);
    INSERT INTO sqitch.changes VALUES ($$a$$, $$b$$, $$x1$$, $$shop$$, $$$$,
        now(), $$A$$, $$a$$, $$2026-01-02 03:04:05+00$$, $$A$$, $$a$$)'
release v0
gives 10 'sqitch: a script that was changed since' t migrate import v0 $yes
has 'sqitch: it is named' "$OUT" 'deploy/x1.sql was changed after sqitch applied'
has 'sqitch: with both hashes' "$OUT" \
    'has the checksum b, the file has e124b3bbac125ac1e1d2ca719bcceab9dfba8321'
db "UPDATE sqitch.changes SET script_hash =
    'e124b3bbac125ac1e1d2ca719bcceab9dfba8321'"
takes sqitch x1 'x1=applied x2=pending'

begin diesel
for n in 1 2; do
    file "2026-01-01-00000${n}_x$n/up.sql" "CREATE TABLE x$n (i int);"
    file "2026-01-01-00000${n}_x$n/down.sql" "DROP TABLE x$n;"
done
file 0007_short/up.sql 'CREATE TABLE x1 (i int);'
file 2026-01-01-000003-1234_x3/up.sql 'CREATE TABLE x1 (i int);'
db 'CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY
        NOT NULL, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO __diesel_schema_migrations (version)
    VALUES ($$0007$$), ($$20260101000001$$), ($$202601010000031234$$)'
takes diesel '0007_short 2026-01-01-000001_x1 2026-01-01-000003-1234_x3' \
    '0007_short=applied 2026-01-01-000001_x1=applied 2026-01-01-000002_x2=pending 2026-01-01-000003-1234_x3=applied'

echo '# the ledger fails once the database has committed'
# at COMMIT, by a program of the server: the runner may write no file any more
db "DELETE FROM tidegate.migration;
    CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS \$\$
    BEGIN
        COPY (SELECT 1) TO PROGRAM
            'prlimit --pid \$(cat $D/pid) --fsize=1: && exec cat >/dev/null';
        RETURN NULL;
    END \$\$;
    CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON tidegate.migration
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        EXECUTE FUNCTION public.full()"
limited() {
    (cd "$P" && exec sh -c 'echo $$ >"$0"; exec "$@"' "$D/pid" "$TIDEGATE" \
        migrate import v1 $yes)
}
gives 12 'it is not said that nothing was changed' limited
has 'but what is there' "$OUT" 'the rows are in tidegate.migration'
is 'they are' "$(recorded)" \
    '0007_short 2026-01-01-000001_x1 2026-01-01-000003-1234_x3'
gives 12 'status knows of it' t status
gives 0 'resume writes it down' t resume $yes
gives 0 'all is whole' t status

echo '# the tools themselves, where they are on PATH'
offered() {
    command -v "$1" >/dev/null 2>&1 || {
        echo "# $1 is not on PATH: not asked"
        return 1
    }
}
# runs TOOL FORM: two of three by the tool, then the third by tidegate, and the
# tool is asked again; FORM N writes a migration, TOOL applies what is there
runs() {
    begin "its_$1"
    "$2" 1
    "$2" 2
    gives 0 "$1 itself" "$1"_itself
    "$2" 3
    release v1
    t migrate import v1 $yes >"$D/import.log" 2>&1 || sed 's/^/# /' "$D/import.log"
    is "$1 itself: what its table says" \
        "$(states v1 | sed 's/[^ ]*=//g')" 'applied applied pending'
    announce v1
    gives 0 "$1 itself: the third by tidegate" t migrate up v1 $yes
    is "$1 itself: all are there" "$(db "SELECT count(*) FROM pg_class
        WHERE relname IN ('x1', 'x2', 'x3')")" 3
    OUT=$("$1"_itself 2>&1)
    has "$1 itself: it knows nothing of it" "$OUT" 'x3" already exists'
}
pair() { migration "000$1_x$1" "CREATE TABLE x$1 (i int);" "DROP TABLE x$1;"; }
of_goose() { file "0000$1_x$1.sql" "-- +goose Up
CREATE TABLE x$1 (i int);
-- +goose Down
DROP TABLE x$1;"; }
of_dbmate() { file "000$1_x$1.sql" "-- migrate:up
CREATE TABLE x$1 (i int);
-- migrate:down
DROP TABLE x$1;"; }
of_sqitch() {
    file "deploy/x$1.sql" "BEGIN; CREATE TABLE x$1 (i int); COMMIT;"
    file "revert/x$1.sql" "BEGIN; DROP TABLE x$1; COMMIT;"
    [ "$1" != 1 ] || printf '%%syntax-version=1.0.0\n%%project=shop\n\n' \
        >"$P/migrations/sqitch.plan"
    echo "x$1 2026-01-0${1}T03:04:05Z A <a@example.net> # x" \
        >>"$P/migrations/sqitch.plan"
}
migrate_itself() {
    migrate -path "$P/migrations" -database \
        "postgres:///$(basename "$P")?host=$PG_SOCKET&port=$PG_PORT&user=postgres&sslmode=disable" up
}
goose_itself() {
    goose -dir "$P/migrations" postgres "$(postgres_conninfo "$(basename "$P")")" up
}
dbmate_itself() {
    dbmate --no-dump-schema --migrations-dir "$P/migrations" --url \
        "postgres://postgres@127.0.0.1:$PG_PORT/$(basename "$P")?socket=$PG_SOCKET&sslmode=disable" migrate
}
sqitch_itself() {
    (cd "$P/migrations" && printf '[core]\n  engine = pg\n' >sqitch.conf &&
        PGHOST=$PG_SOCKET PGPORT=$PG_PORT PGUSER=postgres SQITCH_FULLNAME=a \
            SQITCH_EMAIL=a@example.net sqitch deploy "db:pg:$(basename "$P")")
}
! offered migrate || runs migrate pair
! offered goose || runs goose of_goose
! offered dbmate || runs dbmate of_dbmate
! offered sqitch || runs sqitch of_sqitch

echo '# baseline: on a word, or proved'
begin baseline
release v0
t expect v0 --at now --why test >/dev/null 2>&1
gives 0 'a release without migrations' t deploy v0 $yes
db 'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int)'
file 0001_a.up.sql 'CREATE TABLE a (id int PRIMARY KEY);'
file 0001_a.down.sql 'DROP TABLE a;'
file 0002_b.up.sql 'CREATE TABLE b (id int);'
file 0002_b.down.sql 'DROP TABLE b;'
file 0003_c.up.sql 'CREATE TABLE c (id int);'
file 0003_c.down.sql 'DROP TABLE c;'
release v1
gives 64 'up to nothing' t migrate baseline v1 --to 0009_x $yes
gives 78 'no server to prove it on' t migrate baseline v1 --verify $yes
printf '[rehearsal]\nclone = dump\nfrom = %s\nserver = %s\n' \
    "$(postgres_conninfo baseline)" "$(postgres_conninfo)" >>"$P/tidegate.ini"
t policy accept >/dev/null 2>&1
gives 10 'all of them: that is not so' t migrate baseline v1 --verify $yes
has 'what differs is told' "$OUT" 'lost: table public.c'
is 'nothing is there' "$(no_schema)" t
# what other tools keep is made by no file
db 'CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text);
    COMMENT ON COLUMN sqitch.changes.change_id IS $$of it$$;
    CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint);
    CREATE TABLE steps (done text PRIMARY KEY)'
gives 64 'a table, and nothing to compare' t migrate baseline v1 \
    --table public.steps $yes
gives 10 'a table that nobody knows' t migrate baseline v1 --to 0002_b \
    --verify $yes
has 'is told' "$OUT" 'left: table public.steps'
is 'those that are known are not' "$(printf '%s' "$OUT" |
    grep -c 'goose\|sqitch')" 0
gives 10 'one that is not there' t migrate baseline v1 --to 0002_b --verify \
    --table public.step $yes
has 'is named' "$OUT" 'there is no table public.step'
gives 0 'those that are there' t migrate baseline v1 --to 0002_b --verify \
    --table public.steps $yes
has 'what is left out' "$OUT" 'public.goose_db_version, public.steps, sqitch'
has 'proved' "$OUT" 'the files make the schema that is there'
is 'two are recorded' "$(db "SELECT name, release FROM tidegate.migration
    ORDER BY 1" | xargs)" '0001_a|baseline 0002_b|baseline'
is 'the empty database is gone' "$(db "SELECT count(*) FROM pg_database
    WHERE datname LIKE 'tidegate%'")" 0
db "INSERT INTO tidegate.journal (name, down, statement, statements, state,
    run, checksum, backend_pid, backend_start)
    VALUES ('0003_c', false, 1, 3, 'done', 'r', 'x', 1, now())"
gives 10 'what stopped half way is not taken for whole' \
    t migrate baseline v1 $yes
has 'it is named, and how far it is' "$OUT" '1 of its 3 statements is done'
db 'DELETE FROM tidegate.journal'
file 0004_slow.up.sql 'SELECT pg_sleep(600);'
release v2
(cd "$P" && exec "$TIDEGATE" migrate baseline v2 --verify $yes) \
    >"$D/slow.log" 2>&1 &
pid=$!
tries=0
until [ "$(db "SELECT count(*) FROM pg_stat_activity
    WHERE query = 'SELECT pg_sleep(600)'")" = 1 ] || [ $tries -ge 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $pid
wait $pid
is 'a stop signal ends the statement that proves' $? 143
is 'and its empty database is gone' "$(db "SELECT count(*) FROM pg_database
    WHERE datname LIKE 'tidegate%'")" 0
t expect v1 --at now --why test >/dev/null 2>&1
gives 0 'the third goes out' t deploy v1 $yes
gives 0 'and back, with the schema' t rollback --schema $yes
is 'what was there before stays' "$(recorded)" '0001_a 0002_b'
is 'tables as well' "$(db "SELECT count(*) FROM pg_class WHERE relname IN
    ('a', 'b', 'c') AND relkind = 'r'")" 2
tap_end
