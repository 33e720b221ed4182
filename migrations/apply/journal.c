/* Migrations that cannot be one transaction: statement by statement, with
 * intent before and outcome after. A statement that could share a transaction
 * shares one with its outcome; only the others can be left unknown, and those
 * are looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/work.h"
#include "migrations/state/leaves.h"
#include "runner/base/failpoint.h"

#define ALONE_MS ((int64_t)60 * 60 * 1000) /* unless it says otherwise */
/* Dropping what a failed build left waits for old transactions, too. */
#define CLEAN_MS         30000
#define CLEAN_STOPPED_MS 5000

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

/* ---- rows ---- */

static bool other_text(struct journal *j, const char *checksum, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was begun with another text",
             j->t->script->file);
    err_why(e, "its journal has digest %s; the file has %s", checksum,
            j->t->checksum);
    return err_fix(e, "restore the file, resume, and write the change as a "
                      "new migration");
}

static bool load(struct journal *j, struct err *e)
{
    struct pg_result r;
    size_t n = j->t->script->n;

    j->done = 0;
    j->left = false;
    j->lines = arena_array(j->t->a, n, sizeof *j->lines);
    if (!pg_query(j->ap->idle, j->t->a,
                  "SELECT statement, state, invalid, checksum FROM"
                  " tidegate.journal WHERE name = $1 AND down = $2::bool",
                  (const char *[]){j->t->name, j->t->down ? "t" : "f"}, 2, &r,
                  e))
        return false;
    for (int i = 0; i < r.rows; i++) {
        size_t at = strtoul(r.cell[i][0], NULL, 10);
        if (strcmp(r.cell[i][3], j->t->checksum) != 0 || at < 1 || at > n)
            return other_text(j, r.cell[i][3], e);
        j->lines[at - 1] =
            (struct line){.begun = strcmp(r.cell[i][1], "done") != 0,
                          .done = strcmp(r.cell[i][1], "done") == 0,
                          .invalid = r.cell[i][2]};
        j->done += j->lines[at - 1].done;
        j->left |= j->lines[at - 1].begun &&
                   j->t->script->statements[at - 1].needs_no_transaction;
    }
    return true;
}

static char *number(struct arena *a, long long n)
{
    return arena_printf(a, "%lld", n);
}

static bool intend(struct journal *j, int i, const char *invalid, struct err *e)
{
    struct apply *ap = j->ap;
    struct arena *a = j->t->a;
    const char *params[] = {ap->s.ledger,
                            number(a, ap->s.epoch),
                            ap->s.run,
                            j->t->name,
                            j->t->down ? "t" : "f",
                            number(a, i + 1),
                            number(a, (long long)j->t->script->n),
                            j->t->checksum,
                            number(a, pg_backend_pid(ap->work)),
                            invalid};
    struct pg_result r;

    j->lines[i].invalid = invalid;
    if (!pg_query(ap->idle, a,
                  "SELECT tidegate.intend($1, $2::int8, $3, $4, $5::bool,"
                  " $6::int4, $7::int4, $8, $9::int4, $10::oid[])",
                  params, 10, &r, e)) {
        transaction_blame_own(ap, ap->idle, j->t->script->file, e);
        return false;
    }
    failpoint("journal-intent");
    return true;
}

static char *finish_sql(struct journal *j, int i, const char *state)
{
    struct apply *ap = j->ap;
    struct arena *a = j->t->a;

    return arena_printf(
        a,
        "SELECT tidegate.finish(%s, %lld, %s, %s, %s, %d,"
        " '%s')",
        pg_literal(ap->idle, a, ap->s.ledger), (long long)ap->s.epoch,
        pg_literal(ap->idle, a, ap->s.run), pg_literal(ap->idle, a, j->t->name),
        j->t->down ? "true" : "false", i + 1, state);
}

static bool finish(struct journal *j, int i, const char *state, struct err *e)
{
    struct pg_result r;

    return pg_query(j->ap->idle, j->t->a, finish_sql(j, i, state), NULL, 0, &r,
                    e);
}

/* ---- the session ---- */

/* SET lasts for the statements after it: what an earlier run, or a connection
 * that was lost, has set is set again. */
static bool enter(struct journal *j, int i, struct err *e)
{
    struct apply *ap = j->ap;
    struct pg_result r;

    if (j->t->entered)
        return true;
    if (!pg_run(ap->work, j->t->a,
                transaction_opening(ap, j->t, false, ap->s.lock_timeout_ms), &r,
                e))
        return false;
    for (int k = 0; k < i; k++) {
        const struct statement *s = &j->t->script->statements[k];
        if (strcmp(s->kind, "SET") == 0 &&
            !pg_run(ap->work, j->t->a, s->text, &r, e))
            return false;
    }
    j->t->entered = true;
    return true;
}

