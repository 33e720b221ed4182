/* folder: a folder of migrations read as far as it goes.
 *
 * tidegate refuses a folder for its first bad file. A history is tried to see
 * what works: a file that is refused is left out, its migration with it (a bad
 * way back alone: only that), and told with the reason.
 */
#ifndef TESTS_HISTORIES_FOLDER_H
#define TESTS_HISTORIES_FOLDER_H

#include "migrations/read/migration.h"

struct left_out {
    const char *file;
    const char *why; /* one line */
};

struct folder {
    struct arena *a;
    struct sql_file *files;
    size_t n;
    size_t all; /* files that were there, whatever they are */
    struct left_out *left_out;
    size_t left_out_n;
    struct migrations found;
};

/* layout: "auto" or a name. Where auto takes files for tidegate's own and some
 * would be left out, they are read as golang-migrate's, who names them alike
 * and allows more. False: there is no such folder, it is none or two
 * layouts, or what holds all together (a plan) is wrong. */
bool folder_read(struct folder *out, struct arena *a, const char *path,
                 const char *layout, struct err *e);

#endif
