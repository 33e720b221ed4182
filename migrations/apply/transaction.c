/* One transaction of a migration, tried until it is done or must not be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/transaction.h"
#include "migrations/text/lexer.h"
#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/base/failpoint.h"
#include "runner/base/hash.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS  5000

/* ---- opening ---- */

static void add_set(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "%spg_catalog.set_config('%s', %s, false)",
               b->data[b->len - 1] == '(' ? "" : ", ", name, value);
}

char *transaction_settings(struct apply *ap, const struct task *t,
                           int64_t statement_ms, int64_t lock_ms)
{
    char *application =
        arena_printf(t->a, "tidegate:%s:=%s", ap->s.run, t->name);
    struct buf b;

    buf_init(&b);
    buf_str(&b, "SELECT (");
    add_set(&b, "application_name", pg_literal(ap->work, t->a, application));
    add_set(&b, "standard_conforming_strings", "'on'");
    add_set(&b, "idle_in_transaction_session_timeout", "'0'");
    if (pg_server_version(ap->work) >= 170000)
        add_set(&b, "transaction_timeout", "'0'");
    if (ap->checks_client)
        add_set(&b, "client_connection_check_interval", "'500ms'");
    add_set(&b, "lock_timeout",
            arena_printf(t->a, "'%lldms'", (long long)lock_ms));
    add_set(&b, "statement_timeout",
            arena_printf(t->a, "'%lldms'",
                         (long long)(statement_ms > 0 ? statement_ms : 0)));
    buf_str(&b, ")");
    return buf_into(&b, t->a);
}

/* What a migration before may have left behind goes; then our own settings.
 * All in one message: in a rolled back transaction it is undone as well, and
 * said again by the next opening. */
char *transaction_opening(struct apply *ap, const struct task *t, bool begin,
                          int64_t lock_timeout_ms)
{
    return arena_printf(
        t->a, "%s%s%s",
        t->entered ? ""
                   : "RESET ALL; SET SESSION AUTHORIZATION DEFAULT; "
                     "DEALLOCATE ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; "
                     "SELECT pg_catalog.pg_advisory_unlock_all(); ",
        begin ? "BEGIN; " : "",
        transaction_settings(ap, t, t->script->statement_timeout_ms,
                             lock_timeout_ms));
}

/* ---- what went wrong ---- */

bool transaction_again(const struct pg_failure *f)
{
    /* lock not available, deadlock, could not serialize */
    static const char *const states[] = {"55P03", "40P01", "40001"};

    for (size_t i = 0; !f->lost && i < sizeof states / sizeof *states; i++)
        if (strcmp(f->sqlstate, states[i]) == 0)
            return true;
    return false;
}

/* position counts characters from 1. */
static int line_at(const struct statement *s, int position)
{
    const char *p = s->text;
    int line = s->line;

    for (int i = 1; i < position && *p; p++) {
        line += *p == '\n';
        i += ((unsigned char)p[1] & 0xc0) != 0x80;
    }
    return line;
}

bool transaction_blame_own(struct apply *ap, const struct pg_failure *f,
                           const char *file, struct err *e)
{
    struct err old = *e;

    if (strcmp(f->sqlstate, "TG001") == 0) {
        err_what(e, ERR_INPUT, "%s: touches schema tidegate", file);
        err_why(e, "a lock on one of its tables was held at the end");
        err_fix(e, "leave schema tidegate alone");
        return true;
    }
    if (strcmp(f->sqlstate, "TG002") == 0) {
        err_what(e, ERR_REFUSED, "run %s is no longer the one that may write",
                 ap->s.run);
        err_why(e, "%s", old.why);
        err_fix(e, "see who has taken over: tidegate status");
        return true;
    }
    return false;
}

static const char *what_is_there(const struct task *t, const struct guard *g)
{
    if (g->halves)
        return "a part of it may be there";
    if (t->script->transaction || t->there == 0)
        return "nothing of it is there";
    return arena_printf(t->a, "%d of its %zu statements %s there", t->there,
                        t->script->n, t->there == 1 ? "is" : "are");
}

/* What the guard had against it. */
static void blame_cancelled(const struct apply *ap, const struct task *t,
                            const char *where, const struct guard *g,
                            struct err *e)
{
    char ran[40], high[40];
    const struct apply_expected *x = t->expected;
    bool one = g->statement > 0 && (size_t)g->statement <= x->n &&
               !t->script->transaction;

