/* gather: measures what the gates judge.
 *
 * Each function fills its part of struct facts; none fails: what cannot be
 * read is a fact of its own (FACT_UNREADABLE, with the reason), and the gate
 * says HOLD.
 */
#ifndef RUNNER_FACTS_GATHER_H
#define RUNNER_FACTS_GATHER_H

#include "policies/gates.h"
#include "runner/facts/subject.h"

/* Ledger, git and clock alone: now, release, contract, live, policy, manifests
 * with their signatures checked, line, need. */
void gather_local(struct subject *s, struct facts *f);
/* The rest, after subject_contact: users, rehearsal, way back, backup,
 * replicas, probe, pool, clock skew, proven. `each` gives the release that
 * host i should answer for now (NULL: the live one everywhere). */
void gather_contact(struct subject *s, struct facts *f,
                    const char *const *each);

void gather_release(struct subject *s, struct facts *f);
void gather_manifests(struct subject *s, struct facts *f);
/* What is left to do: need.batches and the phases still to run. */
void gather_need(struct subject *s, struct facts *f);
void gather_users(struct subject *s, struct facts *f);
/* The history alone, for planning (expect --at). */
void gather_history(struct subject *s, struct facts *f);
void gather_rehearsal(struct subject *s, struct facts *f);
void gather_backup(struct subject *s, struct facts *f);
void gather_replicas(struct subject *s, struct facts *f);
void gather_probe(struct subject *s, struct facts *f, const char *const *each);
void gather_pool(struct subject *s, struct facts *f);
void gather_proven(struct subject *s, struct facts *f);
void gather_clock(struct subject *s, struct facts *f);

#endif
