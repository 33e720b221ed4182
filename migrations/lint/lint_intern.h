/* What the files of lint share: a file's text and parts in lint.c, one
 * statement in lint_statement.c. */
#ifndef MIGRATIONS_LINT_LINT_INTERN_H
#define MIGRATIONS_LINT_LINT_INTERN_H

#include "migrations/lint/lint.h"
#include "migrations/lint/lint_allow.h"
#include "migrations/read/split.h"

struct linter {
    struct arena *a;       /* findings */
    struct arena *scratch; /* trees */
    struct lint_run *run;
    const char *file, *text;
    const struct sql_how *how; /* the part in hand is to be read */
    bool together;             /* the file is one transaction */
    bool batch;                /* a directive speaks of one */
    bool survive;              /* the old code must live through it */
    bool down;                 /* it is the way back */
    struct lint_ways *ways;    /* of the migration in hand */
    struct finding *list;
    size_t n, cap;
    struct fresh fresh;
    struct allowances allowed;
    const struct split_pieces *pieces;
    /* the statement in hand */
    const struct node *stmt;
    int line;
    size_t from, begins; /* after the statement before, and where it begins */
    int path_line; /* of the part: where it first sets search_path, or 0 */
    /* the first strong lock of the file, 0: none yet */
    int held_line;
    const char *held;
};

/* The next finding: of the line in hand, a note of nothing yet. */
struct finding *lint_add(struct linter *l);
void lint_add_error(struct linter *l, int line, const char *rule,
                    const struct err *e);
/* All that is to be said of one statement, in the order of its file. */
void lint_statement(struct linter *l, const struct split_piece *p);

#endif