static bool reopen(struct journal *j, int i, struct err *e)
{
    j->t->entered = false;
    return apply_reopen(j->ap, e) && enter(j, i, e);
}

/* ---- how it ended ---- */

/* Statement i is not done; what came before it may be, or what it has left. e
 * is kept. */
static bool stop_at(struct journal *j, int i)
{
    struct apply *ap = j->ap;
    const char *params[] = {ap->s.ledger, number(j->t->a, ap->s.epoch),
                            ap->s.run, j->t->name, j->t->down ? "t" : "f"};
    struct pg_result r;
    struct err ignored;

    j->t->out->statement = i + 1;
    j->t->out->outcome = j->done || j->left ? APPLY_PARTIAL : APPLY_ROLLED_BACK;
    if (j->done || j->left)
        finish(j, i, "failed", &ignored);
    else
        pg_query(ap->idle, j->t->a,
                 "SELECT tidegate.abandon($1, $2::int8, $3, $4, $5::bool)",
                 params, 5, &r, &ignored);
    return false;
}

/* Statement i is done; where that cannot be noted, the next run sees it. */
static bool note_done(struct journal *j, int i, struct err *e)
{
    if (finish(j, i, "done", e) || (e->code == ERR_UNREACHABLE &&
                                    reopen(j, i, e) && finish(j, i, "done", e)))
        return true;
    if (j->ap->idle)
        transaction_blame_own(j->ap, j->ap->idle, j->t->script->file, e);
    j->t->out->statement = i + 1;
    j->t->out->outcome = APPLY_PARTIAL;
    return false;
}

static bool unknown_at(struct journal *j, int i, const char *why, struct err *e)
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

/* ---- a statement that runs alone ---- */

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

static bool prepare(struct journal *j, const struct statement *s, struct err *e)
{
    struct apply *ap = j->ap;
    int64_t lock_ms = j->t->script->lock_timeout_ms > 0
                          ? j->t->script->lock_timeout_ms
                          : ap->s.lock_timeout_ms;
    struct pg_result r;

    /* it waits for old transactions with a lock: a short lock_timeout would
     * make it fail whenever there is one */
    return pg_run(
        ap->work, j->t->a,
        transaction_opening(ap, j->t, false, is_concurrent(s) ? 0 : lock_ms),
        &r, e);
}

static int64_t deadline_of(const struct apply *ap, const struct task *t)
{
    int64_t ms = t->expected->all.high * 3;

    if (t->script->statement_timeout_ms > 0)
        return CLOCK_NEVER; /* the server has it */
    if (ap->s.alone_ms > 0)
        return clock_mono() + ap->s.alone_ms;
    return clock_mono() + (ms > ALONE_MS ? ms : ALONE_MS);
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

enum seen { SEEN_DONE, SEEN_ABSENT, SEEN_UNKNOWN };

/* What stands there of a statement whose end nobody saw. */
static enum seen see(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    const char *before = j->lines[i].invalid ? j->lines[i].invalid : "{}";
    struct index_ask ask = asking(j, i);
    struct index_found found;
    enum leaves left;

    if (!s->needs_no_transaction)
        return SEEN_ABSENT; /* its outcome would have been with it */
    if (!prepare(j, s, e) || !index_look(&ask, &found, e))
        return SEEN_UNKNOWN;
    if (found.state == INDEX_VALID)
        return SEEN_DONE;
    if (!leaves_look(&ask, before, &left, e))
        return SEEN_UNKNOWN;
    if (left == LEAVES_DONE)
        return SEEN_DONE;
    if (left == LEAVES_NOTHING && !is_repeatable(s)) {
        unknown_at(j, i,
                   s->commits ? "it did not come to its end, and may have "
                                "committed a part of its work"
                              : "its end was not seen, and it leaves no trace "
                                "that tells",
                   e);
        return SEEN_UNKNOWN;
    }
    return clean(j, i, e) ? SEEN_ABSENT : SEEN_UNKNOWN;
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

    if (!reopen(j, i, e))
        return unknown_at(j, i, why.why, e);
    switch (see(j, i, e)) {
    case SEEN_DONE:
        return true;
    case SEEN_ABSENT:
        *e = why;
        note_half(j, i, e);
        return stop_at(j, i);
    case SEEN_UNKNOWN:
        break;
    }
    j->t->out->statement = i + 1;
    j->t->out->outcome = APPLY_UNKNOWN;
    return false;
}

static bool try_alone(struct journal *j, int i, struct guard *g, struct err *e)
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
    return prepare(j, s, e) && guard_run(j->ap, g, text, &r, e);
}

