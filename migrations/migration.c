#include "migrations/migration.h"

#include <stdlib.h>
#include <string.h>

#include "migrations/split.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

/* ---- names of files ---- */

#define NUMBER_DIGITS 18

struct file_name {
    const char *stem; /* "0012_add_total" */
    int64_t number;
    bool down;
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* NNNN_name.up.sql or NNNN_name.down.sql */
static bool read_name(struct arena *a, const char *name, struct file_name *out)
{
    const char *end = ends_with(name, ".up.sql")     ? ".up.sql"
                      : ends_with(name, ".down.sql") ? ".down.sql"
                                                     : NULL;
    size_t digits = strspn(name, "0123456789"), len;

    if (!end || digits == 0 || digits > NUMBER_DIGITS || name[digits] != '_')
        return false;
    len = strlen(name) - strlen(end);
    if (len <= digits + 1 || len > 200 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789_.-") < len)
        return false;
    out->stem = arena_strndup(a, name, len);
    out->number = strtoll(name, NULL, 10);
    out->down = *(end + 1) == 'd';
    return true;
}

static bool bad_name(struct arena *a, const char *name, struct err *e)
{
    err_what(e, ERR_INPUT, "%s: no name of a migration", escape(a, name));
    err_why(e, "SQL files in the migrations folder are NNNN_name.up.sql and "
               "NNNN_name.down.sql, of letters, digits, _ . and -");
    return err_fix(e, "rename it, or move it out of the folder");
}

/* ---- pairing ---- */

struct pair {
    struct file_name name;
    const struct sql_file *up, *down;
};

struct pairs {
    struct pair *list;
    size_t n;
};

static struct pair *pair_of(struct pairs *p, const struct file_name *name)
{
    /* files come sorted: the partner is near the end */
    for (size_t i = p->n; i-- > 0 && p->n - i < 64;)
        if (strcmp(p->list[i].name.stem, name->stem) == 0)
            return &p->list[i];
    p->list[p->n].name = *name;
    return &p->list[p->n++];
}

static int by_file_name(const void *x, const void *y)
{
    const struct sql_file *const *a = x, *const *b = y;

    return strcmp((*a)->name, (*b)->name);
}

static int by_number(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;

    if (a->name.number != b->name.number)
        return a->name.number < b->name.number ? -1 : 1;
    return strcmp(a->name.stem, b->name.stem);
}

static bool pair_file(struct pairs *p, struct arena *a,
                      const struct sql_file *file, struct err *e)
{
    struct file_name name;
    struct pair *pair;

    if (!ends_with(file->name, ".sql"))
        return true; /* README.md and the like */
    if (!read_name(a, file->name, &name))
        return bad_name(a, file->name, e);
    pair = pair_of(p, &name);
    if (name.down)
        pair->down = file;
    else
        pair->up = file;
    return true;
}

static bool pairs_check(const struct pairs *p, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct pair *pair = &p->list[i];
        if (!pair->up) {
            err_what(e, ERR_INPUT, "%s: has no up file", pair->down->name);
            err_why(e, "there is nothing that it could undo");
            return err_fix(e, "add %s.up.sql, or delete it", pair->name.stem);
        }
        if (i && pair->name.number == p->list[i - 1].name.number) {
            err_what(e, ERR_INPUT, "%s and %s have the same number",
                     p->list[i - 1].up->name, pair->up->name);
            err_why(e, "their order would be a matter of chance; leading "
                       "zeros do not count");
            return err_fix(e, "give the newer one the next number");
        }
    }
    return true;
}

static bool pair_all(struct pairs *p, struct arena *a,
                     const struct sql_file *files, size_t n, struct err *e)
{
    const struct sql_file **sorted = arena_array(a, n, sizeof *sorted);

    for (size_t i = 0; i < n; i++)
        sorted[i] = &files[i];
    qsort(sorted, n, sizeof *sorted, by_file_name);
    p->list = arena_array(a, n, sizeof *p->list);
    for (size_t i = 0; i < n; i++)
        if (!pair_file(p, a, sorted[i], e))
            return false;
    qsort(p->list, p->n, sizeof *p->list, by_number);
    return pairs_check(p, e);
}

/* ---- one migration ---- */

static void find_break(struct migration *m, struct arena *a)
{
    for (size_t i = 0; i < m->up.n && !m->breaks; i++)
        if (m->up.statements[i].breaks_old_code)
            m->breaks = arena_printf(a, "%d: %s", m->up.statements[i].line,
                                     m->up.statements[i].breaks_old_code);
}

static bool read_pair(struct migration *m, struct arena *a,
                      const struct pair *pair, struct err *e)
{
    struct directives said;
    struct hash h;

    *m = (struct migration){.name = pair->name.stem,
                            .number = pair->name.number};
    if (!split_script(&m->up, &said, a, pair->up, false, e))
        return false;
    m->after = said.after;
    m->compatible = said.compatible;
    m->forward_only = said.forward_only;
    m->contract = said.contract;
    m->contract_for = said.contract_for;
    m->has_down = pair->down;
    if (m->has_down && !split_script(&m->down, NULL, a, pair->down, true, e))
        return false;
    if (m->has_down && m->forward_only) {
        err_what(e, ERR_INPUT, "%s: forward-only, but there is a down file",
                 m->up.file);
        err_why(e, "one of the two is wrong");
        return err_fix(e, "delete the directive or %s", m->down.file);
    }
    hash_init(&h);
    hash_field(&h, "tidegate migration 1");
    hash_field(&h, m->up.text);
    hash_field(&h, m->has_down ? m->down.text : "");
    hash_end_hex(&h, m->checksum);
    find_break(m, a);
    return true;
}

/* ---- all of them ---- */

static bool layout_known(const char *layout, struct err *e)
{
    static const char *const known[] = {"auto", "tidegate"};
    const char *near;

    for (size_t i = 0; i < 2; i++)
        if (strcmp(layout, known[i]) == 0)
            return true;
    near = nearest(layout, known, 2);
    err_what(e, ERR_CONFIG, "[migrations] layout: no layout has that name");
    err_why(e, "it says %.60s", layout);
    return err_fix(e, "%s%s", near ? "did you mean " : "write ",
                   near ? near : "auto");
}

bool migrations_read(struct migrations *out, struct arena *a,
                     const char *layout, const struct sql_file *files, size_t n,
                     struct err *e)
{
    struct pairs p = {0};
    const struct migration **order;

