/* probe: does it answer, as what release; and who is in the pool. */
#ifndef RUNNER_FLEET_PROBE_H
#define RUNNER_FLEET_PROBE_H

#include "policies/facts.h"
#include "runner/fleet/fleet.h"

/* One question per target: hosts (probe host) or the front (host ==
 * PROBE_FRONT). `release` fills %v of the body; with `either` a body that
 * names that release instead is good too and is told in `named`. With
 * `any` a body that should name a release is not looked at. */
#define PROBE_FRONT ((size_t)-1)
struct probe_target {
    size_t host;
    const char *release, *either;
    bool any;
};
/* Asks until `passes` good answers in a row or the deadline, all targets at
 * once; once: a single question each. answers[i].who is the host's name or
 * "front"; texts in a. Runs the loop. */
void probe_ask(struct fleet *f, struct arena *a, const struct environment *env,
               const struct probe_target *targets, size_t n, bool once,
               struct answer_facts *answers);

/* Reads [pool] members; `haproxy:SOCKET/BACKEND` (show stat over the unix
 * socket), `http:URL` and `command:ARGV` give lines NAME STATE. names that
 * match no host are kept. Never more than 1 MiB. Runs the loop. */
void pool_read(struct fleet *f, struct arena *a, const struct environment *env,
               struct pool_facts *out);
/* The pool's word for a host of the fleet; MEMBER_UNKNOWN when not listed. */
enum member_state pool_state(const struct pool_facts *pool,
                             const struct fleet *f, size_t host);

/* One GET for facts `http:` (no redirects, 64 KiB, TLS verified). */
bool http_get(struct loop *l, struct arena *a, const char *url,
              int64_t timeout_ms, int *status, char **body, size_t *len,
              struct err *e);
/* HAProxy's answer to "show stat" as CSV text, for fact source haproxy:. */
bool haproxy_stat(struct loop *l, struct arena *a, const char *socket_path,
                  char **csv, struct err *e);

#endif
