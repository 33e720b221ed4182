/* catalog_related: which relations have to do with an object. Answers are kept
 * as those of catalog.h; n 0 and NULL: none, or unknown.
 */
#ifndef MIGRATIONS_SERVER_CATALOG_RELATED_H
#define MIGRATIONS_SERVER_CATALOG_RELATED_H

#include "migrations/server/catalog.h"

/* Relations that have to do with something of that name. */
enum catalog_related {
    RELATED_INDEXED,     /* the table of an index */
    RELATED_MEASURED,    /* the table of extended statistics */
    RELATED_READ,        /* what a view reads, through other views too */
    RELATED_DOMAIN,      /* tables with a column of the domain */
    RELATED_TYPED,       /* tables of a composite type */
    RELATED_PUBLISHED,   /* tables of a publication */
    RELATED_SPACE,       /* tables in a tablespace; */
    RELATED_SPACE_INDEX, /* indexes */
    RELATED_SPACE_VIEW,  /* materialized views */
};
const struct catalog_part *catalog_related(struct catalog *c,
                                           enum catalog_related how,
                                           const char *name, size_t *n);
/* What DROP ... CASCADE of an object takes along, or takes a part of. kind is
 * "relation", "column" or "constraint" (part, of the relation name),
 * "function", "type", "schema" or "extension". */
const struct catalog_part *catalog_cascade(struct catalog *c, const char *kind,
                                           const char *name, const char *part,
                                           size_t *n);

#endif
