#include "runner/fleet/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runner/config/hosts.h"
#include "runner/fleet/helpers.h"
#include "runner/fleet/host.h"

/* Logins under way at one address: sshd's MaxStartups begins to drop at 10. */
#define LOGINS_PER_ADDRESS 8
#define HOOKS              3

struct run {
    const struct call *calls;
    struct answer *answers;
    bool *started;
    size_t n, first, busy, left;
};

/* One set of known_hosts files, shared by the hosts that name the same. */
struct known_set {
    struct known_set *next;
    const char *files;
    struct known_hosts known;
};

struct fleet {
    struct arena *a;
    struct loop *loop;
    struct progress *progress;
    const struct environment *env;
    struct host_name *names;
    struct ssh_target *targets;
    struct host *hosts; /* `count` of the environment, then helpers */
    size_t count, all;
    struct known_set *known;
    struct run *run;
};

static const char *const outcome_words[] = {
    [OUTCOME_NONE] = "not asked",  [OUTCOME_DONE] = "done",
    [OUTCOME_FAILED] = "failed",   [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_UNKNOWN] = "unknown",
};

const char *outcome_word(enum outcome o)
{
    return outcome_words[o];
}

struct arena *fleet_arena(struct fleet *f)
{
    return f->a;
}

struct loop *fleet_loop(struct fleet *f)
{
    return f->loop;
}

struct progress *fleet_progress(struct fleet *f)
{
    return f->progress;
}

const struct environment *fleet_environment(const struct fleet *f)
{
    return f->env;
}

/* Hosts that are named by "on HOST:" alone: they run hooks and nothing else.
 */
static bool helpers_add(struct fleet *f, struct err *e)
{
    const struct rollout_settings *r = &f->env->rollout;
    const char *const hooks[HOOKS] = {r->drain, r->restart, r->undrain};

    for (int i = 0; i < HOOKS; i++) {
        struct host_name on;
        const char *command;
        if (!hooks[i])
            continue;
        if (!host_command_parse(f->a, hooks[i], &on, &command, e))
            return false;
        if (on.name && fleet_any(f, on.text) == f->all)
            f->names[f->all++] = on;
    }
    return true;
}

static struct known_set *known_for(struct fleet *f, const struct ssh_target *t,
                                   struct err *e)
{
    struct known_set *set;
    const char *files = "";

    for (size_t i = 0; i < t->n_known_hosts; i++)
        files = arena_printf(f->a, "%s%s\n", files, t->known_hosts[i]);
    if (f->env->known_hosts)
        files = f->env->known_hosts;
    for (set = f->known; set; set = set->next)
        if (strcmp(set->files, files) == 0)
            return set;
    set = arena_alloc(f->a, sizeof *set);
    set->files = files;
    known_hosts_init(&set->known, f->a);
    if (f->env->known_hosts &&
        !known_hosts_read(&set->known, f->env->known_hosts, false, e))
        return NULL;
    for (size_t i = 0; !f->env->known_hosts && i < t->n_known_hosts; i++)
        if (!known_hosts_read(&set->known, t->known_hosts[i], true, e))
            return NULL;
    set->next = f->known;
    f->known = set;
    return set;
}

static bool host_fill(struct fleet *f, size_t i, struct err *e)
{
    struct host *h = &f->hosts[i];
    struct ssh_target *t = &f->targets[i];
    struct known_set *set = known_for(f, t, e);

    if (!set)
        return false;
    h->name = f->names[i].name;
    h->path =
        i < f->count ? config_fill(f->a, f->env->path, h->name, NULL) : "";
    h->target = t;
    h->known = &set->known;
    h->login = (struct login){.user = t->user,
                              .agent = t->agent,
                              .files = t->identities,
                              .n_files = t->n_identities,
                              .files_only = t->identities_only};
    if (f->env->identity) {
        h->login.files = &f->env->identity;
        h->login.n_files = 1;
        h->login.files_only = true;
    }
    return true;
}

struct fleet *fleet_open(struct arena *a, struct loop *l,
                         struct progress *progress,
                         const struct environment *env, struct err *e)
{
    struct fleet *f = arena_alloc(a, sizeof *f);

    *f = (struct fleet){.a = a,
                        .loop = l,
                        .progress = progress,
                        .env = env,
                        .count = env->n_hosts};
    f->names = arena_array(a, f->count + HOOKS, sizeof *f->names);
    if (f->count)
        memcpy(f->names, env->hosts, f->count * sizeof *f->names);
    f->all = f->count;
    if (!helpers_add(f, e))
        return NULL;
    f->targets = arena_array(a, f->all, sizeof *f->targets);
    f->hosts = arena_array(a, f->all, sizeof *f->hosts);
    if (!ssh_targets_resolve(a, l, f->names, f->all, f->targets, e))
        return NULL;
    for (size_t i = 0; i < f->all; i++)
        if (!host_fill(f, i, e))
            return NULL;
    if (!session_library_open(e))
        return NULL;
    for (size_t i = 0; i < f->all; i++)
        host_init(&f->hosts[i], f, i);
    return f;
}

