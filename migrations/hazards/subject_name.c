/* Names and types as SQL wants them written. */
#include <ctype.h>
#include <string.h>

#include "migrations/hazards/subject.h"
#include "runner/base/buf.h"

bool subject_word_in(const char *word, const char *list)
{
    size_t n = strlen(word);

    while (*list) {
        size_t len = strcspn(list, " ");
        if (len == n && strncmp(list, word, n) == 0)
            return true;
        list += len + (list[len] == ' ');
    }
    return false;
}

/* Words that PostgreSQL reserves (its documentation, appendix C). */
static const char reserved[] =
    "all analyse analyze and any array as asc asymmetric authorization binary "
    "both case cast check collate collation column concurrently constraint "
    "create cross current_catalog current_date current_role current_schema "
    "current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full "
    "grant group having ilike in initially inner intersect into is isnull "
    "join lateral leading left like limit localtime localtimestamp natural "
    "not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric "
    "table tablesample then to trailing true union unique user using variadic "
    "verbose when where window with";

static void add_name(struct buf *b, const char *name)
{
    bool plain = (islower((unsigned char)*name) || *name == '_') &&
                 !subject_word_in(name, reserved);

    for (const char *p = name; *p; p++)
        plain &= islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
                 *p == '_' || *p == '$';
    if (plain) {
        buf_str(b, name);
        return;
    }
    buf_char(b, '"');
    for (const char *p = name; *p; p++) {
        if (*p == '"')
            buf_char(b, '"');
        buf_char(b, *p);
    }
    buf_char(b, '"');
}

static void add_part(struct buf *b, const char *name)
{
    if (!*name)
        return;
    if (b->len)
        buf_char(b, '.');
    add_name(b, name);
}

const char *subject_quoted(struct arena *a, const char *name)
{
    struct buf b;

    buf_init(&b);
    add_part(&b, name);
    return buf_into(&b, a);
}

char *subject_relation(struct arena *a, const struct node *range)
{
    struct buf b;

    buf_init(&b);
    add_part(&b, node_str(range, "schemaname"));
    add_part(&b, node_str(range, "relname"));
    return buf_into(&b, a);
}

static char *join(struct arena *a, const struct node *n, const char *field,
                  size_t count)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < count; i++) {
        const struct node *part = node_item(n, field, i);
        if (node_is(part, "String"))
            add_part(&b, node_str(part, "sval"));
    }
    return buf_into(&b, a);
}

char *subject_names(struct arena *a, const struct node *n, const char *field)
{
    return join(a, n, field, node_count(n, field));
}

char *subject_before_last(struct arena *a, const struct node *n,
                          const char *field)
{
    size_t count = node_count(n, field);

    return join(a, n, field, count ? count - 1 : 0);
}

const char *subject_last(const struct node *n, const char *field)
{
    size_t count = node_count(n, field);
    const struct node *last = count ? node_item(n, field, count - 1) : NULL;

    return node_is(last, "String") ? node_str(last, "sval") : "";
}

/* The parser's names of built-in types, as people write them. */
static const char *const type_words[][2] = {
    {"int2", "smallint"},   {"int4", "integer"}, {"int8", "bigint"},
    {"float4", "real"},     {"bool", "boolean"}, {"float8", "double precision"},
    {"varchar", "varchar"}, {"bpchar", "char"},
};

static bool is_builtin(const struct node *type)
{
    return node_count(type, "names") == 2 &&
           strcmp(node_str(node_item(type, "names", 0), "sval"),
                  "pg_catalog") == 0;
}

static const char *type_name(struct arena *a, const struct node *type)
{
    const char *last = subject_last(type, "names");

    if (!is_builtin(type))
        return subject_names(a, type, "names");
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++)
        if (strcmp(last, type_words[i][0]) == 0)
            return type_words[i][1];
    return last;
}

static bool number_of(const struct node *constant, int64_t *n)
{
    const struct node *value =
        node_is(constant, "AConst") ? node_get(constant, "ival") : NULL;

    *n = node_int(value, "ival");
    return value;
}

/* "(10, 2)"; words such as geometry's are left out. */
static void add_mods(struct buf *b, const struct node *type)
{
    size_t count = node_count(type, "typmods");
    int64_t n;

    for (size_t i = 0; i < count; i++)
        if (!number_of(node_item(type, "typmods", i), &n))
            return;
    for (size_t i = 0; i < count; i++) {
        number_of(node_item(type, "typmods", i), &n);
        buf_printf(b, "%s%lld%s", i ? ", " : "(", (long long)n,
                   i + 1 == count ? ")" : "");
    }
}

const char *subject_type(struct arena *a, const struct node *type)
{
    struct buf b;

    buf_init(&b);
    buf_str(&b, type_name(a, type));
    add_mods(&b, type);
    for (size_t i = 0; i < node_count(type, "array_bounds"); i++)
        buf_str(&b, "[]");
    return buf_into(&b, a);
}
