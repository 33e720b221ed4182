#include "migrations/hazards/subject_uses.h"

#include <string.h>

#include "migrations/server/catalog.h"

const char *subject_uses_dependents(struct arena *a, const struct subject *s)
{
    const char *kind = "relation", *got;

    if (!s->catalog)
        return "others";
    (void)a;
    if (strncmp(s->key, "function", 8) == 0)
        kind = "function";
    else if (strncmp(s->key, "type", 4) == 0)
        kind = "type";
    got = catalog_dependents(s->catalog, kind, s->cmd ? s->table : s->name,
                             s->cmd ? node_str(s->cmd, "name") : NULL);
    return got ? got : "others";
}

/* What calls the function that a statement replaces. */
static const char *calling(const struct subject *s, const char *kind)
{
    const char *got =
        s->catalog ? catalog_dependents(s->catalog, kind, s->name, NULL) : NULL;

    return got ? got : "others";
}

const char *subject_uses_triggers(struct arena *a, const struct subject *s)
{
    (void)a;
    return calling(s, "triggers");
}

const char *subject_uses_function_indexes(struct arena *a,
                                          const struct subject *s)
{
    (void)a;
    return calling(s, "indexes");
}

const char *subject_uses_functions(struct arena *a, const struct subject *s)
{
    const char *got =
        s->catalog
            ? catalog_overloads(
                  s->catalog, s->name,
                  subject_arguments(a, s->stmt, "parameters", CATALOG_COMMA))
            : NULL;

    return got ? got : "others";
}
