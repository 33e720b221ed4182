#include "migrations/apply/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/half.h"
#include "migrations/apply/transaction.h"
#include "migrations/apply/work.h"
#include "migrations/hazards/refusals.h"
#include "migrations/read/split.h"
#include "runner/base/buf.h"
#include "runner/base/failpoint.h"

#define LOCK_TIMEOUT_MS  100
#define RETRY_FOR_MS     (2 * 60 * 1000)
#define OVERRUN          3
#define OVERRUN_LEAST_MS 5000
#define LOOK_UP_MS       15000
#define LOOK_UP_EACH_MS  250

struct apply *apply_open(struct loop *l, struct arena *a,
                         const struct apply_settings *s,
                         struct progress *progress, struct err *e)
{
    struct apply *ap = must_malloc(sizeof *ap);

    *ap = (struct apply){.loop = l, .a = a, .s = *s, .progress = progress};
    ap->s.conninfo = arena_strdup(a, s->conninfo);
    ap->s.run = arena_strdup(a, s->run);
    ap->s.release = arena_strdup(a, s->release);
    ap->s.ledger = arena_strdup(a, s->ledger);
    if (ap->s.lock_timeout_ms <= 0)
        ap->s.lock_timeout_ms = LOCK_TIMEOUT_MS;
    if (ap->s.retry_for_ms <= 0)
        ap->s.retry_for_ms = RETRY_FOR_MS;
    if (ap->s.overrun <= 0)
        ap->s.overrun = OVERRUN;
    if (ap->s.overrun_least_ms <= 0)
        ap->s.overrun_least_ms = OVERRUN_LEAST_MS;
    ap->stops = loop_stops(l);
    if (door_open(ap, e))
        return ap;
    apply_close(ap);
    return NULL;
}

void apply_close(struct apply *ap)
{
    if (!ap)
        return;
    door_close(ap);
    free(ap);
}

struct pg *apply_connection(struct apply *ap)
{
    return ap->idle;
}

/* ---- what this run has done so far ---- */

static void remember(struct apply *ap, const struct task *t)
{
    if (ap->done_n == ap->done_cap) {
        size_t cap = ap->done_cap ? 2 * ap->done_cap : 16;
        ap->done =
            arena_grow(ap->a, ap->done, ap->done_n, cap, sizeof *ap->done);
        ap->done_cap = cap;
    }
    ap->done[ap->done_n++] =
        (struct done){.name = arena_strdup(ap->a, t->name),
                      .checksum = arena_strdup(ap->a, t->checksum),
                      .down = t->down};
}

/* The checksum under which it is applied now, or NULL. */
static const char *applied_as(const struct apply *ap, const char *name)
{
    const struct applied_row *row;

    for (size_t i = ap->done_n; i-- > 0;)
        if (strcmp(ap->done[i].name, name) == 0)
            return ap->done[i].down ? NULL : ap->done[i].checksum;
    row = applied_find(&ap->applied, name);
    return row ? row->checksum : NULL;
}

/* ---- the answer to COMMIT was lost ---- */

bool apply_reopen(struct apply *ap, struct err *e)
{
    int64_t until = clock_mono() + LOOK_UP_MS;

    for (;;) {
        door_close(ap);
        if (door_open(ap, e)) {
            ap->done_n = 0;
            return true;
        }
        if (e->code != ERR_UNREACHABLE || clock_mono() >= until ||
            !loop_sleep(ap->loop, LOOK_UP_EACH_MS))
            return false;
    }
}

/* A lost connection: the next task opens them all again. */
static bool usable(const struct apply *ap)
{
    return ap->idle && ap->work && ap->observer &&
           pg_transaction(ap->idle) != PG_LOST &&
           pg_transaction(ap->work) != PG_LOST &&
           pg_transaction(ap->observer) != PG_LOST;
}

bool apply_ready(struct apply *ap, struct err *e)
{
    return usable(ap) || apply_reopen(ap, e);
}

static bool look_up(struct apply *ap, const struct task *t,
                    struct apply_result *out, struct err *e)
{
    struct err why;
    bool there;

    if (!apply_reopen(ap, &why)) {
        out->outcome = APPLY_UNKNOWN;
        err_what(e, ERR_UNKNOWN, "%s: commit unknown", t->script->file);
        err_why(e, "the connection was lost in COMMIT, and then: %s; %s",
                why.what, why.why);
        return err_fix(e, "once the database answers: tidegate resume");
    }
    there = applied_find(&ap->applied, t->name) != NULL;
    if (there != t->down) {
        out->outcome = APPLY_DONE;
        return true;
    }
    out->outcome = APPLY_ROLLED_BACK;
    err_what(e, ERR_FAILED, "%s: the connection was lost in COMMIT",
             t->script->file);
    err_why(e, "the database has rolled it back: it is not there");
    return err_fix(e, "run it again: tidegate resume");
}

/* ---- one task ---- */

