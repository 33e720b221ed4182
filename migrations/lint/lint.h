/* lint: what migrations would do to a busy database: hazards that the text
 * shows and, where a database is given, its catalog.
 *
 * Without a database a finding says the worst case, and says why
 * (worst). Findings can be allowed by a comment with a reason right above
 * their statement (see lint_allow.h).
 */
#ifndef MIGRATIONS_LINT_LINT_H
#define MIGRATIONS_LINT_LINT_H

#include "migrations/hazards/subject.h"
#include "migrations/read/migration.h"
#include "migrations/server/catalog.h"
#include "migrations/server/relations.h"

enum finding_level { FINDING_NOTE, FINDING_WARNING, FINDING_ERROR };

/* Who waits: readers need ACCESS SHARE, writers ROW EXCLUSIVE. Where readers
 * wait, writers do as well. */
enum finding_wait { WAIT_NOBODY, WAIT_WRITERS, WAIT_READERS };
enum finding_wait finding_wait_of(enum lock_mode lock);

/* What a statement does to one relation that others use. */
struct finding_touch {
    const char *relation; /* its name, or words: "its default partition" */
    bool named;           /* false: words, since only a catalog knows it */
    enum lock_mode lock;
    bool rewrites, scans;
    int64_t bytes, rows; /* -1: unknown */
};

struct finding {
    const char *file;
    int line;
    enum finding_level level;
    const char *rule; /* "rewrite", "not-in-transaction", "breaks-old-code" */
    const char *what; /* one sentence */
    const char *lock; /* the strongest, "ACCESS EXCLUSIVE", or NULL */
    bool rewrites, scans;
    enum finding_wait waits;
    const char *worst;   /* why it says the worst case, which may be less; or
                            NULL: it says what is */
    const char *safer;   /* what to write instead, of several lines, or NULL */
    const char *allowed; /* the reason, where a comment allows it; a note */
    struct finding_touch *touches;
    size_t n_touches;
};

/* Files of one call, in order. All zero, or with a catalog: then what a file
 * makes and the database does not have is nobody's hazard in later files. */
struct lint_run {
    struct catalog *catalog; /* or NULL */
    struct fresh earlier;
    bool path_told;         /* that search_path ends with its file */
    struct pg *pg;          /* the catalog's, or NULL */
    unsigned allowed;       /* enum refusals: what the policy allows */
    bool code;              /* what ran before may have made anything */
    bool named;             /* the layout of a folder takes these names ... */
    const char *stray;      /* ... but this file, for that reason */
    struct lint_ways *ways; /* lint_ways.h */
};

/* Findings for one file, in order of lines. Lives in a, as does what run
 * remembers. */
struct finding *lint_file(struct arena *a, const struct sql_file *file,
                          struct lint_run *run, size_t *n);
/* The safe alternative for one statement, or NULL. The catalog, which may know
 * a later schema, gives names alone; NULL: placeholders stand for them. */
const char *lint_safer(struct arena *a, const struct statement *s,
                       struct catalog *catalog);

#endif
