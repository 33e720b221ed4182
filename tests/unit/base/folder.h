/* folder: a temporary folder of a test's own, made in setup and removed with
 * all it holds in teardown. */
#ifndef TESTS_UNIT_BASE_FOLDER_H
#define TESTS_UNIT_BASE_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline int folder_setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tidegate-unit-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_drop(const char *path, const struct stat *st, int type,
                              struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline int folder_teardown(void **state)
{
    (void)state;
    return nftw(folder, folder_drop, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