    *out = (struct migrations){0};
    if (!layout_known(layout, e) || !pair_all(&p, a, files, n, e))
        return false;
    if (p.n > MIGRATIONS_MAX) {
        err_what(e, ERR_INPUT, "%zu migrations", p.n);
        err_why(e, "tidegate reads at most %d", MIGRATIONS_MAX);
        return err_fix(e, "fold the oldest ones into one");
    }
    out->list = arena_array(a, p.n, sizeof *out->list);
    order = arena_array(a, p.n, sizeof *order);
    for (size_t i = 0; i < p.n; i++) {
        if (!read_pair(&out->list[i], a, &p.list[i], e))
            return false;
        order[i] = &out->list[i];
    }
    out->n = p.n;
    migrations_digest(order, p.n, out->digest);
    return true;
}

const struct migration *migrations_find(const struct migrations *m,
                                        const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->list[i].name, name) == 0)
            return &m->list[i];
    return NULL;
}

char *migrations_digest(const struct migration *const *list, size_t n,
                        char out[HASH_HEX])
{
    struct hash h;

    hash_init(&h);
    hash_field(&h, "tidegate migrations 1");
    for (size_t i = 0; i < n; i++) {
        hash_field(&h, list[i]->name);
        hash_field(&h, list[i]->checksum);
    }
    hash_end_hex(&h, out);
    return out;
}
