#include "runner/command/measured_text.h"

#include "runner/base/duration.h"
#include "runner/base/escape.h"

void measured_text_init(struct measured_text *m, struct arena *a)
{
    static const char *const headings[] = {"STATEMENT", "PREDICTED", "TOOK", "",
                                           NULL};

    *m = (struct measured_text){.arena = a, .json = json_new_array()};
    table_init(&m->table, a, headings);
}

static const char *span(struct arena *a, const struct json *o, const char *key)
{
    char text[32];

    return arena_strdup(a,
                        duration_text(json_int(o, key, 0), text, sizeof text));
}

static const char *verdict(const struct json *o)
{
    int64_t took = json_int(o, "took_ms", 0);

    if (!json_get(o, "likely_ms"))
        return "";
    if (took > json_int(o, "high_ms", 0))
        return "longer than predicted";
    return took < json_int(o, "low_ms", 0) ? "shorter than predicted" : "";
}

static void add_row(struct measured_text *m, const char *name, bool down,
                    const struct json *o)
{
    struct arena *a = m->arena;
    int64_t line = json_int(o, "line", 0);

    table_cell(&m->table, "%s%s%s", name, down ? " down" : "",
               line > 0 ? arena_printf(a, ":%lld", (long long)line)
                        : arena_printf(a, ", statement %lld",
                                       (long long)json_int(o, "number", 0)));
    if (json_get(o, "likely_ms"))
        table_cell(&m->table, "%s (%s to %s)", span(a, o, "likely_ms"),
                   span(a, o, "low_ms"), span(a, o, "high_ms"));
    else
        table_cell(&m->table, "-");
    table_cell(&m->table, "%s", span(a, o, "took_ms"));
    table_cell(&m->table, "%s", verdict(o));
}

static struct json *one_json(const char *name, bool down, const struct json *o)
{
    struct json *out = json_new_object();
    const char *key;

    json_set_str(out, "migration", name);
    json_set_bool(out, "down", down);
    for (size_t i = 0; (key = json_key(o, i)) != NULL; i++)
        json_set(out, key, json_share((struct json *)json_get(o, key)));
    return out;
}

void measured_text_add(struct measured_text *m, const struct json *payload)
{
    const struct json *list = json_get(payload, "statements");
    const char *target = json_str(payload, "target");
    bool down = json_bool(payload, "down", false);
    int64_t left_out = json_int(payload, "left_out", 0);
    const char *name = escape(m->arena, target ? target : "?");

    for (size_t i = 0; i < json_len(list); i++) {
        add_row(m, name, down, json_at(list, i));
        json_append(m->json,
                    one_json(target ? target : "?", down, json_at(list, i)));
    }
    if (left_out <= 0)
        return;
    table_cell(&m->table, "%s: and %lld more", name, (long long)left_out);
    for (int i = 0; i < 3; i++)
        table_cell(&m->table, "%s", "");
}

void measured_text_print(const struct measured_text *m, struct output *out)
{
    if (json_len(m->json) > 0)
        table_print(out, &m->table);
}
