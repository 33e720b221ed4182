/* What another tool's own table says is applied, told of our migrations. */
#include <stdlib.h>
#include <string.h>

#include "migrations/read/layout.h"
#include "runner/base/buf.h"

char *layout_applied_sql(struct arena *a, const struct layout *l,
                         const char *table)
{
    static const char mark[] = "{table}";
    const char *at = l->applied_sql, *next;
    struct buf b;

    buf_init(&b);
    while ((next = strstr(at, mark))) {
        buf_add(&b, at, (size_t)(next - at));
        buf_str(&b, table ? table : l->applied_table);
        at = next + strlen(mark);
    }
    buf_str(&b, at);
    return buf_into(&b, a);
}

/* The next number of a version, and what stands behind it. */
static unsigned long long part(const char **version)
{
    char *end;
    unsigned long long n = strtoull(*version, &end, 10);

    if (end == *version)
        end += strlen(end);
    *version = *end ? end + 1 : end;
    return n;
}

int layout_compare(const char *x, const char *y)
{
    while (*x || *y) {
        unsigned long long a = part(&x), b = part(&y);
        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

/* To Flyway 003, 3 and 3.0 are one version: who renames a file does not have
 * it run again. */
static bool same_version(const struct migrations *m, const struct migration *x,
                         const char *version)
{
    if (strcmp(m->layout, "flyway") == 0)
        return !x->repeats && layout_compare(x->version, version) == 0;
    return strcmp(x->version, version) == 0;
}

/* mark NULL: the tool keeps none of this one. */
static bool has_mark(const struct migration *one, const char *mark)
{
    size_t n = mark ? strlen(mark) : 0;

    for (const char *at = one->mark; at && n; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, mark, n) == 0 && (!at[n] || at[n] == ' '))
            return true;
    }
    return false;
}

static bool mark_one(struct layout_applied *out, struct arena *a,
                     const struct migrations *m, const char *version,
                     const char *mark)
{
    bool found = false;

    for (size_t i = 0; i < m->n; i++) {
        const struct migration *one = &m->list[i];

        if (!same_version(m, one, version))
            continue;
        out->is[i] = found = true;
        if (mark && one->mark && !has_mark(one, mark))
            out->changed[out->changed_n++] =
                (struct layout_changed){one, arena_strdup(a, mark)};
    }
    return found;
}

static bool mark_through(struct layout_applied *out, const struct migrations *m,
                         const char *version)
{
    bool found = false;

    for (size_t i = 0; i < m->n; i++) {
        int order = m->list[i].repeats
                        ? 1
                        : layout_compare(m->list[i].version, version);
        found |= order == 0;
        out->is[i] |= order <= 0;
    }
    return found;
}

/* Of a repeatable one the table has its description, where file names have _
 * for each blank. */
static bool same_description(const char *x, const char *y)
{
    while (*x && (*x == '_' ? ' ' : *x) == (*y == '_' ? ' ' : *y))
        x++, y++;
    return !*x && !*y;
}

static bool mark_text(struct layout_applied *out, const struct migrations *m,
                      const char *version, const char *mark)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct migration *one = &m->list[i];

        if (!one->repeats || !same_description(one->repeats, version))
            continue;
        out->is[i] = has_mark(one, mark);
        if (!out->is[i])
            out->again[out->again_n++] = one->name;
        return true;
    }
    return false;
}

/* sqitch keeps several projects in one table: "project:change time". */
static bool is_foreign(const struct migrations *m, const char *version)
{
    const char *colon;
    size_t n;

    if (!m->n || strcmp(m->layout, "sqitch") != 0)
        return false;
    colon = strchr(m->list[0].version, ':');
    n = colon ? (size_t)(colon - m->list[0].version) + 1 : 0;
    return strncmp(m->list[0].version, version, n) != 0;
}

static bool mark_row(struct layout_applied *out, struct arena *a,
                     const struct migrations *m, const char *version,
                     const char *how)
{
    if (strncmp(how, "text ", 5) == 0)
        return mark_text(out, m, version, how + 5);
    if (strcmp(how, "through") == 0)
        return mark_through(out, m, version);
    return mark_one(out, a, m, version,
                    strncmp(how, "applied ", 8) == 0 ? how + 8 : NULL);
}

void layout_applied(struct layout_applied *out, struct arena *a,
                    const struct migrations *m, char *const *const *cell,
                    size_t rows)
{
    *out = (struct layout_applied){0};
    out->is = arena_array(a, m->n, sizeof *out->is);
    out->strange = arena_array(a, rows, sizeof *out->strange);
    out->again = arena_array(a, rows, sizeof *out->again);
    out->changed = arena_array(a, rows, sizeof *out->changed);
    for (size_t i = 0; i < rows; i++) {
        const char *version = cell[i][0] ? cell[i][0] : "";
        const char *how = cell[i][1] ? cell[i][1] : "";

        if (strcmp(how, "unfinished") == 0) {
            if (!out->unfinished)
                out->unfinished = arena_strdup(a, version);
            continue;
        }
        if (!mark_row(out, a, m, version, how) && !is_foreign(m, version))
            out->strange[out->strange_n++] = arena_strdup(a, version);
    }
}