static bool run_alone(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    struct index_ask ask = asking(j, i);
    int64_t began;
    struct guard g;
    char *before;

    if (!leaves_before(&ask, &before, e) || !intend(j, i, before, e))
        return stop_at(j, i);
    while (began = clock_mono(), !try_alone(j, i, &g, e)) {
        struct pg_failure why = *pg_failed(j->ap->work);
        transaction_blame(j->ap, j->t, s, &g, e);
        if (why.lost)
            return after_loss(j, i, e) && note_done(j, i, e);
        if (!nothing_left(j, i, e) || g.why == GUARD_STOPPED ||
            !transaction_again(&why) || !transaction_pause(j->ap, j->t))
            return stop_at(j, i);
        j->t->out->lock_ms += clock_mono() - began;
    }
    j->t->ms[i] = clock_mono() - began;
    failpoint("journal-ran");
    return (verify(j, i, e) || stop_at(j, i)) && note_done(j, i, e);
}

/* ---- a statement with a transaction of its own ---- */

static bool run_within(struct journal *j, int i, struct err *e)
{
    struct part part = {&j->t->script->statements[i], 1, i + 1,
                        finish_sql(j, i, "done")};
    struct err why;

    if (!intend(j, i, "{}", e))
        return stop_at(j, i);
    switch (transaction_run(j->ap, j->t, &part, e)) {
    case ENDED_DONE:
        return true;
    case ENDED_ROLLED_BACK:
        return stop_at(j, i);
    case ENDED_LOST:
    case ENDED_UNKNOWN:
        break;
    }
    why = *e;
    if (!reopen(j, i, e) || !load(j, e))
        return unknown_at(j, i, why.why, e);
    if (j->lines[i].done)
        return true;
    *e = why;
    return stop_at(j, i);
}

/* ---- all of them ---- */

static bool run_line(struct journal *j, int i, struct err *e)
{
    const struct statement *s = &j->t->script->statements[i];
    bool ok;

    if (j->lines[i].done)
        return true;
    if (guard_stopped(j->ap)) {
        err_what(e, ERR_INTERRUPTED, "%s:%d: interrupted", j->t->script->file,
                 s->line);
        err_why(e, "signal %d asked us to stop", loop_stop_signal(j->ap->loop));
        err_fix(e, "see what stands where: tidegate status");
        return stop_at(j, i);
    }
    j->t->there = j->done;
    if (!enter(j, i, e))
        return stop_at(j, i);
    if (j->lines[i].begun) {
        switch (see(j, i, e)) {
        case SEEN_DONE:
            ok = note_done(j, i, e);
            j->done += ok;
            j->left &= !ok;
            return ok;
        case SEEN_UNKNOWN:
            j->t->out->statement = i + 1;
            j->t->out->outcome = APPLY_UNKNOWN;
            return false;
        case SEEN_ABSENT:
            j->left = j->lines[i].finish != NULL;
            break;
        }
    }
    j->t->give_up = clock_mono() + j->ap->s.retry_for_ms;
    ok = s->needs_no_transaction ? run_alone(j, i, e) : run_within(j, i, e);
    j->done += ok;
    j->left &= !ok;
    failpoint("journal-done");
    return ok;
}

/* The applied row ends the journal. */
static bool close_journal(struct journal *j, struct err *e)
{
    struct part part = {NULL, 0, (int)j->t->script->n, j->t->record};
    enum ended ended;

    j->t->give_up = clock_mono() + j->ap->s.retry_for_ms;
    ended = transaction_run(j->ap, j->t, &part, e);

    if (ended == ENDED_UNKNOWN && apply_reopen(j->ap, e) && load(j, e))
        ended = j->done ? ENDED_ROLLED_BACK : ENDED_DONE;
    if (ended == ENDED_DONE)
        return true;
    j->t->out->outcome = ended == ENDED_UNKNOWN ? APPLY_UNKNOWN : APPLY_PARTIAL;
    return false;
}

bool journal_run(struct apply *ap, struct task *t, struct err *e)
{
    struct journal j = {.ap = ap, .t = t};

    t->out->outcome = APPLY_ROLLED_BACK;
    if (!load(&j, e))
        return false;
    for (size_t i = 0; i < t->script->n; i++)
        if (!run_line(&j, (int)i, e))
            return false;
    if (!close_journal(&j, e))
        return false;
    t->out->statement = 0;
    t->out->outcome = APPLY_DONE;
    return true;
}
