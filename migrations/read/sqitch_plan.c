#include "migrations/read/sqitch_plan.h"

#include <ctype.h>
#include <string.h>

#include "runner/base/escape.h"

#define LINE_MAX_BYTES 4096
#define BLANKS         " \t"
#define CHANGES_MAX    10000

struct plan_reader {
    struct sqitch_plan *out;
    struct arena *a;
    const char *file;
    int line;
    size_t cap, tags_cap;
    /* changes by name: open addressing, index + 1 of the newest */
    size_t *table;
    size_t table_size;
    struct err *e;
};

static bool bad(struct plan_reader *r, const char *what, const char *why,
                const char *fix)
{
    err_what(r->e, ERR_INPUT, "%s:%d: %s", r->file, r->line, what);
    err_why(r->e, "%s", why);
    return err_fix(r->e, "%s", fix);
}

static bool bad_word(struct plan_reader *r, const char *what, const char *word)
{
    return bad(r, what, arena_printf(r->a, "it says %.80s", escape(r->a, word)),
               "correct the plan as sqitch itself would read it");
}

/* ---- changes by name ---- */

static size_t slot_of(const struct plan_reader *r, const char *name)
{
    size_t h = 5381;

    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    for (h &= r->table_size - 1; r->table[h]; h = (h + 1) & (r->table_size - 1))
        if (strcmp(r->out->list[r->table[h] - 1].name, name) == 0)
            break;
    return h;
}

/* The newest of that name, or NULL. */
static struct plan_change *newest(const struct plan_reader *r, const char *name)
{
    size_t at = r->table_size ? r->table[slot_of(r, name)] : 0;

    return at ? &r->out->list[at - 1] : NULL;
}

static void enter(struct plan_reader *r, size_t index)
{
    r->table[slot_of(r, r->out->list[index].name)] = index + 1;
}

static struct plan_change *add_change(struct plan_reader *r)
{
    struct sqitch_plan *out = r->out;

    if (out->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 32;
        out->list = arena_grow(r->a, out->list, out->n, cap, sizeof *out->list);
        r->cap = cap;
        r->table_size = 4 * cap;
        r->table = arena_array(r->a, r->table_size, sizeof *r->table);
        for (size_t i = 0; i < out->n; i++)
            enter(r, i);
    }
    return &out->list[out->n];
}

static struct plan_tag *find_tag(const struct plan_reader *r, const char *name)
{
    for (size_t i = r->out->tags_n; i-- > 0;)
        if (strcmp(r->out->tags[i].name, name) == 0)
            return &r->out->tags[i];
    return NULL;
}

/* ---- names ---- */

static bool is_punctuation(char c)
{
    return ispunct((unsigned char)c) && c != '_';
}

/* Begins and ends with no punctuation, has none of blanks @ : # [ ] \, and no
 * ~ ^ / = % before digits at its end. */
static bool is_name(const char *name)
{
    size_t n = strlen(name), digits = n;

    if (!n || is_punctuation(name[0]) || is_punctuation(name[n - 1]) ||
        strpbrk(name, " \t@:#[]\\"))
        return false;
    while (digits && isdigit((unsigned char)name[digits - 1]))
        digits--;
    return digits == n || digits == 0 || !strchr("~^/=%", name[digits - 1]);
}

static bool is_id(const char *text)
{
    return strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40;
}

static bool is_reserved(const char *tag)
{
    return strcmp(tag, "ROOT") == 0 || strcmp(tag, "HEAD") == 0 || is_id(tag);
}

static bool is_digits(const char *p, const char *form)
{
    for (; *form; p++, form++)
        if (*form == '0' ? !isdigit((unsigned char)*p) : *p != *form)
            return false;
    return *p == '\0';
}

/* ---- what stands behind a name ---- */