void fleet_close(struct fleet *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->all; i++)
        host_release(&f->hosts[i]);
    session_library_close();
}

size_t fleet_count(const struct fleet *f)
{
    return f->count;
}

const char *fleet_name(const struct fleet *f, size_t i)
{
    return f->names[i].name;
}

const char *fleet_path(const struct fleet *f, size_t i)
{
    return f->hosts[i].path;
}

const char *fleet_address(const struct fleet *f, size_t i)
{
    const struct host *h = &f->hosts[i];

    return h->fingerprint && h->address < h->target->n_addresses
               ? h->target->addresses[h->address].text
               : NULL;
}

const char *fleet_key(const struct fleet *f, size_t i)
{
    return f->hosts[i].fingerprint;
}

const char *fleet_methods(const struct fleet *f, size_t i)
{
    return f->hosts[i].methods;
}

static bool is_first_label(const char *name, const char *label)
{
    size_t n = strlen(label);

    return strncasecmp(name, label, n) == 0 && name[n] == '.' &&
           strspn(name, "0123456789.") != strlen(name);
}

static size_t find(const struct fleet *f, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f->names[i].text, name) == 0 ||
            strcasecmp(f->names[i].name, name) == 0)
            return i;
    for (size_t i = 0; i < n; i++)
        if (is_first_label(f->names[i].name, name))
            return i;
    return n;
}

size_t fleet_find(const struct fleet *f, const char *name)
{
    return find(f, name, f->count);
}

size_t fleet_any(const struct fleet *f, const char *name)
{
    return find(f, name, f->all);
}

static const char *address_of(const struct host *h)
{
    return h->target->n_addresses ? h->target->addresses[0].text : "";
}

bool fleet_may_start(struct fleet *f, const struct host *h)
{
    size_t under_way = 0;

    for (size_t i = 0; i < f->all; i++)
        if (host_unproven(&f->hosts[i]) &&
            strcmp(address_of(&f->hosts[i]), address_of(h)) == 0)
            under_way++;
    return under_way < LOGINS_PER_ADDRESS;
}

void fleet_left_turn(struct fleet *f, const struct host *h)
{
    for (size_t i = 0; i < f->all; i++)
        if (f->hosts[i].at == AT_TURN && f->hosts[i].not_before <= h->now)
            f->hosts[i].source.deadline = h->now;
}

void fleet_answered(struct fleet *f, struct host *h)
{
    (void)h;
    f->run->busy--;
    f->run->left--;
}

static void start_more(struct fleet *f)
{
    struct run *r = f->run;

    while (r->first < r->n && r->started[r->first])
        r->first++;
    for (size_t i = r->first; i < r->n; i++) {
        if (r->busy >= (size_t)f->env->rollout.at_once)
            return;
        struct host *h = &f->hosts[r->calls[i].host];
        if (r->started[i] || h->call)
            continue;
        r->started[i] = true;
        r->busy++;
        host_give(h, &r->calls[i], &r->answers[i]);
    }
}

static bool run_done(void *ctx)
{
    struct fleet *f = ctx;

    start_more(f);
    return f->run->left == 0;
}

/* The rest is not asked any more. */
static void start_none(struct run *r)
{
    for (size_t i = r->first; i < r->n; i++) {
        if (r->started[i])
            continue;
        r->started[i] = true;
        r->answers[i].why = "interrupted before it was asked";
        r->left--;
    }
}

void fleet_run(struct fleet *f, const struct call *calls, size_t n,
               struct answer *answers)
{
    struct run r = {.calls = calls, .answers = answers, .n = n, .left = n};

    if (n == 0)
        return;
    r.started = arena_array(f->a, n, sizeof *r.started);
    memset(answers, 0, n * sizeof *answers);
    f->run = &r;
    if (!loop_until(f->loop, run_done, f, CLOCK_NEVER)) {
        start_none(&r);
        if (!loop_until(f->loop, run_done, f, CLOCK_NEVER))
            for (size_t i = 0; i < f->all; i++)
                if (f->hosts[i].call)
                    host_abandon(&f->hosts[i]);
    }
    f->run = NULL;
}

const char *answer_get(const struct answer *a, const char *key)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->keys[i], key) == 0)
            return a->values[i];
    return NULL;
}

int64_t answer_int(const struct answer *a, const char *key, int64_t absent)
{
    const char *text = answer_get(a, key);
    size_t digits = text ? strspn(text, "0123456789") : 0;

    /* 18 digits fit; a host's number is never negative */
    if (!digits || digits > 18 || text[digits])
        return absent;
    return strtoll(text, NULL, 10);
}