    duration_text(g->waited_ms, ran, sizeof ran);
    switch (g->why) {
    case GUARD_LET:
        break;
    case GUARD_STOPPED:
        err_what(e, ERR_INTERRUPTED, "%s: interrupted", where);
        err_why(e, "signal %d asked us to stop; the statement was cancelled",
                loop_stop_signal(ap->loop));
        err_fix(e, "see what stands where: tidegate status");
        return;
    case GUARD_CROWDED:
        err_what(e, ERR_FAILED, "%s: cancelled, because others had to wait",
                 where);
        err_why(e, "%d sessions were waiting behind it, the longest for %s",
                g->waiting, ran);
        err_fix(e, "do the slow part first or in a migration of its own, or "
                   "run it when fewer users are on");
        return;
    case GUARD_OVERRUN:
        duration_text(one ? x->each[g->statement - 1].high : x->all.high, high,
                      sizeof high);
        err_what(e, ERR_FAILED, "%s: cancelled, far over its estimate", where);
        err_why(e,
                "it ran for %s; rehearsed it takes up to %s, and overrun = "
                "%d; %s",
                ran, high, ap->s.overrun, what_is_there(t, g));
        err_fix(e, "rehearse on a clone that is more like production, or "
                   "raise overrun in [budget]");
        return;
    case GUARD_LATE:
        err_what(e, ERR_FAILED, "%s: cancelled at its deadline", where);
        err_why(e, "it had %s%s%s; %s", ran,
                *ap->sight.ahead ? ", and waited for " : "", ap->sight.ahead,
                what_is_there(t, g));
        err_fix(e,
                "%s, or give it another deadline: -- tidegate: "
                "statement_timeout=2h",
                t->script->transaction
                    ? "rehearse it, so that its estimate is its limit"
                    : "run it when no old transaction is open");
        return;
    }
}

bool transaction_blame(struct apply *ap, const struct task *t,
                       const struct statement *s, const struct guard *g,
                       struct err *e)
{
    const struct pg_failure *f = &g->failure;
    struct err old = *e;
    const char *where = s ? arena_printf(t->a, "%s:%d: %s", t->script->file,
                                         line_at(s, f->position), s->kind)
                          : t->script->file;

    if (g->why != GUARD_LET && (f->lost || strcmp(f->sqlstate, "57014") == 0)) {
        blame_cancelled(ap, t, where, g, e);
        return false;
    }
    if (f->lost) {
        err_what(e, old.code, "%s: the connection was lost", where);
        err_why(e, "%s", old.why);
        return err_fix(e, "%s", old.fix);
    }
    if (transaction_blame_own(ap, f, t->script->file, e))
        return false;
    err_what(e, ERR_FAILED, "%s failed", where);
    if (strcmp(f->sqlstate, "55P03") == 0 && ap->sight.ahead[0])
        err_why(e, "%s; it was held by %s; tried %d times", old.why,
                ap->sight.ahead, t->out->retries + 1);
    else
        err_why(e, "%s", old.why);
    return err_fix(e, "%s", old.fix);
}

/* ---- one try ---- */

int64_t transaction_limit(const struct apply *ap, const struct task *t,
                          const struct part *part)
{
    const struct apply_expected *x = t->expected;
    size_t last = (size_t)part->first - 1 + part->n;
    int64_t high = 0, limit;

    if (t->script->transaction)
        high = x->all.high;
    else
        for (size_t i = (size_t)part->first - 1; i < last && i < x->n; i++)
            high += x->each[i].high;
    if (high <= 0 || x->past)
        return CLOCK_NEVER;
    limit = high * ap->s.overrun;
    return limit > ap->s.overrun_least_ms ? limit : ap->s.overrun_least_ms;
}

/* An up that nobody rehearsed may not run for ever. A way back may: it has to
 * come to its end, and its text cannot be given another deadline. */
static int64_t deadline_of(const struct apply *ap, const struct task *t,
                           int64_t limit)
{
    if (limit != CLOCK_NEVER || t->down || t->script->statement_timeout_ms >= 0)
        return CLOCK_NEVER;
    return t->tried + (ap->s.alone_ms > 0 ? ap->s.alone_ms : DEADLINE_MS);
}

static struct guard watch(const struct apply *ap, const struct task *t,
                          const struct part *part)
{
    int64_t limit = transaction_limit(ap, t, part);

    return (struct guard){.t = t,
                          .deadline = deadline_of(ap, t, limit),
                          .limit_ms = limit,
                          .passed_ms = clock_mono() - t->tried};
}

static void undo(struct apply *ap, struct task *t)
{
    struct pg_result r;
    struct err ignored;

    if (pg_transaction(ap->work) != PG_LOST)
        pg_run(ap->work, t->a, "ROLLBACK", &r, &ignored);
}

static bool stopped_between(struct apply *ap, const struct task *t,
                            struct err *e)
{
    if (!guard_stopped(ap))
        return false;
    err_what(e, ERR_INTERRUPTED, "%s: interrupted", t->script->file);
    err_why(e, "signal %d asked us to stop", loop_stop_signal(ap->loop));
    err_fix(e, "see what stands where: tidegate status");
    return true;
}

/* Something in the migration ended the transaction behind our back. */
static bool left_transaction(const struct task *t, const struct statement *s,
                             struct err *e)
{
    err_what(e, ERR_UNKNOWN, "%s:%d: %s ended the transaction", t->script->file,
             s->line, s->kind);
    err_why(e, "what came before it may be committed, without the row that "
               "says so");
    return err_fix(e, "look at the database, then mark or repair it by hand");
}

