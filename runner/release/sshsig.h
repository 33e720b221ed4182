/* sshsig: public keys and signatures as OpenSSH writes them, taken apart.
 *
 * Formats: RFC 4253 section 6.6 (key blobs), PROTOCOL.sshsig (signatures).
 * Nothing here verifies anything: ssh-keygen does (release/sign.h); this is
 * for naming keys and for saying why a signature is not good.
 */
#ifndef RUNNER_RELEASE_SSHSIG_H
#define RUNNER_RELEASE_SSHSIG_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

struct sshsig {
    const char *fingerprint; /* of the key that signed, "SHA256:..." */
    const char *space;       /* the namespace it was made for */
};

/* An armoured signature; false when it is none. */
bool sshsig_read(struct arena *a, const char *armour, struct sshsig *out);

/* Whether text begins with the name of a key type ("ssh-ed25519 AAAA..."). */
bool ssh_key_text(const char *text);
/* The fingerprint of a public key as text, "TYPE BASE64 [COMMENT]"; NULL when
 * it is no key. */
char *ssh_key_fingerprint(struct arena *a, const char *text);

#endif
