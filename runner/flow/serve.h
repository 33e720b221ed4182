/* serve: do the hosts serve users: probes and the pool, with patience.
 *
 * Questions are those of fleet/probe.h for the release that each host has by
 * r->now. Everything here runs the loop.
 */
#ifndef RUNNER_FLOW_SERVE_H
#define RUNNER_FLOW_SERVE_H

#include "runner/flow/run.h"

/* The host probe of each, until enough good answers or the deadline. */
void serve_ask(struct run *r, const size_t *hosts, size_t n,
               struct answer_facts *answers);
/* One question: does it answer for r->to at this moment? */
bool serve_answers(struct run *r, size_t host);
/* Until the pool lists none of them as up, or all as up; the deadline is the
 * rollout's timeout. No pool configured: true. Going back, a host that does
 * not come in is a warning. */
bool serve_wait_out(struct run *r, const size_t *hosts, size_t n,
                    struct err *e);
bool serve_wait_in(struct run *r, const size_t *hosts, size_t n, struct err *e);
/* The front door: before the last flip either release may answer. Going
 * back: only asked at the end (serve_all). */
bool serve_front(struct run *r, struct err *e);
/* Every host that is not left out, the front, and the pool. */
bool serve_all(struct run *r, struct err *e);
/* Remembers what answered before anything changed (r->was_good), for a
 * rollback that must say "fails as before". */
void serve_remember(struct run *r);
/* After going back: everything that answered before answers again, or ever
 * did, and every host is up in the pool; e tells what still fails and
 * whether it failed before. */
bool serve_back(struct run *r, bool *as_before, struct err *e);

#endif
