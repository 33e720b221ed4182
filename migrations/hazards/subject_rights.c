/* What a GRANT gives and a REVOKE takes, as keys of what a file makes. */
#include "migrations/hazards/subject_rights.h"

#include <string.h>

#include "runner/base/buf.h"

/* "select(a, b)"; NULL: ALL. */
static const char *words_of(struct arena *a, const struct node *privilege)
{
    size_t n = node_count(privilege, "cols");
    struct buf b;

    if (!privilege)
        return "all";
    buf_init(&b);
    buf_str(&b, node_str(privilege, "priv_name"));
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "(",
                   node_str(node_item(privilege, "cols", i), "sval"));
    buf_str(&b, n ? ")" : "");
    return buf_into(&b, a);
}

static struct right right_of(struct arena *a, const struct subject *s,
                             const char *who, const struct node *privilege)
{
    bool all = strcmp(node_enum(s->stmt, "targtype"), "ACL_TARGET_OBJECT") != 0;
    const char *on =
        arena_printf(a, "grant %s%s %s", all ? "all-in " : "", s->key, who);
    const char *word = words_of(a, privilege);

    return (struct right){arena_printf(a, "%s %s", on, word),
                          arena_printf(a, "%s all", on), who, word};
}

struct right *subject_rights(struct arena *a, const struct subject *s,
                             size_t *n)
{
    bool role = node_is(s->stmt, "GrantRoleStmt");
    const char *whom = role ? "grantee_roles" : "grantees";
    size_t grantees = node_count(s->stmt, whom);
    size_t words = role ? 0 : node_count(s->stmt, "privileges");
    struct right *list =
        arena_array(a, grantees * (words ? words : 1), sizeof *list);

    *n = 0;
    for (size_t i = 0; i < grantees; i++) {
        const char *who = node_str(node_item(s->stmt, whom, i), "rolename");
        if (role) {
            const char *key = arena_printf(a, "member %s %s", s->name, who);
            list[(*n)++] = (struct right){key, key, who, NULL};
        }
        for (size_t j = 0; !role && j < (words ? words : 1); j++)
            list[(*n)++] = right_of(
                a, s, who, words ? node_item(s->stmt, "privileges", j) : NULL);
    }
    return list;
}

bool subject_rights_given(struct arena *a, const struct subject *s)
{
    const struct fresh *f = s->made;
    size_t n;
    const struct right *list = subject_rights(a, s, &n);

    for (size_t i = 0; i < n; i++)
        if (!fresh_has(&f->later, list[i].key) &&
            !fresh_has(&f->later, list[i].all) &&
            !subject_made(f, "role", list[i].who) &&
            !subject_makes(f, "role", list[i].who))
            return false;
    return n > 0;
}
