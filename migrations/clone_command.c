#include <string.h>

#include "migrations/clone.h"
#include "runner/base/child.h"
#include "runner/base/escape.h"

#define DESTROY_MS (10 * 60 * 1000)

/* PROGRAM's words, the verb, the name of the clone. */
static bool run_program(struct clone *c, const char *verb, int64_t timeout_ms,
                        struct child_result *out, struct err *e)
{
    char **words = command_words(c->arena, c->settings->argument, e);
    struct child_spec spec = {.timeout_ms = timeout_ms};
    const char **argv;
    size_t n = 0;

    if (!words)
        return false;
    while (words[n])
        n++;
    argv = arena_array(c->arena, n + 3, sizeof *argv);
    memcpy(argv, words, n * sizeof *argv);
    argv[n] = verb;
    argv[n + 1] = c->name;
    spec.argv = argv;
    if (!child_run(c->loop, c->arena, &spec, out, e))
        return false;
    if (out->status == 0)
        return true;
    err_what(e, ERR_FAILED, "%s %s %s failed", words[0], verb, c->name);
    err_why(e, "%s",
            *out->err        ? redact(c->arena, out->err)
            : out->timed_out ? "it did not end in time"
                             : "it said nothing");
    return err_fix(e, "run it by hand and see; its contract is in the README");
}

static bool command_create(struct clone *c, struct err *e)
{
    struct child_result got;
    size_t len;

    progress_stage(c->progress, "cloning by %s",
                   escape(c->arena, c->settings->argument));
    if (!run_program(c, "create", 0, &got, e))
        return false;
    len = strcspn(got.out, "\r\n");
    if (len == 0 || got.out[len + strspn(got.out + len, "\r\n")]) {
        err_what(e, ERR_FAILED, "%s create answered in another form",
                 c->settings->argument);
        err_why(e, "it printed %s, not one line with a conninfo",
                len ? "several lines" : "nothing");
        return err_fix(e, "let it print the conninfo of the clone on one line");
    }
    c->conninfo = arena_strndup(c->arena, got.out, len);
    c->label = arena_printf(c->arena, "command %s",
                            escape(c->arena, c->settings->argument));
    return true;
}

static bool command_destroy(struct clone *c, struct err *e)
{
    struct child_result got;

    return run_program(c, "destroy", DESTROY_MS, &got, e);
}

const struct clone_provider clone_command = {.name = "command",
                                             .wants_argument = true,
                                             .create = command_create,
                                             .destroy = command_destroy};
