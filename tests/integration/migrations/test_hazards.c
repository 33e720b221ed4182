/* Every form of statement that PostgreSQL 15 can show, run in one rehearsal:
 * the trace must measure the lock, the rewrite and the scan that its row
 * says; lint with the database must say the same of the same relations and of
 * no others, and lint without it must say no less. $ is the row's own table,
 * $r and $p are others that setup makes. A rewrite reads every row; the trace
 * counts it as a rewrite alone, lint says both: scans are compared where
 * nothing is rewritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/lint/lint.h"
#include "migrations/lint/lint_locks.h"
#include "migrations/read/split.h"
#include "runner/base/buf.h"
#include "tests/integration/migrations/rehearsing.h"

enum { NO, YES, ANY };

struct seen {
    const char *relation; /* NULL: the list ends */
    const char *lock;
    int rewrite, scan;
};

#define AEL "ACCESS EXCLUSIVE"
#define SRE "SHARE ROW EXCLUSIVE"
#define SUE "SHARE UPDATE EXCLUSIVE"
#define PARTITIONED                                                   \
    "CREATE TABLE $p (a int, b text) PARTITION BY RANGE (a);"         \
    "CREATE TABLE $p1 PARTITION OF $p FOR VALUES FROM (0) TO (1000);" \
    "CREATE TABLE $pd PARTITION OF $p DEFAULT;"                       \
    "INSERT INTO $p SELECT i, 'x' FROM generate_series(1, 2999) i;"
#define OTHER                               \
    "CREATE TABLE $r (id int PRIMARY KEY);" \
    "INSERT INTO $r SELECT generate_series(1, 3000);"
#define REFERRING                                             \
    OTHER "ALTER TABLE $ ADD CONSTRAINT $fk FOREIGN KEY (a) " \
          "REFERENCES $r"

