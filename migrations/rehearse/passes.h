/* passes: up, down in reverse, up again, with the schema compared.
 *
 * Down and up once more where all of it is short and production many times as
 * large: what an estimate multiplies is then the least of three times.
 * In the order of a real release: "before" migrations, then "after" ones. The
 * schema is read before and after each migration (with many, each block of
 * them), so that a down that is no inverse is found by name; so are rows and
 * values, of the tables that the migration may change.
 */
#ifndef MIGRATIONS_REHEARSE_PASSES_H
#define MIGRATIONS_REHEARSE_PASSES_H

#include "migrations/rehearse/compare.h"
#include "migrations/rehearse/data.h"
#include "migrations/rehearse/estimate.h"
#include "migrations/rehearse/loses.h"
#include "migrations/rehearse/trace.h"
#include "migrations/server/catalog.h"
#include "runner/base/buf.h"

struct pass {
    const struct migration *migration;
    struct traced_script up, down;
    bool up_ran, down_ran;
    bool down_ok;                /* it ran, and what up did is undone */
    const char *differs;         /* lines, or NULL */
    struct data_set before;      /* its tables, until down has run */
    struct data_difference data; /* what down did not give back */
    const char **loses;          /* what down throws away */
    size_t n_loses;
    const char *breaks; /* what the old code does not survive of it, as the
                           schema shows (old_code.h); or NULL */
    /* of the block that begins here; block 0: none begins here */
    size_t block;
    struct fingerprint up_before, down_after;
};

struct passes {
    struct trace trace;
    struct grounds grounds; /* what estimates stand on */
    struct data data;       /* on the trace's connection for watching */
    struct loses loses;
    struct buf *warnings;    /* lent */
    bool schema_only;        /* the clone has no rows */
    bool keep_clean;         /* the clone is kept: leave it as it was */
    struct pass *list;       /* in the order of a release */
    size_t n, before;        /* before: how many the old code meets */
    struct fingerprint top;  /* after all ups */
    const char *failed;      /* an up failed: its message */
    struct catalog *catalog; /* once all ran: names for advice; or NULL */
};

/* Puts the migrations in order. */
void passes_init(struct passes *p, struct arena *a,
                 const struct migration *const *pending, size_t n);
/* Runs them on p->trace (opened). False only as trace_script says. */
bool passes_run(struct passes *p, struct err *e);

#endif
