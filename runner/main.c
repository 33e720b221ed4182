/* tidegate: reads the command line, opens what the command needs, runs it,
 * prints the one error and the verdict, and turns it all into an exit code.
 */
#include <string.h>

#include "runner/base/escape.h"
#include "runner/base/hash.h"
#include "runner/command/cmd.h"
#include "runner/command/table.h"
#include "runner/command/usage.h"
#include "runner/ledger/state.h"

/* A full pipe holds a run up no longer than this for each piece. */
#define RUN_PATIENCE_MS 2000

struct call {
    struct tidegate t;
    struct arena arena;
    struct output out;
    struct report_sink sink;
    struct inherited inherited;
    const struct cmd *cmd; /* NULL: help or version of the whole */
    void *args;
};

static bool words_clean(struct arena *a, char *const *argv, struct err *e)
{
    for (size_t i = 1; argv[i]; i++) {
        if (text_bad_byte(argv[i], strlen(argv[i])) < 0)
            continue;
        err_what(e, ERR_USAGE, "argument %zu is no plain text: %.80s", i,
                 escape(a, argv[i]));
        err_why(e, "it holds a control byte, a direction mark or no UTF-8");
        return err_fix(e, "write it without");
    }
    return true;
}

/* Global options and the name of the command, then the rest by its rows. */
static bool words_read(struct call *c, char *const *argv, struct err *e)
{
    struct opt_reader r = {.arena = &c->arena,
                           .argv = (const char *const *)argv + 1,
                           .sets = {{global_opts, &c->t.globals}}};
    struct opt_list words = {0};
    const char *word;

    if (!words_clean(&c->arena, argv, e) || !opt_next(&r, &word, e))
        return false;
    if (!word)
        return true;
    c->cmd = cmd_find(word, e);
    if (!c->cmd)
        return false;
    c->args = arena_alloc(&c->arena, c->cmd->args_size);
    r.sets[1].rows = c->cmd->opts;
    r.sets[1].base = c->args;
    for (;;) {
        if (!opt_next(&r, &word, e))
            return false;
        if (!word)
            break;
        words.words = arena_grow(&c->arena, words.words, words.n, words.n + 1,
                                 sizeof *words.words);
        words.words[words.n++] = word;
    }
    return c->t.globals.help || c->t.globals.version ||
           arg_place(&c->arena, c->cmd->args, c->args, &words, c->cmd->name, e);
}

/* A configuration of another owner (a CI checkout) is taken only when its
 * content is the pinned one. */
static bool owner_vouched(struct tidegate *t, struct err *e)
{
    struct environment_state state;
    char digest[HASH_HEX];
    bool same = false;

    if (t->env && t->ledger &&
        state_read(&state, t->arena, t->ledger, t->env->name, e)) {
        if (!config_policy_digest(t->env, digest, e))
            return false;
        same = state.pinned && strcmp(state.pinned, digest) == 0;
    }
    if (same) {
        progress_warn(t->progress, NULL, "%s; its content is the pinned one",
                      t->config.foreign);
        return true;
    }
    err_what(e, ERR_CONFIG, "%s", t->config.foreign);
    err_why(e, "whoever owns the configuration decides what is released, and "
               "no pinned policy vouches for this one");
    return err_fix(e, "run tidegate as its owner, or: chown");
}

static bool open_config(struct tidegate *t, struct err *e)
{
    return config_load(&t->config, t->arena,
                       t->globals.folder ? t->globals.folder : ".", e);
}

static bool open_environment(struct tidegate *t, struct err *e)
{
    t->env = config_environment(&t->config, t->globals.environment, e);
    return t->env != NULL;
}

static bool open_ledger(struct tidegate *t, enum ledger_mode mode,
                        struct err *e)
{
    if (!t->ledger)
        t->ledger = ledger_open(t->arena, t->config.ledger, mode, e);
    if (t->ledger)
        ledger_tell(t->ledger, t->progress);
    return t->ledger != NULL;
}

static bool open_ledger_read(struct tidegate *t, struct err *e)
{
    return open_ledger(t, LEDGER_READ, e);
}

static bool open_ledger_write(struct tidegate *t, struct err *e)
{
    return open_ledger(t, LEDGER_WRITE, e);
}

/* In the order in which they are opened. */
static const struct {
    unsigned need;
    bool (*open)(struct tidegate *t, struct err *e);
} needs[] = {
    {NEED_CONFIG, open_config},
    {NEED_ENVIRONMENT, open_environment},
    {NEED_LEDGER_WRITE, open_ledger_write},
    {NEED_LEDGER, open_ledger_read},
};

