#include "migrations/read/migration.h"

#include <string.h>

#include "migrations/read/layout.h"
#include "migrations/read/split.h"
#include "runner/base/escape.h"

/* ---- one migration ---- */

static void find_break(struct migration *m, struct arena *a)
{
    for (size_t i = 0; i < m->up.n && !m->breaks; i++)
        if (m->up.statements[i].breaks_old_code)
            m->breaks = arena_printf(a, "%d: %s", m->up.statements[i].line,
                                     m->up.statements[i].breaks_old_code);
}

static void note(struct migration *m, struct arena *a, bool warns,
                 const char *text)
{
    if ((m->notes_n & (m->notes_n - 1)) == 0) /* room for twice as many */
        m->notes =
            arena_grow(a, m->notes, m->notes_n, m->notes_n ? 2 * m->notes_n : 1,
                       sizeof *m->notes);
    m->notes[m->notes_n++] = (struct reading_note){warns, text};
}

static void note_script(struct migration *m, struct arena *a,
                        const struct script *s)
{
    if (s->joined)
        note(m, a, true,
             arena_printf(a,
                          "%s:%d: BEGIN and COMMIT within the file are left "
                          "out: all of it is one transaction, which keeps its "
                          "locks to the end",
                          s->file, s->joined));
    else if (s->wrapped)
        note(m, a, false,
             arena_printf(a,
                          "%s: its BEGIN and COMMIT are left out: tidegate "
                          "begins and ends the transaction",
                          s->file));
    if (s->timeouts)
        note(m, a, false,
             arena_printf(a,
                          "%s: SET of a timeout is left out: the first one "
                          "holds for the file, and tidegate's own lock_timeout "
                          "in place of none",
                          s->file));
    if (s->pauses)
        note(m, a, true,
             arena_printf(a,
                          "%s:%d: triggers are off from here until the file "
                          "enables them: rows changed meanwhile are not held "
                          "to the rules that they keep",
                          s->file, s->pauses));
    for (size_t i = 0; i < s->n; i++)
        if (s->statements[i].unparsed)
            note(m, a, true,
                 arena_printf(a,
                              "%s:%d: PostgreSQL 15's parser does not know "
                              "this %s, so the worst is assumed, and only a "
                              "rehearsal can tell: %s",
                              s->file, s->statements[i].line,
                              s->statements[i].kind,
                              s->statements[i].unparsed));
}

/* In a session of its own it has none of what up has set. */
static void note_path(struct migration *m, struct arena *a)
{
    if (!m->up.path || !m->has_down || m->down.path)
        return;
    note(m, a, true,
         arena_printf(a,
                      "%s:%d: search_path is set for this script alone: the "
                      "way back (%s) runs with that of the role, and a name "
                      "without a schema there may mean another table; set it "
                      "there as well",
                      m->up.file, m->up.path, m->down.file));
}

/* A file of its own, or a section that begins with the tool's marker. */
static bool two_ways(struct migration *m, struct arena *a,
                     const struct layout_entry *entry, struct err *e)
{
    const struct sql_file *down = &entry->down;
    const char *newline = memchr(down->bytes, '\n', down->len);
    size_t n = newline ? (size_t)(newline - down->bytes) : down->len;
    bool section = entry->up.name == down->name;
    int line = down->how.lines_before + 1;
    const char *what =
        section ? arena_printf(a, "the section from line %d on (%s)", line,
                               escape(a, arena_strndup(a, down->bytes, n)))
                : escape(a, down->name);

    err_what(e, ERR_INPUT, "%s: forward-only, but there is a way back",
             m->up.file);
    err_why(e, "one of the two is wrong: the way back is %s", what);
    return err_fix(e, "delete the directive or %s", what);
}

static bool read_down(struct migration *m, struct arena *a,
                      const struct layout_entry *entry, struct err *e)
{
    if (!split_script(&m->down, NULL, a, &entry->down, true, e))
        return false;
    m->has_down = m->down.n > 0;
    if (!m->has_down) {
        note(m, a, false,
             arena_printf(a, "%s: the way back is empty: there is none",
                          m->down.file));
        m->down = (struct script){0};
    }
    return !(m->has_down && m->forward_only) || two_ways(m, a, entry, e);
}

