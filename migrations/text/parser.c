#include "migrations/text/parser.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "migrations/text/lexer.h"
#include "runner/base/err.h"

/* libpg_query and protobuf-c recurse without looking at the stack: "1+1+..."
 * of 10,000 terms ends in a crash on 8 MiB. A main thread's stack grows while
 * it runs, up to the gap of 128 MiB that Linux keeps for it at least; one
 * level was measured to need less than 2.4 KiB. */
#define STACK_WANTED ((rlim_t)120 << 20)
#define STACK_LEVEL  3072

/* A struct node is a protobuf message; its descriptor knows the fields. */
static const ProtobufCMessage *message_of(const struct node *n)
{
    return (const ProtobufCMessage *)n;
}

static void *tree_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void tree_free(void *arena, void *p)
{
    (void)arena;
    (void)p; /* the arena frees all at once */
}

/* cursorpos counts characters from 1. */
static size_t byte_of(const char *text, int cursorpos)
{
    const char *p = text;

    for (int i = 1; i < cursorpos && *p; i++)
        do
            p++;
        while (((unsigned char)*p & 0xc0) == 0x80);
    return (size_t)(p - text);
}

static void keep_failure(const char *text, const PgQueryError *error,
                         struct parse_failure *failure)
{
    snprintf(failure->message, sizeof failure->message, "%s", error->message);
    failure->offset = byte_of(text, error->cursorpos);
    failure->too_large = false;
}

/* How many levels fit, after asking for more. */
static size_t stack_levels(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_STACK, &r) != 0)
        return 1000;
    if (r.rlim_cur < STACK_WANTED) {
        r.rlim_cur = r.rlim_max < STACK_WANTED ? r.rlim_max : STACK_WANTED;
        if (setrlimit(RLIMIT_STACK, &r) != 0)
            getrlimit(RLIMIT_STACK, &r);
    }
    return (r.rlim_cur < STACK_WANTED ? r.rlim_cur : STACK_WANTED) /
           STACK_LEVEL;
}

static bool too_deep(const char *text, struct parse_failure *failure)
{
    size_t levels = stack_levels(), depth = lexer_depth(text);

    if (depth <= levels)
        return false;
    snprintf(failure->message, sizeof failure->message,
             "%zu words without a comma: more than %zu may nest too deeply",
             depth, levels);
    failure->offset = 0;
    failure->too_large = true;
    return true;
}

bool parser_parse(struct arena *a, const char *text, struct parsed *out,
                  struct parse_failure *failure)
{
    ProtobufCAllocator allocator = {tree_alloc, tree_free, a};
    PgQueryProtobufParseResult r;
    PgQuery__ParseResult *tree;
    size_t all = strlen(text);

    *out = (struct parsed){0};
    if (too_deep(text, failure))
        return false;
    r = pg_query_parse_protobuf(text);
    if (r.error) {
        keep_failure(text, r.error, failure);
        pg_query_free_protobuf_parse_result(r);
        return false;
    }
    tree = pg_query__parse_result__unpack(&allocator, r.parse_tree.len,
                                          (uint8_t *)r.parse_tree.data);
    pg_query_free_protobuf_parse_result(r);
    if (!tree) { /* protobuf-c gives up beyond its own bounds */
        snprintf(failure->message, sizeof failure->message,
                 "the parse tree is too large");
        failure->offset = 0;
        failure->too_large = true;
        return false;
    }
    out->n = tree->n_stmts;
    out->list = arena_array(a, out->n, sizeof *out->list);
    for (size_t i = 0; i < out->n; i++) {
        const PgQuery__RawStmt *s = tree->stmts[i];
        size_t at = (size_t)s->stmt_location;
        out->list[i].offset = at;
        out->list[i].len = s->stmt_len ? (size_t)s->stmt_len : all - at;
        out->list[i].tree = node_get((const struct node *)s, "stmt");
    }
    return true;
}

const char *parser_version(void)
{
    return "libpg_query " PG_VERSION;
}

const char *node_type(const struct node *n)
{
    return n ? message_of(n)->descriptor->short_name : "";
}

bool node_is(const struct node *n, const char *type)
{
    return strcmp(node_type(n), type) == 0;
}

static const ProtobufCFieldDescriptor *field_of(const struct node *n,
                                                const char *name)
{
    const ProtobufCMessageDescriptor *d = message_of(n)->descriptor;

    for (unsigned i = 0; i < d->n_fields; i++)
        if (strcmp(d->fields[i].name, name) == 0)
            return &d->fields[i];
    BUG("%s has no field %s", d->short_name, name);
}

