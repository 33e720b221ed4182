/* One file per migration with a part for each way: dbmate and goose.
 *
 * dbmate: "N*.sql"; a line `-- migrate:up`, later `-- migrate:down`, each with
 * options ("transaction:false"); order is that of the file names; only
 * comments before the first (dbmate, pkg/dbmate/migration.go). goose:
 * "N_name.sql"; lines `-- +goose Up`, `Down`, `StatementBegin`,
 * `StatementEnd`, `NO TRANSACTION`, `ENVSUB ON` (goose,
 * internal/sqlparser/parser.go). Both look at lines, not at SQL: a line within
 * a string counts as well. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "migrations/read/layout.h"
#include "runner/base/escape.h"

#define NUMBER_DIGITS 18

/* ---- lines ---- */

struct line {
    const char *at, *end; /* what is still to come of the text */
    const char *text;     /* its first byte */
    size_t len;           /* without the newline and blanks before it */
    int number;
};

static bool next_line(struct line *l)
{
    const char *newline;

    if (l->at >= l->end)
        return false;
    l->text = l->at;
    newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
    l->at = newline ? newline + 1 : l->end;
    l->len = (size_t)((newline ? newline : l->end) - l->text);
    l->number++;
    while (l->len && memchr(" \t\r\f\v", l->text[l->len - 1], 5))
        l->len--;
    return true;
}

static struct line lines_of(const struct sql_file *file)
{
    struct line l = {.at = file->bytes, .end = file->bytes + file->len};

    if (file->len >= 3 && memcmp(file->bytes, "\xef\xbb\xbf", 3) == 0)
        l.at += 3;
    return l;
}

/* What follows "--", blanks and the n bytes of mark, when the line begins so;
 * else NULL. */
static const char *behind_mark(const struct line *l, const char *mark, size_t n)
{
    const char *p = l->text, *end = l->text + l->len;

    if (l->len < 2 || p[0] != '-' || p[1] != '-')
        return NULL;
    for (p += 2; p < end && (*p == ' ' || *p == '\t');)
        p++;
    return (size_t)(end - p) >= n && memcmp(p, mark, n) == 0 ? p + n : NULL;
}

static char *marked(struct arena *a, const struct line *l, const char *mark)
{
    const char *p = behind_mark(l, mark, strlen(mark));

    return p ? arena_strndup(a, p, (size_t)(l->text + l->len - p)) : NULL;
}

/* goose looks at neither the case of its second word nor the blanks before. */
static bool is_mark(const struct line *l, const char *mark)
{
    size_t n = strcspn(mark, " ");
    const char *second = mark + n + strspn(mark + n, " ");
    const char *p = behind_mark(l, mark, n), *end = l->text + l->len;

    while (p && p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p && (size_t)(end - p) >= strlen(second) &&
           strncasecmp(p, second, strlen(second)) == 0;
}

bool layout_holds(const struct sql_file *file, const char *mark)
{
    struct line l = lines_of(file);

    while (next_line(&l))
        if (is_mark(&l, mark))
            return true;
    return false;
}

static bool any_marked(const struct layout_reading *r, const char *mark)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strchr(r->files[i]->name, '/') &&
            layout_ends_with(r->files[i]->name, ".sql") &&
            layout_holds(r->files[i], mark))
            return true;
    return false;
}

/* ---- parts ---- */

/* One file on its way. */
struct parts {
    struct layout_reading *r;
    struct layout_entry *entry;
    const char *file, *bytes;
    const struct line *line;
    size_t down_at; /* byte of the down part, 0: none yet */
    int down_line;
    bool up, block; /* block: between StatementBegin and StatementEnd */
    struct err *e;
};

static bool bad(const struct parts *p, const char *what, const char *why,
                const char *fix)
{
    return layout_refuse(p->e, p->file, p->line->number, what, why, fix);
}

static void down_here(struct parts *p)
{
    p->down_at = (size_t)(p->line->text - p->bytes);
    p->down_line = p->line->number;
}

/* Everything before the down part is up, with what stands above: lines count
 * from the file's first, and our own directives may stand there. */
static void finish(struct parts *p, size_t len)
{
    struct layout_entry *entry = p->entry;
    size_t up = p->down_at ? p->down_at : len;

    entry->up.name = entry->down.name = p->file;
    entry->up.bytes = p->bytes;
    entry->up.len = up;
    entry->up.how.foreign = entry->down.how.foreign = true;
    entry->has_down = p->down_at != 0;
    entry->down.bytes = p->bytes + up;
    entry->down.len = len - up;
    entry->down.how.lines_before = p->down_line - 1;
}

/* ---- dbmate ---- */

