/* rig: a fleet of the five sshd that tests/integration/fleet.sh has started,
 * for one test; its deploy roots are folders of the test's own. */
#ifndef TESTS_INTEGRATION_FLEET_RIG_H
#define TESTS_INTEGRATION_FLEET_RIG_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/base/hash.h"
#include "runner/config/hosts.h"
#include "runner/fleet/fleet.h"
#include "runner/fleet/steps.h"

#define HOSTS 5

static const size_t all[HOSTS] = {0, 1, 2, 3, 4};

/* One test's fleet; its deploy roots are folders of their own. */
struct rig {
    struct arena a;
    struct loop *l;
    struct environment env;
    struct fleet *f;
    struct fence fence;
    struct step_result r[HOSTS];
    struct observed o[HOSTS];
};

static inline char *read_word(struct arena *a, const char *name)
{
    struct err e = {0};
    char *text;
    size_t len;

    if (!file_read(path_join(a, getenv("FLEET"), name), 4096, ERR_INPUT, a,
                   &text, &len, &e))
        fail_msg("%s", e.what);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* Runs sh in the test's place: what a person on the host would do. */
static inline const char *sh(struct rig *g, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *env[] = {arena_printf(&g->a, "FLEET=%s", getenv("FLEET")),
                         NULL};
    struct child_spec spec = {.argv = argv, .env = env, .timeout_ms = 20000};
    struct child_result r;
    struct err e = {0};

    if (!child_run(g->l, &g->a, &spec, &r, &e))
        fail_msg("%s: %s", e.what, e.why);
    if (r.status != 0)
        fail_msg("sh: %s: %s%s", script, r.out, r.err);
    return r.out;
}

static inline const char *root(struct rig *g, size_t host)
{
    return fleet_path(g->f, host);
}

/* sh in the deploy root of host i, with the harness at hand. */
static inline const char *on(struct rig *g, size_t i, const char *script)
{
    return sh(g,
              arena_printf(&g->a,
                           "set -e; cd '%s'; . \"%s/tests/harness/sshd.sh\"; "
                           "%s",
                           root(g, i), getenv("TOP"), script));
}

static inline void rig_env(struct rig *g, const char *test)
{
    struct environment *env = &g->env;
    struct host_name *hosts = arena_array(&g->a, HOSTS, sizeof *hosts);
    const char *user = read_word(&g->a, "user");
    const char *port = read_word(&g->a, "port");
    struct err e = {0};

    for (int i = 0; i < HOSTS; i++)
        if (!host_parse(
                &g->a,
                arena_printf(&g->a, "%s@127.0.0.%d:%s", user, i + 1, port),
                &hosts[i], &e))
            fail_msg("%s", e.what);
    env->name = "test";
    env->hosts = hosts;
    env->n_hosts = HOSTS;
    env->path = arena_printf(&g->a, "%s/hosts/%%h/%s", getenv("FLEET"), test);
    env->known_hosts = path_join(&g->a, getenv("FLEET"), "known_hosts");
    env->identity = path_join(&g->a, getenv("FLEET"), "key");
    env->rollout.at_once = 64;
}

static inline void rig_open(struct rig *g)
{
    struct err e = {0};

    g->f = fleet_open(&g->a, g->l, NULL, &g->env, &e);
    if (!g->f)
        fail_msg("%s: %s", e.what, e.why);
}

static inline struct rig *rig_start(const char *test)
{
    struct rig *g = test_malloc(sizeof *g);

    memset(g, 0, sizeof *g);
    arena_init(&g->a);
    g->l = loop_open();
    rig_env(g, test);
    g->fence = (struct fence){"ledger-1", 7, 42, "abcd", "run-7"};
    rig_open(g);
    return g;
}

static inline void rig_end(struct rig *g)
{
    fleet_close(g->f);
    loop_close(g->l);
    arena_release(&g->a);
    test_free(g);
}

static inline void all_are(struct rig *g, size_t n, enum outcome want)
{
    for (size_t i = 0; i < n; i++)
        if (g->r[i].outcome != want)
            fail_msg("host %zu: %s: %s (%s)", i, outcome_word(g->r[i].outcome),
                     g->r[i].why ? g->r[i].why : "",
                     g->r[i].fix ? g->r[i].fix : "");
}

static inline void take(struct rig *g, size_t n)
{
    step_fence(g->f, all, n, &g->fence, "policy-1", "", g->r);
    all_are(g, n, OUTCOME_DONE);
}

static inline void look(struct rig *g, size_t n, const char *verify)
{
    step_observe(g->f, all, n, verify, g->o);
    for (size_t i = 0; i < n; i++)
        if (g->o[i].outcome != OUTCOME_DONE)
            fail_msg("host %zu: %s: %s", i, outcome_word(g->o[i].outcome),
                     g->o[i].why);
}

/* A release made of a folder: its tar and the text of its .files, which is
 * computed here anew, entry by entry. */
struct made {
    struct stage stage;
    char digest[HASH_HEX];
};

static inline const char *escaped(struct rig *g, const char *text)
{
    const char *out = "";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        out = c > ' ' && c < 127 && c != '\\'
                  ? arena_printf(&g->a, "%s%c", out, c)
                  : arena_printf(&g->a, "%s\\%03o", out, c);
    }
    return out;
}

