/* lint_parts: the texts of one file: dbmate's and goose's hold an up and a
 * down, each judged as what it is; any other file is one text.
 *
 * Names tell which way it goes, and of diesel (up.sql, down.sql), Flyway
 * (V1__x.sql, U1__x.sql, R__x.sql) and sqitch (below deploy/, revert/ or
 * verify/, which is judged as a way back: it is rolled back) that the file is
 * another tool's. What stands beside it (metadata.toml, a plan) is not read.
 * Flyway's placeholders are filled in where the file has values. */
#ifndef MIGRATIONS_LINT_LINT_PARTS_H
#define MIGRATIONS_LINT_LINT_PARTS_H

#include "migrations/read/migration.h"

struct lint_part {
    struct sql_file file; /* named as the whole */
    bool down;
};

/* One or two, into out. False: the file is none that its tool would read; e
 * is ERR_INPUT, "FILE:LINE: ...", its file named without a folder. */
bool lint_parts(struct lint_part out[2], size_t *n, struct arena *a,
                const struct sql_file *file, struct err *e);

#endif
