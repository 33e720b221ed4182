/* base64: RFC 4648, as known_hosts and key fingerprints use it. */
#ifndef RUNNER_FLEET_BASE64_H
#define RUNNER_FLEET_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"

/* len characters to bytes, in a; padding may be left out. NULL when a
 * character, the length or a left-over bit is wrong. */
unsigned char *base64_decode(struct arena *a, const char *text, size_t len,
                             size_t *out_len);
/* Without padding, as ssh-keygen -l prints fingerprints. */
char *base64_encode(struct arena *a, const unsigned char *bytes, size_t len);
/* "SHA256:..." of a public key blob. */
char *key_fingerprint(struct arena *a, const void *blob, size_t len);

#endif
