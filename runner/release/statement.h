/* statement: what people say about releases, as canonical JSON.
 *
 * Types: manifest, approval, withdrawal, override, policy. Each is signed on
 * its own and kept in the ledger as {"text": ..., "signature": ...}; the
 * digest of a statement is the SHA-256 of its text.
 */
#ifndef RUNNER_RELEASE_STATEMENT_H
#define RUNNER_RELEASE_STATEMENT_H

#include "policies/facts.h"
#include "runner/base/hash.h"
#include "runner/base/json.h"
#include "runner/config/config.h"

struct manifest {
    const char *project, *environment, *release, *commit;
    const char *artifact, *migrations, *hosts, *policy; /* digests */
    enum phases phases;
    int64_t announced, opens, expires;
    const char *nonce;     /* 32 hex digits */
    const char *announcer; /* principal; unsigned: user@machine */
    const char *reason;
    const char *replaces; /* or NULL */
    bool again, repairs;
};

const char *phases_word(enum phases p); /* "all", "migrations", "restart" */

/* To canonical text (what is signed), and back: what is not canonical, unknown
 * or missing members, digests that are not 64 lower case hex digits, opening
 * not before expiry: ERR_INPUT. */
char *manifest_text(struct arena *a, const struct manifest *m);
bool manifest_parse(struct manifest *out, struct arena *a, const char *text,
                    struct err *e);
/* An approval or withdrawal binds one manifest by digest. */
struct about {
    const char *manifest; /* digest */
    const char *person;
    int64_t at;
    const char *reason; /* withdrawal; may be "" */
    const char *nonce;
};
char *approval_text(struct arena *a, const struct about *x);
char *withdrawal_text(struct arena *a, const struct about *x);
bool about_parse(struct about *out, struct arena *a, const char *type,
                 const char *text, struct err *e);
/* Acceptance of a policy digest for an environment; was NULL: none pinned. */
struct acceptance {
    const char *project, *environment;
    const char *was, *is; /* digests */
    const char *person;
    int64_t at;
    const char *nonce;
};
bool policy_parse(struct acceptance *out, struct arena *a, const char *text,
                  struct err *e);
char *policy_text(struct arena *a, const char *project, const char *environment,
                  const char *was, const char *is, const char *person,
                  int64_t at, const char *nonce);
/* An override: gate, release, run, reason, person. */
char *override_text(struct arena *a, const char *environment,
                    const char *release, const char *gate, const char *reason,
                    const char *person, int64_t at, const char *nonce);
/* "type" of a statement text, or NULL. */
const char *statement_type(struct arena *a, const char *text);

/* Digest over the configured hosts as written, whatever their order. */
char *hosts_digest(const struct host_name *hosts, size_t n, char out[HASH_HEX]);

#endif