static bool run_whole(struct apply *ap, struct task *t, struct err *e)
{
    struct part all = {t->script->statements, t->script->n, 1, t->record};

    switch (transaction_run(ap, t, &all, e)) {
    case ENDED_DONE:
        t->out->outcome = APPLY_DONE;
        return true;
    case ENDED_UNKNOWN:
        return look_up(ap, t, t->out, e);
    case ENDED_LOST:
    case ENDED_ROLLED_BACK:
        break;
    }
    t->out->outcome = APPLY_ROLLED_BACK;
    return false;
}

static bool run(struct apply *ap, struct task *t, struct err *e)
{
    bool ok;

    t->ms = arena_array(ap->a, t->script->n, sizeof *t->ms);
    for (size_t i = 0; i < t->script->n; i++)
        t->ms[i] = -1;
    t->out->statement_ms = t->ms;
    t->out->statements = t->script->n;
    t->began = clock_mono();
    t->give_up = t->began + ap->s.retry_for_ms;
    ap->stops = loop_stops(ap->loop);
    failpoint("apply-begin");
    ok = t->script->batch         ? backfill_run(ap, t, e)
         : t->script->transaction ? run_whole(ap, t, e)
                                  : journal_run(ap, t, e);
    t->out->ms = clock_mono() - t->began;
    if (ok)
        remember(ap, t);
    return ok;
}

/* An argument list of literals, after what every function of ours takes. */
static char *call(struct apply *ap, struct arena *a, const char *function,
                  const char *const *args, size_t n)
{
    struct buf b;

    buf_init(&b);
    buf_printf(&b, "SELECT tidegate.%s(%s, %lld, %s", function,
               pg_literal(ap->work, a, ap->s.ledger), (long long)ap->s.epoch,
               pg_literal(ap->work, a, ap->s.run));
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, ", %s",
                   args[i] ? pg_literal(ap->work, a, args[i]) : "NULL");
    buf_char(&b, ')');
    return buf_into(&b, a);
}

static bool is_edited(const struct migration *m, const char *was, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s is applied, with another text", m->up.file);
    err_why(e, "applied with digest %s; the file has %s", was, m->checksum);
    return err_fix(e,
                   "restore the file%s, and write the change as a new "
                   "migration",
                   migration_values(m));
}

static bool up_in(struct apply *ap, const struct migration *m, struct task *t,
                  struct err *e)
{
    const char *args[] = {m->name,
                          arena_printf(t->a, "%lld", (long long)m->number),
                          m->checksum,
                          m->after ? "after" : "before",
                          ap->s.release,
                          m->up.text,
                          m->has_down ? m->down.text : NULL,
                          m->compatible,
                          m->forward_only};
    struct applied_row as = {.name = m->name,
                             .checksum = m->checksum,
                             .after = m->after,
                             .release = ap->s.release,
                             .up = m->up.text,
                             .down = m->has_down ? m->down.text : NULL,
                             .compatible = m->compatible,
                             .forward_only = m->forward_only};

    t->as = &as;
    t->number = m->number;
    t->record = call(ap, t->a, "record", args, sizeof args / sizeof *args);
    return run(ap, t, e);
}

static bool half_undone(const struct migration *m, const char *how,
                        struct err *e)
{
    err_what(e, ERR_REFUSED, "%s is half undone", m->name);
    err_why(e,
            "its down %s and was cut short; its up would do twice what is "
            "still there",
            how);
    return err_fix(e, "finish the way back first: tidegate resume");
}

static const struct apply_expected unknown = {.back_high = -1};

bool apply_up(struct apply *ap, const struct migration *m,
              const struct apply_expected *expected, struct apply_result *out,
              struct err *e)
{
    const char *was;
    struct arena a;
    struct task t = {.name = m->name,
                     .script = &m->up,
                     .checksum = m->checksum,
                     .expected = expected ? expected : &unknown,
                     .a = &a,
                     .out = out};
    bool ok;

    *out = (struct apply_result){.outcome = APPLY_ROLLED_BACK};
    if (!apply_ready(ap, e))
        return false;
    was = applied_as(ap, m->name);
    if (was && strcmp(was, m->checksum) != 0)
        return is_edited(m, was, e);
    if (was) {
        *out = (struct apply_result){.outcome = APPLY_DONE, .already = true};
        return true;
    }
    if (!m->up.batch && applied_backfill(&ap->applied, m->name))
        return half_undone(m, "goes through batches", e);
    if (applied_half(&ap->applied, m->name, true))
        return half_undone(m, "runs statement by statement", e);
    arena_init(&a);
    ok = up_in(ap, m, &t, e);
    arena_release(&a);
    return ok;
}

static bool no_way_back(const struct applied_row *row, struct err *e)
{
    err_what(e, ERR_REFUSED, "no way back past %s", row->name);
    err_why(e, "%s%s",
            row->forward_only ? "it is forward-only: " : "it has no down file",
            row->forward_only ? row->forward_only : "");
    return err_fix(e, "roll forward");
}

