/* login_keys: which keys are worth offering, and the public halves of key
 * files. */
#ifndef RUNNER_FLEET_LOGIN_KEYS_H
#define RUNNER_FLEET_LOGIN_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

/* The key types we use, for hosts and for logins, best first, NULL-closed.
 * libssh2 1.10 knows RSA with SHA-1 only, which no current sshd takes, and no
 * hardware keys: offering those would use up the tries. */
extern const char *const login_key_types[];

/* A public key blob of one of those types. */
bool key_blob_usable(const unsigned char *blob, size_t len);
/* The blob in PATH.pub, in a; NULL when there is none. */
unsigned char *key_public_half(struct arena *a, const char *path, size_t *len);
/* Why a private key file is not worth trying, or NULL. */
const char *key_file_unusable(struct arena *a, const char *path);

#endif
