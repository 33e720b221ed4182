/* What stands there of a statement that runs alone: looked at after an end
 * that nobody saw, and cleaned up after a failure. */
#include <string.h>

#include "migrations/apply/journal.h"

/* Dropping what a failed build left waits for old transactions, too. */
#define CLEAN_MS         30000
#define CLEAN_STOPPED_MS 5000

bool journal_unknown(struct journal *j, int i, const char *why, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];

    j->t->out->statement = i + 1;
    j->t->out->outcome = APPLY_UNKNOWN;
    err_what(e, ERR_UNKNOWN, "%s:%d: nobody knows whether %s was done",
             j->t->script->file, s->line, s->kind);
    err_why(e, "%s", why);
    return err_fix(e,
                   "look at the database; once it is done, set the state of "
                   "statement %d in tidegate.journal to 'done'; once it is as "
                   "before, delete that row",
                   i + 1);
}

static bool say_half(struct journal *j, int i, struct err *e)
{
    struct err old = *e;

    err_why(e, "%s; the partition is half detached (pending detach)", old.why);
    return err_fix(e, "run this again: it goes on with %s", j->lines[i].finish);
}

static void say_invalid(struct journal *j, int i,
                        const struct index_found *found, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];

    err_what(e, ERR_FAILED, "%s:%d: the index is not there", j->t->script->file,
             s->line);
    if (found->state == INDEX_INVALID) {
        err_why(e,
                "%s is INVALID since an earlier build failed, and IF NOT "
                "EXISTS passed it over",
                found->name);
        err_fix(e, "DROP INDEX CONCURRENTLY %s; then run this again",
                found->name);
    } else {
        err_why(e, "another relation has its name, and IF NOT EXISTS passed "
                   "it over");
        err_fix(e, "give the index another name");
    }
}

/* ---- kinds ---- */

/* Kinds that may be run again after an end that nobody saw. */
static const char *const repeatable[] = {
    "VACUUM",
    "REINDEX",
    "CLUSTER",
    "REINDEX CONCURRENTLY",
    "ALTER SYSTEM",
    "DROP INDEX CONCURRENTLY",
    "CREATE INDEX CONCURRENTLY",
};

static bool is_repeatable(const struct statement *s)
{
    for (size_t i = 0; i < sizeof repeatable / sizeof *repeatable; i++)
        if (strcmp(repeatable[i], s->kind) == 0)
            return true;
    return false;
}

/* The one ALTER TABLE that runs alone is DETACH PARTITION CONCURRENTLY. */
bool journal_detaches(const struct statement *s)
{
    return s->needs_no_transaction && strcmp(s->kind, "ALTER TABLE") == 0;
}

bool journal_concurrent(const struct statement *s)
{
    return strstr(s->kind, "CONCURRENTLY") != NULL || journal_detaches(s);
}

bool journal_prepare(struct journal *j, const struct statement *s,
                     struct err *e)
{
    struct apply *ap = j->ap;
    int64_t lock_ms = j->t->script->lock_timeout_ms > 0
                          ? j->t->script->lock_timeout_ms
                          : ap->s.lock_timeout_ms;
    struct pg_result r;

    /* it waits for old transactions with a lock: a short lock_timeout would
     * make it fail whenever there is one */
    return pg_run(ap->work, j->t->a,
                  transaction_opening(ap, j->t, false,
                                      journal_concurrent(s) ? 0 : lock_ms),
                  &r, e);
}

/* ---- the look ---- */

struct index_ask journal_asking(const struct journal *j, int i)
{
    return (struct index_ask){j->ap->work, j->ap->idle, j->t->a,
                              &j->t->script->statements[i]};
}

/* Drops what this statement left half built; where only going on mends it, the
 * line has the statement that does. */
bool journal_clean(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *before = j->lines[i].invalid ? j->lines[i].invalid : "{}";
    struct index_ask ask = journal_asking(j, i);
    int dropped;
    bool ok;

    pg_deadline(j->ap->work,
                clock_mono() +
                    (guard_stopped(j->ap) ? CLEAN_STOPPED_MS : CLEAN_MS));
    ok = journal_prepare(j, s, e) &&
         leaves_half(&ask, &j->lines[i].finish, e) &&
         index_clean(&ask, before, &dropped, e);
    pg_deadline(j->ap->work, CLOCK_NEVER);
    if (ok && dropped)
        progress_step(j->ap->progress, j->t->name,
                      "dropped the invalid index that the failed build left");
    return ok;
}

/* What stands there of a statement whose end nobody saw. */
enum seen journal_see(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *before = j->lines[i].invalid ? j->lines[i].invalid : "{}";
    struct index_ask ask = journal_asking(j, i);
    struct index_found found;
    enum leaves left;

    if (!s->needs_no_transaction)
        return SEEN_ABSENT; /* its outcome would have been with it */
    if (!journal_prepare(j, s, e) || !index_look(&ask, &found, e))
        return SEEN_UNKNOWN;
    if (found.state == INDEX_VALID)
        return SEEN_DONE;
    if (!leaves_look(&ask, before, &left, e))
        return SEEN_UNKNOWN;
    if (left == LEAVES_DONE)
        return SEEN_DONE;
    if (left == LEAVES_NOTHING && !is_repeatable(s)) {
        journal_unknown(j, i,
                        s->commits
                            ? "it did not come to its end, and may have "
                              "committed a part of its work"
                            : "its end was not seen, and it leaves no trace "
                              "that tells",
                        e);
        return SEEN_UNKNOWN;
    }
    return journal_clean(j, i, e) ? SEEN_ABSENT : SEEN_UNKNOWN;
}

bool journal_verify(struct journal *j, int i, struct err *e)
{
    struct index_ask ask = journal_asking(j, i);
    struct index_found found;

    if (!index_look(&ask, &found, e))
        return false;
    if (found.state == INDEX_NONE || found.state == INDEX_VALID)
        return true;
    say_invalid(j, i, &found, e);
    return false;
}

void journal_note_half(struct journal *j, int i, struct err *e)
{
    j->left = j->lines[i].finish != NULL;
    if (j->left)
        say_half(j, i, e);
}
