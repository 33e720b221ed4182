/* The certificate: a rehearsal as canonical JSON, and back. Integers only:
 * milliseconds, bytes, and shares per mille. */
#include <string.h>

#include "migrations/rehearse/rehearse.h"

#define CERTIFICATE_TYPE "rehearsal"
#define PER_MILLE        1000
/* An event of the ledger holds 1 MiB; there is more in it than this. */
#define CERTIFICATE_MOST (900 * 1024)

/* What is left out of one that would be larger. */
enum detail {
    DETAIL_ALL,
    DETAIL_TOUCHING, /* statements that nobody's table was touched by */
    DETAIL_LEAST,    /* the statements of downs as well */
};

static int64_t per_mille(double share)
{
    return share > 0 ? (int64_t)(share * PER_MILLE) : 0;
}

/* ---- to JSON ---- */

static void set_text(struct json *o, const char *key, const char *text)
{
    if (text)
        json_set_str(o, key, text);
}

static struct json *touched_json(const struct touched *t)
{
    struct json *o = json_new_object();

    json_set_str(o, "relation", t->relation);
    json_set_str(o, "lock", t->lock);
    json_set_int(o, "held_ms", t->held_ms);
    json_set_bool(o, "rewritten", t->rewritten);
    json_set_bool(o, "scanned", t->scanned);
    json_set_int(o, "rows", t->rows);
    json_set_int(o, "bytes", t->bytes);
    json_set_int(o, "ratio_per_mille", per_mille(t->ratio));
    return o;
}

/* null: not to be told by such a clone. */
static void set_ms(struct json *o, const char *key, int64_t ms, bool untold)
{
    if (untold)
        json_set(o, key, json_new_null());
    else
        json_set_int(o, key, ms);
}

static void set_range(struct json *o, int64_t low, int64_t likely, int64_t high,
                      bool untold)
{
    set_ms(o, "low_ms", low, untold);
    set_ms(o, "likely_ms", likely, untold);
    set_ms(o, "high_ms", high, untold);
}

/* Was it so when it was written? Of a clone without rows alone. */
static bool is_untold(const struct json *o, const char *key)
{
    const struct json *at = json_get(o, key);

    return at && !json_is_int(at);
}

static struct json *phases_json(const struct rehearsed_statement *s)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < s->n_phases; i++) {
        struct json *o = json_new_object();
        json_set_str(o, "name", s->phases[i].name);
        json_set_int(o, "ms", s->phases[i].ms);
        json_append(list, o);
    }
    return list;
}

/* What the estimate stands on, where it is not what it mostly is. */
static void set_grounds(struct json *o, const struct rehearsed_statement *s)
{
    if (s->work != WORK_CATALOG)
        json_set_str(o, "work", work_word(s->work));
    if (s->scaled != s->likely)
        json_set_int(o, "scaled_ms", s->scaled);
    if (s->runs)
        json_set_int(o, "past_runs", s->runs);
    if (s->cold)
        json_set_bool(o, "cold", true);
    if (s->spills)
        json_set_bool(o, "spills", true);
}

static struct json *statement_json(const struct rehearsed_statement *s)
{
    struct json *o = json_new_object(), *touched = json_new_array();

    json_set_int(o, "number", s->number);
    json_set_int(o, "line", s->line);
    json_set_str(o, "text", s->text);
    json_set_int(o, "ms", s->ms);
    json_set_int(o, "rows", s->rows);
    json_set_int(o, "wal_bytes", s->wal_bytes);
    json_set_int(o, "temp_bytes", s->temp_bytes);
    if (s->n_phases)
        json_set(o, "phases", phases_json(s));
    set_range(o, s->low, s->likely, s->high, s->untold);
    set_grounds(o, s);
    set_text(o, "safer", s->safer);
    for (size_t i = 0; i < s->n; i++)
        json_append(touched, touched_json(&s->touched[i]));
    json_set(o, "touched", touched);
    return o;
}

/* Nobody waits: that is told. */
static struct json *wait_json(const struct table_wait *w, bool untold)
{
    struct json *o = json_new_object();

