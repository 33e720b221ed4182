/* catalog_intern: what the files of catalog_*.c share. */
#ifndef MIGRATIONS_SERVER_CATALOG_INTERN_H
#define MIGRATIONS_SERVER_CATALOG_INTERN_H

#include "migrations/server/catalog.h"

/* An answer kept: the question is its key. */
struct catalog_answer {
    const char *question;
    const void *answer;
    size_t n;
    struct catalog_answer *next;
};

struct catalog {
    struct arena *arena;
    struct pg *pg;
    const char *schemas; /* of the role's search_path, as text[] */
    int utc;             /* of the role's sessions; 1 or 0 */
    bool by_pages;       /* sizes are pg_class's: a file was locked */
    bool failed;
    struct err why;
    struct catalog_answer *answers;
};

/* A row's columns of a struct catalog_part: oid, name, kind, bytes, rows. %s
 * stands for the oid's pg_class, c, with its pg_namespace, n. */
#define PART_COLUMNS                                                     \
    "c.oid, pg_catalog.quote_ident(n.nspname) || '.' || "                \
    "pg_catalog.quote_ident(c.relname), c.relkind, CASE WHEN c.relkind " \
    "IN ('r', 'm', 'i', 'S', 't') THEN %s ELSE 0 END, "                  \
    "c.reltuples::bigint"
#define PART_FROM                                                       \
    " pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = " \
    "c.relnamespace "

/* One question, sql having one %s for the size expression where sized. False:
 * unanswered, and noted. */
bool catalog_ask(struct catalog *c, const char *sql, bool sized,
                 const char *const *params, int n, struct pg_result *out);
/* From five cells on. */
struct catalog_part catalog_part_of(char *const *cell);
/* The schemas in which a name is looked for: none for a qualified one. */
const char *catalog_schemas(const struct catalog *c, const char *name);
/* The answer to a question that was put before; NULL: not yet. */
const struct catalog_answer *catalog_known(const struct catalog *c,
                                           const char *question);
void catalog_keep(struct catalog *c, const char *question, const void *answer,
                  size_t n);

/* SQL: the oid that $1 names among the schemas $2, by a to_reg... function. */
#define RESOLVE(function)                                                    \
    "(SELECT x.o FROM (SELECT pg_catalog." function "(CASE WHEN q.ord = 0 "  \
    "THEN $1 ELSE pg_catalog.quote_ident(q.s) || '.' || $1 END)::oid AS o, " \
    "q.ord FROM (SELECT ''::text AS s, 0 AS ord UNION ALL SELECT u.s, "      \
    "u.ord FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS u(s, "      \
    "ord)) q) x WHERE x.o IS NOT NULL ORDER BY x.ord LIMIT 1)"

/* SQL: the name of a function, and whether it is the one that $1 in $2
 * names. */
#define FUNCTION                                   \
    "pg_catalog.quote_ident(n.nspname) || '.' || " \
    "pg_catalog.quote_ident(p.proname)"
#define NAMES_IT                                                         \
    "(" FUNCTION " = $1 OR (pg_catalog.quote_ident(p.proname) = $1 AND " \
    "n.nspname = ANY ($2::text[])))"

#endif
