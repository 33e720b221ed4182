/* What the rehearsal's tests share: databases made and dropped, migrations
 * put together from statements, and questions asked of the cluster. */
#ifndef TESTS_INTEGRATION_MIGRATIONS_REHEARSING_H
#define TESTS_INTEGRATION_MIGRATIONS_REHEARSING_H

#include "migrations/rehearse.h"

struct fixture {
    struct loop *loop;
    struct arena a;
    struct pg *pg; /* superuser, on database postgres */
    struct err e;
    struct rehearsal out;
};

/* cmocka's setup and teardown. */
int fixture_open(void **state);
int fixture_close(void **state);

const char *conninfo_of(struct fixture *f, const char *database);
/* Creates a database (dropped first if it is there) and runs sql in it. */
void database_make(struct fixture *f, const char *name, const char *sql);
void database_run(struct fixture *f, const char *name, const char *sql);
/* The first cell, "" for null or no row. */
const char *database_ask(struct fixture *f, const char *name, const char *sql);
/* How many databases are named tidegate_*. */
int clones_left(struct fixture *f);

/* Statements are separated by a line with nothing but ";;". down NULL: none.
 * A name ending in "!" is not transactional, in "+" an "after" one. */
struct migration *migration_make(struct fixture *f, const char *name,
                                 const char *up, const char *down);
/* Rehearses n migrations; the result in f->out, the error in f->e. */
bool rehearse(struct fixture *f, const struct rehearse_settings *s,
              const struct migration *const *list, size_t n);
/* A dump of database, restored beside it, which is also production. */
struct rehearse_settings by_dump(struct fixture *f, const char *database);
const struct touched *touched_find(const struct rehearsed_statement *s,
                                   const char *relation);

#endif
