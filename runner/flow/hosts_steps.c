/* The steps that a run takes on all of its hosts: fence, stage, mark, prune. */
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "runner/flow/hosts.h"

static void act_fence(struct run *r, const void *ctx, const size_t *hosts,
                      size_t n, struct step_result *outs)
{
    (void)ctx;
    step_fence(r->s->fleet, hosts, n, &r->fence,
               r->s->state.pinned ? r->s->state.pinned : "",
               r->s->state.known_policies, outs);
}

static bool shows_fence(struct run *r, const void *ctx, size_t host,
                        const struct observed *seen)
{
    (void)ctx;
    (void)host;
    return seen->epoch == r->fence.epoch;
}

bool hosts_fence(struct run *r, struct err *e)
{
    static const struct host_step step = {
        .name = "fence", .act = act_fence, .shows = shows_fence};

    return hosts_step_all(r, &step, e);
}

struct sending {
    struct stage stage;
    const char *digest;
};

static void act_stage(struct run *r, const void *ctx, const size_t *hosts,
                      size_t n, struct step_result *outs)
{
    const struct sending *sending = ctx;

    step_stage(r->s->fleet, hosts, n, &r->fence, &sending->stage, outs);
}

static bool shows_stage(struct run *r, const void *ctx, size_t host,
                        const struct observed *seen)
{
    const struct sending *sending = ctx;

    (void)r;
    (void)host;
    for (size_t i = 0; i < seen->n; i++)
        if (strcmp(seen->releases[i].name, sending->stage.release) == 0)
            return strcmp(seen->releases[i].digest, sending->digest) == 0;
    return false;
}

/* The artifact is written once, to the run's folder, and read from there by
 * every host; a resumed run reads what it wrote. */
static bool artifact_ready(struct run *r, struct err *e)
{
    struct subject *s = r->s;
    struct artifact *out = &s->artifact;
    char digest[HASH_HEX];
    const char *folder =
        arena_printf(s->arena, "%s/runs/%s", ledger_folder(s->ledger), r->id);
    const char *path = arena_printf(s->arena, "%s/artifact.tar", folder);

    memcpy(digest, out->digest, sizeof digest);
    if (!folder_make(folder, 0700, e))
        return false;
    if (file_exists(path) && artifact_open(s->arena, path, digest, out, e))
        return true;
    err_clear(e);
    if (!artifact_write(s->arena, s->git, &s->env->artifact, s->config->folder,
                        s->release, s->commit, path, out, e))
        return false;
    if (strcmp(out->digest, digest) == 0)
        return true;
    err_what(e, ERR_REFUSED, "the artifact changed while it was read");
    err_why(e, "announced %.12s, written %.12s", digest, out->digest);
    return err_fix(e, "see what writes to it, then announce it again");
}

static char *join_lines(struct arena *a, const char *const *list, size_t n)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s\n", list[i]);
    return buf_into(&b, a);
}

bool hosts_send(struct run *r, const char *release,
                const struct artifact *artifact, struct err *e)
{
    const struct artifact_settings *settings = &r->s->env->artifact;
    size_t n;
    struct sending sending = {
        .stage = {.release = release,
                  .tar_fd = artifact->fd,
                  .tar_len = artifact->len,
                  .files = artifact->files,
                  .files_len = artifact->files_len,
                  .shared = join_lines(r->s->arena, settings->shared,
                                       settings->shareds),
                  .prepare = settings->prepare ? settings->prepare : "",
                  .prepare_timeout_ms = r->s->env->rollout.prepare_timeout_ms},
        .digest = artifact->digest,
    };
    struct host_step step = {
        .name = strcmp(release, r->to) == 0
                    ? "stage"
                    : arena_printf(r->s->arena, "stage %s", release),
        .undo = "nothing to undo: not live",
        .act = act_stage,
        .shows = shows_stage,
        .ctx = &sending};

    hosts_all(r, &n);
    if (n == 0)
        return true;
    progress_stage(r->s->progress, "staging %s: %zu files to %zu host%s",
                   release, artifact->entries, n, n == 1 ? "" : "s");
    return hosts_step_all(r, &step, e);
}

bool hosts_stage(struct run *r, struct err *e)
{
    return artifact_ready(r, e) && hosts_send(r, r->to, &r->s->artifact, e);
}

struct mark {
    const char *release, *state;
};

static void act_mark(struct run *r, const void *ctx, const size_t *hosts,
                     size_t n, struct step_result *outs)
{
    const struct mark *m = ctx;

    step_mark(r->s->fleet, hosts, n, &r->fence, m->release, m->state, outs);
}

static bool shows_mark(struct run *r, const void *ctx, size_t host,
                       const struct observed *seen)
{
    const struct mark *m = ctx;

    (void)r;
    (void)host;
    for (size_t i = 0; i < seen->n; i++)
        if (strcmp(seen->releases[i].name, m->release) == 0)
            return strcmp(seen->releases[i].state, m->state) == 0;
    return false;
}

bool hosts_mark(struct run *r, const char *release, const char *state,
                struct err *e)
{
    struct mark mark = {release, state};
    struct host_step step = {
        .name = arena_printf(r->s->arena, "mark %s %s", release, state),
        .act = act_mark,
        .shows = shows_mark,
        .ctx = &mark};

    return hosts_step_all(r, &step, e);
}

static void act_after_begun(struct run *r, const void *ctx, const size_t *hosts,
                            size_t n, struct step_result *outs)
{
    step_after_begun(r->s->fleet, hosts, n, &r->fence, ctx, outs);
}

static bool shows_after_begun(struct run *r, const void *ctx, size_t host,
                              const struct observed *seen)
{
    (void)r;
    (void)host;
    return strcmp(seen->after_begun, ctx ? ctx : "") == 0;
}

bool hosts_after_begun(struct run *r, const char *release, struct err *e)
{
    struct host_step step = {.name = release ? "after-begun" : "after-undone",
                             .act = act_after_begun,
                             .shows = shows_after_begun,
                             .ctx = release};

    return hosts_step_all(r, &step, e);
}

static void act_prune(struct run *r, const void *ctx, const size_t *hosts,
                      size_t n, struct step_result *outs)
{
    step_prune(r->s->fleet, hosts, n, &r->fence, r->s->env->artifact.keep, ctx,
               outs);
}

bool hosts_prune(struct run *r, struct err *e)
{
    struct host_step step = {.name = "prune",
                             .act = act_prune,
                             .ctx = arena_printf(r->s->arena, "%s\n%s\n",
                                                 r->to ? r->to : "",
                                                 r->from ? r->from : "")};

    return hosts_step_all(r, &step, e);
}
