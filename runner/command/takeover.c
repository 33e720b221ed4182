#include "runner/command/takeover.h"

#include "runner/command/release.h"
#include "runner/command/signing.h"

struct taking {
    struct tidegate *t;
    const struct takeover_wish *wish;
    struct takeover found;
    const char *yes;
};

/* "0001_a, 0002_b and 98 more". */
#define NAMES_SHOWN 40

static void say_names(struct tidegate *t, const char *word,
                      const struct migration *const *list, size_t n)
{
    for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
        say_row(t, i ? "" : word, list[i]->name);
    if (n > NAMES_SHOWN)
        say_row(t, "", arena_printf(t->arena, "and %zu more", n - NAMES_SHOWN));
}

/* Where the next files would not make their tables where the tool did. */
static void say_where(struct tidegate *t, const struct takeover_source *s)
{
    if (s->schema)
        say_row(t, "schema",
                arena_printf(t->arena,
                             "the table is in %s, but new ones go to %s; if %s "
                             "ran with search_path=%s, so must tidegate: put "
                             "options=-csearch_path=%s into `database` and "
                             "[rehearsal] server",
                             s->schema, *s->creates_in ? s->creates_in : "none",
                             s->layout->name, s->schema, s->schema));
}

static void say_undone(struct tidegate *t, const struct takeover *f)
{
    if (!f->undone_n)
        return;
    say_row(t, "undone",
            arena_printf(t->arena,
                         "%s no longer has what was imported, and here still "
                         "counts as applied:",
                         f->source.table));
    say_names(t, "", f->undone, f->undone_n);
}

static void say(struct taking *x, const struct run *r)
{
    struct tidegate *t = x->t;
    const struct takeover *f = &x->found;

    output_style(t->out, STYLE_BOLD, "%s of %s in %s\n", run_kind_word(r->kind),
                 r->s->release, t->env->name);
    if (!x->wish->baseline)
        say_row(t, "table",
                arena_printf(t->arena, "%s, of %s", f->source.table,
                             f->source.layout->name));
    say_where(t, &f->source);
    say_names(t, "records", f->records, f->n);
    if (f->already_n)
        say_row(t, "already",
                arena_printf(t->arena, "%zu recorded before", f->already_n));
    say_undone(t, f);
    for (size_t i = 0; i < f->strange_n; i++)
        say_row(t, i ? "" : "no file",
                arena_printf(t->arena, "%s is applied, and %s does not have it",
                             f->strange[i], r->s->release));
    for (size_t i = 0; i < f->again_n; i++)
        say_row(t, i ? "" : "again",
                arena_printf(t->arena,
                             "%s: %s ran another text of it, so it runs again",
                             f->again[i], f->source.layout->name));
    say_names(t, "pending", f->rest, f->rest_n);
    if (f->theirs.tables)
        say_row(t, "left out",
                arena_printf(t->arena, "%s: what another tool keeps",
                             f->theirs.tables));
    if (x->wish->baseline)
        say_row(t, "verified",
                f->verified ? "the files make the schema that is there"
                            : "no: taken on your word (--verify proves it)");
}

static bool confirm(void *ctx, const struct run *r, struct err *e)
{
    struct taking *x = ctx;

    say(x, r);
    return cmd_confirm(x->t, x->yes, e);
}

static struct json *names_json(const struct migration *const *list, size_t n)
{
    struct json *j = json_new_array();

    for (size_t i = 0; i < n; i++)
        json_append(j, json_new_string(list[i]->name));
    return j;
}

static void answer_json(struct taking *x, const struct run *r,
                        const struct err *e)
{
    const struct takeover *f = &x->found;
    struct json *j = json_new_object(), *strange = json_new_array();
    struct json *again = json_new_array();

    json_set_str(j, "environment", x->t->env->name);
    json_set_str(j, "outcome", exit_word(exit_code_of(e->code, 0)));
    json_set_str(j, "release", r->s->release);
    json_set_str(j, "run", r->id);
    json_set_str(j, "table", f->source.table);
    json_set(j, "records", names_json(f->records, f->n));
    json_set(j, "already", names_json(f->already, f->already_n));
    json_set(j, "undone", names_json(f->undone, f->undone_n));
    json_set(j, "pending", names_json(f->rest, f->rest_n));
    json_set_str(j, "schema", f->source.schema);
    json_set_str(j, "creates_in", f->source.creates_in);
    for (size_t i = 0; i < f->strange_n; i++)
        json_append(strange, json_new_string(f->strange[i]));
    json_set(j, "no_file", strange);
    for (size_t i = 0; i < f->again_n; i++)
        json_append(again, json_new_string(f->again[i]));
    json_set(j, "again", again);
    json_set_bool(j, "verified", f->verified);
    json_set_str(j, "left_out", f->theirs.tables);
    if (e->code != ERR_NONE) {
        json_set_str(j, "what", e->what);
        json_set_str(j, "why", e->why);
        json_set_str(j, "fix", e->fix);
    }
    output_json(x->t->out, j);
}

static void tell(struct taking *x, const struct run *r)
{
    struct tidegate *t = x->t;

    if (r->already || x->wish->dry_run)
        say(x, r);
    if (r->already)
        output_text(t->out, "nothing to record\n");
    else if (x->wish->dry_run)
        output_text(t->out, "nothing was recorded (--dry-run)\n");
    else
        output_text(t->out,
                    "%zu migration%s recorded as applied in %s; none was "
                    "run\n",
                    x->found.n, x->found.n == 1 ? " is" : "s are",
                    t->env->name);
}

bool takeover_command(struct tidegate *t, struct takeover_wish *wish,
                      const char *yes, struct err *e)
{
    struct taking x = {.t = t, .wish = wish, .yes = yes};
    struct subject s;
    struct run r = {0};

    wish->confirm = confirm;
    wish->ctx = &x;
    if (!release_subject(t, &s, e))
        return false;
    bool ok = takeover(&r, &s, wish, &x.found, e);

    t->release = s.release;
    t->run = r.id;
    if (ok)
        tell(&x, &r);
    else if (x.found.differs)
        output_text(t->out, "%s", x.found.differs);
    answer_json(&x, &r, e);
    subject_close(&s);
    return ok;
}
