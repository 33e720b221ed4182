/* value_place: settings that say where something is: hosts, sources, clones,
 * calendars, waves. The dispatch and the plain kinds: value.c.
 */
#include <stdlib.h>
#include <string.h>

#include "policies/calendar.h"
#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/base/zone.h"
#include "runner/config/config.h"
#include "runner/config/value.h"

static const char *host_said(const struct setting *s, int line, struct err *e)
{
    struct err host = *e;

    ini_refuse(s->file, line, s->key->name, e, "%s", host.what);
    err_why(e, "%s", host.why);
    err_fix(e, "%s", host.fix);
    return said_already;
}

/* The physical line that holds byte `at` of the value. */
static int line_of(const struct setting *s, size_t at)
{
    size_t piece = 0;

    for (size_t i = 0; i < at; i++)
        piece += s->entry->value[i] == '\n';
    return s->entry->lines[piece];
}

const char *as_command(const struct setting *s, const char *text, struct err *e)
{
    struct host_name on;
    const char *command;

    setting_text(s, text);
    if (!host_command_parse(s->arena, text, &on, &command, e))
        return host_said(s, s->entry->line, e);
    return NULL;
}

const char *as_hosts(const struct setting *s, const char *text, struct err *e)
{
    size_t bad;

    if (!hosts_parse(s->arena, text, setting_member(s, s->key->at),
                     setting_member(s, s->key->at2), &bad, e))
        return host_said(s, line_of(s, bad), e);
    return NULL;
}

static const char *url_wrong(struct arena *a, const char *text)
{
    size_t n = strncmp(text, "http://", 7) == 0    ? 7
               : strncmp(text, "https://", 8) == 0 ? 8
                                                   : 0;

    if (n == 0 || text[n] == '\0' || text[n] == '/' || strpbrk(text, " \t\n"))
        return "it is no URL of http or https";
    if (strcmp(redact(a, text), text) != 0)
        return "it holds a password, and no file of settings does";
    return NULL;
}

const char *as_url(const struct setting *s, const char *text, struct err *e)
{
    (void)e;
    setting_text(s, text);
    return url_wrong(s->arena, text);
}

const char *as_conninfo(const struct setting *s, const char *text,
                        struct err *e)
{
    (void)e;
    setting_text(s, text);
    if (strcmp(redact(s->arena, text), text) != 0)
        return "it holds a password: use a passfile or a service";
    if (!strchr(text, '=') && strncmp(text, "postgres", 8) != 0)
        return "it has no keyword such as service= or host=";
    return NULL;
}

static const char *program_wrong(struct arena *a, const char *text)
{
    struct err unused;

    return command_words(a, text, &unused)
               ? NULL
               : "the command has no word, or an open quote";
}

/* What follows the "sql:" and so on of a fact source. */
static const char *fact_wrong(struct arena *a, const char *kind,
                              const char *rest)
{
    const char *slash = strrchr(rest, '/');

    if (*rest == '\0')
        return "nothing follows the colon";
    if (strcmp(kind, "command:") == 0)
        return program_wrong(a, rest);
    if (strcmp(kind, "http:") == 0)
        return url_wrong(a, rest);
    if (strcmp(kind, "haproxy:") == 0 &&
        (*rest != '/' || slash == rest || slash[1] == '\0'))
        return "haproxy: is followed by /SOCKET/BACKEND";
    return NULL;
}

const char *as_fact(const struct setting *s, const char *text, struct err *e)
{
    size_t n = strcspn(text, ": \t\n");
    const char *rest, *kind;

    (void)e;
    n += text[n] == ':';
    kind = arena_strndup(s->arena, text, n);
    rest = text + n + strspn(text + n, " \t\n");
    if (word_place(s->key->choices, kind) < 0)
        return "it begins with none of the words";
    if (kind[n - 1] != ':') {
        setting_text(s, kind);
        return *rest ? "the word stands alone" : NULL;
    }
    setting_text(s, arena_printf(s->arena, "%s %s", kind, rest));
    return fact_wrong(s->arena, kind, rest);
}