    json_set_str(o, "table", w->table);
    set_ms(o, "readers_ms", w->readers, untold && w->readers);
    set_ms(o, "writers_ms", w->writers, untold && w->writers);
    json_set_str(o, "by", w->by);
    if (w->line) {
        json_set_str(o, "migration", w->migration);
        json_set_int(o, "line", w->line);
    }
    return o;
}

static struct json *waits_json(const struct table_wait *list, size_t n,
                               bool untold)
{
    struct json *out = json_new_array();

    for (size_t i = 0; i < n; i++)
        json_append(out, wait_json(&list[i], untold));
    return out;
}

static struct json *names_json(const char *const *list, size_t n)
{
    struct json *out = json_new_array();

    for (size_t i = 0; i < n; i++)
        json_append(out, json_new_string(list[i]));
    return out;
}

static struct json *statements_json(const struct rehearsed_statement *list,
                                    size_t n, enum detail detail)
{
    struct json *out = json_new_array();

    for (size_t i = 0; i < n; i++)
        if (detail == DETAIL_ALL || list[i].n)
            json_append(out, statement_json(&list[i]));
    return out;
}

static struct json *migration_json(const struct rehearsed *m,
                                   enum detail detail)
{
    struct json *o = json_new_object();

    json_set_str(o, "name", m->name);
    json_set_bool(o, "after", m->after);
    json_set_bool(o, "transaction", m->transaction);
    json_set_int(o, "up_ms", m->up_ms);
    json_set_int(o, "down_ms", m->down_ms);
    if (m->verified)
        json_set_bool(o, "verified", true);
    set_range(o, m->low, m->likely, m->high, m->untold);
    set_ms(o, "down_low_ms", m->down_low, m->down_untold);
    set_ms(o, "down_likely_ms", m->down_likely, m->down_untold);
    set_ms(o, "down_high_ms", m->down_high, m->down_untold);
    json_set_int(o, "temp_bytes", m->temp_bytes);
    batches_to_json(o, "batches", m->batches);
    batches_to_json(o, "down_batches", m->down_batches);
    json_set_bool(o, "has_down", m->has_down);
    json_set_bool(o, "down_ok", m->down_ok);
    set_text(o, "differs", m->differs);
    set_text(o, "breaks", m->breaks);
    json_set(o, "loses", names_json(m->loses, m->n_loses));
    json_set(o, "invalid_indexes", names_json(m->invalid, m->n_invalid));
    json_set(o, "up", statements_json(m->up, m->n, detail));
    json_set(o, "down",
             statements_json(m->down, detail <= DETAIL_TOUCHING ? m->n_down : 0,
                             detail));
    json_set(o, "down_waits",
             waits_json(m->down_waits, m->n_down_waits, m->down_untold));
    return o;
}

static struct json *whole_json(const struct rehearsal *r, enum detail detail)
{
    struct json *o = json_new_object(), *list = json_new_array();

    json_set_str(o, "type", CERTIFICATE_TYPE);
    json_set_str(o, "migrations_digest", r->digest);
    json_set_int(o, "at", r->at);
    json_set_str(o, "clone", r->clone ? r->clone : "");
    json_set_int(o, "clone_ms", r->clone_ms);
    json_set_int(o, "clone_share_per_mille", per_mille(r->clone_share));
    json_set_bool(o, "schema_only", r->schema_only);
    set_range(o, r->low, r->likely, r->high, r->schema_only);
    set_text(o, "failed", r->failed);
    set_text(o, "lacks", r->lacks);
    json_set_str(o, "warnings", r->warnings ? r->warnings : "");
    for (size_t i = 0; i < r->n; i++)
        json_append(list, migration_json(&r->list[i], detail));
    json_set(o, "migrations", list);
    json_set(o, "waits", waits_json(r->waits, r->waited, r->schema_only));
    if (r->basis.version)
        json_set(o, "production", basis_to_json(&r->basis));
    if (detail != DETAIL_ALL)
        json_set_bool(o, "cut", true);
    return o;
}

