/* parser: PostgreSQL's own parser, and its tree read by name.
 *
 * The only file that knows libpg_query (the grammar of PostgreSQL 15). Nodes
 * and fields have the names of PostgreSQL's parsenodes.h as libpg_query's
 * pg_query.proto writes them: node_get(stmt, "relation"). A field that the
 * node's type does not have is a bug of the caller. Every function takes NULL
 * for a node that is not there and answers as for an empty one.
 */
#ifndef MIGRATIONS_TEXT_PARSER_H
#define MIGRATIONS_TEXT_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"

struct node;

struct parsed_statement {
    const struct node *tree;
    size_t offset, len; /* bytes of the text; blanks and comments around are
                           still in it */
};

struct parsed {
    struct parsed_statement *list;
    size_t n;
};

struct parse_failure {
    char message[300]; /* the parser's */
    size_t offset;     /* byte where it stopped */
    bool too_large;    /* it did not look: the text is beyond its bounds */
};

/* A text of any number of statements. Trees live in a: give it one of its
 * own, they are large. */
bool parser_parse(struct arena *a, const char *text, struct parsed *out,
                  struct parse_failure *failure);
const char *parser_version(void); /* "libpg_query 15.1" */

const char *node_type(const struct node *n); /* "AlterTableStmt", or "" */
bool node_is(const struct node *n, const char *type);
const struct node *node_get(const struct node *n, const char *field);
size_t node_count(const struct node *n, const char *field);
const struct node *node_item(const struct node *n, const char *field, size_t i);
const char *node_str(const struct node *n, const char *field); /* or "" */
int64_t node_int(const struct node *n, const char *field);
bool node_bool(const struct node *n, const char *field);
const char *node_enum(const struct node *n, const char *field); /* its name */

/* Visits n and all below it, depth first, until visit says false; false then.
 */
bool node_walk(const struct node *n, bool (*visit)(const struct node *, void *),
               void *arg);

#endif
