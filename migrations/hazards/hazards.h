/* hazards: what a statement does to a busy database, as far as its text and,
 * where one is given, the catalog tell.
 *
 * Tables of rows (hazards_*.c), after PostgreSQL's documentation of explicit
 * locking and ALTER TABLE, and measurements on PostgreSQL 15. Locks are those
 * of servers 12 to 17. Without a catalog a row says the worst case.
 */
#ifndef MIGRATIONS_HAZARDS_HAZARDS_H
#define MIGRATIONS_HAZARDS_HAZARDS_H

#include "migrations/hazards/subject.h"
#include "migrations/server/catalog.h"
#include "migrations/server/relations.h"

enum hazard_level { HAZARD_NOTE, HAZARD_WARNING, HAZARD_ERROR };

/* Which other relations a statement locks. Those of the first group stand in
 * the text, those of the second in the catalog alone. */
enum whose {
    WHOSE_NOBODYS,
    WHOSE_REFERENCED, /* what its foreign keys point at */
    WHOSE_PARTITION,  /* the partition it names */
    WHOSE_PARENT,     /* what it becomes a part of */
    WHOSE_SOURCES,    /* what its query reads */
    WHOSE_KEYS,       /* the other ends of all its foreign keys */
    WHOSE_REFERRING,  /* those that reference it */
    WHOSE_CONSTRAINT, /* the other end of the foreign key it names */
    WHOSE_DEFAULT,    /* the default partition beside or below it */
    WHOSE_INDEXES,    /* its indexes */
    WHOSE_INDEXED,    /* the table of the index it names */
    WHOSE_QUERIED,    /* what a view's own query reads */
    WHOSE_COLUMN,     /* the other ends of foreign keys of its column */
    WHOSE_ABOVE,      /* what it is a partition of, and that one's default */
    WHOSE_ABOVE_KEYS, /* what the partitioned table that it names references */
    WHOSE_USERS,      /* tables with a column of the domain */
    WHOSE_TYPED,      /* tables of the composite type */
    WHOSE_MEASURED,   /* the table of the statistics */
    WHOSE_PUBLISHED,  /* tables of the publication */
    WHOSE_SPACE,      /* all in the tablespace */
    WHOSE_CASCADED,   /* what CASCADE takes along, or a part of */
};

struct also {
    enum whose whose;
    enum lock_mode lock; /* LOCK_NONE: that of the hazard */
    bool rewrites, scans;
};
#define ALSO_MAX 4

struct hazard {
    struct match match;
    enum hazard_level level;
    const char *rule;
    enum lock_mode lock; /* of its own relation; LOCK_NONE: it has none */
    bool rewrites, scans;
    bool rows;  /* it locks every row: their writers wait, whatever the lock */
    bool alone; /* partitions and children are left in peace ... */
    bool parts; /* ... or children alone ... */
    enum lock_mode below; /* ... or all locked less; LOCK_NONE: alike */
    bool breaks;          /* the old code would not survive it ... */
    bool (*survives)(const struct subject *s); /* ... but here it does */
    bool worst;        /* with a database to ask it may be less */
    bool unsure;       /* even so it may be: only a rehearsal tells */
    const char *what;  /* templates of subject_say */
    const char *safer; /* or NULL */
    struct also also[ALSO_MAX];
    enum lock_mode (*lock_of)(const struct subject *s); /* in place of lock */
};

/* The tables, each in a file with what its rows ask; each ends in a row
 * without what. */
extern const struct hazard hazards_columns[], hazards_constraints[],
    hazards_tables[], hazards_indexes[], hazards_objects[], hazards_renames[],
    hazards_rights[], hazards_data[];
extern const struct hazard *const hazard_tables[]; /* all, and NULL */

/* The rows that a subject matches, one after the other: begin with NULL. */
const struct hazard *hazards_next(const struct subject *s,
                                  const struct hazard *last);
/* Whether the old code would not survive it. */
bool hazards_breaking(const struct hazard *h, const struct subject *s);

/* For the tables: whether a node calls no function that may be volatile (for
 * node_walk; arg is the subject). Functions known to give one value for a
 * whole statement are listed; of others the catalog is asked. */
bool hazards_seems_stable(const struct node *n, void *arg);
/* The subject's table, and its column {name}, in the catalog; NULL: unknown. */
const struct catalog_relation *hazards_relation(const struct subject *s);
const struct catalog_column *hazards_column(const struct subject *s);
/* For when: DROP ... CASCADE, of an object or a part of a table. */
bool hazards_cascades(const struct subject *s);
/* For survives: the file makes it again; the column came with this file. */
bool hazards_made_again(const struct subject *s);
bool hazards_new_column(const struct subject *s);

/* The first hazard of the statement that the old code would not survive:
 * "DROP COLUMN note of orders", or NULL. Lives in a. */
const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh);

#endif