/* clang-format off */
static const struct {
    const char *row, *setup, *sql;
    bool apart;
    struct seen seen[6];
    const char *differs; /* why lint cannot say what the trace measures */
} rows[] = {
    {"1", "", "ALTER TABLE $ ADD COLUMN c int", 0, {{"$", AEL, NO, NO}}},
    {"2", "", "ALTER TABLE $ ADD COLUMN c int DEFAULT 5 NOT NULL", 0,
     {{"$", AEL, NO, NO}}},
    {"2 now", "", "ALTER TABLE $ ADD COLUMN c timestamptz DEFAULT now()", 0,
     {{"$", AEL, NO, NO}}},
    {"2 jsonb", "", "ALTER TABLE $ ADD COLUMN c jsonb DEFAULT '{}'::jsonb", 0,
     {{"$", AEL, NO, NO}}},
    {"3 uuid", "",
     "ALTER TABLE $ ADD COLUMN c uuid DEFAULT gen_random_uuid()", 0,
     {{"$", AEL, YES, NO}}},
    {"3 clock", "",
     "ALTER TABLE $ ADD COLUMN c timestamptz DEFAULT clock_timestamp()", 0,
     {{"$", AEL, YES, NO}}},
    {"4 serial", "", "ALTER TABLE $ ADD COLUMN c bigserial", 0,
     {{"$", AEL, YES, NO}}},
    {"4 identity", "",
     "ALTER TABLE $ ADD COLUMN c int GENERATED ALWAYS AS IDENTITY", 0,
     {{"$", AEL, YES, NO}}},
    {"5", "", "ALTER TABLE $ ADD COLUMN c int GENERATED ALWAYS AS (a+1) STORED",
     0, {{"$", AEL, YES, NO}}},
    {"7", "CREATE DOMAIN $d AS int CHECK (VALUE > 0)",
     "ALTER TABLE $ ADD COLUMN c $d", 0, {{"$", AEL, YES, NO}}},
    {"7 free", "CREATE DOMAIN $d AS int", "ALTER TABLE $ ADD COLUMN c $d", 0,
     {{"$", AEL, NO, NO}}},
    {"8", "", "ALTER TABLE $ ADD COLUMN c int CHECK (c > 0)", 0,
     {{"$", AEL, NO, YES}}},
    {"9", OTHER, "ALTER TABLE $ ADD COLUMN c int REFERENCES $r", 0,
     {{"$", AEL, NO, NO}, {"$r", SRE, NO, NO}}},
    {"10", "", "ALTER TABLE $ ADD COLUMN c int UNIQUE", 0,
     {{"$", AEL, NO, YES}}},
    {"11", "", "ALTER TABLE $ ADD COLUMN c json", 0, {{"$", AEL, NO, NO}}},
    {"12", "", "ALTER TABLE $ DROP COLUMN b", 0, {{"$", AEL, NO, NO}}},
    {"13 bigint", "", "ALTER TABLE $ ALTER a TYPE bigint", 0,
     {{"$", AEL, YES, NO}}},
    {"13 varchar", "", "ALTER TABLE $ ALTER b TYPE varchar(100)", 0,
     {{"$", AEL, YES, NO}}},
    {"13 date", "", "ALTER TABLE $ ALTER ts TYPE date", 0,
     {{"$", AEL, YES, NO}}},
    {"14 varchar", "ALTER TABLE $ ADD COLUMN v varchar(10)",
     "ALTER TABLE $ ALTER v TYPE varchar(20)", 0, {{"$", AEL, NO, NO}}},
    {"14 text", "ALTER TABLE $ ADD COLUMN v varchar(10)",
     "ALTER TABLE $ ALTER v TYPE text", 0, {{"$", AEL, NO, NO}}},
    {"15 utc", "", "SET LOCAL timezone = 'UTC'\n;;\n"
     "ALTER TABLE $ ALTER ts TYPE timestamptz", 0, {{"$", AEL, NO, NO}}},
    {"15 other", "", "SET LOCAL timezone = 'Europe/Tallinn'\n;;\n"
     "ALTER TABLE $ ALTER ts TYPE timestamptz", 0, {{"$", AEL, YES, NO}}},
    {"16", "", "ALTER TABLE $ ALTER b TYPE text COLLATE \"C\"", 0,
     {{"$", AEL, NO, NO}}},
    {"18", "", "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, YES}}},
    {"18 checked", "ALTER TABLE $ ADD CHECK (a IS NOT NULL)",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, NO}}},
    {"19", "", "ALTER TABLE $ ALTER a SET DEFAULT 7", 0,
     {{"$", AEL, NO, NO}}},
    {"21 statistics", "", "ALTER TABLE $ ALTER a SET STATISTICS 50", 0,
     {{"$", SUE, NO, NO}}},
    {"21 fillfactor", "", "ALTER TABLE $ SET (fillfactor = 70)", 0,
     {{"$", SUE, NO, NO}}},
    {"21 comment", "", "COMMENT ON TABLE $ IS 'x'", 0, {{"$", SUE, NO, NO}}},
    {"21 create", "", "CREATE STATISTICS $s ON a, b FROM $", 0,
     {{"$", SUE, NO, NO}}},
    {"21 analyze", "", "ANALYZE $", 0, {{"$", SUE, NO, ANY}}},
    {"22 storage", "", "ALTER TABLE $ ALTER b SET STORAGE EXTERNAL", 0,
     {{"$", AEL, NO, NO}}},
    {"22 identity", "", "ALTER TABLE $ REPLICA IDENTITY FULL", 0,
     {{"$", AEL, NO, NO}}},
    {"22 rls", "", "ALTER TABLE $ ENABLE ROW LEVEL SECURITY", 0,
     {{"$", AEL, NO, NO}}},
    {"22 policy", "", "CREATE POLICY $y ON $ USING (true)", 0,
     {{"$", AEL, NO, NO}}},
    {"22 rule", "",
     "CREATE RULE $u AS ON DELETE TO $ WHERE old.id < 0 DO INSTEAD NOTHING", 0,
     {{"$", AEL, NO, NO}}},
    {"23", "", "ALTER TABLE $ ADD CHECK (a > 0)", 0, {{"$", AEL, NO, YES}}},
    {"23 not valid", "", "ALTER TABLE $ ADD CHECK (a > 0) NOT VALID", 0,
     {{"$", AEL, NO, NO}}},
    {"24", "ALTER TABLE $ ADD CONSTRAINT $c CHECK (a > 0) NOT VALID",
     "ALTER TABLE $ VALIDATE CONSTRAINT $c", 0, {{"$", SUE, NO, YES}}},
    {"25", OTHER, "ALTER TABLE $ ADD FOREIGN KEY (a) REFERENCES $r", 0,
     {{"$", SRE, NO, YES}, {"$r", SRE, NO, YES}}},
    {"25 not valid", OTHER,
     "ALTER TABLE $ ADD FOREIGN KEY (a) REFERENCES $r NOT VALID", 0,
     {{"$", SRE, NO, NO}, {"$r", SRE, NO, NO}}},
    {"26", OTHER "ALTER TABLE $ ADD CONSTRAINT $fk FOREIGN KEY (a) "
     "REFERENCES $r NOT VALID", "ALTER TABLE $ VALIDATE CONSTRAINT $fk", 0,
     {{"$", SUE, NO, YES}, {"$r", "ROW SHARE", NO, YES}}},
    {"27", OTHER, "CREATE TABLE $n (a int REFERENCES $r)", 0,
     {{"$r", SRE, NO, NO}}},
    {"28 constraint", REFERRING, "ALTER TABLE $ DROP CONSTRAINT $fk", 0,
     {{"$", AEL, NO, NO}, {"$r", AEL, NO, NO}}},
    {"28 table", REFERRING, "DROP TABLE $", 0,
     {{"$", AEL, NO, NO}, {"$r", AEL, NO, NO}}},
    {"29", "ALTER TABLE $ ADD CONSTRAINT $c CHECK (a > 0)",
     "ALTER TABLE $ DROP CONSTRAINT $c", 0, {{"$", AEL, NO, NO}}},
    {"30", "", "ALTER TABLE $ ADD UNIQUE (a)", 0, {{"$", AEL, NO, YES}}},
    {"31", "CREATE UNIQUE INDEX $i ON $ (a)",
     "ALTER TABLE $ ADD UNIQUE USING INDEX $i", 0, {{"$", AEL, NO, NO}}},
    {"31 nullable", "ALTER TABLE $ DROP CONSTRAINT $_pkey;"
     "CREATE UNIQUE INDEX $i ON $ (a)",
     "ALTER TABLE $ ADD PRIMARY KEY USING INDEX $i", 0,
     {{"$", AEL, NO, YES}}},
    {"32", "", "ALTER TABLE $ ADD EXCLUDE (a WITH =)", 0,
     {{"$", AEL, NO, YES}}},
    {"33", "", "CREATE INDEX ON $ (a)", 0, {{"$", "SHARE", NO, YES}}},
    {"34", "INSERT INTO $ SELECT i, i, md5(i::text) "
     "FROM generate_series(10000, 200000) i",
     "CREATE INDEX CONCURRENTLY ON $ (b)", 1, {{"$", SUE, NO, YES}}},
    {"35", PARTITIONED, "CREATE INDEX ON $p (b)", 0,
     {{"$p", "SHARE", NO, NO}, {"$p1", "SHARE", NO, YES},
      {"$pd", "SHARE", NO, YES}}},
    {"36", "CREATE INDEX $i ON $ (b)", "DROP INDEX $i", 0,
     {{"$", AEL, NO, NO}}},
    {"37", "", "REINDEX TABLE $", 0,
     {{"$", "SHARE", NO, YES}, {"$_pkey", AEL, YES, NO}}},
    {"38 cluster", "", "CLUSTER $ USING $_pkey", 0, {{"$", AEL, YES, NO}}},
    {"38 vacuum", "INSERT INTO $ SELECT i, i, md5(i::text) "
     "FROM generate_series(10000, 200000) i", "VACUUM FULL $", 1,
     {{"$", AEL, YES, NO}}},
    {"39", "", "ALTER TABLE $ SET UNLOGGED", 0, {{"$", AEL, YES, NO}}},
    {"40 table", "", "ALTER TABLE $ RENAME TO $new", 0,
     {{"$", AEL, NO, NO}}},
    {"40 column", "", "ALTER TABLE $ RENAME a TO z", 0, {{"$", AEL, NO, NO}}},
    {"41 create", "CREATE FUNCTION $f() RETURNS trigger LANGUAGE plpgsql AS "
     "'BEGIN RETURN new; END'", "CREATE TRIGGER $t BEFORE INSERT ON $ "
     "EXECUTE FUNCTION $f()", 0, {{"$", SRE, NO, NO}}},
    {"41 disable", "", "ALTER TABLE $ DISABLE TRIGGER USER", 0,
     {{"$", SRE, NO, NO}}},
    {"41 drop", "CREATE FUNCTION $f() RETURNS trigger LANGUAGE plpgsql AS "
     "'BEGIN RETURN new; END'; CREATE TRIGGER $t BEFORE INSERT ON $ "
     "EXECUTE FUNCTION $f()", "DROP TRIGGER $t ON $", 0,
     {{"$", AEL, NO, NO}}},
    {"42", PARTITIONED "CREATE TABLE $q (a int, b text);"
     "INSERT INTO $q SELECT i, 'x' FROM generate_series(5000, 8000) i",
     "ALTER TABLE $p ATTACH PARTITION $q FOR VALUES FROM (5000) TO (9000)", 0,
     {{"$p", SUE, NO, NO}, {"$q", AEL, NO, YES}, {"$pd", AEL, NO, YES}}},
    {"43", PARTITIONED,
     "CREATE TABLE $q PARTITION OF $p FOR VALUES FROM (5000) TO (9000)", 0,
     {{"$p", AEL, NO, NO}, {"$pd", AEL, NO, YES}}},
    {"44", PARTITIONED, "ALTER TABLE $p DETACH PARTITION $p1", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"45", "CREATE MATERIALIZED VIEW $m AS SELECT * FROM $",
     "REFRESH MATERIALIZED VIEW $m", 0,
     {{"$m", AEL, YES, NO}, {"$", "ACCESS SHARE", NO, YES}}},
    {"46", "", "UPDATE $ SET b = 'y'", 0, {{"$", "ROW EXCLUSIVE", NO, YES}}},
    {"46 one", "", "UPDATE $ SET b = 'y' WHERE id = 7", 0,
     {{"$", "ROW EXCLUSIVE", NO, NO}}},
    {"47", OTHER, "INSERT INTO $r SELECT id + 10000 FROM $", 0,
     {{"$r", "ROW EXCLUSIVE", NO, NO}, {"$", "ACCESS SHARE", NO, YES}}},
    {"47 as", "", "CREATE TABLE $n AS SELECT * FROM $", 0,
     {{"$", "ACCESS SHARE", NO, YES}}},
    {"48", "", "TRUNCATE $", 0, {{"$", AEL, NO, NO}}},
    {"49", "", "LOCK TABLE $", 0, {{"$", AEL, NO, NO}}},
    {"50", "CREATE DOMAIN $d AS int; CREATE TABLE $u (x $d);"
     "INSERT INTO $u SELECT generate_series(1, 3000)",
     "ALTER DOMAIN $d ADD CHECK (VALUE > 0)", 0,
     {{"$u", "SHARE", NO, YES}}},
    /* what a catalog tells */
    {"3 stable", "CREATE FUNCTION $f() RETURNS int STABLE LANGUAGE sql AS "
     "'SELECT 1'", "ALTER TABLE $ ADD COLUMN c int DEFAULT $f()", 0,
     {{"$", AEL, NO, NO}}},
    {"3 volatile", "CREATE FUNCTION $f() RETURNS int LANGUAGE plpgsql AS "
     "'BEGIN RETURN 1; END'", "ALTER TABLE $ ADD COLUMN c int DEFAULT $f()", 0,
     {{"$", AEL, YES, NO}}},
    {"7 enum", "CREATE TYPE $e AS ENUM ('x')", "ALTER TABLE $ ADD COLUMN c $e",
     0, {{"$", AEL, NO, NO}}},
    {"7 nested", "CREATE DOMAIN $d AS int NOT NULL; CREATE DOMAIN $dd AS $d",
     "ALTER TABLE $ ADD COLUMN c $dd DEFAULT 1", 0, {{"$", AEL, YES, NO}}},
    {"9 default", OTHER, "ALTER TABLE $ ADD COLUMN c int DEFAULT 1 REFERENCES "
     "$r", 0, {{"$", AEL, NO, YES}, {"$r", SRE, NO, YES}}},
    {"9 self", "", "ALTER TABLE $ ADD COLUMN c int REFERENCES $", 0,
     {{"$", AEL, NO, NO}}},
    {"13 shrink", "ALTER TABLE $ ADD COLUMN v varchar(10)",
     "ALTER TABLE $ ALTER v TYPE varchar(5)", 0, {{"$", AEL, YES, NO}}},
    {"13 scale", "ALTER TABLE $ ADD COLUMN v numeric(10,2)",
     "ALTER TABLE $ ALTER v TYPE numeric(12,3)", 0, {{"$", AEL, YES, NO}}},
    {"13 char", "ALTER TABLE $ ADD COLUMN v char(10)",
     "ALTER TABLE $ ALTER v TYPE char(12)", 0, {{"$", AEL, YES, NO}}},
    {"13 ts(3)", "", "ALTER TABLE $ ALTER ts TYPE timestamp(3)", 0,
     {{"$", AEL, YES, NO}}},
    {"13 domain", "CREATE DOMAIN $d AS int CHECK (VALUE > 0)",
     "ALTER TABLE $ ALTER a TYPE $d", 0, {{"$", AEL, YES, NO}}},
    {"13 using", "", "ALTER TABLE $ ALTER b TYPE text USING upper(b)", 0,
     {{"$", AEL, YES, NO}}},
    {"14 unlimited", "ALTER TABLE $ ADD COLUMN v varchar(10)",
     "ALTER TABLE $ ALTER v TYPE varchar", 0, {{"$", AEL, NO, NO}}},
    {"14 from text", "", "ALTER TABLE $ ALTER b TYPE varchar", 0,
     {{"$", AEL, NO, NO}}},
    {"14 numeric", "ALTER TABLE $ ADD COLUMN v numeric(10,2)",
     "ALTER TABLE $ ALTER v TYPE numeric(12,2)", 0, {{"$", AEL, NO, NO}}},
    {"14 any numeric", "ALTER TABLE $ ADD COLUMN v numeric(10,2)",
     "ALTER TABLE $ ALTER v TYPE numeric", 0, {{"$", AEL, NO, NO}}},
    {"14 ts(3)", "ALTER TABLE $ ADD COLUMN v timestamp(3)",
     "ALTER TABLE $ ALTER v TYPE timestamp", 0, {{"$", AEL, NO, NO}}},
    {"14 base", "CREATE DOMAIN $d AS int CHECK (VALUE > 0);"
     "ALTER TABLE $ ADD COLUMN v $d", "ALTER TABLE $ ALTER v TYPE int", 0,
     {{"$", AEL, NO, NO}}},
    {"14 free domain", "CREATE DOMAIN $d AS int",
     "ALTER TABLE $ ALTER a TYPE $d", 0, {{"$", AEL, NO, NO}}},
    {"14 using", "ALTER TABLE $ ADD COLUMN v varchar(10)",
     "ALTER TABLE $ ALTER v TYPE varchar(20) USING v::varchar(20)", 0,
     {{"$", AEL, NO, NO}}},
    {"15 precise", "", "SET LOCAL timezone = 'UTC'\n;;\n"
     "ALTER TABLE $ ALTER ts TYPE timestamptz(3)", 0, {{"$", AEL, YES, NO}}},
    {"16 indexed", "CREATE INDEX ON $ (b)",
     "ALTER TABLE $ ALTER b TYPE text COLLATE \"C\"", 0,
     {{"$", AEL, NO, YES}}},
    {"18 is", "ALTER TABLE $ ALTER a SET NOT NULL",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, NO}}},
    {"18 or", "ALTER TABLE $ ADD CHECK (a IS NOT NULL OR b = 'x')",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, YES}}},
    {"18 and", "ALTER TABLE $ ADD CHECK (b <> 'y' AND a IS NOT NULL)",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, NO}}},
    {"18 equal", "ALTER TABLE $ ADD CHECK ((a IS NOT NULL) = (b = 'x'))",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, YES}}},
    {"18 not valid", "ALTER TABLE $ ADD CHECK (a IS NOT NULL) NOT VALID",
     "ALTER TABLE $ ALTER a SET NOT NULL", 0, {{"$", AEL, NO, YES}}},
    {"31 filled", "CREATE UNIQUE INDEX $i ON $ (a); ALTER TABLE $ ALTER a SET "
     "NOT NULL; ALTER TABLE $ DROP CONSTRAINT $_pkey",
     "ALTER TABLE $ ADD PRIMARY KEY USING INDEX $i", 0,
     {{"$", AEL, NO, NO}}},
    {"29 unique", "ALTER TABLE $ ADD CONSTRAINT $c UNIQUE (a)",
     "ALTER TABLE $ DROP CONSTRAINT $c", 0, {{"$", AEL, NO, NO}}},
    /* partitions: all of them */
    {"1 partitions", PARTITIONED, "ALTER TABLE $p ADD COLUMN c int", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"3 partitions", PARTITIONED,
     "ALTER TABLE $p ADD COLUMN c uuid DEFAULT gen_random_uuid()", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, YES, NO}, {"$pd", AEL, YES, NO}}},
    {"12 partitions", PARTITIONED, "ALTER TABLE $p DROP COLUMN b", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"13 partitions", PARTITIONED, "ALTER TABLE $p ALTER b TYPE varchar(9)", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, YES, NO}, {"$pd", AEL, YES, NO}}},
    {"18 partitions", PARTITIONED, "ALTER TABLE $p ALTER b SET NOT NULL", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, YES}, {"$pd", AEL, NO, YES}}},
    {"19 partitions", PARTITIONED, "ALTER TABLE $p ALTER b SET DEFAULT 'y'", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"23 partitions", PARTITIONED, "ALTER TABLE $p ADD CHECK (a >= 0)", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, YES}, {"$pd", AEL, NO, YES}}},
    {"24 partitions", PARTITIONED
     "ALTER TABLE $p ADD CONSTRAINT $c CHECK (a >= 0) NOT VALID",
     "ALTER TABLE $p VALIDATE CONSTRAINT $c", 0,
     {{"$p", SUE, NO, NO}, {"$p1", SUE, NO, YES}, {"$pd", SUE, NO, YES}}},
    {"25 partitions", PARTITIONED OTHER
     "INSERT INTO $r VALUES (0)",
     "ALTER TABLE $p ADD FOREIGN KEY (a) REFERENCES $r", 0,
     {{"$p", SRE, NO, NO}, {"$p1", SRE, NO, YES}, {"$pd", SRE, NO, YES},
      {"$r", SRE, NO, YES}}},
    {"25 to partitions", PARTITIONED
     "ALTER TABLE $p ADD PRIMARY KEY (a); INSERT INTO $p VALUES (3000, 'x')",
     "ALTER TABLE $ ADD FOREIGN KEY (a) REFERENCES $p", 0,
     {{"$", SRE, NO, YES}, {"$p", SRE, NO, NO}, {"$p1", SRE, NO, ANY},
      {"$pd", SRE, NO, ANY}}},
    {"30 partitions", PARTITIONED, "ALTER TABLE $p ADD UNIQUE (a)", 0,
     {{"$p", AEL, NO, NO}, {"$p1", "SHARE", NO, YES},
      {"$pd", "SHARE", NO, YES}}},
    {"30 key of partitions", PARTITIONED, "ALTER TABLE $p ADD PRIMARY KEY (a)",
     0, {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, YES}, {"$pd", AEL, NO, YES}}},
    {"21 partitions", PARTITIONED, "ALTER TABLE $p ALTER a SET STATISTICS 50",
     0, {{"$p", SUE, NO, NO}}},
    {"22 partitions", PARTITIONED, "ALTER TABLE $p ALTER b SET STORAGE "
     "EXTERNAL", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"22 rls partitions", PARTITIONED,
     "ALTER TABLE $p ENABLE ROW LEVEL SECURITY", 0, {{"$p", AEL, NO, NO}}},
    {"28 partitions", PARTITIONED, "DROP TABLE $p", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"36 partitions", PARTITIONED "CREATE INDEX $i ON $p (b)", "DROP INDEX $i",
     0, {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"40 partitions", PARTITIONED, "ALTER TABLE $p RENAME b TO z", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"40 parent", PARTITIONED, "ALTER TABLE $p RENAME TO $n", 0,
     {{"$p", AEL, NO, NO}}},
    {"41 partitions", PARTITIONED "CREATE FUNCTION $f() RETURNS trigger "
     "LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
     "CREATE TRIGGER $t BEFORE INSERT ON $p FOR EACH ROW EXECUTE FUNCTION "
     "$f()", 0,
     {{"$p", SRE, NO, NO}, {"$p1", SRE, NO, NO}, {"$pd", SRE, NO, NO}}},
    {"46 partitions", PARTITIONED, "UPDATE $p SET b = 'y'", 0,
     {{"$p", "ROW EXCLUSIVE", NO, NO}, {"$p1", "ROW EXCLUSIVE", NO, YES},
      {"$pd", "ROW EXCLUSIVE", NO, YES}}},
    {"48 partitions", PARTITIONED, "TRUNCATE $p", 0,
     {{"$p", AEL, NO, NO}, {"$p1", AEL, NO, NO}, {"$pd", AEL, NO, NO}}},
    {"49 partitions", PARTITIONED, "LOCK TABLE $p IN SHARE MODE", 0,
     {{"$p", "SHARE", NO, NO}, {"$p1", "SHARE", NO, NO},
      {"$pd", "SHARE", NO, NO}}},
    {"1 children", "CREATE TABLE $k () INHERITS ($)",
     "ALTER TABLE $ ADD COLUMN c int", 0,
     {{"$", AEL, NO, NO}, {"$k", AEL, NO, NO}}},
    {"23 only", "CREATE TABLE $k () INHERITS ($)",
     "ALTER TABLE ONLY $ ADD CHECK (a > 0) NO INHERIT", 0,
     {{"$", AEL, NO, YES}}},
    /* more of the same kinds */
    {"22 owner", "", "ALTER TABLE $ OWNER TO CURRENT_USER", 0,
     {{"$", AEL, NO, NO}}},
    {"22 drop policy", "CREATE POLICY $y ON $ USING (true)",
     "DROP POLICY $y ON $", 0, {{"$", AEL, NO, NO}}},
    {"22 compression", "", "ALTER TABLE $ ALTER b SET COMPRESSION pglz", 0,
     {{"$", AEL, NO, NO}}},
    {"21 column", "", "COMMENT ON COLUMN $.a IS 'x'", 0, {{"$", SUE, NO, NO}}},
    {"21 publication", "", "CREATE PUBLICATION $pub FOR TABLE $", 0,
     {{"$", SUE, NO, NO}}},
    {"28 cascade", REFERRING, "TRUNCATE $r CASCADE", 0,
     {{"$r", AEL, NO, NO}, {"$", AEL, NO, NO}}},
    {"37 index", "", "REINDEX INDEX $_pkey", 0,
     {{"$", "SHARE", NO, YES}, {"$_pkey", AEL, YES, NO}}},
    {"40 view", "CREATE VIEW $v AS SELECT * FROM $", "DROP VIEW $v", 0,
     {{"$v", AEL, NO, NO}}},
    {"40 replace", "CREATE VIEW $v AS SELECT id FROM $",
     "CREATE OR REPLACE VIEW $v AS SELECT id, a FROM $", 0,
     {{"$v", AEL, NO, NO}}},
    {"40 schema", "CREATE SCHEMA $s", "ALTER TABLE $ SET SCHEMA $s", 0,
     {{"$", AEL, NO, NO}}},
    {"40 constraint", "", "ALTER TABLE $ RENAME CONSTRAINT $_pkey TO $k", 0,
     {{"$", AEL, NO, NO}}},
    {"45 concurrently", "CREATE MATERIALIZED VIEW $m AS SELECT * FROM $;"
     "CREATE UNIQUE INDEX ON $m (id)",
     "REFRESH MATERIALIZED VIEW CONCURRENTLY $m", 0,
     {{"$m", "EXCLUSIVE", NO, YES}, {"$", "ACCESS SHARE", NO, YES}}},
    {"46 delete", "", "DELETE FROM $", 0, {{"$", "ROW EXCLUSIVE", NO, YES}}},
    {"46 merge", OTHER, "MERGE INTO $ USING $r ON $r.id = $.a WHEN MATCHED "
     "THEN UPDATE SET b = 'z'", 0,
     {{"$", "ROW EXCLUSIVE", NO, YES}, {"$r", "ACCESS SHARE", NO, YES}}},
    {"49 share", "", "LOCK TABLE $ IN SHARE UPDATE EXCLUSIVE MODE", 0,
     {{"$", SUE, NO, NO}}},
    {"50 not null", "CREATE DOMAIN $d AS int; CREATE TABLE $u (x $d);"
     "INSERT INTO $u SELECT generate_series(1, 3000)",
     "ALTER DOMAIN $d SET NOT NULL", 0, {{"$u", "SHARE", NO, YES}}},
    {"50 validate", "CREATE DOMAIN $d AS int; CREATE TABLE $u (x $d);"
     "INSERT INTO $u SELECT generate_series(1, 3000);"
     "ALTER DOMAIN $d ADD CONSTRAINT $c CHECK (VALUE > 0) NOT VALID",
     "ALTER DOMAIN $d VALIDATE CONSTRAINT $c", 0, {{"$u", "SHARE", NO, YES}}},
    {"44 inherit", "CREATE TABLE $k (id int NOT NULL, a int, b text, ts "
     "timestamp)", "ALTER TABLE $k INHERIT $", 0,
     {{"$k", AEL, NO, NO}, {"$", SUE, NO, NO}}},
    {"55", "", "DO 'BEGIN ALTER TABLE $ ALTER a TYPE bigint; END'", 0,
     {{"$", AEL, YES, NO}}, "lint does not look into a DO block"},
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof *rows)

