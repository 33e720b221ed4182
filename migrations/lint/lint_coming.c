#include "migrations/lint/lint_coming.h"

#include <string.h>

#include "migrations/hazards/hazards.h"
#include "migrations/hazards/subject_rights.h"
#include "migrations/server/catalog_there.h"

/* "function f(integer)" apart. */
static const char *kind_of(struct arena *a, const char *key, const char **name)
{
    size_t n = strcspn(key, " ");

    *name = key[n] ? key + n + 1 : "";
    return arena_strndup(a, key, n);
}

static bool is_missing(struct arena *a, struct catalog *c, const char *key)
{
    const char *name, *kind = kind_of(a, key, &name);

    return catalog_there(c, kind, name) == IS_NOT_THERE;
}

static bool relation_comes(const struct lint_run *run, const struct subject *s)
{
    return *s->table && subject_made(&run->earlier, "relation", s->table) &&
           !catalog_relation(run->catalog, s->table);
}

static bool column_comes(struct arena *a, const struct lint_run *run,
                         const struct subject *s)
{
    return *s->table && *s->name &&
           subject_made(&run->earlier, "column",
                        arena_printf(a, "%s.%s", s->table, s->name)) &&
           hazards_relation(s) && !hazards_column(s);
}

static bool object_comes(struct arena *a, const struct lint_run *run,
                         const struct subject *s)
{
    return *s->key && fresh_has(&run->earlier.made, s->key) &&
           is_missing(a, run->catalog, s->key);
}

/* Given by what was before, and not had until then. */
static bool right_comes(struct arena *a, const struct lint_run *run,
                        const struct subject *s, const struct right *r)
{
    const char *key = arena_printf(a, "role %s", r->who);
    const char *name, *kind = kind_of(a, s->key, &name);

    if (fresh_has(&run->earlier.made, key))
        return is_missing(a, run->catalog, key);
    return (fresh_has(&run->earlier.made, r->key) ||
            fresh_has(&run->earlier.made, r->all)) &&
           !(r->privilege && strchr(r->privilege, '(')) &&
           catalog_granted(run->catalog, kind, name, r->who,
                           r->privilege ? r->privilege : "") == IS_NOT_THERE;
}

static bool rights_come(struct arena *a, const struct lint_run *run,
                        const struct subject *s)
{
    size_t n = 0;
    const struct right *list;

    if (!node_is(s->stmt, "GrantStmt") && !node_is(s->stmt, "GrantRoleStmt"))
        return false;
    list = subject_rights(a, s, &n);
    for (size_t i = 0; i < n; i++)
        if (!right_comes(a, run, s, &list[i]))
            return false;
    return n > 0;
}

bool lint_coming(struct arena *scratch, const struct lint_run *run,
                 const struct subject *s)
{
    return run->catalog &&
           (relation_comes(run, s) || column_comes(scratch, run, s) ||
            object_comes(scratch, run, s) || rights_come(scratch, run, s));
}
