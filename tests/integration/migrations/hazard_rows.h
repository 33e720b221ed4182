/* Forms of statements that PostgreSQL 15 can show, with what each does to
 * whom: for the rehearsal's trace and for lint, which must both say so. $ is
 * the row's own table, $r and $p are others that setup makes.
 */
#ifndef TESTS_INTEGRATION_MIGRATIONS_HAZARD_ROWS_H
#define TESTS_INTEGRATION_MIGRATIONS_HAZARD_ROWS_H

#include <stdbool.h>
#include <stddef.h>

enum { NO, YES, ANY };

struct seen {
    const char *relation; /* NULL: the list ends */
    const char *lock;
    int rewrite, scan;
    bool brief; /* too short for the observer to be sure to see */
};

struct hazard_row {
    const char *row;   /* the number of the form, and what is special */
    const char *setup; /* made before, in what is cloned */
    const char *sql;   /* the last statement counts; parted by ";;" lines */
    bool apart;        /* outside of a transaction */
    struct seen seen[8];
    const char *differs; /* why lint cannot say what the trace measures */
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

/* Whoever reads $ makes what runs beside readers wait long enough to be seen
 * (hold is a function that the test makes). */
#define HELD "SELECT hold('$z')\n;;\n"
#define TRIGGER_FUNCTION                                        \
    "CREATE FUNCTION $f() RETURNS trigger LANGUAGE plpgsql AS " \
    "'BEGIN RETURN new; END';"
#define BARE                                                             \
    "CREATE TABLE $p (a int, b text) PARTITION BY RANGE (a);"            \
    "CREATE TABLE $p1 PARTITION OF $p FOR VALUES FROM (0) TO (1000);"    \
    "CREATE TABLE $p2 PARTITION OF $p FOR VALUES FROM (1000) TO (3000);" \
    "INSERT INTO $p SELECT i, 'x' FROM generate_series(1, 2999) i;"
#define SPARE                          \
    "CREATE TABLE $q (a int, b text);" \
    "INSERT INTO $q SELECT i, 'x' FROM generate_series(5000, 8000) i;"

/* Each ends in a row without sql. */
extern const struct hazard_row hazard_rows_columns[], hazard_rows_tables[],
    hazard_rows_constraints[], hazard_rows_partitions[];

#endif