/* $ becomes t<i>. */
static char *named(struct fixture *f, const char *text, size_t i)
{
    struct buf b;

    buf_init(&b);
    for (; *text; text++)
        if (*text == '$')
            buf_printf(&b, "t%zu", i);
        else
            buf_char(&b, *text);
    return buf_into(&b, &f->a);
}

static void make_tables(struct fixture *f)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < ROWS; i++)
        buf_printf(&b,
                   "CREATE TABLE t%zu (id int PRIMARY KEY, a int, b text, "
                   "ts timestamp); INSERT INTO t%zu SELECT i, i, 'x', now() "
                   "FROM generate_series(1, 3000) i; %s;\n",
                   i, i, named(f, rows[i].setup, i));
    database_make(f, "hazards", b.data);
    buf_release(&b);
}

static bool as_said(const struct seen *seen, const struct touched *t)
{
    return t && strcmp(t->lock, seen->lock) == 0 &&
           (seen->rewrite == ANY || t->rewritten == (seen->rewrite == YES)) &&
           (seen->scan == ANY || t->scanned == (seen->scan == YES));
}

static int row_judge(struct fixture *f, size_t i,
                     const struct rehearsed_statement *s)
{
    int wrong = 0;

    for (const struct seen *seen = rows[i].seen; seen->relation; seen++) {
        const char *name =
            named(f, arena_printf(&f->a, "public.%s", seen->relation), i);
        const struct touched *t = touched_find(s, name);
        if (as_said(seen, t))
            continue;
        wrong++;
        print_error("row %s: %s: want %s rewrite %d scan %d, got %s %d %d\n",
                    rows[i].row, seen->relation, seen->lock, seen->rewrite,
                    seen->scan, t ? t->lock : "nothing", t ? t->rewritten : -1,
                    t ? t->scanned : -1);
    }
    return wrong;
}

