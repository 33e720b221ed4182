/* takeover: what the database has from before, recorded as applied: by the
 * table of another tool (import), or by what a person says (baseline).
 *
 * A run of its own without an announcement: it runs no migration and changes
 * nothing that anybody uses. It obeys the pinned policy, a freeze and other
 * runs; it holds the lease, the database's lock and the fence. Rows carry
 * `imported` or `baseline` as their release, and no rollback undoes them.
 */
#ifndef RUNNER_FLOW_TAKEOVER_H
#define RUNNER_FLOW_TAKEOVER_H

#include "migrations/apply/takeover.h"
#include "migrations/rehearse/theirs.h"
#include "runner/flow/deploy.h"

struct takeover_wish {
    bool baseline;
    const char *release; /* whose commit has the files; NULL: what is live */
    const char *to;      /* baseline: the last that is applied; NULL: all */
    const char *from;    /* import: whose table; NULL: of the files' layout */
    const char *table;   /* import: where it is; NULL: looked for. verify: the
                            one of a tool that nobody knows; or NULL */
    bool verify;         /* baseline: prove it on an empty database */
    bool dry_run;
    run_confirm *confirm;
    void *ctx;
};

/* What was found, for showing. All in the subject's arena. */
struct takeover {
    struct takeover_source source; /* import */
    const struct migration **records;
    size_t n;
    const struct migration **already; /* recorded before */
    size_t already_n;
    const struct migration **undone; /* import: of those, what was imported and
                                        is applied no more, says the table */
    size_t undone_n;
    const char *const *strange; /* versions that no file has */
    size_t strange_n;
    const char *const *again; /* repeatable ones that the tool ran with another
                                 text: they are pending */
    size_t again_n;
    const struct migration **rest; /* files that stay pending */
    size_t rest_n;
    struct theirs theirs; /* --verify: what was left out of it */
    bool verified;        /* --verify: the schemas are equal */
    const char *differs;  /* lines of what is not, or NULL */
};

/* r->already: nothing is left to record. ERR_REFUSED: something there is
 * unfinished, a file edited since it was applied or recorded, a schema that is
 * not what --verify made. */
bool takeover(struct run *r, struct subject *s,
              const struct takeover_wish *wish, struct takeover *out,
              struct err *e);
/* Whether an unfinished run is one of these, and its end: the rows are there,
 * or they are not and never will be. */
bool takeover_was(const struct run_state *was);
bool takeover_resume(struct run *r, struct subject *s, run_confirm *confirm,
                     void *ctx, struct err *e);

#endif
