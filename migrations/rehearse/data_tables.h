/* data_tables: whose rows a migration may change. Pure but for the question.
 *
 * By the names in its statements, both ways, with what follows by foreign keys
 * that delete, and by inheritance. Statements that no parser reads, DO, CALL
 * and volatile functions may change anything: then it is every table, the
 * smallest first.
 */
#ifndef MIGRATIONS_REHEARSE_DATA_TABLES_H
#define MIGRATIONS_REHEARSE_DATA_TABLES_H

#include "migrations/read/migration.h"
#include "migrations/server/pg.h"
#include "migrations/server/relations.h"

struct data_table {
    uint32_t oid;
    const char *name;     /* schema-qualified, quoted, for SQL and people */
    bool partitioned;     /* rows lie in its parts */
    int64_t bytes, rows;  /* rows: an estimate, -1 unknown */
    const char **columns; /* names, quoted where SQL wants it */
    size_t n;
    const char **key, **key_types; /* of the primary key; none: n_key 0 */
    size_t n_key;
};

/* The question, for pg_send: its answer goes to data_tables_take. NULL: m
 * changes no rows of what is known to be there. */
char *data_tables_question(struct arena *a, struct pg *pg,
                           const struct relations *known,
                           const struct migration *m);
/* Named ones first, then by size. */
struct data_table *data_tables_take(struct arena *a,
                                    const struct pg_result *got, size_t *n);

#endif
