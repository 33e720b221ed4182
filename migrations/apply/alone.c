/* A statement that runs alone: its end may go unseen, and what it leaves may
 * be half done. */
#include "migrations/apply/alone.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/apply/transaction.h"
#include "migrations/state/leaves.h"
#include "runner/base/failpoint.h"

/* Dropping what a failed build left waits for old transactions, too. */
#define CLEAN_MS         30000
#define CLEAN_STOPPED_MS 5000

/* ---- how it ended ---- */

static bool say_committed(int i, struct err *e)
{
    struct err old = *e;

    err_why(e, "%s; it commits by itself: a part of its work may be there",
            old.why);
    return err_fix(e,
                   "look at the database and complete the work or undo it; "
                   "then set the state of statement %d in tidegate.journal to "
                   "'done', or delete that row to have all of it run again",
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
static bool detaches(const struct statement *s)
{
    return s->needs_no_transaction && strcmp(s->kind, "ALTER TABLE") == 0;
}

static bool is_concurrent(const struct statement *s)
{
    return strstr(s->kind, "CONCURRENTLY") != NULL || detaches(s);
}

/* What is concurrent waits for old transactions with a lock: a short one would
 * make it fail whenever there is one. What commits by itself cannot be tried
 * again once it has: it waits as long as we would try, and the observer ends
 * it when others have waited behind it for too long. */
static int64_t lock_timeout(const struct journal *j, const struct statement *s)
{
    const struct apply *ap = j->ap;

    if (is_concurrent(s))
        return 0;
    if (j->t->script->lock_timeout_ms > 0)
        return j->t->script->lock_timeout_ms;
    return s->commits && !ap->sight.blind ? ap->s.retry_for_ms
                                          : ap->s.lock_timeout_ms;
}

static bool prepare(struct journal *j, const struct statement *s, struct err *e)
{
    struct apply *ap = j->ap;
    struct pg_result r;

    return pg_run(ap->work, j->t->a,
                  transaction_opening(ap, j->t, false, lock_timeout(j, s)), &r,
                  e);
}

/* A backend numbers its transactions, whatever they do: the one number after
 * this answer's is that of what it runs next. */
static bool count_transactions(struct journal *j, uint32_t *n, struct err *e)
{
    struct pg_result r;

    if (!pg_query(j->ap->work, j->t->a,
                  "SELECT pg_catalog.split_part(l.virtualtransaction, '/', 2)"
                  " FROM pg_catalog.pg_locks l WHERE l.locktype"
                  " OPERATOR(pg_catalog.=) 'virtualxid' AND l.pid"
                  " OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()",
                  NULL, 0, &r, e))
        return false;
    *n = r.rows == 1 && r.cell[0][0] ? (uint32_t)strtoul(r.cell[0][0], NULL, 10)
                                     : 0;
    return true;
}

/* What may commit and took but one transaction before it failed has not: all
 * of it is rolled back. first: the number before it. */
static bool committed_nothing(struct journal *j, uint32_t first)
{
    struct err ignored;
    uint32_t now;

    return first && count_transactions(j, &now, &ignored) && now - first == 2;
}

static int64_t deadline_of(const struct apply *ap, const struct task *t)
{
    int64_t ms = t->expected->all.high * 3;

    if (t->script->statement_timeout_ms > 0)
        return CLOCK_NEVER; /* the server has it */
    if (ap->s.alone_ms > 0)
        return clock_mono() + ap->s.alone_ms;
    return clock_mono() + (ms > DEADLINE_MS ? ms : DEADLINE_MS);
}

static struct index_ask asking(const struct journal *j, int i)
{
    return (struct index_ask){j->ap->work, j->ap->idle, j->t->a,
                              &j->t->script->statements[i]};
}

/* Drops what this statement left half built; where only going on mends it, the
 * line has the statement that does. */
static bool clean(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *before = j->lines[i].invalid ? j->lines[i].invalid : "{}";
    struct index_ask ask = asking(j, i);
    int dropped;
    bool ok;

    pg_deadline(j->ap->work,
                clock_mono() +
                    (guard_stopped(j->ap) ? CLEAN_STOPPED_MS : CLEAN_MS));
    ok = prepare(j, s, e) && leaves_half(&ask, &j->lines[i].finish, e) &&
         index_clean(&ask, before, &dropped, e);
    pg_deadline(j->ap->work, CLOCK_NEVER);
    if (ok && dropped)
        progress_step(j->ap->progress, j->t->name,
                      "dropped the invalid index that the failed build left");
    return ok;
}

/* The index stood before the statement was run: it is not the one it makes. */
static bool stood(const struct journal *j, int i,
                  const struct index_found *found)
{
    const char *at = j->lines[i].invalid;
    size_t len = strlen(found->oid);

    while (at && (at = strpbrk(at, "{,")) != NULL)
        if (strncmp(++at, found->oid, len) == 0 &&
            (at[len] == ',' || at[len] == '}'))
            return true;
    return false;
}

bool alone_made_nothing(struct journal *j, int i, bool *nothing, struct err *e)
{
    struct index_ask ask = asking(j, i);
    struct index_found found;

    *nothing = false;
    if (!index_look(&ask, &found, e))
        return false;
    *nothing = found.state == INDEX_VALID && stood(j, i, &found);
    return true;
}

enum alone alone_see(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *before = j->lines[i].invalid ? j->lines[i].invalid : "{}";
    struct index_ask ask = asking(j, i);
    struct index_found found;
    enum leaves left;

    if (!s->needs_no_transaction)
        return ALONE_ABSENT; /* its outcome would have been with it */
    if (!prepare(j, s, e) || !index_look(&ask, &found, e))
        return ALONE_UNKNOWN;
    if (found.state == INDEX_VALID && !stood(j, i, &found))
        return ALONE_DONE;
    if (!leaves_look(&ask, before, &left, e))
        return ALONE_UNKNOWN;
    if (left == LEAVES_DONE)
        return ALONE_DONE;
    if (left == LEAVES_NOTHING && !is_repeatable(s)) {
        journal_unknown_at(j, i,
                           s->commits
                               ? "it did not come to its end, and may have "
                                 "committed a part of its work"
                               : "its end was not seen, and it leaves no trace "
                                 "that tells",
                           e);
        return ALONE_UNKNOWN;
    }
    return clean(j, i, e) ? ALONE_ABSENT : ALONE_UNKNOWN;
}

static bool verify(struct journal *j, int i, struct err *e)
{
    struct index_ask ask = asking(j, i);
    struct index_found found;

    if (!index_look(&ask, &found, e))
        return false;
    if (found.state == INDEX_NONE || found.state == INDEX_VALID)
        return true;
    say_invalid(j, i, &found, e);
    return false;
}

static void note_half(struct journal *j, int i, struct err *e)
{
    j->left = j->lines[i].finish != NULL;
    if (j->left)
        say_half(j, i, e);
}

/* After a failure: whether nothing is left of it, so that it may be tried
 * again. */
static bool nothing_left(struct journal *j, int i, struct err *e)
{
    struct err ignored;

    if (j->t->script->statements[i].commits) {
        j->left = true;
        return say_committed(i, e);
    }
    if (!clean(j, i, &ignored)) {
        j->left = true;
        return false;
    }
    note_half(j, i, e);
    return !j->left;
}

/* The connection went away in the middle of it: the backend may go on. */
static bool after_loss(struct journal *j, int i, struct err *e)
{
    struct err why = *e;

    if (!journal_reopen(j, i, e))
        return journal_unknown_at(j, i, why.why, e);
    switch (alone_see(j, i, e)) {
    case ALONE_DONE:
        return true;
    case ALONE_ABSENT:
        *e = why;
        note_half(j, i, e);
        return journal_stop_at(j, i);
    case ALONE_UNKNOWN:
        break;
    }
    j->t->out->statement = i + 1;
    j->t->out->outcome = APPLY_UNKNOWN;
    return false;
}

static bool try_alone(struct journal *j, int i, struct guard *g,
                      uint32_t *first, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *text = j->lines[i].finish ? j->lines[i].finish : s->text;
    struct part part = {s, 1, i + 1, NULL};
    struct pg_result r;

    j->t->tried = clock_mono();
    sight_clear(j->ap);
    *g = (struct guard){.t = j->t,
                        .statement = i + 1,
                        .deadline = deadline_of(j->ap, j->t),
                        .limit_ms = transaction_limit(j->ap, j->t, &part),
                        .halves = s->commits || detaches(s),
                        /* one that detaches locks the partition in the end */
                        .patient = is_concurrent(s) && !detaches(s)};
    *first = 0;
    if (prepare(j, s, e) && (!s->commits || count_transactions(j, first, e)))
        return guard_run(j->ap, g, text, &r, e);
    g->failure = *pg_failed(j->ap->work);
    return false;
}

/* Ended because of its lock: by the server, or, of what commits by itself, by
 * the observer. */
static bool lacked_lock(const struct guard *g, const struct line *line)
{
    return transaction_again(&g->failure) ||
           (g->why == GUARD_CROWDED && g->held && line->absent);
}

/* After a failure: e says so; whether it may be tried again. */
static bool may_again(struct journal *j, int i, struct guard *g, uint32_t first,
                      struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    struct line *line = &j->lines[i];

    line->absent =
        s->commits && !g->failure.lost && committed_nothing(j, first);
    g->halves &= !line->absent;
    transaction_blame(j->ap, j->t, s, g, e);
    if (g->failure.lost)
        return false;
    return (line->absent || nothing_left(j, i, e)) && g->why != GUARD_STOPPED &&
           lacked_lock(g, line) && transaction_pause(j->ap, j->t);
}

bool alone_run(struct journal *j, int i, struct err *e)
{
    struct index_ask ask = asking(j, i);
    int64_t began;
    uint32_t first;
    struct guard g;
    char *before;

    if (!leaves_before(&ask, &before, e) || !journal_intend(j, i, before, e))
        return journal_stop_at(j, i);
    while (began = clock_mono(), !try_alone(j, i, &g, &first, e)) {
        if (!may_again(j, i, &g, first, e))
            return g.failure.lost
                       ? after_loss(j, i, e) && journal_note_done(j, i, e)
                       : journal_stop_at(j, i);
        j->t->out->lock_ms += clock_mono() - began;
    }
    j->lines[i].absent = false;
    j->t->ms[i] = clock_mono() - began;
    failpoint("journal-ran");
    return (verify(j, i, e) || journal_stop_at(j, i)) &&
           journal_note_done(j, i, e);
}
