#include "runner/flow/takeover.h"

#include <string.h>

#include "migrations/apply/apply.h"
#include "migrations/apply/backfill.h"
#include "migrations/apply/half.h"
#include "migrations/rehearse/prove.h"
#include "runner/base/escape.h"
#include "runner/base/failpoint.h"
#include "runner/flow/ask.h"
#include "runner/flow/database.h"

static const enum gate_id asked[] = {GATE_POLICY, GATE_LINE};

/* ---- what would be recorded ---- */

static bool edited(const struct applied_row *row, const struct migration *m,
                   struct err *e)
{
    err_what(e, ERR_REFUSED, "%s is recorded already, with another text",
             m->name);
    err_why(e, "recorded by %s with digest %s; the file has %s", row->release,
            row->checksum, m->checksum);
    return err_fix(e,
                   "restore the file%s as it was, and write the change as a "
                   "new migration",
                   migration_values(m));
}

/* By a run of ours: what is left of it would never run. */
static bool is_half(struct subject *s, const struct migration *m, struct err *e)
{
    const struct journal_row *half = applied_half(&s->applied, m->name, false);
    const struct backfill_row *fill = applied_backfill(&s->applied, m->name);

    if (!half && !fill)
        return false;
    err_what(e, ERR_REFUSED, "%s is half done", m->name);
    err_why(e, "a release stopped in it: %s",
            half ? half_far(s->arena, half) : backfill_far(s->arena, fill));
    err_fix(e, "release what finishes it; see: tidegate migrate status %s",
            s->release);
    return true;
}

/* Each file is recorded, was so before, or stays pending. */
static bool sort_files(struct subject *s, const bool *is, struct takeover *out,
                       struct err *e)
{
    size_t n = s->migrations.n;

    out->records = arena_array(s->arena, n, sizeof *out->records);
    out->already = arena_array(s->arena, n, sizeof *out->already);
    out->rest = arena_array(s->arena, n, sizeof *out->rest);
    for (size_t i = 0; i < n; i++) {
        const struct migration *m = &s->migrations.list[i];
        const struct applied_row *row = applied_find(&s->applied, m->name);

        if (row && strcmp(row->checksum, m->checksum) != 0)
            return edited(row, m, e);
        if (!row && is[i] && is_half(s, m, e))
            return false;
        if (row)
            out->already[out->already_n++] = m;
        else if (is[i])
            out->records[out->n++] = m;
        else
            out->rest[out->rest_n++] = m;
    }
    return true;
}

/* Somebody has gone back with the other tool after its table was imported. */
static void find_undone(struct subject *s, const bool *is, struct takeover *out)
{
    out->undone = arena_array(s->arena, s->migrations.n, sizeof *out->undone);
    for (size_t i = 0; i < s->migrations.n; i++) {
        const struct migration *m = &s->migrations.list[i];
        const struct applied_row *row = applied_find(&s->applied, m->name);

        if (row && !is[i] && !m->repeats &&
            strcmp(row->release, TAKEOVER_IMPORTED) == 0)
            out->undone[out->undone_n++] = m;
    }
}

static bool unknown_tool(const char *from, struct err *e)
{
    err_what(e, ERR_USAGE, "--from %s: no tool is known by that name", from);
    err_why(e, "known are those whose files tidegate reads: %s",
            layout_choices);
    return err_fix(e, "name one of them, or record what is applied by hand: "
                      "tidegate migrate baseline");
}

/* golang-migrate's files have tidegate's own form, and are read as that. */
static const struct layout *asked_layout(const struct subject *s,
                                         const struct takeover_wish *wish,
                                         struct err *e)
{
    const struct layout *l =
        layout_find(wish->from ? wish->from : s->migrations.layout);

    if (!wish->from && l && !l->applied_sql)
        return &layout_golang_migrate;
    if (l && l->applied_sql)
        return l;
    unknown_tool(wish->from ? wish->from : "auto", e);
    return NULL;
}

