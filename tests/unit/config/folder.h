/* A folder of settings made for one test and taken away after it. */
#ifndef TESTS_UNIT_CONFIG_FOLDER_H
#define TESTS_UNIT_CONFIG_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct folder {
    char path[64];
    struct arena arena;
    struct err err;
};

static inline int folder_setup(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    char sub[80];

    snprintf(f->path, sizeof f->path, "/tmp/tidegate-config-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(sub, sizeof sub, "%s/policies", f->path);
    assert_int_equal(mkdir(sub, 0700), 0);
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static inline int folder_remove(const char *path, const struct stat *st,
                                int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int folder_teardown(void **state)
{
    struct folder *f = *state;

    nftw(f->path, folder_remove, 8, FTW_DEPTH | FTW_PHYS);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static inline char *folder_path(struct folder *f, const char *name)
{
    return arena_printf(&f->arena, "%s/%s", f->path, name);
}

static inline void folder_bytes(struct folder *f, const char *name,
                                const void *bytes, size_t len)
{
    int fd = open(folder_path(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static inline void folder_text(struct folder *f, const char *name,
                               const char *text)
{
    folder_bytes(f, name, text, strlen(text));
}

static inline void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' does not say '%s'", text, part);
}

#endif
