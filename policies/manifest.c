#include "policies/manifest.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool manifest_open(const struct manifest_facts *m, int64_t now)
{
    return !m->used_by && !m->withdrawn && !m->replaced_by && now < m->expires;
}

int64_t manifest_since(const struct manifest_facts *m)
{
    return m->recorded > m->announced ? m->recorded : m->announced;
}

enum phases release_phases(const struct release_facts *release)
{
    return release->restart_only ? PHASES_RESTART : release->phases;
}

const char *rehearse_only(const struct release_facts *release)
{
    return release_phases(release) == PHASES_CONTRACT ? " --only contract" : "";
}

/* How near a manifest is to being the one that the run would consume; the
 * later announced wins among equals. */
static int nearness(const struct facts *f, const struct manifest_facts *m)
{
    bool spent = m->used_by || m->withdrawn || m->replaced_by;
    bool phases = m->phases == release_phases(&f->release);

    return (spent ? 0 : 4) + (f->now < m->expires ? 2 : 0) + phases;
}

static const struct manifest_facts *manifest_consumed(const struct facts *f)
{
    for (size_t i = 0; i < f->announced; i++) {
        if (same(f->manifests[i].digest, f->consumed))
            return &f->manifests[i];
    }
    return NULL;
}

const struct manifest_facts *manifest_pick(const struct facts *f)
{
    const struct manifest_facts *best = NULL;

    if (f->consumed)
        return manifest_consumed(f);
    for (size_t i = 0; i < f->announced; i++) {
        const struct manifest_facts *m = &f->manifests[i];
        int near = nearness(f, m);

        if (!same(m->environment, f->release.environment) ||
            !same(m->release, f->release.release))
            continue;
        if (!best || near > nearness(f, best) ||
            (near == nearness(f, best) && m->announced >= best->announced))
            best = m;
    }
    return best;
}
