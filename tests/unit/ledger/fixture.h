/* A ledger in a new folder below /tmp, for the tests of this room. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/file.h"
#include "runner/ledger/ledger.h"

struct fixture {
    struct arena a;
    struct err e;
    char top[64];    /* 0700 */
    char folder[96]; /* top/ledger */
    char path[128];  /* folder/ledger.tg */
};

static inline int fixture_up(void **state)
{
    struct fixture *f = must_malloc(sizeof *f);

    memset(f, 0, sizeof *f);
    arena_init(&f->a);
    snprintf(f->top, sizeof f->top, "/tmp/tidegate-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->top));
    snprintf(f->folder, sizeof f->folder, "%s/ledger", f->top);
    snprintf(f->path, sizeof f->path, "%s/ledger.tg", f->folder);
    *state = f;
    return 0;
}

static inline int fixture_remove(const char *path, const struct stat *st,
                                 int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;

    nftw(f->top, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    arena_release(&f->a);
    free(f);
    return 0;
}

static inline struct ledger *fixture_open(struct fixture *f,
                                          enum ledger_mode mode)
{
    struct ledger *l;

    err_clear(&f->e);
    l = ledger_open(&f->a, f->folder, mode, &f->e);
    if (!l)
        print_message("%s / %s\n", f->e.what, f->e.why);
    return l;
}

/* A new ledger, open for writing. */
static inline struct ledger *fixture_new(struct fixture *f)
{
    struct ledger *l;

    assert_true(ledger_create(f->folder, "shop", &f->e));
    l = fixture_open(f, LEDGER_WRITE);
    assert_non_null(l);
    return l;
}

static inline bool fixture_note(struct ledger *l, const char *text,
                                struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "run", "r1");
    json_set_str(j, "text", text);
    return ledger_append(l, EVENT_NOTE, j, e);
}

static inline char *fixture_bytes(struct fixture *f, size_t *len)
{
    char *bytes;

    assert_true(file_read(f->path, (size_t)64 << 20, ERR_LEDGER, &f->a, &bytes,
                          len, &f->e));
    return bytes;
}

/* Puts these bytes in the ledger's place, as a disk might hold them. */
static inline void fixture_put(struct fixture *f, const void *bytes, size_t len)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_true(write_all(fd, bytes, len));
    close(fd);
}

/* How many files of the folder begin with prefix. */
static inline int fixture_files(const struct fixture *f, const char *prefix)
{
    DIR *d = opendir(f->folder);
    struct dirent *entry;
    int n = 0;

    assert_non_null(d);
    while ((entry = readdir(d)))
        n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(d);
    return n;
}

static inline void assert_words(const struct err *e)
{
    assert_true(e->what[0] && e->why[0] && e->fix[0]);
}

#endif