static bool needs_open(struct call *c, struct err *e)
{
    struct tidegate *t = &c->t;

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if ((c->cmd->needs & needs[i].need) && !needs[i].open(t, e))
            return false;
    if (!t->config.foreign)
        return true;
    return open_ledger_read(t, e) && owner_vouched(t, e);
}

/* The value of --yes, of the commands that have it. */
static const char *yes_given(const struct call *c)
{
    for (const struct opt *o = c->cmd->opts; o && o->name; o++)
        if (strcmp(o->name, "yes") == 0)
            return *(const char **)((char *)c->args + o->at);
    return NULL;
}

static bool help_print(struct call *c)
{
    struct buf out;

    buf_init(&out);
    if (c->t.globals.version)
        usage_version(&out);
    else if (c->cmd)
        usage_command(&out, c->cmd);
    else
        usage_overview(&out);
    c->out.json = false; /* help is text, whatever was asked for */
    output_text(&c->out, "%s", out.data);
    buf_release(&out);
    return true;
}

/* Of a command line that could not be read: whether JSON was asked for. */
static bool words_ask_json(char *const *argv)
{
    for (size_t i = 1; argv[i]; i++)
        if (strcmp(argv[i], "--format=json") == 0 ||
            (strcmp(argv[i], "--format") == 0 && argv[i + 1] &&
             strcmp(argv[i + 1], "json") == 0))
            return true;
    return false;
}

/* Annotations are for findings: other answers have none. */
static bool format_fits(const struct call *c, struct err *e)
{
    const char *format = c->t.globals.format;

    if (!format || strcmp(format, "github") != 0 ||
        (c->cmd->needs & CMD_ANNOTATES))
        return true;
    err_what(e, ERR_USAGE, "%s has no --format github", c->cmd->name);
    err_why(e, "it finds nothing in files that could be annotated");
    return err_fix(e, "use --format json");
}

static bool call_run(struct call *c, char *const *argv, struct err *e)
{
    struct globals *g = &c->t.globals;
    bool good = words_read(c, argv, e);

    if (c->cmd != &cmd_init)
        start_tell(&c->inherited);
    output_init(&c->out,
                good ? g->format && strcmp(g->format, "json") == 0
                     : words_ask_json(argv),
                g->no_color, g->verbose);
    if (!good)
        return false;
    if (g->help || g->version)
        return help_print(c);
    if (!c->cmd) {
        err_what(e, ERR_USAGE, "which command?");
        err_why(e, "the command line names none");
        return err_fix(e, "see: tidegate --help");
    }
    if (c->cmd->needs & CMD_VERDICT)
        c->out.patience = RUN_PATIENCE_MS;
    return format_fits(c, e) && needs_open(c, e) &&
           (!c->t.env || cmd_yes_agrees(&c->t, yes_given(c), e)) &&
           c->cmd->run(&c->t, c->args, e);
}

/* The one place where an outcome becomes an exit code. */
static int call_end(struct call *c, bool good, const struct err *e)
{
    struct closing line = {.at = clock_now()};

    line.exit = c->t.exit_code;
    if (!good && line.exit == 0)
        line.exit = exit_code_of(e->code, loop_stop_signal(c->t.loop));
    if (!good)
        output_error(&c->out, e, line.exit);
    if (c->cmd ? (c->cmd->needs & CMD_VERDICT) && !c->t.globals.help : !good) {
        line.word = exit_word(line.exit);
        line.command = c->cmd ? c->cmd->name : NULL;
        line.environment = c->t.env ? c->t.env->name : NULL;
        line.release = c->t.release;
        line.run = c->t.run;
        line.contract = c->t.contract;
        output_closing(&c->out, &line);
    }
    return line.exit;
}

int main(int argc, char **argv)
{
    struct call c = {0};
    struct err e = {0};
    int code;

    (void)argc;
    start_clean(&c.inherited);
    arena_init(&c.arena);
    c.t.arena = &c.arena;
    c.t.out = &c.out;
    c.t.inherited = &c.inherited;
    c.t.progress = report_sink_init(&c.sink, &c.out);
    c.t.loop = loop_open();
    code = call_end(&c, call_run(&c, argv, &e), &e);
    start_tell(&c.inherited); /* of an `init` that came to nothing */
    ledger_close(c.t.ledger);
    config_release(&c.t.config);
    loop_close(c.t.loop);
    arena_release(&c.arena);
    return code;
}
