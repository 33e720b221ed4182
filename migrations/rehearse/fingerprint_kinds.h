/* fingerprint_kinds: the questions that a fingerprint is made of, as rows. */
#ifndef MIGRATIONS_REHEARSE_FINGERPRINT_KINDS_H
#define MIGRATIONS_REHEARSE_FINGERPRINT_KINDS_H

#include <stddef.h>

/* A query of one text column: the lines of one kind of fact. It may use what
 * fingerprint_prelude (WITH ...) names: ours, member, rel, col,
 * usual. */
struct fingerprint_kind {
    int from; /* the first server version that can answer it */
    const char *sql;
};

extern const char fingerprint_prelude[];
extern const struct fingerprint_kind fingerprint_kinds[];
extern const size_t fingerprint_kinds_n;

#endif
