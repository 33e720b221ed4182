/* value: one setting read by its row of the table, a function for each kind
 * of value. Each answers NULL, or why the text is none of its kind.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "migrations/read/placeholders.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/config/keys.h"
#include "runner/config/value.h"

const char said_already[] = "";

void *setting_member(const struct setting *s, size_t at)
{
    return (char *)s->base + at;
}

void setting_text(const struct setting *s, const char *text)
{
    *(const char **)setting_member(s, s->key->at) = text;
}

static const char *as_text(const struct setting *s, const char *text,
                           struct err *e)
{
    (void)e;
    setting_text(s, text);
    return NULL;
}

bool name_valid(const char *text, size_t limit)
{
    size_t n = strlen(text);

    if (n == 0 || n > limit || *text == '-' || *text == '.')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789._-") == n;
}

static const char *as_name(const struct setting *s, const char *text,
                           struct err *e)
{
    (void)e;
    setting_text(s, text);
    return name_valid(text, ENVIRONMENT_NAME_LIMIT) ? NULL
                                                    : "it is no such name";
}

const char *as_path(const struct setting *s, const char *text, struct err *e)
{
    (void)e;
    setting_text(s, strcmp(text, ".") == 0
                        ? s->folder
                        : path_join(s->arena, s->folder, text));
    return NULL;
}

static const char *as_ledger(const struct setting *s, const char *text,
                             struct err *e)
{
    if (strncmp(text, "postgresql:", 11) == 0 ||
        strncmp(text, "postgres:", 9) == 0)
        return "a ledger in PostgreSQL is not yet supported: use a folder";
    return as_path(s, text, e);
}

/* Digits without sign or leading zero, in the row's range. */
static const char *whole_number(const struct setting *s, const char *text,
                                int64_t *out)
{
    size_t n = strspn(text, "0123456789");

    if (n == 0 || text[n] != '\0')
        return "it is no whole number";
    if (n > 1 && text[0] == '0')
        return "it has a leading zero";
    *out = n > 18 ? INT64_MAX : strtoll(text, NULL, 10);
    if (*out < s->key->low || *out > s->key->high)
        return "it is out of range";
    return NULL;
}

static const char *as_int(const struct setting *s, const char *text,
                          struct err *e)
{
    int64_t n = 0;
    const char *why = whole_number(s, text, &n);

    (void)e;
    *(int *)setting_member(s, s->key->at) = (int)n;
    return why;
}

static const char *as_long(const struct setting *s, const char *text,
                           struct err *e)
{
    (void)e;
    return whole_number(s, text, setting_member(s, s->key->at));
}

static const char *duration(const struct setting *s, const char *text,
                            int64_t unit)
{
    int64_t ms;

    if (!duration_parse(text, &ms))
        return strspn(text, "0123456789") == strlen(text)
                   ? "the unit is missing"
                   : "it is no duration";
    if (ms < s->key->low || ms > s->key->high)
        return "it is out of range";
    if (ms % unit != 0)
        return "it is not in whole seconds";
    *(int64_t *)setting_member(s, s->key->at) = ms / unit;
    return NULL;
}

static const char *as_ms(const struct setting *s, const char *text,
                         struct err *e)
{
    (void)e;
    return duration(s, text, 1);
}

static const char *as_seconds(const struct setting *s, const char *text,
                              struct err *e)
{
    (void)e;
    return duration(s, text, 1000);
}

/* The place of text among words with blanks between, or -1. */
int word_place(const char *words, const char *text)
{
    size_t len = strlen(text);
    int place = 0;

    for (const char *at = words; *at; place++) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, text, n) == 0)
            return place;
        at += n + (at[n] == ' ');
    }
    return -1;
}

static const char *as_bool(const struct setting *s, const char *text,
                           struct err *e)
{
    int place = word_place(s->key->choices ? s->key->choices : "no yes", text);

    (void)e;
    *(bool *)setting_member(s, s->key->at) = place == 1;
    return place >= 0 ? NULL : "it is neither of the two words";
}

static const char *as_choice(const struct setting *s, const char *text,
                             struct err *e)
{
    int place = word_place(s->key->choices, text);

    (void)e;
    if (place < 0)
        return "it is none of the words";
    *(unsigned *)setting_member(s, s->key->at) = (unsigned)place;
    return NULL;
}

static const char *as_one_of(const struct setting *s, const char *text,
                             struct err *e)
{
    (void)e;
    setting_text(s, text);
    return word_place(s->key->choices, text) >= 0 ? NULL
                                                  : "it is none of the words";
}

static const char *inside_wrong(const char *path)
{
    if (*path == '/')
        return "a path inside the release does not begin with /";
    for (const char *at = path; *at; at += strcspn(at, "/"), at += *at == '/')
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return "a path inside the release has no ..";
    return NULL;
}

static const char *as_list(const struct setting *s, const char *text,
                           struct err *e)
{
    const char **list = NULL, *why;
    size_t n = 0, len;