/* ---- lint ---- */

/* All that lint says of the last statement, each relation once. */
struct said {
    struct finding_touch list[32];
    size_t n;
    bool worst;
};

static struct finding_touch *said_find(struct said *said, const char *relation)
{
    for (size_t i = 0; i < said->n; i++)
        if (strcmp(said->list[i].relation, relation) == 0)
            return &said->list[i];
    return NULL;
}

static void said_add(struct said *said, const struct finding *g)
{
    for (size_t i = 0; i < g->n_touches; i++) {
        const struct finding_touch *t = &g->touches[i];
        struct finding_touch *at = said_find(said, t->relation);
        if (!at) {
            assert_true(said->n < 32);
            said->list[said->n++] = *t;
            continue;
        }
        at->lock = t->lock > at->lock ? t->lock : at->lock;
        at->rewrites |= t->rewrites;
        at->scans |= t->scans;
    }
    said->worst |= g->worst != NULL;
}

static void lint_row(struct fixture *f, size_t i, struct catalog *c,
                     struct said *said)
{
    struct lint_run run = {.catalog = c};
    struct sql_file file = {.name = "0001_row.up.sql"};
    char *text = named(f, rows[i].sql, i), *cut;
    struct finding *list;
    int last = 1;
    size_t n;

    while ((cut = strstr(text, "\n;;\n"))) {
        memcpy(cut, ";   ", 4);
        cut[3] = '\n';
        last++;
    }
    file.bytes = text;
    file.len = strlen(text);
    list = lint_file(&f->a, &file, &run, &n);
    *said = (struct said){.n = 0};
    for (size_t j = 0; j < n; j++)
        if (list[j].line == last)
            said_add(said, &list[j]);
}

