/* sign: signatures by ssh-keygen -Y, namespace "tidegate".
 *
 * Keys are people's own SSH keys, in files or in the agent; the signers file
 * is ssh-keygen's allowed_signers format. ssh-keygen exits 255 for every
 * failure, so we first look for the cause ourselves and say it.
 */
#ifndef RUNNER_RELEASE_SIGN_H
#define RUNNER_RELEASE_SIGN_H

#include "policies/facts.h"
#include "runner/base/loop.h"
#include "runner/config/config.h"

/* Signs text with key (a private or public key file; "key::ssh-ed25519 ..."
 * as git writes it). The armoured signature, in a. */
bool sign_text(struct loop *l, struct arena *a, const char *key,
               const char *text, char **signature, struct err *e);
/* The principal that the signers file gives this key (for namespace
 * tidegate), and its fingerprint "SHA256:..."; ERR_CONFIG when it has none. */
bool sign_who(struct loop *l, struct arena *a,
              const struct expected_settings *s, const char *key, char **person,
              char **fingerprint, struct err *e);

struct signature_check {
    enum signed_how how;
    const char *person, *key; /* when GOOD, and where known otherwise */
    const char *why;
};
/* signature NULL or "": SIGNED_NOT. `at`: the key must be valid at that time
 * (valid-after, valid-before). Never fails: what cannot be checked is not
 * good, and why says so. */
void sign_check(struct loop *l, struct arena *a,
                const struct expected_settings *s, const char *text,
                const char *signature, int64_t at, struct signature_check *out);
/* The persons of a signers file, for messages: "anna, jaak". */
char *sign_people(struct arena *a, const struct expected_settings *s);

#endif
