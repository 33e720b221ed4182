/* What people said: manifests, approvals, withdrawals, overrides, policies.
 * Signatures are the caller's to check. */
#include <string.h>

#include "runner/base/buf.h"
#include "runner/ledger/replay.h"
#include "runner/release/statement.h"

static const char *text_or(const struct json *p, const char *key,
                           const char *otherwise)
{
    const char *s = json_str(p, key);

    return s ? s : otherwise;
}

static struct statement_state statement_of(struct replay *r)
{
    char digest[HASH_HEX];
    const char *text = text_or(r->p, "text", "");

    hash_hex(text, strlen(text), digest);
    return (struct statement_state){
        .digest = arena_strdup(r->a, digest),
        .text = text,
        .signature = text_or(r->p, "signature", ""),
        .person = text_or(r->p, "person", ""),
        .key = text_or(r->p, "key", ""),
        .at = r->event->at,
    };
}

static struct manifest_build *manifest_find(const struct replay *r,
                                            const char *digest)
{
    struct manifest_build *all = r->manifests.items;

    for (size_t i = r->manifests.n; digest && i-- > 0;)
        if (strcmp(all[i].statement.digest, digest) == 0)
            return &all[i];
    return NULL;
}

void manifest_use(struct replay *r, const char *digest, const char *run)
{
    struct manifest_build *m = manifest_find(r, digest);

    if (m)
        m->facts.used_by = run;
}

static bool add_manifest(struct replay *r, const struct statement_state *s,
                         struct err *e)
{
    struct manifest m;
    struct manifest_build *b;

    if (!manifest_parse(&m, r->a, s->text, e))
        return false;
    if (manifest_find(r, s->digest))
        return true;
    b = list_add(r->a, &r->manifests, sizeof *b);
    b->statement = *s;
    b->facts = (struct manifest_facts){
        .digest = s->digest,
        .environment = m.environment,
        .release = m.release,
        .commit = m.commit,
        .artifact = m.artifact,
        .migrations = m.migrations,
        .hosts = m.hosts,
        .policy = m.policy,
        .phases = m.phases,
        .announced = m.announced,
        .recorded = s->at,
        .opens = m.opens,
        .expires = m.expires,
        .person = s->person[0] ? s->person : m.announcer,
        .key = s->key[0] ? s->key : NULL,
        .how = SIGNED_NOT,
        .replaces = m.replaces,
        .again = m.again,
        .repairs = m.repairs,
    };
    return true;
}

static bool add_approval(struct replay *r, const struct statement_state *s,
                         struct err *e)
{
    struct about x;
    struct manifest_build *m;

    if (!about_parse(&x, r->a, "approval", s->text, e))
        return false;
    m = manifest_find(r, x.manifest);
    if (m)
        *(struct statement_state *)list_add(r->a, &m->approvals, sizeof *s) =
            *s;
    return true;
}

static bool add_withdrawal(struct replay *r, const struct statement_state *s,
                           struct err *e)
{
    struct about x;
    struct manifest_build *m;

    if (!about_parse(&x, r->a, "withdrawal", s->text, e))
        return false;
    m = manifest_find(r, x.manifest);
    if (m) {
        m->facts.withdrawn = true;
        m->facts.withdrawn_by = s->person[0] ? s->person : x.person;
    }
    return true;
}

static bool add_override(struct replay *r, const struct statement_state *s,
                         struct err *e)
{
    struct json *j = json_parse(s->text, strlen(s->text), e);
    struct override_build *b;

    if (!j)
        return false;
    b = list_add(r->a, &r->overrides, sizeof *b);
    b->run = json_str(r->p, "run");
    b->s.gate = arena_strdup(r->a, json_str(j, "gate"));
    b->s.reason = arena_strdup(r->a, json_str(j, "reason"));
    b->s.person = arena_strdup(r->a, json_str(j, "person"));
    b->s.at = s->at;
    json_free(j);
    return true;
}

static bool add_policy(struct replay *r, const struct statement_state *s,
                       struct err *e)
{
    (void)e;
    *(struct statement_state *)list_add(r->a, &r->policies, sizeof *s) = *s;
    return true;
}

static const struct {
    const char *type;
    bool (*add)(struct replay *r, const struct statement_state *s,
                struct err *e);
} types[] = {
    {"manifest", add_manifest},     {"approval", add_approval},
    {"withdrawal", add_withdrawal}, {"override", add_override},
    {"policy", add_policy},
};

static void unreadable(struct replay *r, const char *why)
{
    if (!r->out->unreadable)
        r->out->unreadable = arena_printf(r->a, "record %lld: %s",
                                          (long long)r->event->seq, why);
}

void replay_statement(struct replay *r)
{
    struct statement_state s = statement_of(r);
    const char *type = statement_type(r->a, s.text);
    struct err e = {0};

    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].type, type) == 0) {
            if (!types[i].add(r, &s, &e))
                unreadable(r, e.what);
            return;
        }
    unreadable(r, "a statement of unknown type");
}

void replay_policy(struct replay *r)
{
    r->out->pinned = json_str(r->p, "digest");
    r->out->pinned_text = json_str(r->p, "text");
    r->out->pinned_at = r->event->at;
    r->policies = (struct list){0};
    if (r->out->pinned)
        *(const char **)list_add(r->a, &r->pinned, sizeof(char *)) =
            r->out->pinned;
}

/* A later manifest of the same release replaces an open one: its approvals
 * are void. */
static void replace_earlier(struct replay *r)
{
    struct manifest_build *all = r->manifests.items;

    for (size_t i = 0; i < r->manifests.n; i++)
        for (size_t k = i + 1; k < r->manifests.n; k++) {
            if (all[i].facts.used_by || all[i].facts.withdrawn ||
                strcmp(all[i].facts.release, all[k].facts.release) != 0)
                continue;
            all[i].facts.replaced_by = all[k].facts.digest;
            all[i].approvals.n = 0;
            break;
        }
}

static struct statement_state *closed_approvals(struct replay *r,
                                                const struct list *list)
{
    struct statement_state *rows = arena_array(r->a, list->n + 1, sizeof *rows);

    if (list->n)
        memcpy(rows, list->items, list->n * sizeof *rows);
    return rows;
}

static const char *joined(struct replay *r)
{
    const char **all = r->pinned.items;
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < r->pinned.n; i++)
        buf_printf(&b, "%s%s", i ? "\n" : "", all[i]);
    return buf_into(&b, r->a);
}

void statements_finish(struct replay *r)
{
    struct environment_state *out = r->out;
    const struct manifest_build *all = r->manifests.items;
    size_t n = r->manifests.n;

    replace_earlier(r);
    out->manifests = arena_array(r->a, n, sizeof *out->manifests);
    out->manifest_statements =
        arena_array(r->a, n, sizeof *out->manifest_statements);
    out->approvals = arena_array(r->a, n, sizeof *out->approvals);
    out->n_manifests = n;
    for (size_t i = 0; i < n; i++) {
        out->manifests[i] = all[i].facts;
        out->manifest_statements[i] = all[i].statement;
        out->approvals[i] = closed_approvals(r, &all[i].approvals);
    }
    out->policy_statements = r->policies.items;
    out->n_policy_statements = r->policies.n;
    out->known_policies = joined(r);
}