static bool is_scan(const struct finding_touch *t, const struct touched *m)
{
    return m->rewritten || t->scans == m->scanned;
}

/* What lint says of each relation, the trace measured, and the other way. */
static int lint_exact(struct fixture *f, size_t i, struct said *said,
                      const struct rehearsed_statement *s)
{
    int wrong = 0;

    for (size_t j = 0; j < said->n; j++) {
        const struct finding_touch *t = &said->list[j];
        const struct touched *m = touched_find(s, t->relation);
        if (m && t->named && strcmp(lock_mode_name(t->lock), m->lock) == 0 &&
            t->rewrites == m->rewritten &&
            (is_scan(t, m) || strstr(rows[i].row, "analyze")))
            continue;
        wrong++;
        print_error("row %s: lint says %s of %s, %d %d; measured %s %d %d\n",
                    rows[i].row, lock_mode_name(t->lock), t->relation,
                    t->rewrites, t->scans, m ? m->lock : "nothing",
                    m ? m->rewritten : 0, m ? m->scanned : 0);
    }
    for (const struct seen *seen = rows[i].seen; seen->relation; seen++) {
        const char *name =
            named(f, arena_printf(&f->a, "public.%s", seen->relation), i);
        if (said_find(said, name))
            continue;
        wrong++;
        print_error("row %s: lint says nothing of %s\n", rows[i].row, name);
    }
    return wrong;
}

