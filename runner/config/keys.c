#include "runner/config/keys.h"

#include <string.h>

#include "runner/base/duration.h"
#include "runner/base/nearest.h"

#define MANY 64 /* more than any table has rows */

static bool in_file(const struct key_section *s, bool policy)
{
    return (s->scope == SCOPE_POLICY) == policy;
}

const struct key_section *key_section_find(const char *written, bool policy,
                                           const char **environment)
{
    *environment = NULL;
    for (const struct key_section *s = key_sections; s->name; s++) {
        size_t n = strlen(s->name);

        if (!in_file(s, policy) || strncmp(written, s->name, n) != 0)
            continue;
        if (written[n] == '\0' && s->scope != SCOPE_ENVIRONMENT)
            return s;
        if (written[n] != ' ' || strchr(written + n + 1, ' ') ||
            (s->scope != SCOPE_ENVIRONMENT && s->scope != SCOPE_EACH))
            continue;
        *environment = written + n + 1;
        return s;
    }
    return NULL;
}

const struct key *key_find(const struct key_section *s, const char *name)
{
    for (const struct key *k = s->keys; k->name; k++)
        if ((k->flags & KEY_ANY) || strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static const char *nearest_section(const char *written, bool policy)
{
    const char *names[MANY];
    size_t n = 0, first = strcspn(written, " ");
    char word[INI_NAME_LIMIT + 1];
    const char *best;

    for (const struct key_section *s = key_sections; s->name; s++)
        if (in_file(s, policy))
            names[n++] = s->name;
    for (size_t i = 0; i < n; i++) /* "[probe]" */
        if (strncmp(names[i], written, strlen(written)) == 0)
            return names[i];
    best = nearest(written, names, n);
    if (best || !written[first])
        return best;
    memcpy(word, written, first); /* "[rolout production]" */
    word[first] = '\0';
    return nearest(word, names, n);
}

static bool section_unknown(struct arena *a, const struct ini_file *f,
                            const struct ini_section *s, bool policy,
                            struct err *e)
{
    const char *near = nearest_section(s->name, policy), *environment;

    ini_refuse(f, s->line, NULL, e, "there is no section [%s]", s->name);
    if (strcmp(s->name, "environment") == 0) {
        err_why(e, "an environment has a name");
        return err_fix(e, "write [environment production]");
    }
    if (key_section_find(s->name, !policy, &environment)) {
        err_why(e, policy ? "it belongs into "
                            "tidegate.ini"
                          : "it belongs into a policy file");
        return err_fix(e, "move it there");
    }
    err_why(e, "sections are written as `tidegate help config` lists them");
    return near ? err_fix(e, "did you mean [%s]?",
                          arena_printf(
                              a, "%s%s", near,
                              strcmp(near, "environment") == 0 ? " NAME" : ""))
                : err_fix(e, "see: tidegate help config");
}

static bool key_unknown(const struct ini_file *f, const struct ini_entry *entry,
                        const struct key_section *s, struct err *e)
{
    const char *names[MANY], *near;
    size_t n = 0;

    for (const struct key *k = s->keys; k->name; k++)
        names[n++] = k->name;
    near = nearest(entry->key, names, n);
    ini_refuse(f, entry->line, entry->key, e, "there is no such key in [%s]",
               entry->section);
    err_why(e, "keys are written as `tidegate help config` lists them");
    return near ? err_fix(e, "did you mean `%s`?", near)
                : err_fix(e, "see: tidegate help config");
}

static bool runs_elsewhere(const struct key *k, const char *value)
{
    return k->kind == KEY_COMMAND || k->kind == KEY_PLACEHOLDER ||
           strncmp(value, "sql:", 4) == 0 || strncmp(value, "command:", 8) == 0;
}

/* An indented "max = 50" below a query would silently become part of it. */
static bool swallowed(const struct ini_file *f, const struct ini_entry *entry,
                      const struct key_section *s, struct err *e)
{
    const char *at = strchr(entry->value, '\n');

    for (size_t i = 1; at && i < entry->pieces; i++) {
        for (const struct key *k = s->keys; k->name; k++) {
            size_t n = strlen(k->name);
            if (strncmp(at + 1, k->name, n) == 0 &&
                at[1 + n + strspn(at + 1 + n, " \t")] == '=') {
                ini_refuse(f, entry->lines[i], k->name, e,
                           "the key is indented");
                err_why(e, "so the line continues the value of `%s`",
                        entry->key);
                return !err_fix(e, "begin the line at the margin");
            }
        }
        at = strchr(at + 1, '\n');
    }
    return false;
}

static bool entry_check(const struct ini_file *f, const struct ini_entry *entry,
                        const struct key_section *s, struct err *e)
{
    const struct key *k = key_find(s, entry->key);

    if (!k)
        return key_unknown(f, entry, s, e);
    if (entry->comment && runs_elsewhere(k, entry->value)) {
        ini_refuse(f, entry->comment, entry->key, e,
                   "a ; after a blank would begin a comment");
        err_why(e, "what follows it would silently %s",
                k->kind == KEY_PLACEHOLDER ? "be left out" : "not run");
        return err_fix(e, k->kind == KEY_PLACEHOLDER
                              ? "put the comment on a line of its own"
                              : "use && or a script");
    }
    return !swallowed(f, entry, s, e);
}

bool keys_check(struct arena *a, const struct ini_file *f, bool policy,
                struct err *e)
{
    const char *environment;
    size_t i = 0;

    /* in the order of the file: the first error is the one that is told */
    for (size_t n = 0; n < f->n_sections; n++) {
        const struct key_section *s =
            key_section_find(f->sections[n].name, policy, &environment);

        if (!s)
            return section_unknown(a, f, &f->sections[n], policy, e);
        for (; i < f->n_entries && f->entries[i].section == f->sections[n].name;
             i++)
            if (!entry_check(f, &f->entries[i], s, e))
                return false;
    }
    return true;
}

static char *words_form(struct arena *a, const struct key *k)
{
    const char *text = k->choices ? k->choices : "no yes";
    char *out = arena_strdup(a, "");

    for (const char *at = text; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        bool last = at[n] == '\0';
        out = arena_printf(a, "%s%s%.*s", out,
                           !*out  ? ""
                           : last ? " or "
                                  : ", ",
                           (int)n, at);
        at += n;
    }
    return out;
}

static char *duration_form(struct arena *a, const struct key *k)
{
    char low[32], high[32];

    return arena_printf(a,
                        "a duration with its unit (30s, 15m, 2h, 7d), from "
                        "%s to %s",
                        duration_text(k->low, low, sizeof low),
                        duration_text(k->high, high, sizeof high));
}

static const char *const forms[KEY_KINDS] = {
    [KEY_TEXT] = "a text",
    [KEY_NAME] = "a name of letters, digits and . _ -, up to 32 bytes",
    [KEY_PATH] = "a path, relative to the folder of tidegate.ini",
    [KEY_LIST] = "words with blanks between",
    [KEY_COMMAND] = "a command for sh on the host",
    [KEY_URL] = "http://... or https://...",
    [KEY_CONNINFO] = "a connection string without a password, such as "
                     "service=shop",
    [KEY_HOSTS] = "[user@]name[:port], several with blanks between, "
                  "web[01-12] for a range",
    [KEY_WAVES] = "totals such as: 1 25% 100%",
    [KEY_SHARE] = "a number of hosts or a percentage, such as 2 or 25%",
    [KEY_ZONE] = "an IANA zone name such as Europe/Tallinn",
    [KEY_CALENDAR] = "items such as: Mon-Thu 22:00-02:00, "
                     "2026-12-20..2027-01-03",
    [KEY_CLONE] = "dump, schema, template:NAME, existing or command:PROGRAM",
    [KEY_ARTIFACT] = "git, or file:PATH",
    [KEY_LEDGER] = "a folder",
    [KEY_PLACEHOLDER] = "a text of one line, whose quotes belong to it",
};

char *key_form(struct arena *a, const struct key *k)
{
    switch (k->kind) {
    case KEY_INT:
    case KEY_LONG:
        return arena_printf(a, "a whole number from %lld to %lld",
                            (long long)k->low, (long long)k->high);
    case KEY_MS:
    case KEY_SECONDS:
        return duration_form(a, k);
    case KEY_BOOL:
    case KEY_CHOICE:
    case KEY_ONE_OF:
        return words_form(a, k);
    case KEY_FACT:
        return arena_printf(a, "%s", words_form(a, k));
    default:
        return arena_strdup(a, forms[k->kind]);
    }
}
