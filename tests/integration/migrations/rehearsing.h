/* What the rehearsal's tests share: databases made and dropped, migrations
 * put together from statements, and questions asked of the cluster. */
#ifndef TESTS_INTEGRATION_MIGRATIONS_REHEARSING_H
#define TESTS_INTEGRATION_MIGRATIONS_REHEARSING_H

#include "migrations/rehearse/rehearse.h"

/* What most of them begin with. */
#define SHOP                                                             \
    "CREATE TABLE orders (id bigint PRIMARY KEY, total int, note text);" \
    "INSERT INTO orders SELECT i, i, repeat('x', 50) "                   \
    "FROM generate_series(1, 20000) i; ANALYZE orders;"

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
/* migration_make of 0001_one. */
const struct migration *one(struct fixture *f, const char *up,
                            const char *down);
/* Rehearses n migrations; the result in f->out, the error in f->e. */
bool rehearse(struct fixture *f, const struct rehearse_settings *s,
              const struct migration *const *list, size_t n);
/* ok, or the error is printed; and no clone is left. */
void must(struct fixture *f, bool ok);
/* A database shop with SHOP, and one migration rehearsed on a dump of it. */
void rehearse_shop(struct fixture *f, const struct migration *m);
/* Not ok, with this code, this in `why`, and all three parts set. */
void refused(struct fixture *f, bool ok, enum err_code code, const char *part);
/* Asks database postgres until the first cell is want; false after 20 s. */
bool wait_for(struct fixture *f, const char *sql, const char *want);
/* A dump of database, restored beside it, which is also production. */
struct rehearse_settings by_dump(struct fixture *f, const char *database);
/* A clone command with this text, in a folder of its own (a template for
 * mkdtemp); @C@ is where it connects. Beside it stand its `log`, if it writes
 * one, and `notes`. */
char *program_make(struct fixture *f, char folder[], const char *text);
const char *program_log(struct fixture *f, const char *path);
void program_remove(struct fixture *f, const char *path);
const struct touched *touched_find(const struct rehearsed_statement *s,
                                   const char *relation);

#endif
