/* Flyway: V1_2__what.sql runs once, U1_2__what.sql undoes it, R__what.sql runs
 * again whenever its text has changed, after all others, by its name.
 *
 * Versions are numbers with dots or single underscores between, and order by
 * numbers (1.10 after 1.9); folders below count as well. FILE.sql.conf holds
 * executeInTransaction. ${name} is a placeholder (placeholders.h) unless the
 * .conf says placeholderReplacement=false (Flyway's documentation: migrations,
 * script configuration files). An R of tidegate's is named R__what@DIGEST: each
 * text of it, with its placeholders filled in, is a migration of its own, that
 * has no way back, and the applied one of another digest is what it replaces;
 * they run by their descriptions, in which a _ of the name is a blank.
 * Callbacks (beforeMigrate.sql) and baseline scripts (B) would change what
 * happens, and are refused. */
#include <stdlib.h>
#include <string.h>

#include "migrations/read/layout.h"
#include "migrations/read/placeholders.h"
#include "runner/base/crc.h"
#include "runner/base/escape.h"
#include "runner/base/hash.h"

/* ---- names ---- */

struct flyway_name {
    char kind;           /* V, U, R, B */
    const char *version; /* "1.2", or "" */
    const char *ending;  /* ".sql", ".java" */
};

/* The text behind VERSION and __, which must be there; NULL: it is not. */
static const char *behind_version(const char *p, bool wants_version)
{
    if (wants_version) {
        size_t n = strspn(p, "0123456789");
        while (n && (p[n] == '.' || (p[n] == '_' && p[n + 1] != '_')) &&
               strspn(p + n + 1, "0123456789"))
            n += 1 + strspn(p + n + 1, "0123456789");
        if (!n)
            return NULL;
        p += n;
    }
    return p[0] == '_' && p[1] == '_' ? p + 2 : NULL;
}

static const char *version_text(struct arena *a, const char *p, size_t n)
{
    char *version = arena_strndup(a, p, n);

    for (char *c = version; *c; c++)
        if (*c == '_')
            *c = '.';
    return version;
}

static bool read_name(struct arena *a, const char *name,
                      struct flyway_name *out)
{
    const char *base = layout_base(name), *rest;

    if (!*base || !strchr("VURB", *base))
        return false;
    rest = behind_version(base + 1, *base != 'R');
    if (!rest || !strrchr(rest, '.'))
        return false;
    out->kind = *base;
    out->version = version_text(a, base + 1, (size_t)(rest - 2 - base - 1));
    out->ending = strrchr(rest, '.');
    return true;
}

static bool is_code(const char *ending)
{
    static const char *const code[] = {".java", ".class", ".kt",   ".groovy",
                                       ".py",   ".sh",    ".bash", ".ps1",
                                       ".cmd",  ".bat"};

    for (size_t i = 0; i < sizeof code / sizeof *code; i++)
        if (strcmp(ending, code[i]) == 0)
            return true;
    return false;
}

static bool is_flyway(const struct layout_reading *r)
{
    struct flyway_name n;

    for (size_t i = 0; i < r->n; i++)
        if (read_name(r->a, r->files[i]->name, &n) && n.kind != 'B' &&
            strcmp(n.ending, ".sql") == 0)
            return true;
    return false;
}

/* ---- script configuration ---- */

static bool yes_or_no(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0;
}

static bool take_setting(char *key, char *value, struct sql_how *how)
{
    bool yes;

    if (strcmp(key, "encoding") == 0)
        return strcmp(value, "UTF-8") == 0;
    if (!yes_or_no(value, &yes))
        return false;
    if (strcmp(key, "executeInTransaction") == 0)
        how->no_transaction = !yes;
    else if (strcmp(key, "placeholderReplacement") == 0)
        how->placeholders = yes;
    else
        return strcmp(key, "shouldExecute") == 0 && yes;
    return true;
}

static char *trimmed(char *text)
{
    char *end;

    text += strspn(text, " \t");
    for (end = text + strlen(text); end > text && strchr(" \t\r", end[-1]);)
        *--end = '\0';
    return text;
}

static bool read_conf(struct layout_reading *r, struct sql_file *script,
                      struct err *e)
{
    const struct sql_file *file =
        layout_file(r, arena_printf(r->a, "%s.conf", script->name));
    char *text, *next;

