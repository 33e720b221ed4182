#!/bin/sh
# Migrations of another tool against a database: a sqitch project with
# folders, a reworked change and data of a COPY, planned, rehearsed, applied,
# and refused where psql would be needed. TAP. FLAVOUR names the build.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/harness/project.sh

names() { db "SELECT coalesce(string_agg(name, ' ' ORDER BY number), '')
    FROM tidegate.migration"; }

project_open
project_data shop <<END
$(project_clones shop)
[migrations]
path = ./db/
END
project_budget
gives 0 'init' t init

# sqitch
mkdir -p "$P/db/deploy/tables" "$P/db/revert/tables"
by='A Person <a@example.org> # why'
cat >"$P/db/sqitch.plan" <<END
%syntax-version=1.0.0
%project=shop

tables/colour 2024-01-05T12:00:00Z $by
@one 2024-01-05T12:00:01Z $by
tables/colour [tables/colour@one] 2024-01-05T12:00:02Z $by
END
cat >"$P/db/deploy/tables/colour@one.sql" <<'END'
-- Deploy shop:tables/colour
BEGIN;
CREATE TABLE colour (id int PRIMARY KEY, name text);
COPY public.colour (id, name) FROM stdin;
1	red; it's
2	\N
\.
COMMIT;
END
echo 'BEGIN; DROP TABLE colour; COMMIT;' \
    >"$P/db/revert/tables/colour@one.sql"
echo 'ALTER TABLE colour ADD COLUMN note text;' \
    >"$P/db/deploy/tables/colour.sql"
echo 'ALTER TABLE colour DROP COLUMN note;' \
    >"$P/db/revert/tables/colour.sql"
mkdir -p "$P/db/verify/tables"
printf -- '-- Verify\nBEGIN;\nSELECT note FROM colour WHERE false;\nROLLBACK;\n' \
    >"$P/db/verify/tables/colour@one.sql"
release v1.9
announce v1.9
gives 10 'what verifies it fails' t rehearse v1.9
has 'with its place' "$OUT" 'verify/tables/colour@one.sql:3: '
sed -i 's/note/name/' "$P/db/verify/tables/colour@one.sql"
echo 'SELECT 1;' >"$P/db/deploy/extra.SQL"
release v2.0
gives 10 'the plan of what nobody announced' t plan v2.0 --only migrations
has 'it names the layout' "$OUT" '2 migrations in ./db/, layout sqitch (recognised), tables/colour to tables/colour#2'
has 'and the changes' "$OUT" 'pending: tables/colour#2'
has 'and what is passed over' "$OUT" 'deploy/extra.SQL is passed over: its name ends in .SQL'
announce v2.0
gives 0 'rehearse' t rehearse v2.0
has 'verified' "$OUT" 'tables/colour: up, verified, down, schema equal'
gives 0 'up' t migrate up v2.0 $yes
is 'both are applied' "$(names)" 'tables/colour tables/colour#2'
is 'with their data' \
    "$(db "SELECT string_agg(coalesce(name, '-'), ',' ORDER BY id)
        FROM colour")" "red; it's,-"
gives 0 'status' t migrate status v2.0
has 'it names the change' "$OUT" 'tables/colour#2  applied'

# what holds on a clone, and not in production
printf "SELECT 1 / (current_database() <> 'shop')::int;\n" \
    >"$P/db/verify/more.sql"
echo 'ALTER TABLE colour ADD COLUMN more text;' >"$P/db/deploy/more.sql"
echo "more 2024-01-06T12:00:00Z $by" >>"$P/db/sqitch.plan"
release v2.0.1
announce v2.0.1
gives 0 'rehearse' t rehearse v2.0.1
echo 'SELECT 1;' >>"$P/db/verify/more.sql"
release v2.0.2
announce v2.0.2
gives 75 'another verify script is another rehearsal' t migrate up v2.0.2 $yes
has 'that is the reason' "$OUT" 'rehears'
gives 11 'rolled back' t migrate up v2.0.1 $yes
has 'with its place' "$OUT" 'verify/more.sql:1: SELECT failed'
is 'nothing of it is there' "$(names)" 'tables/colour tables/colour#2'

# psql's own
printf '\\set x 1\nSELECT :x;\n' >"$P/db/deploy/more.sql"
release v2.1
gives 65 'a command to psql' t plan v2.1 --only migrations
has 'is named with its place' "$OUT" "deploy/more.sql:1: not SQL: psql's"
has 'and why nothing is known of migrations' "$OUT" 'migrations: deploy/more.sql:1: not SQL'

# what a link leads to is not in the commit
rm "$P/db/deploy/more.sql"
ln -s ../verify/more.sql "$P/db/deploy/more.sql"
release v2.2
gives 65 'a symbolic link' t plan v2.2 --only migrations
has 'is named' "$OUT" 'deploy/more.sql: a symbolic link'

tap_end
