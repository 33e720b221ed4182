#include <string.h>

#include "runner/command/usage.h"

struct help_args {
    const char *topic;
    bool man;
};

static const struct {
    const char *name;
    void (*print)(struct buf *out);
} topics[] = {{"config", usage_config},
              {"gates", usage_gates},
              {"exits", usage_exits},
              {"directives", usage_directives}};

static bool help_topic(struct buf *out, const char *name, struct err *e)
{
    const struct cmd *c;

    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (strcmp(topics[i].name, name) == 0) {
            topics[i].print(out);
            return true;
        }
    c = cmd_find(name, e);
    if (c)
        usage_command(out, c);
    return c != NULL;
}

static bool help_run(struct tidegate *t, void *p, struct err *e)
{
    const struct help_args *args = p;
    struct buf out;
    bool good = true;

    buf_init(&out);
    if (args->man)
        usage_manual(&out);
    else if (args->topic)
        good = help_topic(&out, args->topic, e);
    else
        usage_overview(&out);
    t->out->json = false; /* help is text, whatever was asked for */
    output_text(t->out, "%s", out.data);
    buf_release(&out);
    return good;
}

static const struct arg help_words[] = {
    {"TOPIC", "A command, `config`, `directives`, `gates` or `exits`.",
     ARG_MAYBE, ARG(help_args, topic)},
    {0},
};
static const struct opt help_opts[] = {
    {"man", 0, NULL, "Print the manual page in mdoc.",
     OPT_BOOL(help_args, man)},
    {0},
};

const struct cmd cmd_help = {
    .name = "help",
    .summary =
        "Print help on a command, the configuration, directives of migrations, "
        "gates or exit codes.",
    .args = help_words,
    .opts = help_opts,
    .args_size = sizeof(struct help_args),
    .run = help_run,
};
