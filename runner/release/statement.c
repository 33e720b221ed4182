#include "runner/release/statement.h"

#include <stddef.h>
#include <string.h>

#define COMMIT_HEX 40
#define NONCE_HEX  32

/* How a member is written, and what is asked of it when read. */
enum kind {
    TEXT,
    TEXT_OR_NULL,
    DIGEST,
    DIGEST_OR_NULL,
    COMMIT,
    NONCE,
    TIME,
    FLAG,
    PHASES
};

struct member {
    const char *name;
    enum kind kind;
    size_t at; /* offset in the struct */
};

#define M(s, m, k)                   \
    {                                \
#m, k, offsetof(struct s, m) \
    }

static const struct member manifest_members[] = {
    M(manifest, project, TEXT),
    M(manifest, environment, TEXT),
    M(manifest, release, TEXT),
    M(manifest, commit, COMMIT),
    M(manifest, artifact, DIGEST),
    M(manifest, migrations, DIGEST),
    M(manifest, hosts, DIGEST),
    M(manifest, policy, DIGEST),
    M(manifest, phases, PHASES),
    M(manifest, announced, TIME),
    M(manifest, opens, TIME),
    M(manifest, expires, TIME),
    M(manifest, nonce, NONCE),
    M(manifest, announcer, TEXT),
    M(manifest, reason, TEXT),
    M(manifest, replaces, TEXT_OR_NULL),
    M(manifest, again, FLAG),
    M(manifest, repairs, FLAG),
    {0}};

static const struct member about_members[] = {
    M(about, manifest, DIGEST), M(about, person, TEXT), M(about, at, TIME),
    M(about, reason, TEXT),     M(about, nonce, NONCE), {0}};

static const struct member policy_members[] = {
    M(acceptance, project, TEXT),       M(acceptance, environment, TEXT),
    M(acceptance, was, DIGEST_OR_NULL), M(acceptance, is, DIGEST),
    M(acceptance, person, TEXT),        M(acceptance, at, TIME),
    M(acceptance, nonce, NONCE),        {0}};

struct lifting {
    const char *environment, *release, *gate, *reason, *person;
    int64_t at;
    const char *nonce;
};

static const struct member override_members[] = {
    M(lifting, environment, TEXT), M(lifting, release, TEXT),
    M(lifting, gate, TEXT),        M(lifting, reason, TEXT),
    M(lifting, person, TEXT),      M(lifting, at, TIME),
    M(lifting, nonce, NONCE),      {0}};

static const char *const phases_words[] = {
    [PHASES_ALL] = "all",
    [PHASES_MIGRATIONS] = "migrations",
    [PHASES_RESTART] = "restart",
    [PHASES_CONTRACT] = "contract",
};

const char *phases_word(enum phases p)
{
    return phases_words[p];
}

static struct json *member_write(const struct member *m, const void *from)
{
    const char *field = (const char *)from + m->at;
    const char *text;

    switch (m->kind) {
    case TIME:
        return json_new_int(*(const int64_t *)(const void *)field);
    case FLAG:
        return json_new_bool(*(const bool *)(const void *)field);
    case PHASES:
        return json_new_string(
            phases_word(*(const enum phases *)(const void *)field));
    default:
        text = *(const char *const *)(const void *)field;
        return text ? json_new_string(text) : json_new_null();
    }
}

static char *members_write(struct arena *a, const char *type,
                           const struct member *members, const void *from)
{
    struct json *object = json_new_object();
    char *text;

    json_set_str(object, "type", type);
    for (const struct member *m = members; m->name; m++)
        json_set(object, m->name, member_write(m, from));
    text = json_canonical(a, object);
    json_free(object);
    return text;
}

static bool bad(struct err *e, const char *type, const char *why,
                const char *name)
{
    err_what(e, ERR_INPUT, "this %s cannot be read", type);
    err_why(e, "%s%s%s", name ? name : "", name ? ": " : "", why);
    return err_fix(e, "it was not written by this version of tidegate, or was "
                      "changed since: announce anew, and run: tidegate ledger "
                      "verify");
}

