/* takeover: what was applied before tidegate came, or by another tool,
 * recorded as applied: rows are written, and nothing is run.
 *
 * The files of a commit say what may be recorded; which of it is applied is
 * what the other tool's own table says (layout.h), or a person.
 */
#ifndef MIGRATIONS_APPLY_TAKEOVER_H
#define MIGRATIONS_APPLY_TAKEOVER_H

#include "migrations/apply/apply.h"
#include "migrations/read/layout.h"

/* What another tool's table says. */
struct takeover_source {
    const struct layout *layout;
    const char *table; /* quoted, for people: "public.schema_migrations" */
    const char *sql;
    struct pg_result answer;
    /* The schema that it is in, and the one in which an unqualified CREATE
     * TABLE of this role makes tables, where that is another ("": none); else
     * both NULL. */
    const char *schema, *creates_in;
};

/* Finds the table of that layout and asks it. table: as a person named it, or
 * NULL: by its usual name, in whichever schema it is. None, one in several
 * schemas, or one that belongs to somebody who is neither superuser nor owner
 * of the database nor this role: ERR_REFUSED naming them. Views and foreign
 * tables are never asked, and nothing is asked but READ ONLY. */
bool takeover_ask(struct takeover_source *out, struct pg *pg, struct arena *a,
                  const struct layout *layout, const char *table,
                  struct err *e);

/* One transaction on ap's connection: the fence, and a row for each of list.
 * source: it must still answer the same (else ERR_REFUSED); or NULL. Down
 * texts are recorded too. ERR_UNKNOWN: the answer to COMMIT was lost. */
bool takeover_record(struct apply *ap, const char *as,
                     const struct migration *const *list, size_t n,
                     const struct takeover_source *source, struct err *e);

#endif
