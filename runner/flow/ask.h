/* ask: the gates, asked at the right moments. */
#ifndef RUNNER_FLOW_ASK_H
#define RUNNER_FLOW_ASK_H

#include "runner/flow/run.h"

/* Local gates; STOP ends it with nothing contacted, unless everything is to
 * be asked (check). Then contact, and all gates. The verdicts stay in
 * r->verdicts. PASS: true. Else e is ERR_REFUSED, ERR_UNREACHABLE or ERR_HELD,
 * in that order of precedence. */
bool ask_all(struct run *r, bool everything, struct err *e);
/* Everything once more, under the lease, with hosts looked at again. */
bool ask_under_lease(struct run *r, struct err *e);
/* ask_all until it passes, the manifest expires, or r->wait_ms is over. */
bool ask_waiting(struct run *r, struct err *e);
/* Asks these gates alone, of r->facts as they are; local: those of them that
 * ask ledger and clock, and only a STOP speaks. False: the first that did not
 * pass, ERR_REFUSED or ERR_HELD. */
bool ask_only(struct run *r, const enum gate_id *list, size_t n, bool local,
              struct err *e);
/* The seconds until the answer may change, of the first HOLD; 0: unknown. */
int64_t ask_retry_at(const struct run *r);

/* The gates that are asked before each migration and wave. True: begin it
 * (r->finish may have been set). Before the first change a
 * HOLD or STOP ends it (e). After it, a HOLD is asked again every 30 s up to
 * pause_max; then `on_hold` decides, and the decision is written. False: e
 * says why, and r->go_back, r->pending_after or r->end_here what to do. */
bool ask_again(struct run *r, enum hold_before next, struct err *e);

/* There is nothing to do, as the ledger says (r->already): so every host that
 * answers must have what is live, unless it is known to owe; ERR_REFUSED names
 * the first that does not. */
bool ask_drift(struct run *r, struct err *e);

#endif
