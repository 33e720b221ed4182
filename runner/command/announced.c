#include "runner/command/announced.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/command/release.h"
#include "runner/command/signing.h"
#include "runner/facts/contract.h"
#include "runner/report/verdicts.h"

#define PREFIX_LEAST 8

static bool digest_prefix(const char *name, const char *digest)
{
    size_t len = strlen(name);

    return len >= PREFIX_LEAST && len < HASH_HEX &&
           strncmp(name, digest, len) == 0;
}

static bool stands(const struct announced *x, const struct manifest_facts *m,
                   bool in_use, int64_t now)
{
    const struct run_state *run = x->state.unfinished;

    if (manifest_open(m, now))
        return true;
    return in_use && run && m->used_by && !m->withdrawn &&
           strcmp(m->used_by, run->id) == 0;
}

static char *open_ones(struct tidegate *t, const struct announced *x)
{
    int64_t now = clock_now();
    struct buf list;

    buf_init(&list);
    for (size_t i = 0; i < x->state.n_manifests; i++) {
        const struct manifest_facts *m = &x->state.manifests[i];

        if (manifest_open(m, now))
            buf_printf(&list, "%s%s", list.len ? ", " : "", m->release);
    }
    if (!list.len)
        buf_str(&list, "nothing");
    return buf_into(&list, t->arena);
}

static bool not_found(struct tidegate *t, const struct announced *x,
                      const char *name, struct err *e)
{
    err_what(e, ERR_USAGE, "no open announcement of %s in %s",
             escape(t->arena, name), t->env->name);
    err_why(e, "announced and open: %s", open_ones(t, x));
    if (strcmp(open_ones(t, x), "nothing") == 0)
        return err_fix(e, "announce it first: tidegate expect %s --why TEXT",
                       escape(t->arena, name));
    return err_fix(e, "name one of these, or a digest by its first eight "
                      "digits");
}

static bool ambiguous(const char *name, struct err *e)
{
    err_what(e, ERR_USAGE, "%s is the beginning of several digests", name);
    err_why(e, "an announcement is named by enough digits to tell it");
    return err_fix(e, "give more digits");
}

/* A release's newest, or the one of that digest. */
static bool pick(struct announced *x, const char *name, bool in_use, size_t *n)
{
    int64_t now = clock_now();
    bool by_release = false;

    *n = 0;
    for (size_t i = x->state.n_manifests; i-- > 0 && !by_release;) {
        const struct manifest_facts *m = &x->state.manifests[i];

        if (!stands(x, m, in_use, now))
            continue;
        by_release = strcmp(m->release, name) == 0;
        if (!by_release && !digest_prefix(name, m->digest))
            continue;
        *n = by_release ? 1 : *n + 1;
        x->at = i;
    }
    return *n == 1;
}

bool announced_find(struct tidegate *t, const char *name, bool in_use,
                    struct announced *out, struct err *e)
{
    size_t n;

    *out = (struct announced){0};
    if (!state_read(&out->state, t->arena, t->ledger, t->env->name, e))
        return false;
    if (!pick(out, name, in_use, &n))
        return n ? ambiguous(name, e) : not_found(t, out, name, e);
    out->facts = &out->state.manifests[out->at];
    out->statement = &out->state.manifest_statements[out->at];
    t->release = out->facts->release;
    return manifest_parse(&out->m, t->arena, out->statement->text, e);
}

static const char *what_of(const struct manifest *m)
{
    static const char *const words[] = {
        [PHASES_ALL] = "the whole release",
        [PHASES_MIGRATIONS] = "its migrations alone",
        [PHASES_RESTART] = "a restart alone",
        [PHASES_CONTRACT] = "its contracting migrations alone",
    };

    return words[m->phases];
}

/* Who approves a finish approves these; by the ledger, as git is not asked. */
static void show_contract(struct tidegate *t, const struct announced *x)
{
    struct contracts_facts all = contract_left(t->arena, &x->state);

    for (size_t i = 0; x->m.phases == PHASES_CONTRACT && i < all.n; i++) {
        int64_t due = contract_due(&all.list[i]);

        if (due && due <= x->m.opens)
            say_row(t, "contracting",
                    arena_printf(t->arena, "%s runs", all.list[i].name));
        else
            say_row(t, "contracting", release_contract_text(t, &all.list[i]));
    }
}

void announced_show(struct tidegate *t, const struct announced *x)
{
    const struct zone *zone = t->env->policy.window.calendar.zone;
    const struct manifest *m = &x->m;

    say_row(t, "what", what_of(m));
    show_contract(t, x);
    say_row(t, "opens",
            arena_printf(t->arena, "%s, %s",
                         report_time(t->arena, zone, m->opens),
                         report_distance(t->arena, clock_now(), m->opens)));
    say_row(t, "until", report_time(t->arena, zone, m->expires));
    say_row(t, "by", m->announcer);
    say_row(t, "why", m->reason);
    if (m->replaces)
        say_row(t, "replaces", m->replaces);
    if (m->again)
        say_row(t, "again", "it went out before and was taken back");
    if (m->repairs)
        say_row(t, "repairs", "it may go out to a site that is broken");
    say_row(t, "commit", m->commit);
    say_row(t, "artifact", m->artifact);
    say_row(t, "migrations", m->migrations);
    say_row(t, "hosts", m->hosts);
    say_row(t, "policy", m->policy);
    say_row(t, "digest", x->facts->digest);
}
