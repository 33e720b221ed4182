/* workshop: a private folder where tests make real repositories, keys and
 * files with the real programs. HOME is that folder; the user's own git
 * configuration plays no part.
 */
#ifndef TESTS_UNIT_RELEASE_WORKSHOP_H
#define TESTS_UNIT_RELEASE_WORKSHOP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "runner/base/child.h"
#include "runner/base/file.h"

struct workshop {
    struct arena a;
    struct loop *loop;
    char folder[64];
};

static inline char *at(struct workshop *w, const char *name)
{
    return path_join(&w->a, w->folder, name);
}

/* Runs a program in the folder; its status, output in *out (may be NULL). */
static inline int try_program(struct workshop *w, const char *const *argv,
                              const char *input, char **out)
{
    const char *const env[] = {arena_printf(&w->a, "HOME=%s", w->folder),
                               "GIT_CONFIG_NOSYSTEM=1",
                               "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
                               "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z", NULL};
    struct child_spec spec = {.argv = argv,
                              .env = env,
                              .folder = w->folder,
                              .input = input,
                              .input_len = input ? strlen(input) : 0,
                              .timeout_ms = 20000};
    struct child_result r;
    struct err e = {0};

    if (!child_run(w->loop, &w->a, &spec, &r, &e)) {
        err_print(&e, stderr);
        return -1;
    }
    if (out)
        *out = r.status == 0 ? r.out : r.err;
    return r.status;
}

static inline char *run_with(struct workshop *w, const char *input,
                             const char *const *argv)
{
    char *out = NULL;
    int status = try_program(w, argv, input, &out);

    if (status != 0)
        fail_msg("%s %s ended with %d: %s", argv[0], argv[1], status, out);
    out[strcspn(out, "\n")] = '\0';
    return out;
}

/* Runs a program that must succeed; the first line of what it said. */
#define run(w, ...) run_with(w, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define run_on(w, input, ...) \
    run_with(w, input, (const char *const[]){__VA_ARGS__, NULL})
#define git(w, ...)                                                          \
    run(w, "git", "-c", "user.name=t", "-c", "user.email=t@t", "-c",         \
        "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", \
        "commit.gpgsign=false", __VA_ARGS__)

static inline void put_bytes(struct workshop *w, const char *name,
                             const void *bytes, size_t len)
{
    struct err e = {0};
    char *path = at(w, name);

    assert_true(folder_make(path_folder(&w->a, path), 0755, &e));
    assert_true(file_write(path, bytes, len, 0644, &e));
}

static inline void put(struct workshop *w, const char *name, const char *text)
{
    put_bytes(w, name, text, strlen(text));
}

static inline int workshop_open(void **state)
{
    struct workshop *w = calloc(1, sizeof *w);

    arena_init(&w->a);
    w->loop = loop_open();
    snprintf(w->folder, sizeof w->folder, "/tmp/tidegate-test-XXXXXX");
    *state = w;
    return w->loop && mkdtemp(w->folder) ? 0 : -1;
}

static inline int workshop_close(void **state)
{
    struct workshop *w = *state;

    run(w, "rm", "-rf", w->folder);
    loop_close(w->loop);
    arena_release(&w->a);
    free(w);
    return 0;
}

#define TEST(f) \
    cmocka_unit_test_setup_teardown(f, workshop_open, workshop_close)

static inline void assert_says(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text ? text : "(null)", part);
}

/* All three parts are set, and the code is this. */
static inline void assert_err(const struct err *e, enum err_code code)
{
    if (e->code != code || !*e->what || !*e->why || !*e->fix)
        fail_msg("code %d (wanted %d): %s / %s / %s", e->code, code, e->what,
                 e->why, e->fix);
}

#endif
