/* catalog: what a database says of what a migration names.
 *
 * Questions are asked when a rule needs the answer, each once. The session
 * reads only (default_transaction_read_only), with statement_timeout and
 * lock_timeout of a few seconds and an empty search_path; names without a
 * schema are looked for where the role's own search_path points. A question
 * that fails (no right to look, too slow) leaves its answer unknown, and
 * catalog_failed says why. Answers live in the arena given to catalog_open.
 */
#ifndef MIGRATIONS_SERVER_CATALOG_H
#define MIGRATIONS_SERVER_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "migrations/server/pg.h"

struct catalog;

/* On a connection that is lent; sets the session up. */
struct catalog *catalog_open(struct arena *a, struct pg *pg, struct err *e);
/* Whether a question went unanswered: e says the first one's why. */
bool catalog_failed(const struct catalog *c, struct err *e);
/* The connection is gone: nothing more will be answered. */
bool catalog_lost(const struct catalog *c);
int catalog_version(const struct catalog *c); /* 150020 */

/* A relation with storage, or a partitioned table. bytes -1: unknown; rows
 * -1: never counted. Names are qualified, and quoted where SQL wants it. */
struct catalog_part {
    uint32_t oid;
    const char *name;
    char kind; /* pg_class.relkind */
    int64_t bytes, rows;
};

struct catalog_column {
    const char *name;   /* as it stands */
    const char *type;   /* as SQL writes it, "numeric(12,2)" */
    bool not_null;      /* or a domain that is */
    bool never_null;    /* a validated CHECK (c IS NOT NULL) says so */
    const char *nearly; /* a CHECK that will say so once it is valid, or NULL */
    int indexes;        /* that it is a column of */
};

/* A foreign key of a relation, or one that points at it. */
struct catalog_key {
    const char *name;
    bool outward;        /* it is the relation's own */
    const char *columns; /* the relation's, ",a,b," */
    struct catalog_part other;
};

struct catalog_relation {
    struct catalog_part self;
    bool checked;    /* a validated CHECK of its own says something */
    const char *key; /* the first column of its primary key, quoted, or NULL */
    struct catalog_part *below; /* children and partitions, all levels */
    size_t n_below;
    struct catalog_part *parent;   /* that it is a partition of, or NULL */
    struct catalog_part *fallback; /* the default partition, or NULL; */
    struct catalog_part *beside;   /* and that of its parent */
    struct catalog_part *indexes;
    size_t n_indexes;
    struct catalog_column *columns;
    size_t n_columns;
    struct catalog_key *keys;
    size_t n_keys;
};

/* name is as SQL writes it, with or without schema. NULL: there is none of
 * that name, or the question failed. */
const struct catalog_relation *catalog_relation(struct catalog *c,
                                                const char *name);
const struct catalog_column *catalog_column(const struct catalog_relation *r,
                                            const char *name);
/* Whether all columns of an index of that table are NOT NULL. */
bool catalog_index_filled(struct catalog *c, const struct catalog_relation *r,
                          const char *index);
/* The type of a constraint ('c', 'f', 'p', 'u', 'x'), 0: unknown. */
char catalog_constraint(struct catalog *c, const struct catalog_relation *r,
                        const char *name);

/* Is the type a domain, and has it constraints? */
enum catalog_domain { DOMAIN_UNKNOWN, NO_DOMAIN, FREE_DOMAIN, CHECKED_DOMAIN };
enum catalog_domain catalog_domain(struct catalog *c, const char *type);

/* What changing a column's type to another takes, the cast being the one made
 * without USING. utc: timestamps are converted in UTC. */
enum catalog_retype {
    RETYPE_UNKNOWN,
    RETYPE_FREE,     /* the catalog alone */
    RETYPE_REWRITES, /* the table and its indexes are written anew */
};
enum catalog_retype catalog_retype(struct catalog *c,
                                   const struct catalog_relation *r,
                                   const char *column, const char *type,
                                   bool utc);
/* Whether the role's sessions count time in UTC. */
bool catalog_in_utc(struct catalog *c);

/* The functions of that name that stay beside a new one, in words, when none
 * takes these arguments (types parted by CATALOG_COMMA); NULL: there is none,
 * or one takes them and is replaced, or it is unknown. */
#define CATALOG_COMMA "\x1f"
const char *catalog_overloads(struct catalog *c, const char *name,
                              const char *types);
/* 1: one of them is volatile; 0: none is; -1: unknown. */
int catalog_volatile(struct catalog *c, const char *name);
/* What depends on the object, in words ("view public.totals, ..."), at most a
 * few; NULL: nothing, or unknown. kind is "relation", "function" or "type";
 * column NULL: the whole. Of a function, "triggers" and "indexes" are those
 * alone. */
const char *catalog_dependents(struct catalog *c, const char *kind,
                               const char *name, const char *column);

#endif