static bool run_statements(struct apply *ap, struct task *t,
                           const struct part *part, struct err *e)
{
    struct pg_result r;

    for (size_t i = 0; i < part->n; i++) {
        const struct statement *s = &part->list[i];
        struct guard g = watch(ap, t, part);
        int64_t began = clock_mono();
        t->out->statement = g.statement = part->first + (int)i;
        g.data = s->data;
        g.data_len = s->data_len;
        if (stopped_between(ap, t, e))
            return false;
        if (!guard_run(ap, &g, s->text, &r, e))
            return transaction_blame(ap, t, s, &g, e);
        if (pg_transaction(ap->work) != PG_IN_TRANSACTION)
            return left_transaction(t, s, e);
        t->ms[g.statement - 1] = clock_mono() - began;
        failpoint("apply-statement");
    }
    t->out->statement = 0;
    return true;
}

static enum ended commit(struct apply *ap, struct task *t,
                         const struct part *part, struct err *e)
{
    struct guard g = watch(ap, t, part);
    struct pg_result r;

    g.uncancelled = true;
    failpoint("apply-commit");
    if (guard_run(ap, &g, "COMMIT", &r, e)) {
        failpoint("apply-committed");
        return ENDED_DONE;
    }
    if (pg_failed(ap->work)->lost) {
        err_what(e, ERR_UNKNOWN, "%s: the answer to COMMIT was lost",
                 t->script->file);
        err_why(e, "the connection broke before it came");
        err_fix(e, "once the database answers: tidegate resume");
        return ENDED_UNKNOWN;
    }
    transaction_blame(ap, t, NULL, &g, e); /* a deferred constraint, say */
    return ENDED_ROLLED_BACK;
}

/* Before COMMIT was sent. */
static enum ended broken_off(const struct apply *ap, const struct err *e)
{
    if (e->code == ERR_UNKNOWN)
        return ENDED_UNKNOWN;
    return pg_failed(ap->work)->lost ? ENDED_LOST : ENDED_ROLLED_BACK;
}

static enum ended try_once(struct apply *ap, struct task *t,
                           const struct part *part, struct err *e)
{
    int64_t lock_ms = t->script->lock_timeout_ms > 0
                          ? t->script->lock_timeout_ms
                          : ap->s.lock_timeout_ms;
    char *opening = transaction_opening(ap, t, true, lock_ms);
    struct guard g;
    struct pg_result r;

    t->tried = clock_mono();
    g = watch(ap, t, part);
    sight_clear(ap);
    for (size_t i = 0; i < part->n; i++)
        t->ms[part->first - 1 + (int)i] = -1;
    if (!guard_run(ap, &g, opening, &r, e)) {
        transaction_blame(ap, t, NULL, &g, e);
        return broken_off(ap, e);
    }
    failpoint("apply-begun");
    if (!run_statements(ap, t, part, e))
        return broken_off(ap, e);
    g = watch(ap, t, part);
    if (part->record == t->record && !verify_run(ap, t, &g, e))
        return broken_off(ap, e);
    g = watch(ap, t, part);
    /* our own tables are ours alone, whatever role the migration took */
    if (!guard_run(ap, &g,
                   arena_printf(t->a,
                                "SET SESSION AUTHORIZATION DEFAULT; "
                                "RESET ROLE; %s",
                                part->record),
                   &r, e)) {
        transaction_blame(ap, t, NULL, &g, e);
        return broken_off(ap, e);
    }
    failpoint("apply-recorded");
    return commit(ap, t, part, e);
}

/* ---- again and again ---- */

static void say_waits(struct apply *ap, const struct task *t)
{
    struct guard g = {.t = t};
    char doing[280];

    snprintf(doing, sizeof doing, "waits for its lock, try %d%s%s",
             t->out->retries + 1, ap->sight.ahead[0] ? ", held by " : "",
             ap->sight.ahead);
    guard_say(ap, &g, doing);
}

/* Half to one and a half of a span that doubles: two runners and a reader do
 * not stay in step. */
bool transaction_pause(struct apply *ap, struct task *t)
{
    int64_t span = PAUSE_FIRST_MS;
    char random[9];

    for (int i = 0; i < t->out->retries && span < PAUSE_MOST_MS; i++)
        span *= 2;
    nonce_hex(random, 4);
    span = span / 2 + (int64_t)(strtoul(random, NULL, 16) % (size_t)span);
    if (clock_mono() + span >= t->give_up)
        return false;
    t->out->retries++;
    say_waits(ap, t);
    return loop_sleep(ap->loop, span) && !guard_stopped(ap);
}

enum ended transaction_run(struct apply *ap, struct task *t,
                           const struct part *part, struct err *e)
{
    ap->sight.ahead[0] = '\0';
    for (;;) {
        int64_t began = clock_mono();
        struct pg_failure why;
        enum ended ended;

        ended = try_once(ap, t, part, e);
        why = *pg_failed(ap->work);
        if (ended == ENDED_ROLLED_BACK)
            undo(ap, t);
        if (ended != ENDED_ROLLED_BACK || e->code == ERR_INTERRUPTED ||
            !transaction_again(&why) || !transaction_pause(ap, t))
            return ended;
        t->out->lock_ms += clock_mono() - began;
    }
}