static bool unfinished(const struct takeover_source *source,
                       const char *version, struct err *e)
{
    err_what(e, ERR_REFUSED, "version %.60s is unfinished in %s", version,
             source->table);
    err_why(e, "%s", source->layout->unfinished_why);
    return err_fix(e, "%s; then run this again",
                   source->layout->unfinished_fix);
}

#define OTHERS_SHOWN 5

/* Of those that would be recorded now. What stands in the database was made by
 * another text, of which we know nothing. */
static bool changed(const struct subject *s,
                    const struct takeover_source *source,
                    const struct layout_applied *applied, struct err *e)
{
    const struct layout_changed *first = NULL;
    const char *more = "";
    size_t others = 0;

    for (size_t i = 0; i < applied->changed_n; i++) {
        const struct layout_changed *c = &applied->changed[i];

        if (applied_find(&s->applied, c->one->name))
            continue;
        if (!first)
            first = c;
        else if (++others <= OTHERS_SHOWN)
            more =
                arena_printf(s->arena, "%s%s %s", more,
                             others == 1 ? "; so were" : ",", c->one->up.file);
    }
    if (!first)
        return true;
    err_what(e, ERR_REFUSED, "%s was changed after %s applied it",
             first->one->up.file, source->layout->name);
    err_why(e, "%s has the checksum %s, the file has %s%s%s", source->table,
            escape(s->arena, first->was), first->one->mark, more,
            others > OTHERS_SHOWN ? " and others" : "");
    return err_fix(e, "%s; then run this again", source->layout->changed_fix);
}

static bool import_find(struct subject *s, const struct takeover_wish *wish,
                        struct takeover *out, struct err *e)
{
    const struct layout *layout = asked_layout(s, wish, e);
    struct layout_applied applied;

    if (!layout ||
        !takeover_ask(&out->source, s->pg, s->arena, layout, wish->table, e))
        return false;
    layout_applied(&applied, s->arena, &s->migrations,
                   (char *const *const *)out->source.answer.cell,
                   (size_t)out->source.answer.rows);
    if (applied.unfinished)
        return unfinished(&out->source, escape(s->arena, applied.unfinished),
                          e);
    if (!changed(s, &out->source, &applied, e))
        return false;
    for (size_t i = 0; i < applied.strange_n; i++)
        applied.strange[i] = escape(s->arena, applied.strange[i]);
    out->strange = applied.strange;
    out->strange_n = applied.strange_n;
    out->again = applied.again;
    out->again_n = applied.again_n;
    find_undone(s, applied.is, out);
    return sort_files(s, applied.is, out, e);
}

static bool baseline_find(struct subject *s, const struct takeover_wish *wish,
                          struct takeover *out, struct err *e)
{
    bool *is = arena_array(s->arena, s->migrations.n, sizeof *is);
    bool found = !wish->to;

    for (size_t i = 0; i < s->migrations.n; i++) {
        is[i] = !wish->to || !found;
        found |= wish->to && strcmp(s->migrations.list[i].name, wish->to) == 0;
    }
    if (found)
        return sort_files(s, is, out, e);
    err_what(e, ERR_USAGE, "--to %.100s: %s has no such migration", wish->to,
             s->release);
    err_why(e, "its last one is %s",
            s->migrations.n ? s->migrations.list[s->migrations.n - 1].name
                            : "none at all");
    return err_fix(e, "name one as `tidegate migrate status %s` does",
                   s->release);
}

/* ---- whether it is so ---- */

static bool no_server(const struct subject *s, struct err *e)
{
    err_what(e, ERR_CONFIG, "--verify: no [rehearsal] server is configured");
    err_why(e, "%s has nowhere to make an empty database", s->env->name);
    return err_fix(e, "add [rehearsal] server, or leave out --verify and "
                      "compare by hand");
}

static bool another_schema(const struct subject *s, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s does not have the schema that its files make",
             s->env->name);
    err_why(e, "the lines above tell: left is only in production, lost is "
               "only what the files make");
    return err_fix(e, "name the last migration that is there with --to, or "
                      "mend the files; nothing was recorded");
}

static bool is_in(const struct migration *m,
                  const struct migration *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == m)
            return true;
    return false;
}