struct entry {
    const char *name;  /* folders end in / */
    const char *bytes; /* a file's; a link's target */
    int mode;          /* 0: a link */
};

static inline int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name,
                  ((const struct entry *)b)->name);
}

static inline const char *entry_line(struct rig *g, const struct entry *e)
{
    size_t n = strlen(e->name);
    char digest[HASH_HEX];

    if (e->name[n - 1] == '/')
        return arena_printf(&g->a, "%04o d - %s\n", e->mode,
                            escaped(g, arena_strndup(&g->a, e->name, n - 1)));
    if (!e->mode)
        return arena_printf(&g->a, "0777 l %s %s\n", escaped(g, e->bytes),
                            escaped(g, e->name));
    return arena_printf(&g->a, "%04o f %s %s\n", e->mode,
                        hash_hex(e->bytes, strlen(e->bytes), digest),
                        escaped(g, e->name));
}

static inline void entry_make(const char *folder, struct rig *g,
                              const struct entry *e)
{
    const char *at = arena_printf(&g->a, "%s/%s", folder, e->name);
    struct err why = {0};

    if (e->name[strlen(e->name) - 1] == '/')
        assert_int_equal(mkdir(at, 0755), 0);
    else if (!e->mode)
        assert_int_equal(symlink(e->bytes, at), 0);
    else if (!file_write(at, e->bytes, strlen(e->bytes), e->mode, &why))
        fail_msg("%s: %s", why.what, why.why);
    if (e->mode)
        assert_int_equal(chmod(at, (mode_t)e->mode), 0);
}

static inline struct made release_make(struct rig *g, const char *name,
                                       const struct entry *entries, size_t n)
{
    struct made m = {0};
    struct entry *list = arena_copy(&g->a, entries, n * sizeof *list);
    char *folder = arena_printf(&g->a, "%s/make.XXXXXX", getenv("FLEET"));
    const char *files = "";
    struct stat st;

    assert_non_null(mkdtemp(folder));
    qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n; i++) {
        entry_make(folder, g, &list[i]);
        files = arena_printf(&g->a, "%s%s", files, entry_line(g, &list[i]));
    }
    sh(g, arena_printf(&g->a, "cd '%s' && tar -cf ../%s.tar .", folder, name));
    m.stage.release = name;
    m.stage.tar_fd =
        open(arena_printf(&g->a, "%s/%s.tar", getenv("FLEET"), name),
             O_RDONLY | O_CLOEXEC);
    assert_true(m.stage.tar_fd > 0);
    assert_int_equal(fstat(m.stage.tar_fd, &st), 0);
    m.stage.tar_len = st.st_size;
    m.stage.files = files;
    m.stage.files_len = strlen(files);
    m.stage.shared = "";
    m.stage.prepare = "";
    m.stage.prepare_timeout_ms = 5000;
    hash_hex(files, strlen(files), m.digest);
    return m;
}

static inline void stage_on(struct rig *g, size_t n, const struct made *m,
                            enum outcome want)
{
    step_stage(g->f, all, n, &g->fence, &m->stage, g->r);
    all_are(g, n, want);
}

static inline void flip_on(struct rig *g, size_t n, const char *from,
                           const char *to, enum outcome want)
{
    step_flip(g->f, all, n, &g->fence, from, to, g->r);
    all_are(g, n, want);
}

/* A plain release of one file that names it. */
static inline struct made release_plain(struct rig *g, const char *name)
{
    const struct entry entries[] = {{"version", name, 0644}};

    return release_make(g, name, entries, 1);
}

#endif
