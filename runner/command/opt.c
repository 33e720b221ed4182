#include "runner/command/opt.h"

#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

/* An option as found on the command line. */
struct found {
    const struct opt *row;
    void *base;
    const char *shown; /* "--wait", "-e" */
    const char *value; /* what was glued to it, or NULL */
};

static bool one_of(const char *alternatives, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = alternatives;; at++) {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, word, n) == 0)
            return true;
        at += n;
        if (*at == '\0')
            return false;
    }
}

static bool wants_value(const struct opt *row)
{
    return row->kind != OPT_KIND_BOOL && row->kind != OPT_KIND_COUNT;
}

static bool refuse(const struct found *f, struct err *e, const char *why)
{
    err_what(e, ERR_USAGE, "%s: %s", f->shown, why);
    err_why(e, "%s%s%s: %s", f->shown, f->row->value ? " " : "",
            f->row->value ? f->row->value : "", f->row->help);
    return err_fix(e, "see --help");
}

static bool put_value(struct opt_reader *r, const struct found *f,
                      const char *value, struct err *e)
{
    void *at = (char *)f->base + f->row->at;
    int64_t ms = 0;

    if ((f->row->kind == OPT_KIND_DURATION || f->row->kind == OPT_KIND_SPAN) &&
        value && !duration_parse(value, &ms))
        return refuse(f, e, "a duration has a unit, such as 30s or 2h");
    switch (f->row->kind) {
    case OPT_KIND_STR:
        if (f->row->value[0] >= 'a' && !one_of(f->row->value, value))
            return refuse(f, e, "the value is none of these words");
        *(const char **)at = value;
        break;
    case OPT_KIND_INT:
        if (strspn(value, "0123456789") != strlen(value) || !*value ||
            strlen(value) > 6)
            return refuse(f, e, "the value is no number up to 999999");
        *(int *)at = (int)strtol(value, NULL, 10);
        break;
    case OPT_KIND_LIST: {
        struct opt_list *list = at;
        list->words = arena_grow(r->arena, list->words, list->n, list->n + 1,
                                 sizeof *list->words);
        list->words[list->n++] = value;
        break;
    }
    case OPT_KIND_DURATION:
        *(int64_t *)at = ms;
        break;
    case OPT_KIND_SPAN:
        *(struct opt_span *)at = (struct opt_span){.given = true, .ms = ms};
        break;
    case OPT_KIND_BOOL:
        *(bool *)at = true;
        break;
    case OPT_KIND_COUNT:
        ++*(int *)at;
        break;
    }
    return true;
}

/* Everything but lists and counts once. */
static bool mark_seen(struct opt_reader *r, const struct found *f,
                      struct err *e)
{
    if (f->row->kind == OPT_KIND_LIST || f->row->kind == OPT_KIND_COUNT)
        return true;
    for (size_t i = 0; i < r->n_seen; i++)
        if (r->seen[i] == f->row)
            return refuse(f, e, "it is given twice");
    r->seen = arena_grow(r->arena, r->seen, r->n_seen, r->n_seen + 1,
                         sizeof *r->seen);
    r->seen[r->n_seen++] = f->row;
    return true;
}

static bool take(struct opt_reader *r, struct found *f, struct err *e)
{
    const char *value = f->value;

    if (!wants_value(f->row) && value)
        return refuse(f, e, "it takes no value");
    if (wants_value(f->row) && f->row->kind != OPT_KIND_SPAN && !value) {
        value = r->argv[r->at];
        if (!value)
            return refuse(f, e, "its value is missing");
        r->at++;
    }
    if (value && *value == '\0')
        return refuse(f, e, "its value is empty");
    return mark_seen(r, f, e) && put_value(r, f, value, e);
}

static bool unknown(struct opt_reader *r, const char *shown, const char *name,
                    struct err *e)
{
    const char *names[64], *near;
    size_t n = 0;

    for (size_t s = 0; s < OPT_SETS; s++)
        for (const struct opt *o = r->sets[s].rows; o && o->name && n < 64; o++)
            names[n++] = o->name;
    near = name ? nearest(name, names, n) : NULL;
    err_what(e, ERR_USAGE, "there is no option %s", escape(r->arena, shown));
    err_why(e, "neither the command nor tidegate as a whole knows it");
    return near ? err_fix(e, "did you mean --%s?", near)
                : err_fix(e, "see --help");
}

