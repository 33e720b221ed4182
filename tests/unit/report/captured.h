/* What one call writes to stdout and stderr, kept in files. */
#ifndef TESTS_UNIT_REPORT_CAPTURED_H
#define TESTS_UNIT_REPORT_CAPTURED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct captured {
    FILE *files[2];
    int kept[2];
    char out[8192], err[8192];
};

static inline void capture_begin(struct captured *c)
{
    for (int i = 0; i < 2; i++) {
        fflush(i ? stderr : stdout);
        c->files[i] = tmpfile();
        assert_non_null(c->files[i]);
        c->kept[i] = dup(i + 1);
        dup2(fileno(c->files[i]), i + 1);
    }
}

static inline void capture_end(struct captured *c)
{
    char *texts[] = {c->out, c->err};

    for (int i = 0; i < 2; i++) {
        ssize_t n;
        dup2(c->kept[i], i + 1);
        close(c->kept[i]);
        n = pread(fileno(c->files[i]), texts[i], sizeof c->out - 1, 0);
        texts[i][n > 0 ? n : 0] = '\0';
        fclose(c->files[i]);
    }
}

#endif
