/* relations: what the relations of a clone look like, by oid.
 *
 * Read once when a rehearsal begins, kept up to date by the trace, and weighed
 * against production by name. Relations of the system, of TOAST, of tidegate
 * itself and temporary ones are left out. All of it lives in the arena given
 * to relations_read.
 */
#ifndef MIGRATIONS_SERVER_RELATIONS_H
#define MIGRATIONS_SERVER_RELATIONS_H

#include "migrations/server/pg.h"

/* Table-level lock modes in rising strength (PostgreSQL documentation, 13.3.1);
 * their order is that of the conflict table. */
enum lock_mode {
    LOCK_NONE,
    LOCK_ACCESS_SHARE,
    LOCK_ROW_SHARE,
    LOCK_ROW_EXCLUSIVE,
    LOCK_SHARE_UPDATE_EXCLUSIVE,
    LOCK_SHARE,
    LOCK_SHARE_ROW_EXCLUSIVE,
    LOCK_EXCLUSIVE,
    LOCK_ACCESS_EXCLUSIVE,
};
const char *lock_mode_name(enum lock_mode m); /* "ACCESS EXCLUSIVE", "" */
/* From the name that pg_locks uses; LOCK_NONE for what is no table lock. */
enum lock_mode lock_mode_from_pg(const char *name);

struct relation {
    uint32_t oid;
    const char *name; /* schema-qualified, quoted where SQL wants it */
    char kind;        /* pg_class.relkind */
    uint32_t table;   /* of an index: its table's oid, else 0 */
    uint32_t filenode;
    int born; /* number of the transaction that made it; 0: was there */
    /* Before the rehearsal; rows -1: unknown. Production: -1 unknown. */
    int64_t bytes, rows;
    int64_t production_bytes, production_rows;
    /* What the release itself put into it, and would in production. */
    int64_t filled, production_filled;
    /* In the transaction `tx`, kept by the trace. */
    int tx;
    unsigned modes;                             /* a bit for each mode held */
    int64_t scans, returned, inserted, changed; /* updated, deleted */
};

struct relations {
    struct arena *arena;
    struct relation **slot; /* open addressing by oid */
    size_t cap, n;
    int64_t bytes;            /* of all tables and views with content */
    int64_t production_bytes; /* -1: not weighed */
    size_t missing;           /* production's tables that are not among them */
    const char *first_missing;
};

bool relations_read(struct relations *r, struct arena *a, struct pg *pg,
                    struct err *e);
struct relation *relations_find(const struct relations *r, uint32_t oid);
/* The one with that oid, added (blank, sizes unknown) when it is new. */
struct relation *relations_put(struct relations *r, uint32_t oid);
/* The sizes of production's relations, in a, for relations_weigh. Waits for
 * nobody's lock longer than 2 s; then pg_class's own pages are taken. */
bool relations_sizes(struct pg *production, struct arena *a,
                     struct pg_result *out, struct err *e);
/* Notes them at every relation of the same name. */
void relations_weigh(struct relations *r, const struct pg_result *sizes);

/* Rows with what the release put into it; -1: unknown. */
int64_t relation_rows(const struct relation *rel);
int64_t relation_production_rows(const struct relation *rel);
/* How much more production has: by bytes, by rows (bytes where rows are
 * unknown); 0: unknown. Relations that the release made or mostly filled: by
 * the rows that it put there; 1 where it put none. */
double relation_ratio(const struct relation *rel, bool by_rows);

#endif