static bool hex_valid(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static const char *text_wrong(enum kind kind, const char *text)
{
    switch (kind) {
    case DIGEST:
    case DIGEST_OR_NULL:
        return hash_hex_valid(text) ? NULL
                                    : "is not a SHA-256 in lower case hex";
    case COMMIT:
        return hex_valid(text, COMMIT_HEX) ? NULL : "is not a full commit id";
    case NONCE:
        return hex_valid(text, NONCE_HEX) ? NULL : "is not 32 hex digits";
    default:
        return NULL;
    }
}

static const char *text_read(const struct member *m, struct arena *a,
                             const struct json *value, void *field)
{
    const char *text = json_text(value);
    bool may_be_null = m->kind == TEXT_OR_NULL || m->kind == DIGEST_OR_NULL;

    if (may_be_null && json_is_null(value))
        return NULL;
    if (!text)
        return "is missing, or no text";
    *(const char **)field = arena_strdup(a, text);
    return text_wrong(m->kind, text);
}

static const char *phases_read(const struct json *value, void *field)
{
    const char *text = json_text(value);

    for (size_t i = 0; i < sizeof phases_words / sizeof *phases_words; i++)
        if (text && strcmp(text, phases_words[i]) == 0) {
            *(enum phases *)field = (enum phases)i;
            return NULL;
        }
    return "is none of all, migrations, restart, contract";
}

/* NULL: fine. */
static const char *member_read(const struct member *m, struct arena *a,
                               const struct json *object, void *to)
{
    const struct json *value = json_get(object, m->name);
    void *field = (char *)to + m->at;

    switch (m->kind) {
    case TIME:
        *(int64_t *)field = json_number(value, -1);
        return json_is_int(value) && *(int64_t *)field > 0
                   ? NULL
                   : "is missing, or no time in whole seconds";
    case FLAG:
        *(bool *)field = json_bool(object, m->name, false);
        return json_bool(object, m->name, false) ==
                       json_bool(object, m->name, true)
                   ? NULL
                   : "is missing, or neither true nor false";
    case PHASES:
        return phases_read(value, field);
    default:
        return text_read(m, a, value, field);
    }
}

static bool known(const struct member *members, const char *key)
{
    if (strcmp(key, "type") == 0)
        return true;
    for (; members->name; members++)
        if (strcmp(members->name, key) == 0)
            return true;
    return false;
}

static bool object_read(const struct member *members, const char *type,
                        struct arena *a, const struct json *object, void *to,
                        struct err *e)
{
    const char *is = json_str(object, "type");
    const char *key;

    if (!is || strcmp(is, type) != 0)
        return bad(e, type, "is not of this type", "type");
    for (size_t i = 0; (key = json_key(object, i)); i++)
        if (!known(members, key))
            return bad(e, type, "is not known here", key);
    for (const struct member *m = members; m->name; m++) {
        const char *why = member_read(m, a, object, to);

        if (why)
            return bad(e, type, why, m->name);
    }
    return true;
}

static bool members_read(const struct member *members, const char *type,
                         struct arena *a, const char *text, void *to,
                         struct err *e)
{
    struct err why = {0};
    struct json *object = json_parse(text, strlen(text), &why);
    bool ok;

    if (!object)
        return bad(e, type, why.why[0] ? why.why : why.what, NULL);
    if (strcmp(json_canonical(a, object), text) != 0)
        ok = bad(e, type, "it is not in canonical form", NULL);
    else
        ok = object_read(members, type, a, object, to, e);
    json_free(object);
    return ok;
}

char *manifest_text(struct arena *a, const struct manifest *m)
{
    return members_write(a, "manifest", manifest_members, m);
}

bool manifest_parse(struct manifest *out, struct arena *a, const char *text,
                    struct err *e)
{
    *out = (struct manifest){0};
    if (!members_read(manifest_members, "manifest", a, text, out, e))
        return false;
    if (out->opens >= out->expires)
        return bad(e, "manifest", "it expires before it opens", "expires");
    return true;
}

char *approval_text(struct arena *a, const struct about *x)
{
    return members_write(a, "approval", about_members, x);
}

char *withdrawal_text(struct arena *a, const struct about *x)
{
    return members_write(a, "withdrawal", about_members, x);
}

bool about_parse(struct about *out, struct arena *a, const char *type,
                 const char *text, struct err *e)
{
    *out = (struct about){0};
    return members_read(about_members, type, a, text, out, e);
}

char *policy_text(struct arena *a, const char *project, const char *environment,
                  const char *was, const char *is, const char *person,
                  int64_t at, const char *nonce)
{
    struct acceptance x = {project, environment, was, is, person, at, nonce};

    return members_write(a, "policy", policy_members, &x);
}

bool policy_parse(struct acceptance *out, struct arena *a, const char *text,
                  struct err *e)
{
    *out = (struct acceptance){0};
    return members_read(policy_members, "policy", a, text, out, e);
}

char *override_text(struct arena *a, const char *environment,
                    const char *release, const char *gate, const char *reason,
                    const char *person, int64_t at, const char *nonce)
{
    struct lifting x = {environment, release, gate, reason, person, at, nonce};

    return members_write(a, "override", override_members, &x);
}

const char *statement_type(struct arena *a, const char *text)
{
    struct err ignored = {0};
    struct json *object = json_parse(text, strlen(text), &ignored);
    char *type;

    if (!object)
        return NULL;
    type = arena_strdup(a, json_str(object, "type"));
    json_free(object);
    return type;
}

char *hosts_digest(const struct host_name *hosts, size_t n, char out[HASH_HEX])
{
    struct environment env = {.hosts = hosts, .n_hosts = n};

    return config_hosts_digest(&env, out);
}