    script->how = (struct sql_how){.foreign = true, .placeholders = true};
    if (!file)
        return true;
    text = arena_strndup(r->a, file->bytes, file->len);
    for (int line = 1; *text; line++, text = next) {
        size_t n = strcspn(text, "\n");
        char *value;
        next = text + n + (text[n] == '\n');
        text[n] = '\0';
        text = trimmed(text);
        value = strchr(text, '=');
        if (!*text || *text == '#')
            continue;
        if (value)
            *value++ = '\0';
        if (!value ||
            !take_setting(trimmed(text), trimmed(value), &script->how))
            return layout_refuse(
                e, escape(r->a, file->name), line,
                "a setting that tidegate does not follow",
                "it reads executeInTransaction, placeholderReplacement, "
                "shouldExecute=true and encoding=UTF-8",
                "delete the line, or the script");
    }
    return true;
}

/* ---- files ---- */

static bool refused_name(struct layout_reading *r, const struct sql_file *file,
                         const struct flyway_name *n, struct err *e)
{
    const char *name = escape(r->a, file->name);

    if (is_code(n->ending))
        return layout_refuse(e, name, 0, "a migration that is no SQL",
                             "tidegate runs SQL only, so it can neither "
                             "rehearse nor apply it",
                             "write what it does as SQL");
    return layout_refuse(e, name, 0, "a baseline script",
                         "Flyway runs it in place of the versions before it, "
                         "on new databases only; tidegate has no such kind",
                         "keep the versions it stands for, and move it out of "
                         "the folder");
}

/* Names that Flyway passes over in silence, though somebody meant them. */
static bool odd_name(struct layout_reading *r, const struct sql_file *file,
                     struct err *e)
{
    const char *base = layout_base(file->name);

    if (!layout_ends_with(base, ".sql"))
        return true;
    if (strncmp(base, "before", 6) == 0 || strncmp(base, "after", 5) == 0 ||
        strncmp(base, "createSchema", 12) == 0)
        return layout_refuse(e, escape(r->a, file->name), 0, "a callback",
                             "Flyway runs it around migrations; tidegate has "
                             "no such kind",
                             "write what it does into the migrations");
    if (strchr("VUB", *base) && base[1] >= '0' && base[1] <= '9')
        return layout_refuse(e, escape(r->a, file->name), 0,
                             "no name of a migration",
                             "Flyway's are V1_2__what.sql: two underscores "
                             "after the version; this one would be passed "
                             "over",
                             "rename it, or move it out of the folder");
    return true;
}

/* ---- Flyway's checksum: CRC-32 over the lines of the text, without their ends
 * and without a byte-order mark, as a signed number (Flyway's source,
 * ChecksumCalculator). Of a V it is made of the file as it is; of an R of what
 * is filled in (SqlMigrationResolver), while older ones made it of the file,
 * and both are taken. ---- */

static long checksum_of(const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len;
    uint32_t crc = 0;

    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < end) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        crc = crc_add(crc, at, (size_t)(stop - at));
        at = stop + 1;
    }
    return (int32_t)crc;
}

static const char *mark_of(struct arena *a, const struct sql_file *file,
                           const char *filled)
{
    long plain = checksum_of(file->bytes, file->len);

    return filled ? arena_printf(a, "%ld %ld",
                                 checksum_of(filled, strlen(filled)), plain)
                  : arena_printf(a, "%ld", plain);
}

/* ---- migrations ---- */

static bool add_once(struct layout_reading *r, const struct sql_file *file,
                     const struct flyway_name *n, struct err *e)
{
    const char *base = layout_base(file->name);
    struct layout_entry *entry = layout_add(r);

    entry->name = arena_strndup(r->a, base, strlen(base) - 4);
    entry->version = n->version;
    entry->mark = mark_of(r->a, file, NULL);
    entry->up = *file;
    return read_conf(r, &entry->up, e);
}

static bool add_repeatable(struct layout_reading *r,
                           const struct sql_file *file, struct err *e)
{
    const char *base = layout_base(file->name);
    const char *filled = placeholders_filled(r->a, file);
    struct layout_entry *entry = layout_add(r);
    char digest[HASH_HEX];

    entry->up = *file;
    if (!read_conf(r, &entry->up, e))
        return false;
    if (filled && entry->up.how.placeholders)
        hash_hex(filled, strlen(filled), digest);
    else
        hash_hex(file->bytes, file->len, digest);
    entry->repeats = arena_strndup(r->a, base, strlen(base) - 4);
    entry->name = arena_printf(r->a, "%s@%.8s", entry->repeats, digest);
    entry->version = entry->repeats;
    entry->mark = mark_of(r->a, file, filled);
    return true;
}

