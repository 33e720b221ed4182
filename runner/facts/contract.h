/* contract: the contracting half of expand and contract: which migrations
 * wait, for what, since when, and which of them a run runs.
 *
 * A contracting migration belongs to a run when its wait is over at the
 * instant at which the run's announcement opens: so the announcement, and who
 * approves it, settles what will run, whenever it runs. (Without an open
 * announcement: when its wait is over now.)
 */
#ifndef RUNNER_FACTS_CONTRACT_H
#define RUNNER_FACTS_CONTRACT_H

#include "runner/facts/subject.h"

/* Sorts out s->pending: those that belong to this run are moved to the end of
 * its list; `contract` keeps the others. */
void contract_sort(struct subject *s);
/* For a rehearsal of contracting ones ahead of time: where none belongs to the
 * run yet, all do. */
void contract_foresee(struct subject *s);
/* All that are pending; before any contact, those of the commit that the
 * ledger does not know as applied. In s's arena. */
struct contracts_facts contract_facts(struct subject *s);
/* The release that m waits for: the first that stands and left it pending, or
 * else the one that is looked at; or the one that it names. Where this
 * environment never had that one, the first that contains its commit and left m
 * waiting for itself, or the one that is looked at, while that is not good: a
 * tag that was set later makes no release older. */
const char *contract_release(const struct subject *s,
                             const struct migration *m);

/* What the live release left pending, by the ledger alone. */
struct contracts_facts contract_left(struct arena *a,
                                     const struct environment_state *state);

/* Which release finishes that, by the ledger alone; NULL: none is known. */
const char *contract_finishes(const struct environment_state *state);

/* [{"name", "after", "seconds"}]: of the list, those that run (or do not). */
struct json *contract_json(const struct contracts_facts *all, bool runs);
/* The release that it waited for, of a migration that this run ran; NULL: it
 * was no contracting one. */
const char *contract_waited(const struct run_state *run, const char *name);
/* Where among the releases that stand; -1: it does not. */
int contract_standing(const struct environment_state *state,
                      const char *release);

#endif