static bool no_less(const struct finding_touch *t, const struct seen *seen)
{
    enum lock_mode lock = LOCK_NONE;

    while (strcmp(lock_mode_name(lock), seen->lock) != 0)
        lock++;
    return t->lock >= lock && (t->rewrites || seen->rewrite != YES) &&
           (t->scans || t->rewrites || seen->scan != YES);
}

/* Without the database: no less, of the relation itself or of words for it. */
static int lint_worst(struct fixture *f, size_t i, struct said *said)
{
    int wrong = 0;

    for (const struct seen *seen = rows[i].seen; seen->relation; seen++) {
        const char *name = named(f, seen->relation, i);
        const struct finding_touch *t = said_find(said, name);
        bool covered = t && no_less(t, seen);
        for (size_t j = 0; !t && j < said->n; j++)
            covered |= said->worst && !said->list[j].named &&
                       no_less(&said->list[j], seen);
        /* partitions of a table: what is said of it is said of them */
        for (size_t j = 0; !t && j < said->n; j++)
            covered |= strncmp(said->list[j].relation, name,
                               strlen(said->list[j].relation)) == 0 &&
                       no_less(&said->list[j], seen);
        if (covered)
            continue;
        wrong++;
        print_error("row %s: lint alone says less of %s than is\n", rows[i].row,
                    name);
    }
    return wrong;
}

