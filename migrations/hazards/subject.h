/* subject: what one rule looks at: a statement, one command of an ALTER TABLE,
 * one object of a DROP or REVOKE, with its names as text.
 *
 * The tables of rules (hazards_*.c, refusals.c) match rows against subjects.
 * All texts live in the arena given to subject_each.
 */
#ifndef MIGRATIONS_HAZARDS_SUBJECT_H
#define MIGRATIONS_HAZARDS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "migrations/hazards/fresh_set.h"
#include "migrations/text/parser.h"
#include "runner/base/arena.h"

struct catalog;

/* What a file makes and changes, as keys: "relation orders", "column
 * orders.note". All zero: nothing. */
struct fresh {
    struct fresh_set made;  /* before the statement in hand */
    struct fresh_set later; /* anywhere in the file */
};

struct subject {
    const struct node *stmt;
    const struct node *cmd;        /* AlterTableCmd, or NULL */
    const struct node *column;     /* ColumnDef of the cmd, or NULL */
    const struct node *constraint; /* Constraint of the cmd, or NULL */
    const struct node *object;     /* of a DROP, REVOKE, COMMENT, or NULL */
    const char *text;              /* of the whole statement */
    const char *clause;            /* of the cmd: "ADD COLUMN a int"; "" */
    const char *table;             /* "orders", "shop.orders"; "" */
    const char *name;              /* column, constraint, index, object; "" */
    const char *type;              /* of the column: "integer"; "" */
    const char *key;               /* of the object, as in fresh; "" */
    bool inner;                    /* it stands in a WITH of the text */
    bool fresh;                    /* the same file made it */
    const struct fresh *made;      /* or NULL */
    struct catalog *catalog;       /* of a database to ask, or NULL */
};

/* The node type and the sub-kind (of a cmd, DROP, RENAME, SET, transaction
 * control, ALTER DOMAIN, REINDEX ...) that a row asks for; sub NULL: any. */
struct match {
    const char *type, *sub;
    bool (*when)(const struct subject *s); /* NULL: always */
};

/* Calls each with every subject of the statement, in order. made and catalog
 * may be NULL. */
void subject_each(struct arena *a, const struct node *stmt, const char *text,
                  const struct fresh *made,
                  void (*each)(const struct subject *s, void *arg), void *arg);
/* The same, with a database to ask. */
void subject_each_with(struct arena *a, const struct node *stmt,
                       const char *text, const struct fresh *made,
                       struct catalog *catalog,
                       void (*each)(const struct subject *s, void *arg),
                       void *arg);
bool subject_matches(const struct subject *s, const struct match *m);

/* ---- what a file makes (subject_fresh.c) ---- */

/* Before the first statement of a file that is one transaction, of each. */
void subject_foresee(struct arena *a, const struct node *stmt,
                     struct fresh *fresh);
/* After a statement: what it made. */
void subject_remember(struct arena *a, const struct node *stmt,
                      struct fresh *fresh);
/* What later files know of earlier ones, whether applied or not: CHECKs that
 * say a column is there, and what they dropped. */
void subject_carry(struct arena *a, const struct fresh *from, struct fresh *to);
/* What the statement, or command of an ALTER TABLE, makes may have been there
 * before it: IF NOT EXISTS, OR REPLACE. */
bool subject_perhaps(const struct node *stmt);
/* What it makes ends with the session. */
bool subject_is_temporary(const struct node *stmt);
/* It takes away, renames or retypes what may have been there before the file:
 * that is then what it is about. key: of the thing, as in fresh. */
bool subject_takes_old(const struct subject *s, const char *key);
/* Did the file make it before this statement; does it anywhere? */
bool subject_made(const struct fresh *fresh, const char *kind,
                  const char *name);
bool subject_makes(const struct fresh *fresh, const char *kind,
                   const char *name);
/* Whether the file dropped, before this statement, each of what a list in words
 * names ("view public.totals, trigger t on table u"). */
bool subject_dropped(const struct fresh *fresh, const char *list);
/* The key of an object of that kind (an ObjectType); "" for none. */
const char *subject_key(struct arena *a, const char *objtype,
                        const struct node *object);

/* The key of the function that a CREATE FUNCTION makes; its arguments' types,
 * parted by comma. */
const char *subject_function(struct arena *a, const struct node *stmt);
const char *subject_arguments(struct arena *a, const struct node *n,
                              const char *field, const char *comma);

/* ---- names ---- */

/* The text of a RangeVar, or of a list of names; quoted where needed. */
char *subject_relation(struct arena *a, const struct node *range);
char *subject_names(struct arena *a, const struct node *n, const char *field);
/* The list without its last: the table of a trigger. */
char *subject_before_last(struct arena *a, const struct node *n,
                          const char *field);
const char *subject_quoted(struct arena *a, const char *name); /* "" stays */
/* The last of a list of names, as it stands; "" when empty. */
const char *subject_last(const struct node *n, const char *field);
/* A type as people write it: "varchar(20)", "integer[]", "shop.mood". */
const char *subject_type(struct arena *a, const struct node *type);
/* A column's own constraint of that kind, or NULL. */
const struct node *subject_column_has(const struct subject *s,
                                      const char *contype);
/* Is it a word of that list, with blanks between? */
bool subject_word_in(const char *word, const char *list);
/* An option of a DefElem list; `true` values say so without an argument. */
bool subject_option(const struct node *n, const char *field, const char *name);

/* ---- words for people (subject_say.c) ---- */

/* "ALTER TABLE", "DROP INDEX", "CREATE INDEX CONCURRENTLY". */
const char *subject_kind(struct arena *a, const struct node *stmt);
/* A template with its marks replaced; see subject_say.c for all of them. */
char *subject_say(struct arena *a, const struct subject *s,
                  const char *template);

#endif
