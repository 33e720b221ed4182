#include "migrations/rehearse/trace.h"

#include <string.h>

#include "migrations/rehearse/backfill_trace.h"
#include "migrations/rehearse/inspect.h"
#include "migrations/rehearse/trace_left.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"

#define LIVE_MS          1000
#define CHECKPOINT_LIMIT "SET statement_timeout = '60s'"

bool traced_touch_matters(const struct traced_touch *t, bool after)
{
    return after || !t->relation->born;
}

static bool stopped(const struct trace *t)
{
    return loop_stops(t->loop) != t->stops;
}

static bool say_stopped(struct err *e)
{
    err_what(e, ERR_INTERRUPTED, "the rehearsal was interrupted");
    err_why(e, "a signal asked us to stop");
    return err_fix(e, "nothing is left of it; run it again when you want");
}

static void say_live(struct trace *t, const struct script *s, size_t i,
                     int64_t since)
{
    char text[32];

    duration_text(clock_mono() - since, text, sizeof text);
    progress_live(t->progress, s->file, (int64_t)i + 1, (int64_t)s->n,
                  "line %d: %s, %s", s->statements[i].line,
                  s->statements[i].kind ? s->statements[i].kind : "statement",
                  text);
}

/* Runs one statement, with an observer or without (NULL). */
static bool run_statement(struct trace *t, const struct script *s, size_t i,
                          struct observer *o, struct pg_result *out,
                          struct err *e)
{
    int64_t since = clock_mono(), live = since + LIVE_MS;
    bool watching = o != NULL;
    struct err ignored;

    if (stopped(t))
        return say_stopped(e);
    if (!pg_send_copy(t->work, s->statements[i].text, s->statements[i].data,
                      s->statements[i].data_len, e))
        return false;
    while (pg_busy(t->work)) {
        int64_t until = live;
        watching = watching && observer_turn(o, &ignored);
        if (watching && o->next < until)
            until = o->next;
        loop_turn(t->loop, until);
        if (stopped(t))
            pg_cancel(t->work);
        if (clock_mono() >= live) {
            say_live(t, s, i, since);
            live = clock_mono() + LIVE_MS;
        }
    }
    if (watching)
        observer_end(o, &ignored);
    if (!pg_take(t->work, t->arena, out, e))
        return stopped(t) ? say_stopped(e) : false;
    return true;
}

/* Where in the file the server points at, or the statement's own line. */
static int line_of(const struct statement *s, int position)
{
    int line = s->line;
    const char *p = s->text;

    for (; position > 1 && *p; p++) {
        if ((*p & 0xC0) == 0x80)
            continue; /* PostgreSQL counts characters */
        position--;
        line += *p == '\n';
    }
    return line;
}

/* Turns e into an answer; false where it is no answer. */
static bool failed(struct trace *t, struct traced_script *out,
                   const struct script *script, size_t i, struct err *e)
{
    const struct statement *s = &script->statements[i];
    const struct pg_failure *f = pg_failed(t->work);

    if (e->code != ERR_FAILED || f->lost)
        return false;
    out->failed = arena_printf(
        t->arena, "%s:%d: %s", escape(t->arena, script->file),
        line_of(s, f->position), escape(t->arena, *e->why ? e->why : e->what));
    err_clear(e);
    return true;
}

static bool command(struct trace *t, const char *sql, struct err *e)
{
    struct pg_result ignored;

    return pg_run(t->work, t->arena, sql, &ignored, e);
}

/* A script that has to do with prepared statements might drop ours. */
static bool prepares(const struct script *s)
{
    return strcasestr(s->text, "prepare") || strcasestr(s->text, "discard") ||
           strcasestr(s->text, "deallocate");
}

/* Prepared statements: those of a script before go, ours comes. */
static const char *preparing(struct trace *t, const struct script *s)
{
    bool was = t->prepared;

    t->prepared = !prepares(s);
    if (was && t->prepared)
        return "";
    return arena_printf(t->arena, "DEALLOCATE ALL; %s; ",
                        t->prepared ? inspect_prepare : "");
}

/* Temporary files are told while they go; in English, to be recognised. */
#define TELL_TEMP                                            \
    "SET lc_messages = 'C'; SET client_min_messages = log; " \
    "SET log_temp_files = 0; "

/* As in the real run: what a migration before left in the session goes, and
 * search_path is the one that the role and the database give. */
static const char *opening(struct trace *t, const struct script *s, bool begin)
{
    return arena_printf(
        t->arena,
        "RESET ALL; SET SESSION AUTHORIZATION DEFAULT; %s"
        "CLOSE ALL; UNLISTEN *; DISCARD TEMP; "
        "SELECT pg_catalog.pg_advisory_unlock_all(); %s%s; "
        "SET lock_timeout = '%lldms'; SET statement_timeout = '%lldms'; %s%s",
        preparing(t, s),
        pg_server_version(t->work) >= 140000
            ? "SET client_connection_check_interval = '500ms'; "
            : "",
        begin ? "BEGIN" : "SET standard_conforming_strings = on",
        (long long)(begin ? t->lock_wait_ms : 0),
        (long long)(s->statement_timeout_ms > 0 ? s->statement_timeout_ms : 0),
        t->tells_temp ? TELL_TEMP : "", left_flush(t));
}

