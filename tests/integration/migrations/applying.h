/* What the tests of an apply share: each test has a database of its own. */
#ifndef TESTS_INTEGRATION_MIGRATIONS_APPLYING_H
#define TESTS_INTEGRATION_MIGRATIONS_APPLYING_H

#include <sys/types.h>

#include "migrations/apply/apply.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *root, *pg; /* of the cluster, of the test's database */
    const char *database, *conninfo;
    struct migrations m;
    struct apply_settings s;
    struct apply_expected x;   /* what up() hands over; nothing known */
    struct progress *progress; /* NULL */
    struct apply_result r;
    struct err e;
};

/* cmocka's setup and teardown. */
int applying_setup(void **state);
int applying_teardown(void **state);
#define APPLYING(f) \
    cmocka_unit_test_setup_teardown(f, applying_setup, applying_teardown)

void run_on(struct fixture *f, struct pg *pg, const char *sql);
void sql(struct fixture *f, const char *text);
/* The first cell, "" for null or no row. */
const char *value(struct fixture *f, const char *query);
#define assert_sql(f, query, want) assert_string_equal(value(f, query), want)

/* {name, text} of each file, into f->m. */
void read_files(struct fixture *f, const char *const files[][2], size_t n);
/* 0001_a with that up. */
const struct migration *one(struct fixture *f, const char *up);
struct apply *opened(struct fixture *f);
/* Opens, applies one, closes. */
bool up(struct fixture *f, const struct migration *m);
void assert_complete(const struct err *e);

/* Does something once, when a condition on the server holds, from within the
 * loop, while apply_up runs it. */
struct later {
    struct source s;
    struct fixture *f;
    struct pg *pg;          /* asks, then does */
    const char *when, *run; /* run NULL: raise(SIGTERM) */
    const bool *flag;       /* when NULL: it is time once this is true */
    bool done;
};
void later(struct fixture *f, struct later *l, const char *when,
           const char *run);
void later_flag(struct fixture *f, struct later *l, const bool *flag,
                const char *run);
void later_end(struct later *l);

/* A runner that can be killed: this program again, whose main calls
 * child_main with the files. at: TIDEGATE_FAILPOINT, or NULL. 0: all are
 * applied. */
pid_t child_start(struct fixture *f, const char *at);
int child_main(const char *const files[][2], size_t n);

/* A sink that keeps the lines that are shown while an apply runs. */
struct heard {
    struct progress progress;
    struct arena *a;
    const char *all;  /* every line, each with a newline */
    const char *want; /* a line with this in it... */
    int times;        /* ... so many times... */
    bool enough;      /* ... makes this true */
    int lines, news;
};
void hear(struct fixture *f, struct heard *h, const char *want, int times);

#endif