/* A down that is one script speaks of all rows, also of those that the up has
 * not come to. */
static bool half_done(const struct applied_row *row, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s is half done, and its down is not in batches",
             row->name);
    err_why(e, "it would also touch the rows that the up has not come to");
    return err_fix(e, "finish it: tidegate resume; then go back");
}

bool apply_down_script(const struct applied_row *row, struct arena *a,
                       struct script *out, struct err *e)
{
    struct sql_file file = {arena_printf(a, "%s.down.sql", row->name),
                            row->down, strlen(row->down),
                            /* it was read before */
                            .how = {.foreign = true, .allowed = REFUSES_ALL}};

    return split_script(out, NULL, a, &file, true, e);
}

static bool down_in(struct apply *ap, const struct applied_row *row, bool half,
                    struct task *t, struct err *e)
{
    const char *args[] = {row->name};
    struct script script;

    if (!apply_down_script(row, t->a, &script, e))
        return false;
    if (half && !script.batch)
        return half_done(row, e);
    t->script = &script;
    t->as = row;
    t->record = call(ap, t->a, "forget", args, 1);
    return run(ap, t, e);
}

/* Of an up that stopped between its statements: those of the down that undo
 * what is done. Which they are stays the same until its journal ends, so a
 * down that is cut short goes on. */
static bool down_half(struct apply *ap, const struct applied_row *row,
                      struct task *t, struct err *e)
{
    const char *args[] = {row->name}, *why;
    struct script up, down, picked;
    struct err unread = {0}; /* e may say what came before */
    struct task was = *t;
    bool *done;

    if (!half_texts(t->a, row, &up, &down, e))
        return false;
    was.down = false;
    was.script = &up;
    was.ms = arena_array(t->a, up.n, sizeof *was.ms);
    done = arena_array(t->a, up.n, sizeof *done);
    if (!journal_settle(ap, &was, done, e))
        return false;
    if (!half_script(t->a, row, done, up.n, &picked, &why, &unread)) {
        if (unread.code != ERR_NONE) {
            *e = unread;
            return false;
        }
        err_what(e, ERR_PARTWAY, "%s is half applied", row->name);
        err_why(e, "%s", why);
        return err_fix(e, "%s", half_by_hand(t->a, row->name));
    }
    t->script = &picked;
    t->as = row;
    t->expected = &unknown; /* other statements were rehearsed */
    t->record = call(ap, t->a, "forget", args, 1);
    bool ok = run(ap, t, e);

    if (!ok && t->out->outcome == APPLY_ROLLED_BACK)
        t->out->outcome = APPLY_PARTIAL; /* the half that was there */
    t->out->statements = 0;              /* not those that were rehearsed */
    return ok;
}

bool apply_down(struct apply *ap, const struct applied_row *row,
                const struct apply_expected *expected, struct apply_result *out,
                struct err *e)
{
    struct arena a;
    struct task t = {.name = row->name,
                     .down = true,
                     .checksum = row->checksum,
                     .expected = expected ? expected : &unknown,
                     .a = &a,
                     .out = out};
    struct backfill_row half;
    bool ok, some = false;

    *out = (struct apply_result){.outcome = APPLY_ROLLED_BACK};
    if (!apply_ready(ap, e) ||
        (!applied_as(ap, row->name) &&
         !applied_backfill_read(ap->idle, ap->a, row->name, &half, &some, e)))
        return false;
    const struct journal_row *begun =
        some || applied_as(ap, row->name)
            ? NULL
            : applied_half(&ap->applied, row->name, false);

    if (!some && !begun && !applied_as(ap, row->name)) {
        *out = (struct apply_result){.outcome = APPLY_DONE, .already = true};
        return true;
    }
    if (!row->down)
        return no_way_back(row, e);
    arena_init(&a);
    ok = begun ? down_half(ap, row, &t, e) : down_in(ap, row, some, &t, e);
    arena_release(&a);
    return ok;
}

bool apply_observe(struct apply *ap, const char *name, bool down,
                   struct apply_result *out, struct err *e)
{
    *out = (struct apply_result){.outcome = APPLY_UNKNOWN};
    if (!door_orphans(ap, e) || !applied_read(ap->idle, ap->a, &ap->applied, e))
        return false;
    ap->done_n = 0;
    out->outcome = APPLY_ROLLED_BACK;
    for (size_t i = 0; i < ap->applied.open_n; i++) {
        const struct journal_row *j = &ap->applied.open[i];
        if (strcmp(j->name, name) != 0 || j->down != down)
            continue;
        out->outcome = APPLY_PARTIAL;
        out->statement = j->statements_done + 1;
    }
    if (applied_backfill(&ap->applied, name)) {
        out->outcome = APPLY_PARTIAL;
        out->statement = 1;
    } else if ((applied_find(&ap->applied, name) != NULL) != down) {
        out->outcome = APPLY_DONE;
        out->already = true;
    }
    return true;
}