static bool read_verify(struct migration *m, struct arena *a,
                        const struct layout_entry *entry, struct err *e)
{
    struct script *verify = arena_array(a, 1, sizeof *verify);

    if (!split_script(verify, NULL, a, &entry->verify, true, e))
        return false;
    if (verify->n)
        m->up.verify = verify;
    return true;
}

static bool read_entry(struct migration *m, struct arena *a,
                       const struct layout_entry *entry, struct err *e)
{
    struct directives said;
    struct hash h;

    *m = (struct migration){.name = entry->name,
                            .version = entry->version,
                            .repeats = entry->repeats,
                            .mark = entry->mark,
                            .number = entry->number};
    if (!split_script(&m->up, &said, a, &entry->up, false, e))
        return false;
    m->after = said.after;
    m->compatible = said.compatible;
    m->forward_only = said.forward_only;
    m->contract = said.contract;
    m->contract_for = said.contract_for;
    if ((entry->has_down && !read_down(m, a, entry, e)) ||
        (entry->has_verify && !read_verify(m, a, entry, e)))
        return false;
    hash_init(&h);
    hash_field(&h, "tidegate migration 1");
    hash_field(&h, m->up.text);
    hash_field(&h, m->has_down ? m->down.text : "");
    hash_end_hex(&h, m->checksum);
    find_break(m, a);
    note_script(m, a, &m->up);
    note_script(m, a, &m->down);
    note_path(m, a);
    return true;
}

/* ---- all of them ---- */

static bool read_all(struct migrations *out, struct arena *a,
                     const struct layout_reading *r, unsigned allowed,
                     struct err *e)
{
    const struct migration **order = arena_array(a, r->count, sizeof *order);

    if (r->count > MIGRATIONS_MAX) {
        err_what(e, ERR_INPUT, "%zu migrations", r->count);
        err_why(e, "tidegate reads at most %d", MIGRATIONS_MAX);
        return err_fix(e, "fold the oldest ones into one");
    }
    out->list = arena_array(a, r->count, sizeof *out->list);
    for (size_t i = 0; i < r->count; i++) {
        struct migration *m = &out->list[i];
        struct layout_entry *entry = &r->list[i];
        entry->up.how.allowed = entry->down.how.allowed =
            entry->verify.how.allowed = allowed;
        if (!read_entry(m, a, entry, e))
            return false;
        out->ranked |= m->number < 0;
        if (m->number < 0)
            m->number = (int64_t)i + 1;
        order[i] = m;
    }
    out->n = r->count;
    migrations_digest(order, out->n, out->digest);
    return true;
}

bool migrations_read(struct migrations *out, struct arena *a,
                     const char *layout, const struct sql_file *files, size_t n,
                     struct err *e)
{
    return migrations_read_allowing(out, a, layout, 0, files, n, e);
}

bool migrations_read_allowing(struct migrations *out, struct arena *a,
                              const char *layout, unsigned allowed,
                              const struct sql_file *files, size_t n,
                              struct err *e)
{
    struct layout_reading r;
    const struct layout *l;

    *out = (struct migrations){0};
    l = layout_read(&r, a, layout, files, n, e);
    if (!l)
        return false;
    out->layout = l->name;
    out->strays = arena_array(a, r.strays_n, sizeof *out->strays);
    for (size_t i = 0; i < r.strays_n; i++)
        out->strays[out->strays_n++] = layout_stray_text(a, l, &r.strays[i]);
    return read_all(out, a, &r, allowed, e);
}

const struct migration *migrations_find(const struct migrations *m,
                                        const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->list[i].name, name) == 0)
            return &m->list[i];
    return NULL;
}

const char *migration_values(const struct migration *m)
{
    return m->up.filled || m->down.filled
               ? " and the values of [placeholders] in it"
               : "";
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
        if (list[i]->up.verify) {
            hash_field(&h, "verified by");
            hash_field(&h, list[i]->up.verify->text);
        }
    }
    hash_end_hex(&h, out);
    return out;
}
