#include "migrations/hazards.h"

#include <string.h>

const struct hazard *const hazard_tables[] = {
    hazards_columns, hazards_tables, hazards_objects, hazards_data, NULL};

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

bool hazards_seems_stable(const struct node *n, void *arg)
{
    static const char stable[] =
        "now statement_timestamp transaction_timestamp lower upper md5 abs "
        "round floor ceil length concat format to_char to_date to_timestamp "
        "date_trunc timezone make_date make_interval make_timestamptz "
        "json_build_object json_build_array jsonb_build_object "
        "jsonb_build_array to_json to_jsonb current_setting encode decode "
        "sha256 array_fill string_to_array left right substr replace "
        "int4range int8range tstzrange daterange numrange tsrange";

    (void)arg;
    return !node_is(n, "FuncCall") ||
           subject_word_in(subject_last(n, "funcname"), stable);
}

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
        if (h->breaks)
            search->found = subject_say(search->a, s, h->what);
}

const char *hazards_breaks(struct arena *a, const struct node *stmt,
                           const char *text, const struct fresh *fresh)
{
    struct search search = {a, NULL};

    subject_each(a, stmt, text, fresh, look, &search);
    return search.found;
}