static void held_until(struct traced_script *out, size_t first, int64_t end)
{
    for (size_t i = first; i < out->n; i++)
        for (size_t j = 0; j < out->statements[i].n; j++) {
            struct traced_touch *at = &out->statements[i].touched[j];
            at->held_ms = end - at->taken;
        }
}

static struct traced_statement *begin(struct trace *t,
                                      struct traced_script *out, size_t i)
{
    struct traced_statement *s = &out->statements[i];

    *s = (struct traced_statement){.statement = &out->script->statements[i],
                                   .began = clock_mono()};
    progress_live(t->progress, out->script->file, (int64_t)i + 1,
                  (int64_t)out->script->n, "line %d: %s", s->statement->line,
                  s->statement->kind ? s->statement->kind : "statement");
    return s;
}

static bool left_transaction(struct trace *t, struct traced_script *out,
                             const struct script *script,
                             const struct statement *s)
{
    if (pg_transaction(t->work) == PG_IN_TRANSACTION)
        return false;
    out->failed = arena_printf(
        t->arena, "%s:%d: it ended the transaction that tidegate began",
        escape(t->arena, script->file), s->line);
    return true;
}

static void ran(struct trace *t, struct traced_statement *s,
                const struct pg_result *r)
{
    s->temp_bytes = left_temp_told(t);
    s->ms = r->ms;
    s->us = r->us;
    s->rows = r->affected > 0 ? r->affected : 0;
}

/* ---- what verifies it ---- */

/* The session that another psql would have. All of it ends with the
 * savepoint. */
static const char *verifying(struct trace *t, const struct script *v)
{
    return arena_printf(
        t->arena,
        "SAVEPOINT tidegate_verify; RESET ALL; "
        "SET SESSION AUTHORIZATION DEFAULT; "
        "SET lock_timeout = '%lldms'; SET statement_timeout = '%lldms'; %s%s",
        (long long)t->lock_wait_ms,
        (long long)(v->statement_timeout_ms > 0 ? v->statement_timeout_ms : 0),
        pg_server_version(t->work) >= 140000
            ? "SET client_connection_check_interval = '500ms'; "
            : "",
        t->tells_temp ? TELL_TEMP : "");
}

static bool verify_one(struct trace *t, struct traced_script *out,
                       const struct script *v, size_t i, struct err *e)
{
    struct traced_statement *s = &out->verify[i];
    struct pg_result r;

    *s = (struct traced_statement){.statement = &v->statements[i],
                                   .began = clock_mono()};
    if (!run_statement(t, v, i, NULL, &r, e))
        return failed(t, out, v, i, e);
    if (left_transaction(t, out, v, &v->statements[i]))
        return true;
    ran(t, s, &r);
    out->n_verify++;
    return inspect_own(t, s, e);
}

/* In the transaction that is open. One that fails leaves it to be rolled back;
 * what it does itself is gone in any case. */
static bool verify(struct trace *t, struct traced_script *out, struct err *e)
{
    const struct script *v = out->script->verify;

    if (!v)
        return true;
    out->verify = arena_array(t->arena, v->n, sizeof *out->verify);
    if (!command(t, verifying(t, v), e))
        return false;
    for (size_t i = 0; i < v->n && !out->failed; i++)
        if (!verify_one(t, out, v, i, e))
            return false;
    return out->failed || command(t,
                                  "ROLLBACK TO SAVEPOINT tidegate_verify;"
                                  " RELEASE SAVEPOINT tidegate_verify",
                                  e);
}

/* After what was no transaction: in one of its own. */
static bool verify_after(struct trace *t, struct traced_script *out,
                         struct err *e)
{
    if (!out->script->verify || out->failed)
        return true;
    t->transaction++;
    return command(t, opening(t, out->script, true), e) && verify(t, out, e) &&
           (pg_transaction(t->work) == PG_IDLE || command(t, "ROLLBACK", e));
}

/* ---- the script ---- */