/* What is read of a script of one statement: the relations that the trace
 * measured, with those locks. */
static int locks_judge(struct fixture *f, size_t i, struct catalog *c,
                       const struct rehearsed_statement *s)
{
    struct sql_file file = {.name = "0001_row.up.sql"};
    struct lint_locks locks;
    struct script script;
    int wrong = 0;

    file.bytes = named(f, rows[i].sql, i);
    file.len = strlen(file.bytes);
    if (strstr(file.bytes, ";;") ||
        !split_script(&script, NULL, &f->a, &file, false, &f->e))
        return 0;
    lint_locks_read(&locks, &f->a, &script, c);
    for (size_t j = 0; j < s->n; j++) {
        const struct touched *t = &s->touched[j];
        size_t k = 0;

        while (k < locks.n && strcmp(locks.list[k].relation, t->relation) != 0)
            k++;
        if (k < locks.n &&
            strcmp(lock_mode_name(locks.list[k].lock), t->lock) == 0)
            continue;
        wrong++;
        print_error("row %s: read %s of %s; measured %s\n", rows[i].row,
                    k < locks.n ? lock_mode_name(locks.list[k].lock)
                                : "nothing",
                    t->relation, t->lock);
    }
    return wrong;
}

static int lint_judge(struct fixture *f, size_t i, struct catalog *c,
                      const struct rehearsed_statement *s)
{
    struct said with, without;

    if (rows[i].differs)
        return 0;
    lint_row(f, i, c, &with);
    lint_row(f, i, NULL, &without);
    return lint_exact(f, i, &with, s) + lint_worst(f, i, &without) +
           locks_judge(f, i, c, s);
}

