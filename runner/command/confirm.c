#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/escape.h"
#include "runner/command/cmd.h"

struct typed {
    struct source source; /* first */
    char text[128];
    size_t len;
    bool ended;
};

static void typed_step(struct source *s, short revents, int64_t now)
{
    struct typed *typed = s->ctx;
    char c;

    (void)now;
    if (!revents || typed->ended)
        return;
    if (read(STDIN_FILENO, &c, 1) != 1 || c == '\n')
        typed->ended = true;
    else if (typed->len + 1 < sizeof typed->text)
        typed->text[typed->len++] = c;
}

static bool typed_ended(void *p)
{
    return ((struct typed *)p)->ended;
}

/* One line of the terminal, read in the loop so that Ctrl-C is heard. */
static bool line_typed(struct tidegate *t, struct typed *typed,
                       const char *question)
{
    bool done;

    *typed = (struct typed){.source = {.fd = STDIN_FILENO,
                                       .events = POLLIN,
                                       .deadline = CLOCK_NEVER,
                                       .step = typed_step,
                                       .ctx = typed}};
    output_note(t->out, STYLE_BOLD, "%s ", question);
    loop_add(t->loop, &typed->source);
    done = loop_until(t->loop, typed_ended, typed, CLOCK_NEVER);
    loop_remove(t->loop, &typed->source);
    return done;
}

bool cmd_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool cmd_ask(struct tidegate *t, const char *question)
{
    struct typed typed;

    return line_typed(t, &typed, question) && strcmp(typed.text, "yes") == 0;
}

static bool name_typed(struct tidegate *t, struct typed *typed, struct err *e)
{
    if (line_typed(t, typed, "Type the name of the environment to go on:"))
        return true;
    err_what(e, ERR_INTERRUPTED, "interrupted before anything was changed");
    err_why(e, "a signal arrived while the question stood");
    return err_fix(e, "run it again when you are ready");
}

static bool name_agrees(struct tidegate *t, const char *name, struct err *e)
{
    if (strcmp(name, t->env->name) == 0)
        return true;
    err_what(e, ERR_USAGE, "'%.60s' is not the environment that would change",
             escape(t->arena, name));
    err_why(e, "this would change %s; nothing was changed", t->env->name);
    return err_fix(e, "if you mean it, give the name %s", t->env->name);
}

bool cmd_yes_agrees(struct tidegate *t, const char *yes, struct err *e)
{
    return !yes || name_agrees(t, yes, e);
}

bool cmd_confirm(struct tidegate *t, const char *yes, struct err *e)
{
    struct typed typed;

    if (yes)
        return name_agrees(t, yes, e);
    if (!cmd_terminal()) {
        err_what(e, ERR_USAGE, "nobody is here to confirm the change of %s",
                 t->env->name);
        err_why(e, "stdin or stderr is no terminal; nothing was changed");
        return err_fix(e, "if you mean it, add --yes=%s", t->env->name);
    }
    return name_typed(t, &typed, e) && name_agrees(t, typed.text, e);
}
