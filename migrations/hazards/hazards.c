#include "migrations/hazards/hazards.h"

#include <stdio.h>
#include <string.h>

const struct hazard *const hazard_tables[] = {
    hazards_columns, hazards_constraints, hazards_tables,
    hazards_indexes, hazards_objects,     hazards_renames,
    hazards_rights,  hazards_data,        NULL};

const struct hazard *hazards_next(const struct subject *s,
                                  const struct hazard *last)
{
    bool found = !last;

    for (size_t i = 0; hazard_tables[i]; i++)
        for (const struct hazard *h = hazard_tables[i]; h->what; h++) {
            if (found && subject_matches(s, &h->match))
                return h;
            found |= h == last;
        }
    return NULL;
}

bool hazards_breaking(const struct hazard *h, const struct subject *s)
{
    return h->breaks && !(h->survives && h->survives(s));
}

/* ---- what rows ask ---- */

static const char stable[] =
    "now statement_timestamp transaction_timestamp lower upper md5 abs "
    "round floor ceil length concat format to_char to_date to_timestamp "
    "date_trunc timezone make_date make_interval make_timestamptz "
    "json_build_object json_build_array jsonb_build_object "
    "jsonb_build_array to_json to_jsonb current_setting encode decode "
    "sha256 array_fill string_to_array left right substr replace "
    "int4range int8range tstzrange daterange numrange tsrange coalesce";

bool hazards_seems_stable(const struct node *n, void *arg)
{
    const struct subject *s = arg;
    const char *name;

    if (!node_is(n, "FuncCall"))
        return true;
    name = subject_last(n, "funcname");
    return subject_word_in(name, stable) ||
           (s && s->catalog && catalog_volatile(s->catalog, name) == 0);
}

const struct catalog_relation *hazards_relation(const struct subject *s)
{
    return s->catalog && *s->table ? catalog_relation(s->catalog, s->table)
                                   : NULL;
}

const struct catalog_column *hazards_column(const struct subject *s)
{
    const struct catalog_relation *r = hazards_relation(s);

    return r ? catalog_column(r, s->name) : NULL;
}

bool hazards_cascades(const struct subject *s)
{
    const struct node *n = s->cmd                         ? s->cmd
                           : node_is(s->stmt, "DropStmt") ? s->stmt
                                                          : NULL;

    return strcmp(node_enum(n, "behavior"), "DROP_CASCADE") == 0;
}

/* What CASCADE takes along does not come back with it. */
bool hazards_made_again(const struct subject *s)
{
    return *s->key && s->made && !hazards_cascades(s) &&
           fresh_has(&s->made->later, s->key);
}

bool hazards_new_column(const struct subject *s)
{
    char key[264];
    int n = snprintf(key, sizeof key, "column %s.%s", s->table, s->name);

    return s->made && (size_t)n < sizeof key &&
           fresh_has(&s->made->made, key) && !subject_takes_old(s, key);
}

/* ---- the old code ---- */

struct search {
    struct arena *a;
    const char *found;
};

static void look(const struct subject *s, void *arg)
{
    struct search *search = arg;

    if (s->fresh)
        return;
    for (const struct hazard *h = NULL;
         !search->found && (h = hazards_next(s, h));)
        if (hazards_breaking(h, s))
            search->found = subject_say(search->a, s, h->what);
}

const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh)
{
    struct search search = {a, NULL};

    subject_each(a, stmt, text, fresh, look, &search);
    return search.found;
}
