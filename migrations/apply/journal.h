/* journal: what journal.c and journal_see.c share: the lines of a migration
 * that runs statement by statement, and looking at those that run alone.
 *
 * Not for other files: see migrations/apply/work.h.
 */
#ifndef MIGRATIONS_APPLY_JOURNAL_H
#define MIGRATIONS_APPLY_JOURNAL_H

#include "migrations/apply/work.h"
#include "migrations/state/leaves.h"

struct line {
    bool begun; /* by a run that failed, or that nobody saw end */
    bool done;
    const char *invalid; /* indexes invalid before it, and what it makes */
    const char *finish;  /* it is half done: the statement that does the rest */
};

struct journal {
    struct apply *ap;
    struct task *t;
    struct line *lines;
    int done;  /* how many are, by whoever */
    bool left; /* something may be there of one that is not done */
};

/* ---- journal_see.c ---- */

/* The one ALTER TABLE that runs alone is DETACH PARTITION CONCURRENTLY. */
bool journal_detaches(const struct statement *s);
bool journal_concurrent(const struct statement *s);
/* Makes the session fit for the statement. */
bool journal_prepare(struct journal *j, const struct statement *s,
                     struct err *e);
struct index_ask journal_asking(const struct journal *j, int i);

enum seen { SEEN_DONE, SEEN_ABSENT, SEEN_UNKNOWN };
/* What stands there of statement i, whose end nobody saw; what a failed build
 * left is dropped. e is set when unknown. */
enum seen journal_see(struct journal *j, int i, struct err *e);
/* Drops what statement i left half built; where only going on mends it, its
 * line has the statement that does. */
bool journal_clean(struct journal *j, int i, struct err *e);
/* Whether the index that it should have made is there, and valid. */
bool journal_verify(struct journal *j, int i, struct err *e);
/* After cleaning: something half done may be left, which e then says. */
void journal_note_half(struct journal *j, int i, struct err *e);
/* Nobody knows whether it was done; false. */
bool journal_unknown(struct journal *j, int i, const char *why, struct err *e);

#endif
