/* signers: who may sign, read from a file in ssh-keygen's allowed_signers
 * format (ssh-keygen(1), ALLOWED SIGNERS).
 *
 * ssh-keygen decides whether a signature is good; this reader says who a key
 * belongs to, and why ssh-keygen said no.
 */
#ifndef RUNNER_RELEASE_SIGNERS_H
#define RUNNER_RELEASE_SIGNERS_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct signer {
    const char *person;      /* the first principal */
    const char *fingerprint; /* NULL: the line's key cannot be read */
    const char *spaces;      /* namespaces="...", or NULL: any */
    bool pattern;            /* person has *, ? or !: nobody by name */
    bool authority;          /* cert-authority: signs keys, not texts */
    bool limited;            /* valid-after or valid-before */
    int line;
};

struct signers {
    const char *path;
    struct signer *list;
    size_t n;
};

/* ERR_CONFIG when the file cannot be read. */
bool signers_read(struct signers *out, struct arena *a, const char *path,
                  struct err *e);
/* The line that speaks for a key: the first that allows the namespace, else
 * the first at all; NULL: none. */
const struct signer *signers_find(const struct signers *s,
                                  const char *fingerprint, const char *space);
/* Why the file does not let this key speak for the namespace; NULL: it does.
 * signer NULL: the key is not in it. */
const char *signer_wrong(struct arena *a, const struct signers *file,
                         const struct signer *signer, const char *space);
bool signer_allows(const struct signer *signer, const char *space);

#endif