static const void *member(const struct node *n,
                          const ProtobufCFieldDescriptor *f)
{
    return (const char *)n + f->offset;
}

static bool present(const struct node *n, const ProtobufCFieldDescriptor *f)
{
    const void *which = (const char *)n + f->quantifier_offset;

    return !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
           *(const uint32_t *)which == f->id;
}

/* PgQuery__Node is an envelope around one of all types. */
static const struct node *unwrap(const ProtobufCMessage *m)
{
    const struct node *n = (const struct node *)m;
    const ProtobufCMessageDescriptor *d;

    if (!m || m->descriptor != &pg_query__node__descriptor)
        return n;
    d = m->descriptor;
    for (unsigned i = 0; i < d->n_fields; i++)
        if (present(n, &d->fields[i]))
            return *(const struct node *const *)member(n, &d->fields[i]);
    return NULL;
}

const struct node *node_get(const struct node *n, const char *field)
{
    const ProtobufCFieldDescriptor *f;

    if (!n)
        return NULL;
    f = field_of(n, field);
    if (f->type != PROTOBUF_C_TYPE_MESSAGE ||
        f->label == PROTOBUF_C_LABEL_REPEATED)
        BUG("%s.%s is no node", node_type(n), field);
    if (!present(n, f))
        return NULL;
    return unwrap(*(ProtobufCMessage *const *)member(n, f));
}

static const ProtobufCFieldDescriptor *list_of(const struct node *n,
                                               const char *field)
{
    const ProtobufCFieldDescriptor *f = field_of(n, field);

    if (f->type != PROTOBUF_C_TYPE_MESSAGE ||
        f->label != PROTOBUF_C_LABEL_REPEATED)
        BUG("%s.%s is no list of nodes", node_type(n), field);
    return f;
}

static size_t list_len(const struct node *n, const ProtobufCFieldDescriptor *f)
{
    return *(const size_t *)(const void *)((const char *)n +
                                           f->quantifier_offset);
}

static const struct node *list_item(const struct node *n,
                                    const ProtobufCFieldDescriptor *f, size_t i)
{
    ProtobufCMessage *const *items =
        *(ProtobufCMessage *const *const *)member(n, f);

    return unwrap(items[i]);
}

size_t node_count(const struct node *n, const char *field)
{
    return n ? list_len(n, list_of(n, field)) : 0;
}

const struct node *node_item(const struct node *n, const char *field, size_t i)
{
    if (i >= node_count(n, field))
        return NULL;
    return list_item(n, list_of(n, field), i);
}

static const void *scalar(const struct node *n, const char *field,
                          ProtobufCType type)
{
    const ProtobufCFieldDescriptor *f = field_of(n, field);

    if (f->type != type || f->label == PROTOBUF_C_LABEL_REPEATED)
        BUG("%s.%s is of another type", node_type(n), field);
    return present(n, f) ? member(n, f) : NULL;
}

const char *node_str(const struct node *n, const char *field)
{
    char *const *s = n ? scalar(n, field, PROTOBUF_C_TYPE_STRING) : NULL;

    return s && *s ? *s : "";
}

int64_t node_int(const struct node *n, const char *field)
{
    const int32_t *v = n ? scalar(n, field, PROTOBUF_C_TYPE_INT32) : NULL;

    return v ? *v : 0;
}

bool node_bool(const struct node *n, const char *field)
{
    const protobuf_c_boolean *v =
        n ? scalar(n, field, PROTOBUF_C_TYPE_BOOL) : NULL;

    return v && *v;
}

const char *node_enum(const struct node *n, const char *field)
{
    const int *v = n ? scalar(n, field, PROTOBUF_C_TYPE_ENUM) : NULL;
    const ProtobufCEnumValue *value;

    if (!v)
        return "";
    value = protobuf_c_enum_descriptor_get_value(field_of(n, field)->descriptor,
                                                 *v);
    return value ? value->name : "";
}

bool node_walk(const struct node *n, bool (*visit)(const struct node *, void *),
               void *arg)
{
    const ProtobufCMessageDescriptor *d;

    if (!n)
        return true;
    if (!visit(n, arg))
        return false;
    d = message_of(n)->descriptor;
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        if (f->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            for (size_t j = 0; j < list_len(n, f); j++)
                if (!node_walk(list_item(n, f, j), visit, arg))
                    return false;
        } else if (present(n, f) &&
                   !node_walk(unwrap(*(ProtobufCMessage *const *)member(n, f)),
                              visit, arg)) {
            return false;
        }
    }
    return true;
}
