/* What the tests of backfills share: rows that count how often they were done,
 * and an outside that lets so many batches begin. */
#ifndef TESTS_INTEGRATION_MIGRATIONS_FILLING_H
#define TESTS_INTEGRATION_MIGRATIONS_FILLING_H

#include "tests/integration/migrations/applying.h"

struct filling {
    int left; /* batches that outside still lets begin; -1: all */
    /* A replica whose replay is stopped: it goes on once nothing is done
     * between two asks; waited: how many rows were, then. */
    struct pg *replica;
    long seen, waited;
};
extern struct filling filling; /* anew for each test */

int filling_setup(void **state);
#define FILLING(f) \
    cmocka_unit_test_setup_teardown(f, filling_setup, applying_teardown)

/* 0001_a with these texts; down "": none. */
const struct migration *two(struct fixture *f, const char *up,
                            const char *down);
/* Adds one to n of each row of t, and takes it off; words: more directives. */
const struct migration *counting(struct fixture *f, const char *words);
/* Table t with ids 3, 6, 9 ... and n 0. */
void make_rows(struct fixture *f, int n);
/* 0001_a, finished or not. */
bool down(struct fixture *f);
void assert_went(struct fixture *f, bool ok);

/* "0:70 1:30" */
#define HOW_OFTEN                                      \
    "SELECT string_agg(n || ':' || c, ' ' ORDER BY n)" \
    " FROM (SELECT n, count(*) AS c FROM t GROUP BY n) x"

#endif
