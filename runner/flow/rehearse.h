/* rehearse: the timed dry run of what a release adds, and its certificate. */
#ifndef RUNNER_FLOW_REHEARSE_H
#define RUNNER_FLOW_REHEARSE_H

#include "runner/flow/run.h"

/* Rehearses what a run of s->phases would run of the release, writes the
 * certificate to the ledger, and judges it: *verdict is what the gate
 * `rehearsal` says. True: rehearsed (whatever the verdict). Nothing pending:
 * *nothing. */
bool rehearse_release(struct subject *s, const char *release,
                      struct rehearsal *out, struct verdict *verdict,
                      bool *nothing, struct err *e);

#endif
