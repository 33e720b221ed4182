/* fleet: the hosts of an environment, and steps run on them over SSH.
 *
 * One thread, one connection per host for the whole run, opened when first
 * needed, at most `at_once` busy at a time; lost connections are opened again
 * for the next step. Every step is one exec of a constant command that reads
 * a script and length-framed parameters from stdin (nothing is interpolated)
 * and answers with lines that carry this call's nonce. An answer that is
 * missing or doubled is OUTCOME_UNKNOWN, never success.
 */
#ifndef RUNNER_FLEET_FLEET_H
#define RUNNER_FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"
#include "runner/base/progress.h"
#include "runner/config/config.h"

enum outcome {
    OUTCOME_NONE, /* not asked */
    OUTCOME_DONE,
    OUTCOME_FAILED,      /* the host said no, and why: nothing changed */
    OUTCOME_UNREACHABLE, /* never reached: nothing was sent */
    OUTCOME_UNKNOWN,     /* sent, and no answer came */
};

const char *outcome_word(enum outcome o);

struct fleet;

/* Resolves names and `ssh -G` in children, reads known_hosts; connects
 * nowhere yet. Borrows env. */
struct fleet *fleet_open(struct arena *a, struct loop *l,
                         struct progress *progress,
                         const struct environment *env, struct err *e);
void fleet_close(struct fleet *f);

size_t fleet_count(const struct fleet *f);
/* As written, less user and port: what %h becomes. Targets in the ledger. */
const char *fleet_name(const struct fleet *f, size_t i);
const char *fleet_path(const struct fleet *f, size_t i); /* %h filled in */
/* The index of a host by its text, its name or a name's first label, or
 * fleet_count when there is none. */
size_t fleet_find(const struct fleet *f, const char *name);

/* What it was last reached as: "10.0.0.5:22" and the key's fingerprint; NULL
 * before that. */
const char *fleet_address(const struct fleet *f, size_t i);
const char *fleet_key(const struct fleet *f, size_t i);
/* What both sides agreed on: "ecdh-sha2-nistp256, ssh-ed25519, aes128-ctr,
 * hmac-sha2-256"; NULL before the first connection. */
const char *fleet_methods(const struct fleet *f, size_t i);

struct param {
    const char *bytes; /* any bytes, NUL-closed for our own reading */
    size_t len;
};

/* One step on one host. */
struct call {
    size_t host;
    const char *step; /* name of scripts/remote/<step>.sh */
    const struct param *params;
    size_t n;
    int payload_fd; /* > 0: the bytes that follow, from offset 0 (pread) */
    int64_t payload_len;
    int64_t timeout_ms; /* of progress, not of the whole, for uploads */
};

struct answer {
    enum outcome outcome;
    const char **keys, **values; /* "current" -> "releases/v1.0" */
    size_t n;
    const char *why;  /* not DONE: in words, escaped */
    const char *fix;  /* what to do about it, or NULL */
    bool key_refused; /* UNREACHABLE, because its host key is not known, has
                         changed or is revoked: a person must look */
    int64_t ms;
    int64_t ended_wall_ms; /* our clock when the end of the answer came */
};

/* Runs the loop until every call has an answer. answers[i] belongs to
 * calls[i]; several calls on one host run one after the other, in order. A
 * stop signal starts no further call (those are OUTCOME_NONE) and lets
 * running ones end; a second one leaves those at once (UNKNOWN, or
 * UNREACHABLE if nothing was sent). */
void fleet_run(struct fleet *f, const struct call *calls, size_t n,
               struct answer *answers);
const char *answer_get(const struct answer *a, const char *key); /* or NULL */
int64_t answer_int(const struct answer *a, const char *key, int64_t absent);

#endif
