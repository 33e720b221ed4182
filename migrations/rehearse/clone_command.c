#include <string.h>

#include "migrations/rehearse/clone.h"
#include "runner/base/child.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/failpoint.h"
#include "runner/base/json.h"

#define DESTROY_MS (10 * 60 * 1000)
#define LIVE_MS    1000

/* PROGRAM's words, the verb, the name of the clone. */
static const char **words_of(struct arena *a, const char *program,
                             const char *verb, const char *name, struct err *e)
{
    char **words = command_words(a, program, e);
    const char **argv;
    size_t n = 0;

    if (!words)
        return NULL;
    while (words[n])
        n++;
    argv = arena_array(a, n + 3, sizeof *argv);
    memcpy(argv, words, n * sizeof *argv);
    argv[n] = verb;
    argv[n + 1] = name;
    return argv;
}

static bool judge(struct arena *a, const char *const *argv, const char *verb,
                  const char *name, const struct child_result *r, struct err *e)
{
    if (r->status == 0)
        return true;
    err_what(e, ERR_FAILED, "%s %s %s failed", argv[0], verb, name);
    err_why(e, "%s",
            *r->err        ? redact(a, r->err)
            : r->timed_out ? "it did not end in time"
                           : "it said nothing");
    return err_fix(e, "run it by hand and see; its contract is in the README");
}

static bool destroy(struct loop *l, struct arena *a, const char *program,
                    const char *folder, const char *name, struct err *e)
{
    struct child_spec spec = {.timeout_ms = DESTROY_MS, .folder = folder};
    struct child_result got;
    const char **argv = words_of(a, program, "destroy", name, e);

    spec.argv = argv;
    return argv && child_run(l, a, &spec, &got, e) &&
           judge(a, argv, "destroy", name, &got, e);
}

static bool is_done(void *child)
{
    return child_done(child);
}

/* What the command says on stderr, line by line, for those that want all. */
static void say_lines(struct clone *c, const struct child *child, size_t *told)
{
    size_t len;
    const char *said = child_said(child, &len), *end;

    while (*told < len &&
           ((end = memchr(said + *told, '\n', len - *told)) != NULL ||
            child_done(child))) {
        size_t line = end ? (size_t)(end - said) - *told : len - *told;
        struct arena a;

        arena_init(&a);
        if (line > 0)
            progress_detail(
                c->progress, c->name, "%s",
                escape(&a, redact(&a, arena_strndup(&a, said + *told, line))));
        arena_release(&a);
        *told += line + (end != NULL);
    }
}

/* How far it is only the last such clone tells. */
static void say_elapsed(struct clone *c, const char *program, int64_t elapsed)
{
    int64_t last = c->settings->clone_ms;
    char text[32], was[32], left[32];

    duration_text(elapsed, text, sizeof text);
    duration_text(last, was, sizeof was);
    duration_text(last - elapsed, left, sizeof left);
    if (!last)
        progress_live(c->progress, c->name, 0, 0,
                      "%s create, %s; how long it takes is not known yet",
                      program, text);
    else if (elapsed < last)
        progress_live(c->progress, c->name, 0, 0,
                      "%s create, %s, about %s left (the last one took %s)",
                      program, text, left, was);
    else
        progress_live(c->progress, c->name, 0, 0,
                      "%s create, %s, longer than the last one (%s)", program,
                      text, was);
}

/* Runs `create`, its process written down. */
static bool run_create(struct clone *c, const char **answer, struct err *e)
{
    const char **argv =
        words_of(c->arena, c->settings->argument, "create", c->name, e);
    struct child_spec spec = {.argv = argv};
    struct child *child =
        argv ? child_start(c->loop, c->arena, &spec, e) : NULL;
    int64_t since = clock_mono();
    size_t told = 0;

    if (!child)
        return false;
    clone_note_runs(&c->note, c->arena, child_pid(child));
    failpoint("clone.command");
    while (!child_done(child) && !clone_stopped(c, e)) {
        loop_until(c->loop, is_done, child, clock_mono() + LIVE_MS);
        say_lines(c, child, &told);
        if (!child_done(child))
            say_elapsed(c, escape(c->arena, argv[0]), clock_mono() - since);
    }
    child_close(child); /* which ends it if it was stopped */
    say_lines(c, child, &told);
    *answer = child_result(child)->out;
    return !clone_stopped(c, e) &&
           judge(c->arena, argv, "create", c->name, child_result(child), e);
}