/* "transaction:false", and nothing else that dbmate knows. */
static bool dbmate_options(struct parts *p, const char *words,
                           struct sql_how *how)
{
    while (*(words += strspn(words, " \t"))) {
        size_t n = strcspn(words, " \t");
        if (n == 17 && strncmp(words, "transaction:false", n) == 0)
            how->no_transaction = true;
        else if (n != 16 || strncmp(words, "transaction:true", n) != 0)
            return bad(p, "an option that dbmate does not know",
                       arena_printf(p->r->a, "it says %.*s", (int)n,
                                    escape(p->r->a, words)),
                       "write transaction:false, or nothing");
        words += n;
    }
    return true;
}

static bool is_bare(const struct line *l)
{
    size_t skip = 0;

    while (skip < l->len && memchr(" \t", l->text[skip], 2))
        skip++;
    return skip == l->len ||
           (skip + 1 < l->len && memcmp(l->text + skip, "--", 2) == 0);
}

static bool dbmate_line(struct parts *p)
{
    const struct line *l = p->line;
    const char *up = marked(p->r->a, l, "migrate:up");
    const char *down = marked(p->r->a, l, "migrate:down");

    if (up && (!*up || strchr(" \t", *up))) {
        if (p->up)
            return true; /* dbmate looks at the first one only */
        p->up = true;
        return dbmate_options(p, up, &p->entry->up.how);
    }
    if (down && (!*down || strchr(" \t", *down))) {
        if (!p->up)
            return bad(p, "migrate:down before migrate:up",
                       "dbmate wants the way up first", "change their places");
        if (p->down_at)
            return true;
        down_here(p);
        return dbmate_options(p, down, &p->entry->down.how);
    }
    if (!p->up && !is_bare(l))
        return bad(p, "a statement before migrate:up",
                   "dbmate takes comments there only",
                   "move it below the line -- migrate:up");
    return true;
}

static bool is_dbmate(const struct layout_reading *r)
{
    return any_marked(r, layout_dbmate.mark);
}

/* ---- goose ---- */

static bool goose_begin(struct parts *p)
{
    if (!p->up || p->block)
        return bad(p, "StatementBegin in a wrong place",
                   "it stands after Up or Down, and not within another",
                   "correct the lines -- +goose");
    p->block = true;
    return true;
}

static bool goose_end(struct parts *p)
{
    if (!p->block)
        return bad(p, "StatementEnd without StatementBegin",
                   "there is no block that it could end", "delete the line");
    p->block = false;
    return true;
}

static bool goose_up(struct parts *p)
{
    if (p->up)
        return bad(p, "Up stands twice", "goose takes one per file",
                   "delete one of the lines");
    p->up = true;
    return true;
}

static bool goose_down(struct parts *p)
{
    if (!p->up || p->block || p->down_at)
        return bad(p, "Down in a wrong place",
                   "it stands once, after Up and its statements",
                   "correct the lines -- +goose");
    down_here(p);
    return true;
}

static bool goose_alone(struct parts *p)
{
    p->entry->up.how.no_transaction = p->entry->down.how.no_transaction = true;
    return true;
}

static bool goose_environment(struct parts *p)
{
    return bad(p, "a template: goose puts environment variables in",
               "tidegate fills in nothing, so it cannot know what would run",
               "write the text itself, and delete the line");
}

static bool goose_nothing(struct parts *p)
{
    (void)p;
    return true;
}

static const struct {
    const char *words;
    bool (*take)(struct parts *p);
} goose[] = {
    {"Up", goose_up},
    {"Down", goose_down},
    {"StatementBegin", goose_begin},
    {"StatementEnd", goose_end},
    {"NO TRANSACTION", goose_alone},
    {"ENVSUB ON", goose_environment},
    {"ENVSUBST ON", goose_environment},
    {"ENVSUB OFF", goose_nothing},
    {"ENVSUBST OFF", goose_nothing},
};

static bool goose_line(struct parts *p)
{
    const char *words = marked(p->r->a, p->line, "+goose");

    if (!words)
        return p->up || is_bare(p->line) ||
               bad(p, "a statement before -- +goose Up",
                   "goose takes comments there only", "move it below the line");
    words += strspn(words, " \t");
    for (size_t i = 0; i < sizeof goose / sizeof *goose; i++)
        if (strcasecmp(words, goose[i].words) == 0)
            return goose[i].take(p);
    return bad(
        p, "an annotation that goose does not know",
        arena_printf(p->r->a, "it says +goose %s", escape(p->r->a, words)),
        "correct it");
}

static bool is_goose(const struct layout_reading *r)
{
    return any_marked(r, layout_goose.mark);
}

/* ---- files ---- */

struct tool {
    const char *up;     /* "-- +goose Up" */
    const char *behind; /* what follows the number: any of these, or "" */
    bool (*take)(struct parts *p);
};

