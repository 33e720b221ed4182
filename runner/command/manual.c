#include "runner/command/usage.h"

#include <string.h>

#include "runner/config/keys.h"

/* A sentence, or several: each begins a line, as mdoc wants it. No text of
 * the tables holds a backslash. */
static void sentences(struct buf *out, const char *text)
{
    while (*text) {
        const char *stop = strstr(text, ". ");
        size_t n = stop ? (size_t)(stop - text) + 1 : strlen(text);
        char line[1024];

        snprintf(line, sizeof line, "%s%.*s",
                 *text == '.' || *text == '\'' ? "\\&" : "", (int)n, text);
        usage_wrap(out, line, 0, 0);
        text += n + (stop != NULL);
    }
}

/* Words of a macro line: each that could be a macro's name, or holds a blank
 * or a delimiter, is quoted. */
static void quoted(struct buf *out, const char *text)
{
    buf_str(out, " \"");
    for (; *text; text++) {
        if (*text == '"')
            buf_char(out, '"');
        if (*text == '\\')
            buf_str(out, "\\e");
        else
            buf_char(out, *text);
    }
    buf_char(out, '"');
}

static void options(struct buf *out, const struct opt *rows)
{
    buf_str(out, ".Bl -tag -width Ds\n");
    for (; rows->name; rows++) {
        buf_str(out, ".It Xo\n");
        if (rows->letter)
            buf_printf(out, ".Fl %c ,\n", rows->letter);
        buf_printf(out, ".Fl Fl %s\n", rows->name);
        if (rows->value) {
            buf_str(out, rows->kind == OPT_KIND_SPAN ? ".Op Ar" : ".Ar");
            quoted(out, rows->value);
            buf_char(out, '\n');
        }
        buf_str(out, ".Xc\n");
        sentences(out, rows->help);
    }
    buf_str(out, ".El\n");
}

static void command(struct buf *out, const struct cmd *c)
{
    struct buf synopsis;

    buf_init(&synopsis);
    usage_synopsis(&synopsis, c);
    buf_printf(out, ".Ss %s\n.D1 tidegate %s", c->name, c->name);
    if (synopsis.len)
        quoted(out, synopsis.data + 1);
    buf_str(out, "\n.Pp\n");
    sentences(out, c->summary);
    if (c->help)
        sentences(out, c->help);
    if (c->opts && c->opts->name)
        options(out, c->opts);
    buf_release(&synopsis);
}

static void gate_list(struct buf *out)
{
    struct arena a;

    arena_init(&a);
    buf_str(out, ".Sh GATES\nIn the order in which they are asked:\n"
                 ".Bl -tag -width Ds\n");
    for (int i = 0; i < GATE_COUNT; i++) {
        buf_printf(out, ".It %s\n", gates[i].name);
        sentences(out, usage_gate(&a, &gates[i]));
    }
    buf_str(out, ".El\n");
    arena_release(&a);
}

static void directives(struct buf *out)
{
    struct arena a;

    arena_init(&a);
    buf_str(out, ".Sh DIRECTIVES\n");
    sentences(out, DIRECTIVES_STAND);
    buf_str(out, ".Bl -tag -width Ds\n");
    for (const struct directive_row *row = directive_rows; row->name; row++) {
        buf_printf(out, ".It Cm %s%s\n", row->name, row->reason ? "" : "=");
        sentences(out, usage_directive(&a, row));
    }
    buf_str(out, ".El\n");
    arena_release(&a);
}

static void exit_codes(struct buf *out)
{
    buf_str(out, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
    for (const struct exit_row *row = exit_rows; row->word; row++) {
        buf_printf(out, ".It %d\n", row->code);
        sentences(out, row->help);
    }
    buf_str(out, ".El\n");
}

static void key_item(struct buf *out, struct arena *a, const struct key *k)
{
    buf_printf(out, ".It Cm %s\n", k->name);
    sentences(out, k->help);
    sentences(out, arena_printf(a, "Value: %s%s.", key_form(a, k),
                                k->flags & KEY_REQUIRED ? "; required" : ""));
    if (k->fallback)
        sentences(out, arena_printf(a, "Default: %s", k->fallback));
}

static void keys(struct buf *out)
{
    struct arena a;

    arena_init(&a);
    buf_str(out, ".Sh CONFIGURATION\n"
                 "Settings stand in\n.Pa tidegate.ini\n"
                 "and in the policy files that it names.\n");
    for (const struct key_section *s = key_sections; s->name; s++) {
        buf_printf(out, ".Ss [%s%s] in %s\n", s->name,
                   s->scope == SCOPE_ENVIRONMENT ? " NAME" : "",
                   s->scope == SCOPE_POLICY ? "a policy file" : CONFIG_FILE);
        sentences(out, s->help);
        buf_str(out, ".Bl -tag -width Ds\n");
        for (const struct key *k = s->keys; k->name; k++)
            key_item(out, &a, k);
        buf_str(out, ".El\n");
    }
    arena_release(&a);
}

void usage_manual(struct buf *out)
{
    buf_str(out, ".\\\" Printed by: tidegate help --man\n"
                 ".Dd November 22, 2026\n.Dt TIDEGATE 1\n.Os\n"
                 ".Sh NAME\n.Nm tidegate\n"
                 ".Nd guarded release and migration runner\n"
                 ".Sh SYNOPSIS\n.Nm tidegate\n.Op Ar \"global options\"\n"
                 ".Ar command\n.Op Ar arguments\n"
                 ".Sh DESCRIPTION\n"
                 "Takes a release to production, or back,\n"
                 "and refuses to do so at the wrong moment.\n"
                 ".Pp\nGlobal options stand before or after the command:\n");
    options(out, global_opts);
    buf_str(out, ".Sh COMMANDS\n");
    for (const struct cmd *const *c = commands; *c; c++)
        command(out, *c);
    directives(out);
    gate_list(out);
    exit_codes(out);
    keys(out);
}