static bool verify(struct run *r, const struct takeover_wish *wish,
                   struct takeover *out, struct err *e)
{
    struct subject *s = r->s;
    size_t n = 0;
    const struct migration **list =
        arena_array(s->arena, s->migrations.n, sizeof *list);
    struct prove_settings settings = {.production = s->env->database,
                                      .server = s->env->rehearsal.server,
                                      .theirs = &out->theirs};
    struct comparison c;
    char name[17];

    if (!settings.server)
        return no_server(s, e);
    if (!theirs_find(&out->theirs, s->pg, s->arena, wish->table, e))
        return false;
    nonce_hex(name, 8);
    settings.run = name;
    for (size_t i = 0; i < s->migrations.n; i++) {
        const struct migration *m = &s->migrations.list[i];

        if (is_in(m, out->already, out->already_n) ||
            is_in(m, out->records, out->n))
            list[n++] = m;
    }
    if (!prove_schema(s->loop, s->arena, &settings, list, n, s->progress, &c,
                      e))
        return false;
    out->verified = !c.lines || c.order_only;
    out->differs = c.lines;
    return out->verified || another_schema(s, e);
}

/* ---- before it begins ---- */

static bool no_release(struct err *e)
{
    err_what(e, ERR_USAGE, "which release?");
    err_why(e, "nothing is live, and the files of a commit are what can be "
               "recorded");
    return err_fix(e, "add the tag");
}

static bool reach(struct subject *s, struct err *e)
{
    if (!s->env->database) {
        err_what(e, ERR_USAGE, "%s has no database", s->env->name);
        err_why(e, "[environment %s] has no `database`", s->env->name);
        return err_fix(e, "add `database`");
    }
    s->pg = pg_open(s->loop, s->env->database, "tidegate", 0, e);
    return s->pg && applied_read(s->pg, s->arena, &s->applied, e);
}

static bool allowed(struct run *r, struct err *e)
{
    gather_local(r->s, &r->facts);
    return ask_only(r, asked, sizeof asked / sizeof *asked, false, e);
}

static bool look(struct run *r, const struct takeover_wish *wish,
                 struct takeover *out, struct err *e)
{
    struct subject *s = r->s;
    const char *release = wish->release ? wish->release : s->state.live;

    if (!release)
        return no_release(e);
    if (!subject_resolve(s, release, e) || !allowed(r, e) || !reach(s, e))
        return false;
    return wish->baseline ? baseline_find(s, wish, out, e)
                          : import_find(s, wish, out, e);
}

/* ---- the run ---- */

static void name_records(struct run *r, const struct takeover *t)
{
    const char **names = arena_array(r->s->arena, t->n + 1, sizeof *names);

    for (size_t i = 0; i < t->n; i++)
        names[i] = t->records[i]->name;
    r->records = names;
}

/* The rows are there, whatever the ledger says of it. */
static bool rows_stand(struct run *r, bool written, struct err *e)
{
    if (written)
        return true;
    e->code = run_without_ledger(r);
    return err_fix(e, "the rows are in tidegate.migration, the ledger does not "
                      "say so yet; mend it, then: tidegate resume");
}

/* The whole of it but its ending; false: nothing is there, or nobody knows. */
static bool record(struct run *r, const struct takeover_wish *wish,
                   const struct takeover *t, struct err *e)
{
    const char *as = wish->baseline ? TAKEOVER_BASELINE : TAKEOVER_IMPORTED;

    if (!database_open(r, e) || !run_intent(r, "record", "database", true,
                                            "delete the rows of this run from "
                                            "tidegate.migration",
                                            e))
        return false;
    failpoint("record.before");
    bool ok = takeover_record(r->apply, as, t->records, t->n,
                              wish->baseline ? NULL : &t->source, e);

    failpoint("record.after");
    return ok;
}

static bool end_well(struct run *r, size_t n, struct err *e)
{
    struct run_ending good = {.ended = RUN_GOOD};

    return rows_stand(r,
                      run_done(r, "record", "database",
                               arena_printf(r->s->arena, "%zu rows", n), 0,
                               false, e) &&
                          run_end(r, &good, e),
                      e);
}

