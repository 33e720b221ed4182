/* N_name.up.sql and N_name.down.sql: tidegate's own, and golang-migrate's.
 *
 * golang-migrate takes any name after the number, a file without a statement,
 * and a down file alone; its numbers are unsigned 64 bit, ours end at 18
 * digits. Its sources: source/parse.go ("^([0-9]+)_(.*)\.(down|up)\.(.*)$"),
 * and database/postgres for schema_migrations, which has one row. */
#include <stdlib.h>
#include <string.h>

#include "migrations/read/layout.h"
#include "runner/base/escape.h"

#define NUMBER_DIGITS 18
#define PLAIN                                              \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789_.-"
#define ENDING "abcdefghijklmnopqrstuvwxyz"

/* Where tidegate is stricter. */
#define OTHER "; files of golang-migrate: [migrations] layout = golang-migrate"

struct pair_name {
    size_t stem;        /* length of "0012_add_total" */
    size_t digits;      /* of the number */
    bool down;          /* .down. */
    const char *ending; /* "sql", "go" */
};

/* N_anything.up.ending */
static bool read_form(const char *name, struct pair_name *out)
{
    const char *dot = NULL;

    out->digits = strspn(name, "0123456789");
    if (!out->digits || name[out->digits] != '_' || strchr(name, '/'))
        return false;
    for (const char *p = name; (p = strchr(p, '.')); p++)
        if (strncmp(p, ".up.", 4) == 0 || strncmp(p, ".down.", 6) == 0)
            dot = p;
    if (!dot)
        return false;
    out->stem = (size_t)(dot - name);
    out->down = dot[1] == 'd';
    out->ending = dot + (out->down ? 6 : 4);
    /* no .sql.orig of an editor */
    return *out->ending && strspn(out->ending, ENDING) == strlen(out->ending);
}

/* As tidegate wants it. */
static bool is_plain(const char *name, const struct pair_name *n)
{
    return n->digits <= NUMBER_DIGITS && n->stem > n->digits + 1 &&
           n->stem <= 200 && strspn(name, PLAIN) >= n->stem &&
           strcmp(n->ending, "sql") == 0;
}

static bool any(const struct layout_reading *r, bool sql)
{
    struct pair_name name;

    for (size_t i = 0; i < r->n; i++)
        if (read_form(r->files[i]->name, &name) &&
            (strcmp(name.ending, "sql") == 0) == sql)
            return true;
    return false;
}

static bool is_tidegate(const struct layout_reading *r)
{
    return any(r, true) && !any(r, false);
}

static bool is_golang_migrate(const struct layout_reading *r)
{
    return any(r, false);
}

/* ---- pairing ---- */

static struct layout_entry *entry_of(struct layout_reading *r, const char *name,
                                     const struct pair_name *n)
{
    struct layout_entry *entry;

    /* files come sorted: the partner is near the end */
    for (size_t i = r->count; i-- > 0 && r->count - i < 64;)
        if (strncmp(r->list[i].name, name, n->stem) == 0 &&
            !r->list[i].name[n->stem])
            return &r->list[i];
    entry = layout_add(r);
    entry->name = arena_strndup(r->a, name, n->stem);
    entry->number = strtoll(name, NULL, 10);
    entry->version = arena_printf(r->a, "%lld", (long long)entry->number);
    return entry;
}

static bool add_file(struct layout_reading *r, const struct sql_file *file,
                     const struct pair_name *n, bool foreign)
{
    struct layout_entry *entry = entry_of(r, file->name, n);
    struct sql_file *side = n->down ? &entry->down : &entry->up;

    *side = *file;
    side->how.foreign = foreign;
    entry->has_down |= n->down;
    return true;
}

static int by_number(const void *x, const void *y)
{
    const struct layout_entry *a = x, *b = y;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* golang-migrate pairs by number alone: 1_a.up.sql and 1_b.down.sql are one
 * migration, and the up file names it. */
static void pair_by_number(struct layout_reading *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++) {
        struct layout_entry *last = n ? &r->list[n - 1] : NULL;
        struct layout_entry one = r->list[i];
        if (!last || last->number != one.number ||
            !last->up.name == !one.up.name || last->has_down == one.has_down) {
            r->list[n++] = one;
            continue;
        }
        if (one.up.name) {
            last->name = one.name;
            last->up = one.up;
        } else {
            last->down = one.down;
            last->has_down = true;
        }
    }
    r->count = n;
}