static bool find(struct opt_reader *r, const char *name, size_t len,
                 char letter, struct found *f)
{
    for (size_t s = 0; s < OPT_SETS; s++) {
        f->base = r->sets[s].base;
        for (f->row = r->sets[s].rows; f->row && f->row->name; f->row++)
            if (name ? strlen(f->row->name) == len &&
                           memcmp(f->row->name, name, len) == 0
                     : f->row->letter == letter)
                return true;
    }
    return false;
}

static bool take_long(struct opt_reader *r, const char *word, struct err *e)
{
    size_t len = strcspn(word + 2, "=");
    struct found f = {.value = word[2 + len] ? word + 3 + len : NULL};
    const char *shown = arena_strndup(r->arena, word, len + 2);

    if (!find(r, word + 2, len, 0, &f))
        return unknown(r, shown, shown + 2, e);
    f.shown = shown;
    return take(r, &f, e);
}

static bool take_letter(struct opt_reader *r, struct err *e)
{
    struct found f = {.shown = arena_printf(r->arena, "-%c", *r->letter)};

    if (!find(r, NULL, 0, *r->letter, &f))
        return unknown(r, f.shown, NULL, e);
    r->letter++;
    if (*r->letter && wants_value(f.row)) {
        f.value = r->letter;
        r->letter = NULL;
    } else if (!*r->letter) {
        r->letter = NULL;
    }
    return take(r, &f, e);
}

bool opt_next(struct opt_reader *r, const char **word, struct err *e)
{
    for (*word = NULL; r->argv[r->at] || r->letter;) {
        const char *next = r->argv[r->at];

        if (r->letter) {
            if (!take_letter(r, e))
                return false;
            continue;
        }
        r->at++;
        if (r->ended || next[0] != '-' || next[1] == '\0') {
            *word = next;
            return true;
        }
        if (strcmp(next, "--") == 0)
            r->ended = true;
        else if (next[1] == '-' && !take_long(r, next, e))
            return false;
        else if (next[1] != '-')
            r->letter = next + 1;
    }
    return true;
}

static bool arg_refuse(const char *command, struct err *e, const char *what,
                       const char *why)
{
    err_what(e, ERR_USAGE, "%s: %s", command, what);
    err_why(e, "%s", why);
    return err_fix(e, "see: tidegate %s --help", command);
}

static bool verb_refuse(struct arena *a, const struct arg *row,
                        const char *word, const char *command, struct err *e)
{
    const char *names[16], *near;
    size_t n = 0;

    for (const char *at = row->name; n < 16; at++) {
        size_t len = strcspn(at, "|");
        names[n++] = arena_strndup(a, at, len);
        at += len;
        if (*at == '\0')
            break;
    }
    near = nearest(word, names, n);
    err_what(e, ERR_USAGE, "%s: '%.80s' is none of %s", command,
             escape(a, word), row->name);
    err_why(e, "%s", row->help);
    return near ? err_fix(e, "did you mean: tidegate %s %s?", command, near)
                : err_fix(e, "see: tidegate %s --help", command);
}

bool arg_place(struct arena *a, const struct arg *rows, void *base,
               const struct opt_list *words, const char *command, struct err *e)
{
    size_t i = 0;

    for (const struct arg *row = rows; row && row->name; row++) {
        void *at = (char *)base + row->at;

        if (i == words->n && (row->how == ARG_ONE || row->how == ARG_MANY))
            return arg_refuse(command, e,
                              arena_printf(a, "%s is missing", row->name),
                              row->help);
        if (row->how == ARG_MANY || row->how == ARG_ANY) {
            *(struct opt_list *)at =
                (struct opt_list){.words = words->words + i, .n = words->n - i};
            i = words->n;
        } else if (i < words->n) {
            if (row->name[0] >= 'a' && !one_of(row->name, words->words[i]))
                return verb_refuse(a, row, words->words[i], command, e);
            *(const char **)at = words->words[i++];
        }
    }
    if (i == words->n)
        return true;
    return arg_refuse(
        command, e,
        arena_printf(a, "'%.80s' is too much", escape(a, words->words[i])),
        "the command takes no such word");
}