/* Cuts the next word off; "" at the end. */
static char *word_of(char **at)
{
    char *word = *at + strspn(*at, BLANKS);
    size_t n = strcspn(word, BLANKS);

    *at = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

/* "2024-01-05T12:00:00Z A Person <a@example.org>" */
static bool take_planner(struct plan_reader *r, char *rest,
                         const char **planned)
{
    const char *open, *name;

    *planned = word_of(&rest);
    if (!is_digits(*planned, "0000-00-00T00:00:00Z"))
        return bad_word(r, "a time is missing (2024-01-05T12:00:00Z)",
                        *planned);
    name = rest + strspn(rest, BLANKS);
    open = strrchr(name, '<');
    if (!open || open == name || !strchr(open, '>') ||
        strchr(open, '>')[1] != '\0')
        return bad_word(r, "who planned it is missing (Name <address>)", name);
    return true;
}

/* ---- dependencies ---- */

/* "change", "change@tag", "@tag" */
static bool stands_before(struct plan_reader *r, char *dep)
{
    char *at = strchr(dep, '@');
    const struct plan_tag *tag = NULL;
    const struct plan_change *change;

    if (at) {
        *at++ = '\0';
        tag = find_tag(r, at);
        if (!tag && !is_reserved(at))
            return false;
    }
    if (!*dep)
        return true;
    change = newest(r, dep);
    while (change && tag && (size_t)(change - r->out->list) >= tag->changes)
        change = change->before ? &r->out->list[change->before - 1] : NULL;
    return change != NULL;
}

static bool take_dependency(struct plan_reader *r, char *dep)
{
    const char *whole = arena_strdup(r->a, dep);
    bool conflict = *dep == '!';
    char *colon;

    dep += conflict;
    colon = strchr(dep, ':');
    if (is_id(dep))
        return true; /* a change by its digest: the database knows */
    if (colon) {
        *colon = '\0';
        if (strcmp(dep, r->out->project) != 0)
            return true; /* another project's: this plan cannot tell */
        dep = colon + 1;
    }
    if (!*dep)
        return bad_word(r, "a dependency without a name", whole);
    if (stands_before(r, dep) == conflict)
        return bad_word(r,
                        conflict ? "it conflicts with a change before it"
                                 : "what it requires does not stand before it",
                        whole);
    return true;
}

/* "[a b !c] rest": rest moves behind it. */
static bool take_dependencies(struct plan_reader *r, char **rest)
{
    char *open = *rest + strspn(*rest, BLANKS), *close, *dep;

    *rest = open;
    if (*open != '[')
        return true;
    close = strchr(open, ']');
    if (!close)
        return bad_word(r, "the list of dependencies does not end", open);
    *close = '\0';
    *rest = close + 1;
    for (open++; *(dep = word_of(&open));)
        if (!take_dependency(r, dep))
            return false;
    return true;
}

/* ---- lines ---- */

static bool take_pragma(struct plan_reader *r, char *text)
{
    char *value = strchr(text, '='), *name;

    if (value)
        *value++ = '\0';
    name = word_of(&text);
    value = value ? value + strspn(value, BLANKS) : NULL;
    if (strcmp(name, "syntax-version") == 0)
        return value && strncmp(value, "1.", 2) == 0
                   ? true
                   : bad_word(r, "a plan of another syntax",
                              value ? value : "");
    if (strcmp(name, "project") != 0)
        return true; /* uri, and what later versions may say */
    if (r->out->project)
        return bad_word(r, "the project stands twice", value ? value : "");
    if (!value || !is_name(value))
        return bad_word(r, "no name of a project", value ? value : "");
    r->out->project = value;
    return true;
}

static bool take_tag(struct plan_reader *r, char *text)
{
    struct sqitch_plan *out = r->out;
    const char *planned, *name = word_of(&text);

    if (!is_name(name) || is_reserved(name))
        return bad_word(r, "no name of a tag", name);
    if (!out->n)
        return bad_word(r, "a tag before the first change", name);
    if (find_tag(r, name))
        return bad_word(r, "the tag stands twice", name);
    if (!take_planner(r, text, &planned))
        return false;
    if (out->tags_n == r->tags_cap) {
        size_t cap = r->tags_cap ? 2 * r->tags_cap : 16;
        out->tags =
            arena_grow(r->a, out->tags, out->tags_n, cap, sizeof *out->tags);
        r->tags_cap = cap;
    }
    out->tags[out->tags_n++] = (struct plan_tag){name, out->n};
    return true;
}

/* A change that stands already: with a tag between, it is reworked. */
static bool rework(struct plan_reader *r, struct plan_change *old,
                   struct plan_change *change)
{
    size_t index = (size_t)(old - r->out->list);

    old->tags_end = r->out->tags_n;
    for (old->tags_begin = old->tags_end;
         old->tags_begin && r->out->tags[old->tags_begin - 1].changes > index;)
        old->tags_begin--;
    if (old->tags_begin == old->tags_end)
        return bad_word(r, "the change stands twice without a tag between",
                        change->name);
    old->reworked = true;
    change->instance = old->instance + 1;
    change->before = index + 1;
    return true;
}

static bool take_change(struct plan_reader *r, char *text)
{
    struct plan_change *change = add_change(r), *old;
    char *name;

    if (*text == '-')
        return bad_word(r, "a change that is to be reverted", text);
    text += *text == '+';
    name = word_of(&text);
    if (strchr(name, '[')) { /* no blank between */
        text = arena_printf(r->a, "%s %s", strchr(name, '['), text);
        *strchr(name, '[') = '\0';
    }
    *change =
        (struct plan_change){.name = name, .line = r->line, .instance = 1};
    if (!is_name(name))
        return bad_word(r, "no name of a change", name);
    if (!r->out->project)
        return bad(r, "no project", "the plan does not say %project=NAME",
                   "write it at the top");
    if (!take_dependencies(r, &text) ||
        !take_planner(r, text, &change->planned))
        return false;
    old = newest(r, name);
    if (old && !rework(r, old, change))
        return false;
    enter(r, r->out->n++);
    return true;
}

/* One line, without its note and the blanks around. */
static bool take_line(struct plan_reader *r, char *text)
{
    size_t n;

    text += strspn(text, BLANKS);
    text[strcspn(text, "#")] = '\0';
    for (n = strlen(text); n && strchr(BLANKS "\r", text[n - 1]);)
        text[--n] = '\0';
    if (!*text)
        return true;
    if (*text == '%')
        return take_pragma(r, text + 1);
    return *text == '@' ? take_tag(r, text + 1) : take_change(r, text);
}

bool sqitch_plan_read(struct sqitch_plan *out, struct arena *a,
                      const char *file, const char *text, struct err *e)
{
    struct plan_reader r = {.out = out, .a = a, .file = file, .e = e};

    *out = (struct sqitch_plan){0};
    if (!utf8_valid(text, strlen(text)))
        return bad(&r, "the plan is no text", "it has invalid UTF-8",
                   "save it as UTF-8 text");
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (*text) {
        size_t n = strcspn(text, "\n");
        r.line++;
        if (n > LINE_MAX_BYTES)
            return bad(&r, "the line is too long",
                       "a line has at most 4096 bytes", "shorten it");
        if (out->n >= CHANGES_MAX || out->tags_n >= CHANGES_MAX)
            return bad(&r, "the plan is too long",
                       "tidegate reads at most 10000 changes and tags",
                       "fold the oldest changes into one");
        if (!take_line(&r, arena_strndup(a, text, n)))
            return false;
        text += n + (text[n] == '\n');
    }
    return out->project ||
           bad(&r, "no project", "the plan does not say %project=NAME",
               "write it at the top");
}
