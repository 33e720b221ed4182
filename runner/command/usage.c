#include "runner/command/usage.h"

#include <string.h>

#include "runner/config/keys.h"

#define HELP_COLUMN 26

void usage_wrap(struct buf *out, const char *text, size_t at, size_t indent)
{
    if (at > indent) {
        buf_char(out, '\n');
        at = 0;
    }
    buf_printf(out, "%*s", (int)(indent - at), "");
    at = indent;
    while (*text) {
        size_t n = strcspn(text, " ");

        if (at > indent && at + 1 + n > USAGE_WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            buf_char(out, ' ');
            at++;
        }
        buf_add(out, text, n);
        at += n;
        text += n + (text[n] == ' ');
    }
    buf_char(out, '\n');
}

void usage_option(struct buf *out, const struct opt *o)
{
    if (o->letter)
        buf_printf(out, "-%c, ", o->letter);
    buf_printf(out, "--%s", o->name);
    if (o->kind == OPT_KIND_SPAN)
        buf_printf(out, "[=%s]", o->value);
    else if (o->value)
        buf_printf(out, " %s", o->value);
}

static void arg_word(struct buf *out, const struct arg *row)
{
    static const char *const shapes[] = {
        [ARG_ONE] = "%s",
        [ARG_MAYBE] = "[%s]",
        [ARG_MANY] = "%s...",
        [ARG_ANY] = "[%s...]",
    };
    const char *shape = shapes[row->how], *at = strchr(shape, '%');

    buf_add(out, shape, (size_t)(at - shape));
    buf_str(out, row->name);
    buf_str(out, at + 2);
}

void usage_synopsis(struct buf *out, const struct cmd *c)
{
    for (const struct arg *row = c->args; row && row->name; row++) {
        buf_char(out, ' ');
        arg_word(out, row);
    }
    if (c->opts && c->opts->name)
        buf_str(out, " [options]");
}

/* A name in the left column, its sentence in the right one. */
static void entry(struct buf *out, const char *name, const char *help)
{
    buf_printf(out, "  %s", name);
    usage_wrap(out, help, strlen(name) + 2, HELP_COLUMN);
}

static void options(struct buf *out, const char *title, const struct opt *rows)
{
    struct buf name;

    buf_init(&name);
    buf_printf(out, "\n%s\n", title);
    for (; rows->name; rows++) {
        buf_clear(&name);
        buf_str(&name, rows->letter ? "" : "    ");
        usage_option(&name, rows);
        if (rows->kind == OPT_KIND_LIST)
            buf_str(&name, " ...");
        entry(out, name.data, rows->help);
    }
    buf_release(&name);
}

void usage_overview(struct buf *out)
{
    buf_str(out, "usage: tidegate [global options] COMMAND [arguments]\n\n"
                 "Takes a release to production, or back, and refuses to do "
                 "so at the\nwrong moment.\n\ncommands\n");
    for (const struct cmd *const *c = commands; *c; c++)
        entry(out, (*c)->name, (*c)->summary);
    options(out, "global options, before or after the command", global_opts);
    buf_str(out, "\nMore: tidegate COMMAND --help, tidegate help config, "
                 "help directives,\n  help gates, help exits\n");
}

void usage_command(struct buf *out, const struct cmd *c)
{
    struct buf synopsis;

    buf_init(&synopsis);
    buf_printf(&synopsis, "usage: tidegate %s", c->name);
    usage_synopsis(&synopsis, c);
    usage_wrap(out, synopsis.data, 0, 0);
    buf_release(&synopsis);
    buf_char(out, '\n');
    usage_wrap(out, c->summary, 0, 0);
    if (c->help) {
        buf_char(out, '\n');
        usage_wrap(out, c->help, 0, 0);
    }
    if (c->args && c->args->name)
        buf_str(out, "\narguments\n");
    for (const struct arg *row = c->args; row && row->name; row++)
        entry(out, row->name, row->help);
    if (c->opts && c->opts->name)
        options(out, "options", c->opts);
    options(out, "global options", global_opts);
}

const char *usage_gate(struct arena *a, const struct gate *g)
{
    return arena_printf(
        a, "%s%s%s%s", g->asks,
        g->local ? " Asked before anything is contacted." : "",
        g->again ? " Asked again before each migration and wave." : "",
        g->section ? arena_printf(a,
                                  " `override = yes` in [%s] lets --override "
                                  "lift it.",
                                  g->section)
                   : "");
}

void usage_gates(struct buf *out)
{
    struct arena a;

    arena_init(&a);
    for (int i = 0; i < GATE_COUNT; i++) {
        buf_printf(out, "  %-11s", gates[i].name);
        usage_wrap(out, usage_gate(&a, &gates[i]), 13, 13);
    }
    arena_release(&a);
}

const char *usage_directive(struct arena *a, const struct directive_row *row)
{
    return arena_printf(a, "%s Takes %s.%s", row->help, row->takes,
                        row->in_down ? " In a way back as well." : "");
}

void usage_directives(struct buf *out)
{
    struct arena a;

    arena_init(&a);
    usage_wrap(out, DIRECTIVES_STAND, 0, 0);
    for (const struct directive_row *row = directive_rows; row->name; row++) {
        const char *form =
            arena_printf(&a, "%s%s", row->name, row->reason ? "" : "=");
        buf_printf(out, "  %-18s ", form);
        usage_wrap(out, usage_directive(&a, row), 21, 21);
    }
    arena_release(&a);
}

void usage_exits(struct buf *out)
{
    char code[16];

    for (const struct exit_row *row = exit_rows; row->word; row++) {
        snprintf(code, sizeof code, "%3d", row->code);
        buf_printf(out, "  %s  %-14s", code, row->word);
        usage_wrap(out, row->help, 21, 21);
    }
}

static void config_key(struct buf *out, struct arena *a, const struct key *k)
{
    bool required = k->flags & KEY_REQUIRED;

    buf_printf(out, "  %s", k->name);
    usage_wrap(out, k->help, strlen(k->name) + 2, 20);
    usage_wrap(out,
               arena_printf(a, "Value: %s%s%s%s.", key_form(a, k),
                            k->flags & KEY_HOST ? "; %h is the host" : "",
                            k->flags & KEY_RELEASE ? "; %v is the release" : "",
                            required ? "; required" : ""),
               0, 20);
    if (k->fallback)
        usage_wrap(out, arena_printf(a, "Default: %s", k->fallback), 0, 20);
}

void usage_config(struct buf *out)
{
    struct arena a;
    bool policy = false;

    arena_init(&a);
    buf_str(out, "tidegate.ini\n");
    for (const struct key_section *s = key_sections; s->name; s++) {
        if (!policy && s->scope == SCOPE_POLICY) {
            buf_str(out, "\npolicy files\n");
            policy = true;
        }
        buf_printf(out, "\n[%s%s]\n", s->name,
                   s->scope == SCOPE_ENVIRONMENT ? " NAME" : "");
        usage_wrap(out, s->help, 0, 0);
        if (s->scope == SCOPE_EACH)
            usage_wrap(out,
                       arena_printf(&a,
                                    "[%s NAME] rules in one environment, "
                                    "key by key.",
                                    s->name),
                       0, 0);
        for (const struct key *k = s->keys; k->name; k++)
            config_key(out, &a, k);
    }
    arena_release(&a);
}

void usage_version(struct buf *out)
{
    buf_printf(out, "tidegate %s\n", TIDEGATE_VERSION);
    usage_wrap(out, "built with " TIDEGATE_LIBRARIES, 0, 0);
}
