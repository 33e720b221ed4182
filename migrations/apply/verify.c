/* What verifies a migration: run behind a savepoint before its row is written,
 * and gone back from. So where the migration is one transaction, one that was
 * not done well is not done at all; where it is not, it stays unfinished. */
#include <string.h>

#include "migrations/apply/transaction.h"
#include "runner/base/failpoint.h"
#include "runner/base/hash.h"

#define UNSAFE_ENUM_VALUE "55P04"
#define UNREHEARSED_MS    60000

/* The session that a tool would have opened for it: nothing that the migration
 * has set holds. */
static char *begin_sql(struct apply *ap, const struct task *t,
                       const char *savepoint)
{
    const struct script *v = t->script->verify;
    int64_t lock_ms =
        v->lock_timeout_ms > 0 ? v->lock_timeout_ms : ap->s.lock_timeout_ms;

    return arena_printf(
        t->a,
        "SAVEPOINT %s; RESET ALL;"
        " SET SESSION AUTHORIZATION DEFAULT; %s",
        savepoint,
        transaction_settings(ap, t, v->statement_timeout_ms, lock_ms));
}

static bool stands(const struct task *t)
{
    return t->script->batch || !t->script->transaction;
}

static void say_what_to_do(const struct apply *ap, const struct task *t,
                           const struct guard *g, struct err *e)
{
    const char *file = t->script->file, *verify = t->script->verify->file;

    if (strcmp(pg_failed(ap->work)->sqlstate, UNSAFE_ENUM_VALUE) == 0)
        err_fix(e,
                "it is asked before %s is committed; let it not use the new "
                "value, or write at the top of %s: -- tidegate: "
                "transaction=none",
                file, file);
    else if (g->why == GUARD_LATE)
        err_fix(e,
                "say at the top of %s how long one statement of it may take: "
                "-- tidegate: statement_timeout=10m%s",
                verify,
                stands(t) ? "; then: tidegate resume, which asks again" : "");
    else if (stands(t))
        err_fix(e,
                "%s has run, and does not count as applied: mend by hand what "
                "%s found, then: tidegate resume, which asks again",
                file, verify);
    else
        err_fix(e, "nothing of it is there: mend %s, or what %s asks", file,
                verify);
}

/* Of what the server said, what may pass is left to be tried again. */
static bool blame(struct apply *ap, const struct task *t, size_t i,
                  const struct guard *g, struct err *e)
{
    struct task asked = *t;

    asked.script = t->script->verify;
    transaction_blame(ap, &asked, &asked.script->statements[i], g, e);
    if (e->code == ERR_FAILED &&
        (g->why == GUARD_LET || g->why == GUARD_LATE ||
         (g->why == GUARD_OVERRUN && stands(t))) &&
        !pg_failed(ap->work)->lost)
        say_what_to_do(ap, t, g, e);
    return false;
}

static bool left(const struct script *v, const struct statement *s,
                 struct err *e)
{
    err_what(e, ERR_UNKNOWN, "%s:%d: %s ended the transaction", v->file,
             s->line, s->kind);
    err_why(e, "what it verifies may be committed, without the row that says "
               "so");
    return err_fix(e, "look at the database, then mark or repair it by hand");
}

/* Of what stands, no statement is left that has an estimate; that of all of it
 * has the verify script in it. */
static int64_t limit_of(const struct apply *ap, const struct task *t)
{
    int64_t limit = t->expected->all.high * ap->s.overrun;

    if (t->expected->all.high <= 0)
        return CLOCK_NEVER;
    return limit > ap->s.overrun_least_ms ? limit : ap->s.overrun_least_ms;
}

/* Of what nobody has rehearsed: all of it is to end before this, for it holds
 * the locks of what it verifies. One that says how long a statement of it may
 * take has said so. */
static int64_t deadline_of(const struct apply *ap, const struct script *v)
{
    int64_t ms = ap->s.verify_ms > 0 ? ap->s.verify_ms : UNREHEARSED_MS;

    return v->statement_timeout_ms > 0 ? CLOCK_NEVER : clock_mono() + ms;
}

static bool own(struct apply *ap, struct task *t, const struct guard *as,
                const char *sql, struct err *e)
{
    struct guard g = *as;
    struct pg_result r;

    if (guard_run(ap, &g, sql, &r, e))
        return true;
    transaction_blame(ap, t, NULL, &g, e);
    return false;
}

bool verify_run(struct apply *ap, struct task *t, const struct guard *as,
                struct err *e)
{
    const struct script *v = t->script->verify;
    int64_t began = clock_mono(), deadline;
    const char *savepoint;
    struct pg_result r;
    char nonce[17];

    if (!v)
        return true;
    /* one of the same name in the script would take the place of ours */
    nonce_hex(nonce, 8);
    savepoint = arena_printf(t->a, "tidegate_verify_%s", nonce);
    if (!own(ap, t, as, begin_sql(ap, t, savepoint), e))
        return false;
    deadline = deadline_of(ap, v);
    for (size_t i = 0; i < v->n; i++) {
        const struct statement *s = &v->statements[i];
        struct guard g = *as;

        if (g.limit_ms == CLOCK_NEVER)
            g.limit_ms = limit_of(ap, t);
        if (g.limit_ms == CLOCK_NEVER)
            g.deadline = deadline;
        g.data = s->data;
        g.data_len = s->data_len;
        g.passed_ms += clock_mono() - began;
        if (!guard_run(ap, &g, s->text, &r, e))
            return blame(ap, t, i, &g, e);
        if (pg_transaction(ap->work) != PG_IN_TRANSACTION)
            return left(v, s, e);
    }
    failpoint("apply-verified");
    return own(ap, t, as,
               arena_printf(t->a,
                            "ROLLBACK TO SAVEPOINT %s; RELEASE SAVEPOINT %s",
                            savepoint, savepoint),
               e);
}