static bool add_undo(struct layout_reading *r, const struct sql_file *file,
                     const struct flyway_name *n, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        struct layout_entry *entry = &r->list[i];
        if (entry->repeats || layout_compare(entry->version, n->version) != 0)
            continue;
        entry->down = *file;
        entry->has_down = true;
        return read_conf(r, &entry->down, e);
    }
    return layout_refuse(e, escape(r->a, file->name), 0, "has no V file",
                         "there is nothing that it could undo",
                         "add the V file of this version, or delete it");
}

static int by_description(const char *x, const char *y)
{
    for (;; x++, y++) {
        unsigned char a = *x == '_' ? ' ' : (unsigned char)*x;
        unsigned char b = *y == '_' ? ' ' : (unsigned char)*y;

        if (a != b || !a)
            return a < b ? -1 : a > b;
    }
}

/* By version; those that repeat after them. */
static int by_order(const void *x, const void *y)
{
    const struct layout_entry *a = x, *b = y;

    if (!a->repeats != !b->repeats)
        return a->repeats ? 1 : -1;
    return a->repeats ? by_description(a->repeats, b->repeats)
                      : layout_compare(a->version, b->version);
}

static bool no_twins(struct layout_reading *r, struct err *e)
{
    for (size_t i = 1; i < r->count; i++)
        if (by_order(&r->list[i - 1], &r->list[i]) == 0)
            return layout_refuse(
                e, escape(r->a, r->list[i].up.name), 0, "its version is taken",
                arena_printf(r->a, "%s has it, too",
                             escape(r->a, r->list[i - 1].up.name)),
                "give the newer one the next version");
    return true;
}

static bool add_file(struct layout_reading *r, const struct sql_file *file,
                     struct err *e)
{
    struct flyway_name n;

    if (!read_name(r->a, file->name, &n))
        return odd_name(r, file, e);
    if (is_code(n.ending) || (n.kind == 'B' && strcmp(n.ending, ".sql") == 0))
        return refused_name(r, file, &n, e);
    if (strcmp(n.ending, ".sql") != 0 || n.kind == 'U')
        return true;
    return n.kind == 'R' ? add_repeatable(r, file, e)
                         : add_once(r, file, &n, e);
}

static bool read_flyway(struct layout_reading *r, struct err *e)
{
    struct flyway_name n;

    for (size_t i = 0; i < r->n; i++)
        if (!add_file(r, r->files[i], e))
            return false;
    if (r->count)
        qsort(r->list, r->count, sizeof *r->list, by_order);
    if (!no_twins(r, e))
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (read_name(r->a, r->files[i]->name, &n) && n.kind == 'U' &&
            strcmp(n.ending, ".sql") == 0 && !add_undo(r, r->files[i], &n, e))
            return false;
    return true;
}

/* The newest row of a version or description counts; one that says DELETE is
 * Flyway's mark of what was and is no more. A baseline stands for all up to
 * it. */
const struct layout layout_flyway = {
    .name = "flyway",
    .form = "V1_2__name.sql",
    .recognise = is_flyway,
    .read = read_flyway,
    .applied_table = "public.flyway_schema_history",
    .applied_sql =
        "SELECT coalesce(version, 'R__' || description),"
        " CASE WHEN NOT success THEN 'unfinished'"
        " WHEN type IN ('BASELINE', 'SQL_BASELINE') THEN 'through'"
        " WHEN version IS NULL THEN 'text '"
        " || coalesce(checksum::pg_catalog.text, '')"
        " ELSE 'applied' || coalesce("
        "CASE WHEN type = 'SQL' THEN ' ' || checksum::pg_catalog.text END, '')"
        " END"
        " FROM (SELECT DISTINCT ON (version, repeats) * FROM (SELECT *,"
        " CASE WHEN version IS NULL THEN description END AS repeats"
        " FROM {table} WHERE type <> 'SCHEMA') all_rows"
        " ORDER BY version, repeats, installed_rank DESC) newest"
        " WHERE type <> 'DELETE' AND NOT (type LIKE 'UNDO%' AND success)",
    .unfinished_why = "Flyway wrote down that it failed, outside of a "
                      "transaction: a part of it may be there",
    .unfinished_fix = "undo by hand what is there of it, then: flyway repair",
    .changed_fix = "restore the file as Flyway ran it; or, where the database "
                   "is as the file says now: flyway repair",
};
