#include "runner/facts/subject.h"

#include <string.h>

#include "migrations/read/layout.h"
#include "policies/gates.h"
#include "runner/base/escape.h"
#include "runner/facts/contract.h"
#include "runner/release/statement.h"

bool subject_open(struct subject *s, struct err *e)
{
    hosts_digest(s->env->hosts, s->env->n_hosts, s->hosts_digest);
    if (!config_policy_digest(s->env, s->policy_digest, e))
        return false;
    return subject_refresh(s, e);
}

bool subject_refresh(struct subject *s, struct err *e)
{
    return ledger_refresh(s->ledger, e) &&
           state_read(&s->state, s->arena, s->ledger, s->env->name, e);
}

/* Collects the files of the migrations folder; which of them are migrations,
 * the layout says. */
struct collecting {
    struct arena *arena;
    struct progress *progress;
    size_t prefix; /* length of "migrations/" */
    const struct placeholders *values;
    struct sql_file *files;
    size_t n, cap;
};

static bool collect(void *ctx, const struct git_entry *entry, struct err *e)
{
    struct collecting *c = ctx;
    const char *name = entry->name + c->prefix;
    bool wanted = layout_wants(name);

    (void)e;
    if (entry->kind == GIT_LINK && !wanted)
        progress_warn(c->progress, escape(c->arena, name),
                      "a symbolic link in the migrations folder is not "
                      "followed");
    if (entry->kind == GIT_SUBMODULE || (entry->kind == GIT_LINK && !wanted))
        return true;
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 32;
        c->files =
            arena_grow(c->arena, c->files, c->n, c->cap, sizeof *c->files);
    }
    c->files[c->n++] = (struct sql_file){
        .name = arena_strdup(c->arena, name),
        .bytes =
            wanted ? arena_strndup(c->arena, entry->bytes, entry->len) : "",
        .len = wanted ? entry->len : 0,
        .link = entry->kind == GIT_LINK,
        .values = c->values,
    };
    return true;
}

/* "./db/migrations/" is db/migrations; "." is "". */
static char *plain_folder(struct arena *a, const char *folder)
{
    char *name;
    size_t n;

    while (folder[0] == '.' && (folder[1] == '/' || folder[1] == '\0'))
        folder += folder[1] ? 2 : 1;
    name = arena_strdup(a, folder);
    for (n = strlen(name); n && name[n - 1] == '/';)
        name[--n] = '\0';
    return name;
}

bool subject_read_migrations(struct subject *s, struct err *e)
{
    char *folder = plain_folder(s->arena, s->config->migrations_path);
    struct collecting c = {.arena = s->arena,
                           .progress = s->progress,
                           .values = &s->env->placeholders,
                           .prefix = strlen(folder) + (*folder != '\0')};

    if (s->env->database &&
        !git_walk(s->git, s->commit, folder, collect, &c, e))
        return false;
    if (!migrations_read_allowing(
            &s->migrations, s->arena, s->config->migrations_layout,
            config_allowed(&s->env->policy), c.files, c.n, e))
        return false;
    for (size_t i = 0; i < s->migrations.strays_n; i++)
        progress_warn(s->progress, s->config->migrations_path, "%s",
                      s->migrations.strays[i]);
    if (s->migrations.n)
        progress_detail(s->progress, s->config->migrations_path, "%s",
                        subject_layout(s));
    return true;
}

const char *subject_layout(const struct subject *s)
{
    const struct migrations *m = &s->migrations;
    const char *asked = s->config->migrations_layout;

    if (m->n == 0)
        return arena_printf(s->arena, "no migrations in %s",
                            s->config->migrations_path);
    return arena_printf(
        s->arena, "%zu migration%s in %s, layout %s%s, %s%s%s", m->n,
        m->n == 1 ? "" : "s", s->config->migrations_path, m->layout,
        strcmp(asked, "auto") == 0 ? " (recognised)" : "", m->list[0].name,
        m->n > 1 ? " to " : "", m->n > 1 ? m->list[m->n - 1].name : "");
}

