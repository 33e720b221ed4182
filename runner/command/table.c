#include "runner/command/table.h"

#include <string.h>

#include "runner/base/nearest.h"

#define COMMAND_POINT(name) &cmd_##name,

const struct cmd *const commands[] = {COMMANDS(COMMAND_POINT) NULL};

const struct opt global_opts[] = {
    {"directory", 'C', "DIR", "The folder of tidegate.ini; default: here.",
     OPT_STR(globals, folder)},
    {"environment", 'e', "ENV",
     "The environment; needed when there are several.",
     OPT_STR(globals, environment)},
    {"format", 0, "text|json|github",
     "How to answer; default: text. github: of lint alone.",
     OPT_STR(globals, format)},
    {"no-color", 0, NULL, "No colors, on a terminal either.",
     OPT_BOOL(globals, no_color)},
    {"verbose", 'v', NULL, "Say each step as it begins and ends.",
     OPT_COUNT(globals, verbose)},
    {"version", 0, NULL, "Print the versions of tidegate and its libraries.",
     OPT_BOOL(globals, version)},
    {"help", 'h', NULL, "Print help.", OPT_BOOL(globals, help)},
    {0},
};

const struct cmd *cmd_find(const char *name, struct err *e)
{
    const char *names[64], *near;
    size_t n = 0;

    for (; commands[n]; n++) {
        if (strcmp(commands[n]->name, name) == 0)
            return commands[n];
        names[n] = commands[n]->name;
    }
    near = nearest(name, names, n);
    err_what(e, ERR_USAGE, "there is no command '%.60s'", name);
    err_why(e, "commands are listed by: tidegate --help");
    if (near)
        err_fix(e, "did you mean: tidegate %s?", near);
    else
        err_fix(e, "see: tidegate --help");
    return NULL;
}
