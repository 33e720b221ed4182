/* keygen: ssh-keygen started as a child, for release/sign.c and
 * release/sign_check.c. Private to them.
 */
#ifndef RUNNER_RELEASE_KEYGEN_H
#define RUNNER_RELEASE_KEYGEN_H

#include "runner/base/child.h"

#define SIGN_SPACE "tidegate" /* the namespace of every statement */

/* A private folder with one file, for what ssh-keygen reads only from files.
 * Close it whatever scratch_open answered. */
struct scratch {
    char folder[48];
    char file[64]; /* "" until something is written */
};
bool scratch_open(struct scratch *s, const char *bytes, struct err *e);
void scratch_close(struct scratch *s);

#define KEYGEN_ARGUMENTS 20
struct keygen {
    const char *list[KEYGEN_ARGUMENTS]; /* NULL-closed */
    size_t n;
};
/* One argument more, or two. */
void keygen_add(struct keygen *k, const char *first, const char *second);
/* Runs it (and the loop). False: it could not be run. No passphrase is ever
 * asked for: the child has no terminal, and /bin/false answers in its place. */
bool keygen_run(struct loop *l, struct arena *a, const struct keygen *k,
                const char *input, int64_t timeout_ms, struct child_result *out,
                struct err *e);
/* The first line of its complaint, escaped. */
const char *keygen_complaint(struct arena *a, const struct child_result *r);

#endif