    (void)e;
    for (const char *at = text; *(at += strspn(at, " \t\n")); at += len) {
        len = strcspn(at, " \t\n");
        list = arena_grow(s->arena, list, n, n + 1, sizeof *list);
        list[n] = arena_strndup(s->arena, at, len);
        why = inside_wrong(list[n]);
        for (size_t i = 0; i < n && !why; i++)
            if (strcmp(list[i], list[n]) == 0)
                why = "a word stands there twice";
        if (why)
            return why;
        n++;
    }
    *(const char ***)setting_member(s, s->key->at) = list;
    *(size_t *)setting_member(s, s->key->at2) = n;
    return NULL;
}

static const char *twice(const struct setting *s, const struct ini_entry *other,
                         struct err *e)
{
    ini_refuse(s->file, s->entry->line, s->entry->key, e,
               "the name stands twice in [%s]", s->entry->section);
    err_why(e, "capitals make no other name, and line %d has `%s`", other->line,
            other->key);
    err_fix(e, "keep one of the two");
    return said_already;
}

/* Those of one environment come first, and rule there. */
static const char *as_placeholder(const struct setting *s, const char *text,
                                  struct err *e)
{
    struct placeholder **list = setting_member(s, s->key->at);
    size_t *n = setting_member(s, s->key->at2);
    const char *name = s->entry->key;

    for (const struct ini_entry *at = s->file->entries; at < s->entry; at++)
        if (strcmp(at->section, s->entry->section) == 0 &&
            strcasecmp(at->key, name) == 0)
            return twice(s, at, e);
    for (size_t i = 0; i < *n; i++)
        if (strcasecmp((*list)[i].name, name) == 0)
            return NULL;
    *list = arena_grow(s->arena, *list, *n, *n + 1, sizeof **list);
    (*list)[(*n)++] = (struct placeholder){name, text};
    return NULL;
}

static put_fn *const puts_by_kind[KEY_KINDS] = {
    [KEY_TEXT] = as_text,
    [KEY_NAME] = as_name,
    [KEY_PATH] = as_path,
    [KEY_INT] = as_int,
    [KEY_LONG] = as_long,
    [KEY_BOOL] = as_bool,
    [KEY_MS] = as_ms,
    [KEY_SECONDS] = as_seconds,
    [KEY_CHOICE] = as_choice,
    [KEY_ONE_OF] = as_one_of,
    [KEY_LIST] = as_list,
    [KEY_COMMAND] = as_command,
    [KEY_FACT] = as_fact,
    [KEY_URL] = as_url,
    [KEY_CONNINFO] = as_conninfo,
    [KEY_HOSTS] = as_hosts,
    [KEY_WAVES] = as_waves,
    [KEY_SHARE] = as_share,
    [KEY_ZONE] = as_zone,
    [KEY_CALENDAR] = as_calendar,
    [KEY_CLONE] = as_clone,
    [KEY_ARTIFACT] = as_artifact,
    [KEY_LEDGER] = as_ledger,
    [KEY_PLACEHOLDER] = as_placeholder,
};

/* %h, %v and %% where the row allows one of them; a key that allows none
 * takes % literally, but %h or %v there is surely meant otherwise. */
static const char *placeholder_wrong(const struct key *k, const char *text)
{
    bool fills = k->flags & (KEY_HOST | KEY_RELEASE);

    if (!fills && (k->kind == KEY_FACT || k->kind == KEY_PLACEHOLDER))
        return NULL;
    for (const char *at = text; (at = strchr(at, '%')); at += 2) {
        if (at[1] == 'h' && !(k->flags & KEY_HOST))
            return "%h has no meaning here";
        if (at[1] == 'v' && !(k->flags & KEY_RELEASE))
            return "%v has no meaning here";
        if (fills && (!at[1] || !strchr("hv%", at[1])))
            return "% is followed by h, v or %; a plain % is written %%";
        if (!at[1])
            break;
    }
    return NULL;
}

bool setting_refuse(const struct setting *s, struct err *e, const char *why)
{
    int line = s->entry->pieces > 1 && !(s->key->flags & KEY_LINES)
                   ? s->entry->lines[1]
                   : s->entry->line;

    ini_refuse(s->file, line, s->entry->key, e, "'%.60s' is not allowed",
               escape(s->arena, redact(s->arena, s->entry->value)));
    err_why(e, "%s", why);
    return err_fix(e, "write %s", key_form(s->arena, s->key));
}

bool setting_put(const struct setting *s, struct err *e)
{
    const char *text = s->entry ? s->entry->value : s->key->fallback, *why;

    if (!text)
        return true;
    if (s->entry && *text == '\0' && s->key->kind != KEY_PLACEHOLDER)
        return setting_refuse(s, e, "it is empty");
    if (s->entry && s->entry->pieces > 1 && !(s->key->flags & KEY_LINES))
        return setting_refuse(s, e, "the value goes on over a second line");
    why = placeholder_wrong(s->key, text);
    if (!why)
        why = puts_by_kind[s->key->kind](s, text, e);
    if (!why)
        return true;
    if (!s->entry)
        BUG("the default of `%s`: %s", s->key->name, why);
    return why == said_already ? false : setting_refuse(s, e, why);
}
