/* observe: what stands on a host, read without changing it (steps.h has what
 * changes it). Every text that a host said is escaped already. */
#ifndef RUNNER_FLEET_OBSERVE_H
#define RUNNER_FLEET_OBSERVE_H

#include "runner/fleet/fleet.h"

/* A release as found on a host. */
struct observed_release {
    const char *name;
    const char *state;  /* staged, live, good, bad, or "" */
    const char *digest; /* as recorded in .files; "" when none */
};

struct observed {
    enum outcome outcome;
    const char *why, *fix;
    bool key_refused;
    const char *current;     /* release name `current` resolves to; "" when
                                there is none; NULL: something else */
    const char *current_raw; /* the link text, or what it is instead */
    const char *verify;      /* the release that was looked at, or "" */
    bool verified;           /* its tree is what its .files says */
    const char *wrong;       /* !verified: the first entry that differs */
    int64_t extra;           /* entries that .files does not know */
    const struct observed_release *releases;
    size_t n;
    const char *ledger, *policy; /* fence's ledger id, policy digest; "" */
    int64_t epoch, seq;
    const char *head, *run;
    const char *after_begun;     /* release, or "" */
    const char *machine, *place; /* machine id, device:inode of path */
    int64_t free_bytes;
    int64_t skew_ms;     /* host clock less ours, round trip halved */
    const char *missing; /* tools or rights that are missing, one a line; "" */
    const char *shared;  /* one line an item: "NAME TYPE"; TYPE is folder,
                            file, other or absent */
    const char *boot;
};

/* Read-only, lock-free. Re-computes the digest of `verify` (a release name,
 * or NULL: of current). */
void step_observe(struct fleet *f, const size_t *hosts, size_t n,
                  const char *verify, struct observed *outs);

#endif