/* Statements first to last - 1 in one transaction. */
static bool run_together(struct trace *t, struct traced_script *out,
                         size_t first, size_t last, struct err *e)
{
    const struct script *script = out->script;

    struct pg_result around;

    t->transaction++;
    if (!pg_run(t->work, t->arena, opening(t, script, true), &around, e))
        return false;
    out->around_us = around.us;
    for (size_t i = first; i < last; i++) {
        struct traced_statement *s = begin(t, out, i);
        struct observer o;
        struct pg_result r;
        bool index = s->statement->kind &&
                     strcmp(s->statement->kind, "CREATE INDEX") == 0;
        if (index)
            observer_begin_phases(&o, t->loop, t->arena, t->watch,
                                  pg_backend_pid(t->work));
        if (!run_statement(t, script, i, index ? &o : NULL, &r, e))
            return failed(t, out, script, i, e) && command(t, "ROLLBACK", e);
        if (index) {
            s->phases = o.phases;
            s->n_phases = o.n_phases;
        }
        ran(t, s, &r);
        out->n++;
        if (left_transaction(t, out, script, s->statement))
            return pg_transaction(t->work) == PG_IDLE ||
                   command(t, "ROLLBACK", e);
        if (!inspect_own(t, s, e))
            return false;
    }
    if (script->transaction && !verify(t, out, e))
        return false;
    if (out->failed)
        return pg_transaction(t->work) == PG_IDLE || command(t, "ROLLBACK", e);
    /* deferred constraints are checked here: that can fail as well */
    if (!pg_run(t->work, t->arena, "COMMIT", &around, e))
        return last > first && failed(t, out, script, last - 1, e);
    out->around_us += around.us;
    held_until(out, first, clock_mono());
    return true;
}

/* A statement that refuses to be in a transaction. */
static bool run_alone(struct trace *t, struct traced_script *out, size_t i,
                      struct err *e)
{
    struct traced_statement *s;
    struct observer o;
    struct pg_result r;

    t->transaction++;
    if (!command(t, opening(t, out->script, false), e))
        return false;
    s = begin(t, out, i);
    if (!observer_begin(&o, t->loop, t->arena, t->watch,
                        pg_backend_pid(t->work), e))
        return false;
    if (!run_statement(t, out->script, i, &o, &r, e))
        return failed(t, out, out->script, i, e);
    s->phases = o.phases;
    s->n_phases = o.n_phases;
    ran(t, s, &r);
    out->n++;
    return inspect_observed(t, s, &o, e) && command(t, left_flush(t), e) &&
           left_index(t, out, s->statement, e);
}

static bool run_apart(struct trace *t, struct traced_script *out, struct err *e)
{
    const struct script *script = out->script;

    for (size_t i = 0; i < script->n && !out->failed; i++)
        if (!(script->statements[i].needs_no_transaction
                  ? run_alone(t, out, i, e)
                  : run_together(t, out, i, i + 1, e)))
            return false;
    return verify_after(t, out, e);
}

static bool changes_rows(const struct script *s)
{
    static const char *const kinds[] = {"UPDATE", "DELETE", "MERGE"};

    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (s->statements[i].kind &&
                strcmp(s->statements[i].kind, kinds[k]) == 0)
                return true;
    return false;
}

static bool checkpoint_run(struct trace *t)
{
    struct pg_result r;
    struct err ignored;

    if (!pg_send(t->watch, "CHECKPOINT", &ignored))
        return false;
    while (pg_busy(t->watch)) {
        loop_turn(t->loop, CLOCK_NEVER);
        if (stopped(t))
            pg_cancel(t->watch);
    }
    return pg_take(t->watch, t->arena, &r, &ignored);
}

/* Ours is only a measure: a server that does not let us, or takes too long
 * about it, is not asked again. */
static void checkpoint(struct trace *t, const struct script *s)
{
    struct pg_result r;
    struct err ignored;

    if (t->no_checkpoint || !changes_rows(s))
        return;
    t->no_checkpoint =
        !pg_run(t->watch, t->arena, CHECKPOINT_LIMIT, &r, &ignored) ||
        !checkpoint_run(t);
    pg_run(t->watch, t->arena, "RESET statement_timeout", &r, &ignored);
}

bool trace_enter(struct trace *t, const struct script *s, struct err *e)
{
    return command(t, opening(t, s, false), e);
}

bool trace_script(struct trace *t, const struct script *s,
                  struct traced_script *out, struct err *e)
{
    int64_t began;
    bool ok;

    checkpoint(t, s);
    if (s->batch)
        return backfill_trace(t, s, out, e) && verify_after(t, out, e);
    if (!left_begin(t, e))
        return false;
    began = clock_mono();
    *out = (struct traced_script){.script = s};
    out->statements = arena_array(t->arena, s->n, sizeof *out->statements);
    ok = s->transaction ? run_together(t, out, 0, s->n, e)
                        : run_apart(t, out, e);
    out->ms = clock_mono() - began;
    return ok && left_read(t, out, e);
}

bool trace_open(struct trace *t, struct err *e)
{
    struct traced_statement nothing = {0};

    t->transaction = 0;
    t->wal = 0;
    return relations_read(&t->relations, t->arena, t->work, e) &&
           left_open(t, e) && inspect_own(t, &nothing, e);
}