static bool wrong_answer(const struct clone *c, const char *why, struct err *e)
{
    err_what(e, ERR_FAILED, "%s create answered in another form",
             c->settings->argument);
    err_why(e, "%s", why);
    return err_fix(e, "let it print the conninfo of the clone on one line, or "
                      "{\"conninfo\": \"...\"}");
}

/* {"conninfo": "..."}; other members are its own affair. */
static bool take_object(struct clone *c, const char *answer, struct err *e)
{
    struct json *j = json_parse_foreign(answer, strlen(answer), e);
    const char *conninfo = json_str(j, "conninfo");
    bool ok = conninfo && *conninfo;

    if (ok)
        c->conninfo = arena_strdup(c->arena, conninfo);
    if (j && !ok)
        wrong_answer(c, "it printed JSON without a conninfo", e);
    else if (!j)
        wrong_answer(c, arena_printf(c->arena, "its JSON: %s", e->why), e);
    json_free(j);
    return ok;
}

static bool take_answer(struct clone *c, const char *answer, struct err *e)
{
    size_t len;

    answer += strspn(answer, " \t\r\n");
    if (*answer == '{')
        return take_object(c, answer, e);
    len = strcspn(answer, "\r\n");
    if (len == 0)
        return wrong_answer(c, "it printed nothing", e);
    if (answer[len + strspn(answer + len, " \t\r\n")])
        return wrong_answer(c, "it printed several lines, and no JSON", e);
    c->conninfo = arena_strndup(c->arena, answer, len);
    return true;
}

static bool command_create(struct clone *c, struct err *e)
{
    const char *answer, *folder = c->settings->notes;

    progress_stage(c->progress, "cloning by %s",
                   escape(c->arena, c->settings->argument));
    c->label = arena_printf(c->arena, "command %s",
                            escape(c->arena, c->settings->argument));
    if (folder && !clone_note_write(&c->note, c->arena, folder, c->name,
                                    c->settings->argument, e))
        return false;
    return run_create(c, &answer, e) && take_answer(c, answer, e);
}

static bool command_destroy(struct clone *c, struct err *e)
{
    if (destroy(c->loop, c->arena, c->settings->argument, NULL, c->name, e)) {
        clone_note_remove(&c->note);
        return true;
    }
    clone_note_leave(&c->note);
    return false;
}

const struct clone_provider clone_command = {.name = "command",
                                             .wants_argument = true,
                                             .create = command_create,
                                             .destroy = command_destroy};

/* ---- leftovers ---- */

bool clone_commands_left(struct arena *a, const char *notes,
                         const char ***names, size_t *n, struct err *e)
{
    struct clone_note *list;
    size_t found;

    *n = 0;
    if (!clone_notes_dead(a, notes, &list, &found, e))
        return false;
    *names = arena_array(a, found, sizeof **names);
    for (size_t i = 0; i < found; i++) {
        if (list[i].name)
            (*names)[(*n)++] = arena_printf(a, "%s of %s", list[i].name,
                                            escape(a, list[i].program));
        clone_note_leave(&list[i]);
    }
    return true;
}

/* False: it stays. */
static bool sweep_one(struct loop *l, struct arena *a, struct clone_note *n,
                      struct err *e)
{
    if (n->name)
        clone_note_end_create(l, n);
    if (n->name && !destroy(l, a, n->program, n->folder, n->name, e)) {
        clone_note_leave(n);
        return false;
    }
    clone_note_remove(n);
    return true;
}

bool clone_commands_sweep(struct loop *l, struct arena *a, const char *notes,
                          const char ***swept, size_t *n, struct err *e)
{
    struct clone_note *list;
    size_t found;
    bool ok = clone_notes_dead(a, notes, &list, &found, e);
    int stops = loop_stops(l);

    *n = 0;
    *swept = arena_array(a, found, sizeof **swept);
    for (size_t i = 0; i < found; i++) {
        const char *name = list[i].name;
        struct err one;
        if (loop_stops(l) != stops) {
            clone_note_leave(&list[i]);
        } else if (!sweep_one(l, a, &list[i], &one)) {
            *e = one;
            ok = false;
        } else if (name) {
            (*swept)[(*n)++] = name;
        }
    }
    return ok;
}