/* How the pending ones were read: once. */
static void tell_notes(struct subject *s)
{
    for (size_t i = 0; i < s->pending.n && !s->gone_told; i++)
        for (size_t j = 0; j < s->pending.list[i]->notes_n; j++) {
            const struct migration *m = s->pending.list[i];
            if (m->notes[j].warns)
                progress_warn(s->progress, m->name, "%s", m->notes[j].text);
            else
                progress_detail(s->progress, m->name, "%s", m->notes[j].text);
        }
}

bool subject_resolve(struct subject *s, const char *release, struct err *e)
{
    if (!release_name_valid(release, e))
        return false;
    if (!s->git)
        s->git = git_open(s->arena, s->config->repository, e);
    if (!s->git || !git_tag(s->git, s->arena, release, s->commit, e))
        return false;
    if (!artifact_digest(s->arena, s->git, &s->env->artifact, s->config->folder,
                         release, s->commit, &s->artifact, e))
        return false;
    s->release = arena_strdup(s->arena, release);
    return subject_read_migrations(s, e);
}

bool subject_contact_hosts(struct subject *s, struct err *e)
{
    size_t n = s->env->n_hosts;

    if (n == 0)
        return true;
    if (!s->fleet) {
        s->fleet = fleet_open(s->arena, s->loop, s->progress, s->env, e);
        if (!s->fleet)
            return false;
        s->n_hosts = n;
        s->observed = arena_array(s->arena, n, sizeof *s->observed);
        s->left_out = arena_array(s->arena, n, sizeof *s->left_out);
    }
    size_t *all = arena_array(s->arena, n, sizeof *all);

    for (size_t i = 0; i < n; i++)
        all[i] = i;
    step_observe(s->fleet, all, n, NULL, s->observed);
    return true;
}

bool subject_read_pending(struct subject *s, struct err *e)
{
    s->pending_known = false;
    if (!applied_read(s->pg, s->arena, &s->applied, e))
        return false;
    if (s->release &&
        !applied_pending(&s->applied, &s->migrations, s->arena, &s->pending, e))
        return false;
    contract_sort(s);
    s->pending_known = s->release != NULL;
    return true;
}

/* Whether the release that applied it may be missing from this commit: it was
 * taken back, or this commit never contained it. */
static bool may_be_gone(struct subject *s, const char *release)
{
    const struct release_state *was = state_release(&s->state, release);
    const char *why;

    if (!was || !was->commit || !*was->commit || was->is == RELEASE_BAD)
        return true;
    switch (git_ancestry(s->git, s->arena, was->commit, s->commit, &why)) {
    case ANCESTRY_SAME:
    case ANCESTRY_DESCENDS:
        return false;
    default:
        return true;
    }
}

/* What is applied and not in this commit; of a way back nobody has read any. */
static bool check_gone(struct subject *s, struct err *e)
{
    for (size_t i = 0; s->git && i < s->pending.gone_n; i++) {
        const struct applied_row *row =
            applied_find(&s->applied, s->pending.gone[i]);

        if (may_be_gone(s, row->release)) {
            if (s->gone_told)
                continue;
            progress_warn(s->progress, row->name,
                          "%s, and not in %s: the database keeps it",
                          applied_how(s->arena, row), s->release);
            continue;
        }
        err_what(e, ERR_REFUSED, "%s is applied, and %s does not have it",
                 row->name, s->release);
        err_why(e, "%s with digest %s, and this commit comes after",
                applied_how(s->arena, row), row->checksum);
        return err_fix(e,
                       "put %s back as it was; undo it with a new "
                       "migration",
                       row->name);
    }
    s->gone_told = true;
    return true;
}

