#include "runner/flow/adopt.h"

#include <string.h>

#include "runner/flow/hosts.h"
#include "runner/flow/serve.h"

static bool already_ours(const struct subject *s, struct err *e)
{
    err_what(e, ERR_USAGE, "%s is tidegate's already", s->env->name);
    err_why(e, "%s is live there", s->state.live);
    return err_fix(e, "release with: tidegate expect, then deploy");
}

/* What all hosts have in common, or which one differs. */
static bool alike(struct run *r, const struct adopted *seen, struct err *e)
{
    for (size_t i = 0; i < r->s->n_hosts; i++) {
        const char *name = fleet_name(r->s->fleet, i);

        if (seen[i].outcome != OUTCOME_DONE) {
            err_what(e,
                     seen[i].outcome == OUTCOME_FAILED ? ERR_REFUSED
                                                       : ERR_UNREACHABLE,
                     "cannot adopt %s", name);
            err_why(e, "%s", seen[i].why);
            return err_fix(e, "%s",
                           seen[i].fix
                               ? seen[i].fix
                               : "mend it: every host must show the same tree");
        }
        if (strcmp(seen[i].digest, seen[0].digest) == 0)
            continue;
        err_what(e, ERR_REFUSED, "%s and %s do not have the same tree",
                 fleet_name(r->s->fleet, 0), name);
        err_why(e, "%s (%.12s) and %s (%.12s)", seen[0].folder, seen[0].digest,
                seen[i].folder, seen[i].digest);
        return err_fix(e, "put the same release on all, or name in [artifact] "
                          "shared what differs from host to host");
    }
    return true;
}

static bool is_commit(const char *text)
{
    return strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40;
}

/* The tag's commit, else the one in REVISION; "" when there is neither. */
static const char *commit_of(struct subject *s, const char *tag,
                             const char *revision)
{
    char commit[GIT_HEX];
    struct err none = {0};

    if (!s->git)
        s->git = git_open(s->arena, s->config->repository, &none);
    if (tag && s->git && git_tag(s->git, s->arena, tag, commit, &none))
        return arena_strdup(s->arena, commit);
    return is_commit(revision) ? revision : "";
}

static void act_adopt(struct run *r, const void *ctx, const size_t *hosts,
                      size_t n, struct step_result *outs)
{
    struct adopted *got = arena_array(r->s->arena, n, sizeof *got);

    step_adopt(r->s->fleet, hosts, n, &r->fence, ctx, false, got);
    for (size_t i = 0; i < n; i++)
        outs[i] =
            (struct step_result){.outcome = got[i].outcome, .why = got[i].why};
}

static bool shows_adopt(struct run *r, const void *ctx, size_t host,
                        const struct observed *seen)
{
    (void)r;
    (void)host;
    return seen->current && strcmp(seen->current, ctx) == 0;
}

/* An adopt that was killed is begun again by the next one. */
static const char *unfinished_adopt(const struct subject *s)
{
    const struct run_state *open = s->state.unfinished;

    return open && open->kind == RUN_ADOPT ? open->id : NULL;
}

static bool end_short(struct run *r, struct err *e)
{
    struct run_ending x = {.ended = r->changed ? RUN_STOPPED : RUN_NOTHING,
                           .exit_code = r->changed ? 12 : 69,
                           .why = e->what};
    struct err trouble = {0};

    if (r->changed)
        e->code = ERR_PARTWAY;
    if (!run_end(r, &x, &trouble))
        *e = trouble;
    return false;
}

static bool take_over(struct run *r, const struct adopted *seen,
                      const char *commit, struct err *e)
{
    size_t n;
    size_t *hosts = hosts_all(r, &n);
    struct step_result *outs = arena_array(r->s->arena, n, sizeof *outs);
    struct host_step step = {
        .name = "adopt",
        .change = true,
        .undo = "current back to the folder that it was",
        .act = act_adopt,
        .shows = shows_adopt,
        .ctx = r->to,
    };
    struct run_ending x = {.ended = RUN_GOOD,
                           .live = r->to,
                           .commit = commit,
                           .artifact = seen[0].digest};

    if (run_begin(r, NULL, unfinished_adopt(r->s), e) && hosts_fence(r, e) &&
        hosts_step(r, &step, hosts, n, outs, e))
        return run_end(r, &x, e);
    return end_short(r, e);
}

/* Asked before anything is changed: do they answer, and by that name? */
static bool answers(struct run *r, const char *name, struct err *e)
{
    size_t n;
    size_t *hosts = hosts_all(r, &n);

    for (size_t i = 0; i < n; i++)
        r->now[hosts[i]] = r->to;
    if (serve_all(r, e))
        return true;
    return name ? false
                : err_fix(e, "see its log; if that is the name of the release, "
                             "give it: tidegate adopt --release TAG");
}

bool adopt(struct run *r, struct subject *s, const char *name,
           run_confirm *confirm, void *ctx, struct err *e)
{
    struct adopted *seen;
    size_t n;

    r->s = s;
    r->kind = RUN_ADOPT;
    if (s->state.live)
        return already_ours(s, e);
    if (name && !release_name_valid(name, e))
        return false;
    if (!subject_contact_hosts(s, e) || !hosts_look(r, e))
        return false;
    size_t *hosts = hosts_all(r, &n);

    seen = arena_array(s->arena, s->n_hosts, sizeof *seen);
    step_adopt(s->fleet, hosts, n, NULL, name, true, seen);
    if (!alike(r, seen, e))
        return false;
    r->to = name ? name : seen[0].folder;
    if (!answers(r, name, e) || (confirm && !confirm(ctx, r, e)))
        return false;
    if (!run_open(r, s, RUN_ADOPT, NULL, e))
        return false;
    r->from = NULL;
    bool ok = take_over(r, seen, commit_of(s, name, seen[0].revision), e);

    run_close(r);
    return ok;
}