static bool check(struct layout_reading *r, bool foreign, struct err *e)
{
    if (r->count)
        qsort(r->list, r->count, sizeof *r->list, by_number);
    if (foreign)
        pair_by_number(r);
    for (size_t i = 0; i < r->count; i++) {
        struct layout_entry *m = &r->list[i];
        if (!m->up.name && !foreign) {
            err_what(e, ERR_INPUT, "%s: has no up file", m->down.name);
            err_why(e, "there is nothing that it could undo");
            return err_fix(e, "add %s.up.sql, or delete it%s", m->name, OTHER);
        }
        if (!m->up.name) /* golang-migrate runs nothing then */
            m->up = (struct sql_file){m->down.name, "", 0, m->down.how};
        if (i && m->number == r->list[i - 1].number) {
            err_what(e, ERR_INPUT, "%s and %s have the same number",
                     r->list[i - 1].up.name, m->up.name);
            err_why(e, "their order would be a matter of chance; leading "
                       "zeros do not count");
            return err_fix(e, "give the newer one the next number");
        }
    }
    return true;
}

/* ---- tidegate ---- */

static bool bad_name(struct layout_reading *r, const char *name, struct err *e)
{
    return layout_refuse(
        e, escape(r->a, name), 0, "no name of a migration",
        "SQL files in the migrations folder are NNNN_name.up.sql and "
        "NNNN_name.down.sql, of letters, digits, _ . and -",
        "rename it, or move it out of the folder" OTHER);
}

static bool read_tidegate(struct layout_reading *r, struct err *e)
{
    struct pair_name name;

    for (size_t i = 0; i < r->n; i++) {
        const struct sql_file *file = r->files[i];
        if (strchr(file->name, '/') || !layout_ends_with(file->name, ".sql"))
            continue; /* README.md and the like */
        if (!read_form(file->name, &name) || !is_plain(file->name, &name))
            return bad_name(r, file->name, e);
        add_file(r, file, &name, false);
    }
    return check(r, false, e);
}

/* ---- golang-migrate ---- */

static bool read_golang_migrate(struct layout_reading *r, struct err *e)
{
    struct pair_name name;

    for (size_t i = 0; i < r->n; i++) {
        const struct sql_file *file = r->files[i];
        if (!read_form(file->name, &name))
            continue; /* golang-migrate passes them over as well */
        if (strcmp(name.ending, "sql") != 0)
            return layout_refuse(e, escape(r->a, file->name), 0,
                                 "a migration that is no SQL",
                                 "tidegate runs SQL only, so it can neither "
                                 "rehearse nor apply it",
                                 "write what it does as SQL");
        if (name.digits > NUMBER_DIGITS)
            return layout_refuse(
                e, escape(r->a, file->name), 0, "its number is too large",
                "a number has at most 18 digits", "give it a smaller number");
        add_file(r, file, &name, true);
    }
    return check(r, true, e);
}

const struct layout layout_tidegate = {
    .name = "tidegate",
    .form = "NNNN_name.up.sql",
    .recognise = is_tidegate,
    .read = read_tidegate,
};

const struct layout layout_golang_migrate = {
    .name = "golang-migrate",
    .form = "N_name.up.sql",
    .recognise = is_golang_migrate,
    .read = read_golang_migrate,
    .applied_table = "public.schema_migrations",
    .applied_sql = "SELECT version::pg_catalog.text, CASE WHEN dirty"
                   " OR pg_catalog.count(*) OVER () > 1 THEN 'unfinished'"
                   " ELSE 'through' END FROM {table}"
                   " WHERE dirty OR version >= 0",
    .unfinished_why = "golang-migrate was on its way to it, up or down, and "
                      "did not arrive (-1 is before the first); or its table "
                      "has more than the one row that it keeps there",
    .unfinished_fix = "bring the database to one version by hand, say so to "
                      "golang-migrate: migrate force VERSION",
};