struct json *rehearsal_to_json(const struct rehearsal *r)
{
    for (enum detail detail = DETAIL_ALL;; detail++) {
        struct json *o = whole_json(r, detail);
        struct arena scratch;
        size_t len;

        if (detail == DETAIL_LEAST)
            return o;
        arena_init(&scratch);
        len = strlen(json_canonical(&scratch, o));
        arena_release(&scratch);
        if (len <= CERTIFICATE_MOST)
            return o;
        json_free(o);
    }
}

/* ---- and back ---- */

static const char *text_of(struct arena *a, const struct json *o,
                           const char *key)
{
    return arena_strdup(a, json_str(o, key));
}

static const char *text_or_empty(struct arena *a, const struct json *o,
                                 const char *key)
{
    const char *text = json_str(o, key);

    return arena_strdup(a, text ? text : "");
}

static double share_of(const struct json *o, const char *key)
{
    return (double)json_int(o, key, 0) / PER_MILLE;
}

static struct touched *touched_of(struct arena *a, const struct json *list,
                                  size_t *n)
{
    struct touched *out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        out[i] = (struct touched){
            .relation = text_or_empty(a, o, "relation"),
            .lock = text_or_empty(a, o, "lock"),
            .held_ms = json_int(o, "held_ms", 0),
            .rewritten = json_bool(o, "rewritten", false),
            .scanned = json_bool(o, "scanned", false),
            .rows = json_int(o, "rows", -1),
            .bytes = json_int(o, "bytes", 0),
            .ratio = share_of(o, "ratio_per_mille"),
        };
    }
    return out;
}

static struct rehearsed_phase *phases_of(struct arena *a,
                                         const struct json *list, size_t *n)
{
    struct rehearsed_phase *out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        out[i] = (struct rehearsed_phase){.name = text_or_empty(a, o, "name"),
                                          .ms = json_int(o, "ms", 0)};
    }
    return out;
}

static struct rehearsed_statement *
statements_of(struct arena *a, const struct json *list, size_t *n)
{
    struct rehearsed_statement *out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        out[i] = (struct rehearsed_statement){
            .number = (int)json_int(o, "number", 0),
            .line = (int)json_int(o, "line", 0),
            .text = text_or_empty(a, o, "text"),
            .ms = json_int(o, "ms", 0),
            .rows = json_int(o, "rows", 0),
            .wal_bytes = json_int(o, "wal_bytes", 0),
            .temp_bytes = json_int(o, "temp_bytes", -1),
            .low = json_int(o, "low_ms", 0),
            .likely = json_int(o, "likely_ms", 0),
            .high = json_int(o, "high_ms", 0),
            .untold = is_untold(o, "high_ms"),
            .safer = text_of(a, o, "safer"),
            .scaled = json_int(o, "scaled_ms", json_int(o, "likely_ms", 0)),
            .runs = (int)json_int(o, "past_runs", 0),
            .cold = json_bool(o, "cold", false),
            .spills = json_bool(o, "spills", false),
        };
        work_find(json_str(o, "work"), &out[i].work);
        out[i].touched = touched_of(a, json_get(o, "touched"), &out[i].n);
        out[i].phases = phases_of(a, json_get(o, "phases"), &out[i].n_phases);
    }
    return out;
}

static struct table_wait *waits_of(struct arena *a, const struct json *list,
                                   size_t *n)
{
    struct table_wait *out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        out[i] = (struct table_wait){
            .table = text_or_empty(a, o, "table"),
            .readers = json_int(o, "readers_ms", 0),
            .writers = json_int(o, "writers_ms", 0),
            .by = text_or_empty(a, o, "by"),
            .migration = text_or_empty(a, o, "migration"),
            .line = (int)json_int(o, "line", 0),
        };
    }
    return out;
}

static const char **names_of(struct arena *a, const struct json *list,
                             size_t *n)
{
    const char **out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const char *text = json_text(json_at(list, i));
        out[i] = arena_strdup(a, text ? text : "");
    }
    return out;
}