static const char *share_read(const char *text, size_t len,
                              struct wave_size *out)
{
    size_t n = strspn(text, "0123456789");

    *out = (struct wave_size){.percent = n < len && text[n] == '%'};
    if (n == 0 || n > 4 || *text == '0' || n + out->percent != len)
        return "it is neither a number of hosts nor a percentage";
    out->amount = (int)strtol(text, NULL, 10);
    if (out->amount > (out->percent ? 100 : HOSTS_LIMIT))
        return "that is more than all";
    return NULL;
}

const char *as_share(const struct setting *s, const char *text, struct err *e)
{
    (void)e;
    return share_read(text, strlen(text), setting_member(s, s->key->at));
}

const char *as_waves(const struct setting *s, const char *text, struct err *e)
{
    struct wave_size *list = NULL;
    const char *why;
    size_t n = 0, len;

    (void)e;
    for (const char *at = text; *(at += strspn(at, " \t")); at += len) {
        len = strcspn(at, " \t");
        list = arena_grow(s->arena, list, n, n + 1, sizeof *list);
        why = share_read(at, len, &list[n++]);
        if (why)
            return why;
    }
    *(struct wave_size **)setting_member(s, s->key->at) = list;
    *(size_t *)setting_member(s, s->key->at2) = n;
    return NULL;
}

const char *as_zone(const struct setting *s, const char *text, struct err *e)
{
    struct zone *zone = zone_open(text);

    (void)e;
    *(struct zone **)setting_member(s, s->key->at) = zone;
    return zone ? NULL : "this system knows no such time zone";
}

/* calendar_parse names the item; here its line is added: that of the first
 * piece which does not parse alone, else the key's. */
static const char *calendar_said(const struct setting *s, struct err *e)
{
    struct err item = *e, unused;
    struct calendar_item *items;
    const char *at = s->entry->value;
    int line = s->entry->line;
    size_t n;

    for (size_t i = 0; i < s->entry->pieces; i++) {
        size_t len = strcspn(at, "\n");
        if (!calendar_parse(s->arena, arena_strndup(s->arena, at, len), &items,
                            &n, &unused)) {
            line = s->entry->lines[i];
            break;
        }
        at += len + (at[len] == '\n');
    }
    ini_refuse(s->file, line, s->key->name, e, "%s", item.what);
    err_why(e, "%s", item.why);
    err_fix(e, "%s", item.fix);
    return said_already;
}

const char *as_calendar(const struct setting *s, const char *text,
                        struct err *e)
{
    if (!calendar_parse(s->arena, text, setting_member(s, s->key->at),
                        setting_member(s, s->key->at2), e))
        return calendar_said(s, e);
    return NULL;
}

const char *as_clone(const struct setting *s, const char *text, struct err *e)
{
    size_t n = strcspn(text, ":");
    const char *kind = arena_strndup(s->arena, text, n);
    const char *rest =
        text[n] ? text + n + 1 + strspn(text + n + 1, " ") : NULL;
    int place = word_place(s->key->choices, kind);
    bool wants = place == CLONE_TEMPLATE || place == CLONE_COMMAND;

    (void)e;
    if (place < 0)
        return "it is none of the five";
    if (wants != (rest && *rest))
        return wants ? "nothing follows the colon" : "the word stands alone";
    *(unsigned *)setting_member(s, s->key->at) = (unsigned)place;
    *(const char **)setting_member(s, s->key->at2) = rest;
    return place == CLONE_COMMAND ? program_wrong(s->arena, rest) : NULL;
}

const char *as_artifact(const struct setting *s, const char *text,
                        struct err *e)
{
    const char *path;

    if (strcmp(text, "git") == 0)
        return NULL;
    if (strncmp(text, "file:", 5) != 0)
        return "it is neither of the two";
    path = text + 5 + strspn(text + 5, " ");
    return *path ? as_path(s, path, e) : "nothing follows the colon";
}