/* Nothing was recorded; or nobody knows, and `resume` looks. */
static bool end_badly(struct run *r, struct err *e)
{
    bool unknown = e->code == ERR_UNKNOWN;
    struct run_ending x = {.ended = unknown ? RUN_BROKEN : RUN_NOTHING,
                           .exit_code = unknown                  ? 13
                                        : e->code == ERR_REFUSED ? 10
                                        : e->code == ERR_HELD    ? 75
                                                                 : 69,
                           .why = e->what};
    struct err trouble = {0};

    if (unknown) {
        err_what(e, ERR_UNKNOWN, "whether it was recorded is not known");
        err_why(e, "the connection was lost in COMMIT");
        err_fix(e, "look: tidegate resume");
    } else if (e->code == ERR_FAILED) {
        e->code = ERR_REFUSED;
        x.exit_code = 10;
    }
    if (run_end(r, &x, &trouble))
        return false;
    if (unknown)
        trouble.code = ERR_UNKNOWN;
    *e = trouble;
    return false;
}

static bool go(struct run *r, const struct takeover_wish *wish,
               const struct takeover *t, struct err *e)
{
    bool ok;

    if (!run_open(r, r->s, r->kind, NULL, e) || !allowed(r, e) ||
        !run_begin(r, NULL, NULL, e))
        return false;
    ok = record(r, wish, t, e) ? end_well(r, t->n, e) : end_badly(r, e);
    database_close(r);
    return ok;
}

bool takeover(struct run *r, struct subject *s,
              const struct takeover_wish *wish, struct takeover *out,
              struct err *e)
{
    *out = (struct takeover){0};
    r->s = s;
    r->kind = wish->baseline ? RUN_BASELINE : RUN_IMPORT;
    if (!look(r, wish, out, e) || (wish->verify && !verify(r, wish, out, e)))
        return false;
    r->to = s->state.live;
    r->already = out->n == 0;
    if (wish->confirm && !wish->dry_run && !r->already &&
        !wish->confirm(wish->ctx, r, e))
        return false;
    if (r->already || wish->dry_run)
        return true;
    name_records(r, out);
    bool ok = go(r, wish, out, e);

    run_close(r);
    return ok;
}

/* ---- after a crash ---- */

bool takeover_was(const struct run_state *was)
{
    return was->kind == RUN_IMPORT || was->kind == RUN_BASELINE;
}

/* All of them are there, or none is: it was one transaction. */
static bool is_recorded(struct run *r, bool *out, struct err *e)
{
    const struct json *names = json_get(r->before->begun, "records");
    const char *first = json_text(json_at(names, 0));
    struct applied now;

    if (!applied_read(apply_connection(r->apply), r->s->arena, &now, e))
        return false;
    *out = first && applied_find(&now, first);
    return true;
}

static bool settle(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = RUN_NOTHING};
    bool recorded;

    if (!database_open(r, e) || !is_recorded(r, &recorded, e))
        return false;
    if (recorded) {
        x.ended = RUN_GOOD;
        return rows_stand(r,
                          run_done(r, "record", "database",
                                   "the rows are there", 0, true, e) &&
                              run_end(r, &x, e),
                          e);
    }
    x.exit_code = 10;
    x.why = "its runner ended before it recorded anything";
    if (!run_end(r, &x, e))
        return false;
    err_what(e, ERR_REFUSED, "%s recorded nothing", r->id);
    err_why(e, "%s", x.why);
    return err_fix(e, "run it again: tidegate migrate %s",
                   run_kind_word(r->kind));
}

bool takeover_resume(struct run *r, struct subject *s, run_confirm *confirm,
                     void *ctx, struct err *e)
{
    const struct run_state *was = s->state.unfinished;

    r->s = s;
    r->kind = was->kind;
    r->to = was->release;
    s->release = was->release;
    if (confirm && !confirm(ctx, r, e))
        return false;
    bool ok = run_open(r, s, was->kind, was, e) && settle(r, e);

    database_close(r);
    run_close(r);
    return ok;
}