static bool read_parts(struct layout_reading *r, const struct sql_file *file,
                       const struct tool *tool, struct err *e)
{
    struct line l = lines_of(file);
    struct parts p = {.r = r,
                      .entry = &r->list[r->count - 1],
                      .file = escape(r->a, file->name),
                      .bytes = file->bytes,
                      .line = &l,
                      .e = e};

    while (next_line(&l))
        if (!tool->take(&p))
            return false;
    if (!p.up)
        return layout_refuse(
            e, p.file, 0, "has no way up",
            arena_printf(r->a, "there is no line %s", tool->up),
            "write the line above the statements");
    if (p.block)
        return bad(&p, "StatementBegin without StatementEnd",
                   "the block never ends", "write the line that ends it");
    finish(&p, file->len);
    return true;
}

static bool is_migration(const char *name, const struct tool *tool,
                         size_t *digits)
{
    *digits = strspn(name, "0123456789");
    return *digits && !strchr(name, '/') &&
           (!*tool->behind || strchr(tool->behind, name[*digits]));
}

static bool add_file(struct layout_reading *r, const struct sql_file *file,
                     const struct tool *tool, struct err *e)
{
    struct layout_entry *entry;
    size_t digits;

    if (!is_migration(file->name, tool, &digits))
        return true; /* the tools pass them over as well */
    if (layout_ends_with(file->name, ".go") && *tool->behind &&
        !layout_ends_with(file->name, "_test.go"))
        return layout_refuse(e, escape(r->a, file->name), 0,
                             "a migration that is no SQL",
                             "tidegate runs SQL only, so it can neither "
                             "rehearse nor apply it",
                             "write what it does as SQL");
    if (!layout_ends_with(file->name, ".sql"))
        return true;
    if (digits > NUMBER_DIGITS)
        return layout_refuse(
            e, escape(r->a, file->name), 0, "its number is too large",
            "a number has at most 18 digits", "give it a smaller number");
    entry = layout_add(r);
    entry->name = arena_strndup(r->a, file->name, strlen(file->name) - 4);
    entry->version = arena_strndup(r->a, file->name, digits);
    entry->number = strtoll(file->name, NULL, 10);
    return read_parts(r, file, tool, e);
}

static int by_number(const void *x, const void *y)
{
    const struct layout_entry *a = x, *b = y;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int by_pointed(const void *x, const void *y)
{
    return by_number(*(const struct layout_entry *const *)x,
                     *(const struct layout_entry *const *)y);
}

static bool no_twins(struct layout_reading *r, struct err *e)
{
    const struct layout_entry **sorted =
        arena_array(r->a, r->count, sizeof *sorted);

    for (size_t i = 0; i < r->count; i++)
        sorted[i] = &r->list[i];
    qsort(sorted, r->count, sizeof *sorted, by_pointed);
    for (size_t i = 1; i < r->count; i++)
        if (sorted[i]->number == sorted[i - 1]->number)
            return layout_refuse(
                e, sorted[i]->up.name, 0, "its number is taken",
                arena_printf(r->a, "%s has it, too", sorted[i - 1]->up.name),
                "give the newer one the next number");
    return true;
}

static bool read_all(struct layout_reading *r, const struct tool *tool,
                     struct err *e)
{
    for (size_t i = 0; i < r->n; i++)
        if (!add_file(r, r->files[i], tool, e))
            return false;
    return no_twins(r, e);
}

static bool read_dbmate(struct layout_reading *r, struct err *e)
{
    static const struct tool tool = {"-- migrate:up", "", dbmate_line};

    if (!read_all(r, &tool, e))
        return false;
    /* by name, as dbmate runs them; numbers count where they agree */
    for (size_t i = 1; i < r->count; i++)
        if (r->list[i].number < r->list[i - 1].number) {
            for (size_t j = 0; j < r->count; j++)
                r->list[j].number = -1;
            break;
        }
    return true;
}

static bool read_goose(struct layout_reading *r, struct err *e)
{
    static const struct tool tool = {"-- +goose Up", "_", goose_line};

    if (!read_all(r, &tool, e))
        return false;
    if (r->count)
        qsort(r->list, r->count, sizeof *r->list, by_number);
    for (size_t i = 0; i < r->count; i++) /* its table has numbers */
        r->list[i].version =
            arena_printf(r->a, "%lld", (long long)r->list[i].number);
    return true;
}

const struct layout layout_dbmate = {
    .name = "dbmate",
    .form = "N_name.sql with -- migrate:up",
    .mark = "migrate:up",
    .recognise = is_dbmate,
    .read = read_dbmate,
    .applied_table = "public.schema_migrations",
    .applied_sql = "SELECT version, 'applied' FROM {table}",
};

/* One row for each way; the newest of a version counts. 0 is goose's own. */
const struct layout layout_goose = {
    .name = "goose",
    .form = "N_name.sql with -- +goose Up",
    .mark = "+goose Up",
    .recognise = is_goose,
    .read = read_goose,
    .applied_table = "public.goose_db_version",
    .applied_sql = "SELECT version_id::pg_catalog.text, 'applied' FROM"
                   " (SELECT DISTINCT ON (version_id) version_id, is_applied"
                   " FROM {table} ORDER BY version_id, id DESC) newest"
                   " WHERE is_applied AND version_id > 0",
};
