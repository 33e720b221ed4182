/* Migrations that cannot be one transaction: statement by statement, with
 * intent before and outcome after. A statement that could share a transaction
 * shares one with its outcome; only the others can be left unknown, and those
 * are looked at. */
#include "migrations/apply/journal.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/apply/alone.h"
#include "migrations/apply/transaction.h"
#include "runner/base/failpoint.h"

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

bool journal_intend(struct journal *j, int i, const char *invalid,
                    struct err *e)
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
        transaction_blame_own(ap, pg_failed(ap->idle), j->t->script->file, e);
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

/* As if it had not begun: the row of statement i goes. */
static bool take_back(struct journal *j, int i, struct err *e)
{
    struct apply *ap = j->ap;
    struct arena *a = j->t->a;
    struct pg_result r;

    return pg_run(ap->idle, a,
                  arena_printf(a,
                               "SELECT tidegate.pass_fence(%s, %lld, %s);"
                               " DELETE FROM tidegate.journal WHERE name = %s"
                               " AND down = %s AND statement = %d",
                               pg_literal(ap->idle, a, ap->s.ledger),
                               (long long)ap->s.epoch,
                               pg_literal(ap->idle, a, ap->s.run),
                               pg_literal(ap->idle, a, j->t->name),
                               j->t->down ? "true" : "false", i + 1),
                  &r, e);
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

bool journal_reopen(struct journal *j, int i, struct err *e)
{
    j->t->entered = false;
    return apply_reopen(j->ap, e) && enter(j, i, e);
}

/* ---- how it ended ---- */

bool journal_stop_at(struct journal *j, int i)
{
    struct apply *ap = j->ap;
    const char *params[] = {ap->s.ledger, number(j->t->a, ap->s.epoch),
                            ap->s.run, j->t->name, j->t->down ? "t" : "f"};
    struct pg_result r;
    struct err ignored;

    j->t->out->statement = i + 1;
    j->t->out->outcome = j->done || j->left ? APPLY_PARTIAL : APPLY_ROLLED_BACK;
    if ((size_t)i < j->t->script->n && j->lines[i].absent && j->done)
        take_back(j, i, &ignored);
    else if (j->done || j->left)
        finish(j, i, "failed", &ignored);
    else
        pg_query(ap->idle, j->t->a,
                 "SELECT tidegate.abandon($1, $2::int8, $3, $4, $5::bool)",
                 params, 5, &r, &ignored);
    return false;
}

bool journal_note_done(struct journal *j, int i, struct err *e)
{
    if (finish(j, i, "done", e) ||
        (e->code == ERR_UNREACHABLE && journal_reopen(j, i, e) &&
         finish(j, i, "done", e)))
        return true;
    if (j->ap->idle)
        transaction_blame_own(j->ap, pg_failed(j->ap->idle), j->t->script->file,
                              e);
    j->t->out->statement = i + 1;
    j->t->out->outcome = APPLY_PARTIAL;
    return false;
}

bool journal_unknown_at(struct journal *j, int i, const char *why,
                        struct err *e)
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

/* ---- a statement with a transaction of its own ---- */

static bool run_within(struct journal *j, int i, struct err *e)
{
    struct part part = {&j->t->script->statements[i], 1, i + 1,
                        finish_sql(j, i, "done")};
    struct err why;

    if (!journal_intend(j, i, "{}", e))
        return journal_stop_at(j, i);
    switch (transaction_run(j->ap, j->t, &part, e)) {
    case ENDED_DONE:
        return true;
    case ENDED_ROLLED_BACK:
        return journal_stop_at(j, i);
    case ENDED_LOST:
    case ENDED_UNKNOWN:
        break;
    }
    why = *e;
    if (!journal_reopen(j, i, e) || !load(j, e))
        return journal_unknown_at(j, i, why.why, e);
    if (j->lines[i].done)
        return true;
    *e = why;
    return journal_stop_at(j, i);
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
        return journal_stop_at(j, i);
    }
    j->t->there = j->done;
    if (!enter(j, i, e))
        return journal_stop_at(j, i);
    if (j->lines[i].begun) {
        switch (alone_see(j, i, e)) {
        case ALONE_DONE:
            ok = journal_note_done(j, i, e);
            j->done += ok;
            j->left &= !ok;
            return ok;
        case ALONE_UNKNOWN:
            j->t->out->statement = i + 1;
            j->t->out->outcome = APPLY_UNKNOWN;
            return false;
        case ALONE_ABSENT:
            j->left = j->lines[i].finish != NULL;
            break;
        }
    }
    j->t->give_up = clock_mono() + j->ap->s.retry_for_ms;
    ok = s->needs_no_transaction ? alone_run(j, i, e) : run_within(j, i, e);
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

/* What its row will say, so that it can be undone before its end. */
static bool keep(struct journal *j, struct err *e)
{
    struct apply *ap = j->ap;
    const struct applied_row *as = j->t->as;
    const char *params[] = {ap->s.ledger,
                            number(j->t->a, ap->s.epoch),
                            ap->s.run,
                            as->name,
                            number(j->t->a, j->t->number),
                            as->checksum,
                            as->after ? "after" : "before",
                            as->release,
                            as->up,
                            as->down,
                            as->compatible,
                            as->forward_only};
    struct pg_result r;

    if (pg_query(ap->idle, j->t->a,
                 "SELECT tidegate.begin_alone($1, $2::int8, $3, $4, $5::int8,"
                 " $6, $7, $8, $9, $10, $11, $12)",
                 params, 12, &r, e))
        return true;
    transaction_blame_own(ap, pg_failed(ap->idle), j->t->script->file, e);
    return journal_stop_at(j, j->done);
}

/* Names are looked up as the statement did; what IF NOT EXISTS passed over is
 * not for its undoing. */
static bool settled(struct journal *j, int i, bool *done, struct err *e)
{
    bool nothing = false;

    *done = j->lines[i].done;
    if (!*done && !j->lines[i].begun)
        return true;
    j->t->entered = false;
    if (!enter(j, i, e) || (*done && !alone_made_nothing(j, i, &nothing, e)))
        return false;
    *done &= !nothing;
    return true;
}

bool journal_settle(struct apply *ap, struct task *t, bool *done, struct err *e)
{
    struct journal j = {.ap = ap, .t = t};

    t->out->outcome = APPLY_PARTIAL;
    if (!load(&j, e))
        return false;
    for (size_t i = 0; i < t->script->n; i++) {
        int at = (int)i;

        if (!settled(&j, at, &done[i], e))
            return false;
        if (!j.lines[i].begun)
            continue;
        switch (alone_see(&j, at, e)) {
        case ALONE_DONE:
            if (!journal_note_done(&j, at, e))
                return false;
            done[i] = true;
            break;
        case ALONE_UNKNOWN:
            t->out->statement = at + 1;
            t->out->outcome = APPLY_UNKNOWN;
            return false;
        case ALONE_ABSENT:
            if (!j.lines[i].finish)
                break;
            err_what(e, ERR_PARTWAY, "%s is half done", t->script->file);
            err_why(e, "line %d, %s, is pending detach",
                    t->script->statements[i].line,
                    t->script->statements[i].kind);
            return err_fix(e, "run %s, then this again", j.lines[i].finish);
        }
    }
    return true;
}

bool journal_run(struct apply *ap, struct task *t, struct err *e)
{
    struct journal j = {.ap = ap, .t = t};

    t->out->outcome = APPLY_ROLLED_BACK;
    if (!load(&j, e) || (!t->down && !keep(&j, e)))
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
