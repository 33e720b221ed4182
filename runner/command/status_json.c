/* How status is told to programs. */
#include <string.h>

#include "runner/command/release.h"
#include "runner/command/status.h"
#include "runner/facts/contract.h"

static void set_time(struct json *j, const char *key, int64_t utc)
{
    char text[21];

    if (utc > 0)
        json_set_str(j, key, clock_rfc3339(utc, text));
}

static void set_text(struct json *j, const char *key, const char *text)
{
    if (text)
        json_set_str(j, key, text);
}

static struct json *live_json(const struct environment_state *st)
{
    const struct release_state *r = state_release(st, st->live);
    struct json *j = json_new_object();

    json_set_str(j, "release", st->live);
    json_set_bool(j, "verified", st->live_verified);
    json_set_bool(j, "by_going_back", st->live_by_going_back);
    set_text(j, "previous", st->previous);
    set_text(j, "commit", r ? r->commit : NULL);
    set_time(j, "good_since", r ? r->good_at : 0);
    return j;
}

static struct json *step_json(const struct step_state *x)
{
    struct json *j = json_new_object();

    json_set_str(j, "step", x->step);
    json_set_str(j, "target", x->target);
    json_set_str(j, "is", status_step_word(x));
    json_set_bool(j, "change", x->change);
    set_text(j, "text", x->text[0] ? x->text : NULL);
    set_time(j, "at", x->at);
    return j;
}

static struct json *run_json(const struct status *s, const struct run_state *r)
{
    struct json *j = json_new_object(), *steps = json_new_array();
    struct json *overrides = json_new_array(), *pending = json_new_array();

    json_set_str(j, "run", r->id);
    json_set_str(j, "kind", run_word(r));
    json_set_str(j, "outcome", run_ended_word(r->ended));
    json_set_bool(j, "running", s->held && strcmp(s->holder.run, r->id) == 0);
    json_set_bool(j, "changed", r->changed);
    json_set_bool(j, "rolling_back", r->rolling_back);
    set_text(j, "release", r->release);
    set_text(j, "from", r->from);
    set_text(j, "who", r->who);
    set_text(j, "why", r->why);
    set_time(j, "began", r->began);
    for (size_t i = 0; i < r->n; i++)
        json_append(steps, step_json(&r->steps[i]));
    for (size_t i = 0; i < r->overridden; i++) {
        struct json *o = json_new_object();
        json_set_str(o, "gate", r->overrides[i].gate);
        json_set_str(o, "person", r->overrides[i].person);
        json_set_str(o, "reason", r->overrides[i].reason);
        json_append(overrides, o);
    }
    for (size_t i = 0; i < json_len(json_get(r->end, "pending")); i++)
        json_append(pending, json_new_string(json_text(
                                 json_at(json_get(r->end, "pending"), i))));
    set_text(j, "undo", s->undo);
    set_text(j, "undo_why", s->undo_why);
    json_set(j, "steps", steps);
    json_set(j, "overrides", overrides);
    json_set(j, "pending", pending);
    return j;
}

static struct json *host_json(const struct host_status *h)
{
    struct json *j = json_new_object();

    json_set_str(j, "host", h->name);
    json_set_str(j, "is", host_is_word(h->is));
    json_set_bool(j, "checked", h->seen != NULL);
    if (h->seen) {
        set_text(j, "current", h->seen->current);
        json_set_bool(j, "verified", h->seen->verified);
    }
    set_text(j, "note", h->note[0] ? h->note : NULL);
    if (h->last)
        json_set(j, "last_step", step_json(h->last));
    return j;
}

static struct json *owing_json(const struct environment_state *st)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < st->n_owing; i++) {
        struct json *j = json_new_object();
        json_set_str(j, "host", st->owed[i].host);
        json_set_str(j, "release", st->owed[i].release);
        set_text(j, "why", st->owed[i].why);
        set_time(j, "since", st->owed[i].at);
        json_append(all, j);
    }
    return all;
}

static struct json *frozen_json(const struct environment_state *st)
{
    struct json *j = json_new_object();

    json_set_str(j, "by", st->frozen_by);
    set_text(j, "why", st->frozen_why);
    set_time(j, "since", st->frozen_at);
    return j;
}

static struct json *announced_json(const struct status *s)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < s->state.n_manifests; i++) {
        const struct manifest_facts *m = &s->state.manifests[i];
        struct json *j;
        if (!status_announced(m))
            continue;
        j = json_new_object();
        json_set_str(j, "release", m->release);
        json_set_str(j, "manifest", m->digest);
        set_text(j, "by", m->person);
        set_time(j, "opens", m->opens);
        set_time(j, "expires", m->expires);
        json_append(all, j);
    }
    return all;
}

static struct json *backfills_json(const struct status *s)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < s->n_backfills; i++) {
        const struct backfill_row *b = &s->backfills[i];
        struct json *j = json_new_object();

        json_set_str(j, "name", b->row.name);
        json_set_bool(j, "undoing", b->undoing);
        json_set_int(j, "rows", b->rows);
        json_set_int(j, "estimated", b->estimated);
        json_set_int(j, "batches", b->batches);
        set_text(j, "last", b->last);
        json_append(all, j);
    }
    return all;
}

struct json *status_json(const struct status *s)
{
    struct json *j = json_new_object(), *hosts = json_new_array();
    const struct environment_state *st = &s->state;
    struct contracts_facts left = contract_left(s->t->arena, st);

    json_set_str(j, "environment", s->t->env->name);
    json_set_str(j, "is",
                 s->exit == EXIT_DONE      ? "whole"
                 : s->exit == EXIT_STOPPED ? "unfinished"
                                           : "unknown");
    json_set(j, "live", st->live ? live_json(st) : json_new_null());
    json_set(j, "unfinished",
             st->unfinished ? run_json(s, st->unfinished) : json_new_null());
    json_set(j, "backfills", backfills_json(s));
    json_set(j, "frozen", st->frozen_by ? frozen_json(st) : json_new_null());
    json_set(j, "owing", owing_json(st));
    for (size_t i = 0; i < s->n; i++)
        json_append(hosts, host_json(&s->hosts[i]));
    json_set(j, "hosts", hosts);
    json_set(j, "announced", announced_json(s));
    json_set(j, "contract", release_contract_json(&left));
    set_text(j, "policy", s->policy);
    set_text(j, "ledger_trouble",
             s->ledger.code == ERR_NONE ? NULL : s->ledger.what);
    return j;
}