bool subject_contact_database(struct subject *s, struct err *e)
{
    struct err why = {0};

    if (!s->env->database) {
        s->pending_known = true;
        return true;
    }
    if (!s->pg)
        s->pg = pg_open(s->loop, s->env->database, "tidegate", 0, &why);
    if (s->pg && pg_identify(s->pg, s->arena, &s->identity, &why)) {
        s->pg_why = NULL;
        if (subject_read_pending(s, e)) {
            tell_notes(s);
            return check_gone(s, e);
        }
        if (e->code != ERR_UNREACHABLE)
            return false;
        why = *e;
        err_clear(e);
    }
    s->pg_why = arena_printf(s->arena, "%s: %s", why.what, why.why);
    pg_close(s->pg);
    s->pg = NULL;
    return true;
}

bool subject_contact(struct subject *s, struct err *e)
{
    return subject_contact_hosts(s, e) && subject_contact_database(s, e);
}

void subject_close(struct subject *s)
{
    pg_close(s->pg);
    if (s->fleet)
        fleet_close(s->fleet);
    if (s->git)
        git_close(s->git);
    s->pg = NULL;
    s->fleet = NULL;
    s->git = NULL;
}

/* Of this release, and of these phases: contracting ones are rehearsed by
 * themselves. */
static bool speaks_of(const struct subject *s, const struct json *event)
{
    const char *release = json_str(event, "release");
    const char *phases = json_str(event, "phases");
    bool contract = phases && strcmp(phases, "contract") == 0;

    return release && s->release && strcmp(release, s->release) == 0 &&
           contract == (s->phases == PHASES_CONTRACT);
}

/* The newest before *at, which becomes its own place. digest NULL: whatever
 * speaks of this release. */
static bool find_before(struct subject *s, const char *digest, size_t *at,
                        struct rehearsal *out)
{
    const struct json *all = s->state.rehearsals;

    for (size_t i = *at; i-- > 0;) {
        const struct json *event = json_at(all, i);
        const struct json *certificate = json_get(event, "certificate");
        struct err ignored = {0};

        if (!rehearsal_from_json(out, s->arena, certificate, &ignored))
            continue;
        if (digest ? strcmp(out->digest, digest) == 0 : speaks_of(s, event)) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* A clone too small to tell, on which nothing failed. */
static bool is_weak(const struct rehearsal *r)
{
    return !r->failed && r->clone_share < REHEARSAL_CLONE_LEAST;
}

/* What a newer but weak one must not hide. */
static bool still_counts(const struct subject *s, const struct rehearsal *r)
{
    const struct budget_settings *budget = &s->env->policy.budget;

    return !r->failed &&
           (!budget->on || clock_now() - r->at <= budget->certificate);
}

static bool find_certificate(struct subject *s, const char *digest,
                             struct rehearsal *out)
{
    size_t at = json_len(s->state.rehearsals);
    struct rehearsal older;

    if (!find_before(s, digest, &at, out))
        return false;
    older = *out;
    while (is_weak(&older))
        if (!find_before(s, digest, &at, &older))
            return true;
    if (still_counts(s, &older))
        *out = older;
    return true;
}

bool subject_certificate(struct subject *s, struct rehearsal *out)
{
    char digest[HASH_HEX];

    if (!s->pending_known)
        return find_certificate(s, NULL, out);
    migrations_digest(s->pending.list, s->pending.n, digest);
    return find_certificate(s, digest, out) ||
           (s->begun_with && find_certificate(s, s->begun_with, out));
}

bool subject_is_pending(const struct subject *s, const char *name)
{
    for (size_t i = 0; i < s->pending.n; i++)
        if (strcmp(s->pending.list[i]->name, name) == 0)
            return true;
    return false;
}

size_t subject_count(const struct subject *s, bool after)
{
    size_t n = 0;

    for (size_t i = 0; i < s->pending.n; i++)
        n += s->pending.list[i]->after == after;
    return n;
}