static struct rehearsed *migrations_of(struct arena *a, const struct json *list,
                                       size_t *n)
{
    struct rehearsed *out;

    *n = json_len(list);
    out = arena_array(a, *n, sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        const struct json *o = json_at(list, i);
        out[i] = (struct rehearsed){
            .name = text_or_empty(a, o, "name"),
            .after = json_bool(o, "after", false),
            .transaction = json_bool(o, "transaction", true),
            .up_ms = json_int(o, "up_ms", 0),
            .down_ms = json_int(o, "down_ms", 0),
            .untold = is_untold(o, "high_ms"),
            .down_untold = is_untold(o, "down_high_ms"),
            .verified = json_bool(o, "verified", false),
            .low = json_int(o, "low_ms", 0),
            .likely = json_int(o, "likely_ms", 0),
            .high = json_int(o, "high_ms", 0),
            .down_low = json_int(o, "down_low_ms", -1),
            .down_likely = json_int(o, "down_likely_ms", -1),
            .down_high = json_int(o, "down_high_ms", -1),
            .temp_bytes = json_int(o, "temp_bytes", -1),
            .batches = batches_from_json(a, o, "batches"),
            .down_batches = batches_from_json(a, o, "down_batches"),
            .has_down = json_bool(o, "has_down", false),
            .down_ok = json_bool(o, "down_ok", false),
            .differs = text_of(a, o, "differs"),
            .breaks = text_of(a, o, "breaks"),
        };
        out[i].up = statements_of(a, json_get(o, "up"), &out[i].n);
        out[i].down = statements_of(a, json_get(o, "down"), &out[i].n_down);
        out[i].down_waits =
            waits_of(a, json_get(o, "down_waits"), &out[i].n_down_waits);
        out[i].loses = names_of(a, json_get(o, "loses"), &out[i].n_loses);
        out[i].invalid =
            names_of(a, json_get(o, "invalid_indexes"), &out[i].n_invalid);
    }
    return out;
}

static bool refuse(struct err *e, const char *why)
{
    err_what(e, ERR_INPUT, "the rehearsal's certificate cannot be read");
    err_why(e, "%s", why);
    return err_fix(e, "rehearse again: tidegate rehearse RELEASE");
}

bool rehearsal_from_json(struct rehearsal *out, struct arena *a,
                         const struct json *j, struct err *e)
{
    const char *type = json_str(j, "type");
    const char *digest = json_str(j, "migrations_digest");

    *out = (struct rehearsal){0};
    if (!type || strcmp(type, CERTIFICATE_TYPE) != 0)
        return refuse(e, "it is no certificate of a rehearsal");
    if (!digest || !hash_hex_valid(digest))
        return refuse(e, "its migrations_digest is no SHA-256");
    if (!json_is_int(json_get(j, "at")) ||
        (!json_is_int(json_get(j, "high_ms")) &&
         !json_bool(j, "schema_only", false)) ||
        !json_is_int(json_get(j, "clone_share_per_mille")) ||
        !json_is_array(json_get(j, "migrations")) ||
        !json_is_array(json_get(j, "waits")))
        return refuse(e, "at, high_ms, clone_share_per_mille, migrations or "
                         "waits is missing");
    memcpy(out->digest, digest, HASH_HEX);
    out->at = json_int(j, "at", 0);
    out->clone = text_or_empty(a, j, "clone");
    out->clone_ms = json_int(j, "clone_ms", 0);
    out->clone_share = share_of(j, "clone_share_per_mille");
    out->schema_only = json_bool(j, "schema_only", false);
    out->low = json_int(j, "low_ms", 0);
    out->likely = json_int(j, "likely_ms", 0);
    out->high = json_int(j, "high_ms", 0);
    out->failed = text_of(a, j, "failed");
    out->lacks = text_of(a, j, "lacks");
    out->warnings = text_or_empty(a, j, "warnings");
    out->list = migrations_of(a, json_get(j, "migrations"), &out->n);
    out->waits = waits_of(a, json_get(j, "waits"), &out->waited);
    basis_from_json(&out->basis, a, json_get(j, "production"));
    return true;
}