static int lint_all(struct fixture *f)
{
    struct pg *pg =
        pg_open(f->loop, conninfo_of(f, "hazards"), "test", 0, &f->e);
    struct catalog *c = pg ? catalog_open(&f->a, pg, &f->e) : NULL;
    int wrong = 0;

    assert_non_null(c);
    for (size_t i = 0; i < ROWS; i++)
        wrong += lint_judge(f, i, c, &f->out.list[i].up[f->out.list[i].n - 1]);
    if (catalog_failed(c, &f->e)) {
        err_print(&f->e, stderr);
        wrong++;
    }
    pg_close(pg);
    return wrong;
}

static void every_row_is_measured_as_it_says(void **state)
{
    struct fixture *f = *state;
    const struct migration *list[ROWS];
    struct rehearse_settings s = by_dump(f, "hazards");
    int wrong = 0;

    make_tables(f);
    for (size_t i = 0; i < ROWS; i++)
        list[i] = migration_make(
            f, arena_printf(&f->a, "%04zu_row%s", i, rows[i].apart ? "!" : ""),
            named(f, rows[i].sql, i), NULL);
    if (!rehearse(f, &s, list, ROWS))
        err_print(&f->e, stderr);
    assert_int_equal(f->e.code, ERR_NONE);
    assert_null(f->out.failed);
    assert_int_equal(f->out.n, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        wrong += row_judge(f, i, &f->out.list[i].up[f->out.list[i].n - 1]);
    wrong += lint_all(f);
    assert_int_equal(wrong, 0);
    assert_int_equal(clones_left(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_measured_as_it_says,
                                        fixture_open, fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
