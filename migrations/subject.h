/* subject: what one rule looks at: a statement, or one command of an ALTER
 * TABLE, with its names as text.
 *
 * The tables of rules (hazards.c, refusals.c) match rows against subjects.
 */
#ifndef MIGRATIONS_SUBJECT_H
#define MIGRATIONS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "migrations/parser.h"
#include "runner/base/arena.h"

struct subject {
    const struct node *stmt;
    const struct node *cmd;        /* AlterTableCmd, or NULL */
    const struct node *column;     /* ColumnDef of the cmd, or NULL */
    const struct node *constraint; /* Constraint of the cmd, or NULL */
    const char *text;              /* of the whole statement */
    const char *table;             /* "orders", "shop.orders"; "" */
    const char *name;              /* column, constraint, index, object; "" */
    const char *type;              /* of the column: "integer"; "" */
    bool fresh;                    /* the table was made by the same file */
};

/* Tables (and the like) that a file has made so far. */
struct fresh {
    const char **names;
    size_t n;
};

/* The node type and the sub-kind that a row asks for; sub NULL: any. The
 * sub-kind is a cmd's subtype, the kind of DROP, RENAME, SET, transaction
 * control, ALTER DOMAIN or REINDEX. */
struct match {
    const char *type, *sub;
    bool (*when)(const struct subject *s); /* NULL: always */
};

/* Calls each with every subject of the statement, in order. */
void subject_each(struct arena *a, const struct node *stmt, const char *text,
                  const struct fresh *fresh,
                  void (*each)(const struct subject *s, void *arg), void *arg);
bool subject_matches(const struct subject *s, const struct match *m);
/* Remembers what the statement makes. */
void subject_remember(struct arena *a, const struct node *stmt,
                      struct fresh *fresh);

/* "ALTER TABLE", "DROP INDEX", "CREATE INDEX CONCURRENTLY": for people. */
const char *subject_kind(struct arena *a, const struct node *stmt);
/* The text of a RangeVar, or of a list of names; quoted where needed. */
char *subject_relation(struct arena *a, const struct node *range);
char *subject_names(struct arena *a, const struct node *n, const char *field);
/* The last of a list of names, as it stands; "" when empty. */
const char *subject_last(const struct node *n, const char *field);
/* A column's own constraint of that kind, or NULL. */
const struct node *subject_column_has(const struct subject *s,
                                      const char *contype);
/* Is it a word of that list, with blanks between? */
bool subject_word_in(const char *word, const char *list);
/* An option of a DefElem list; `true` values say so without an argument. */
bool subject_option(const struct node *n, const char *field, const char *name);
/* {table} {name} {type} {statement} {concurrently} replaced. */
char *subject_say(struct arena *a, const struct subject *s,
                  const char *template);

#endif
