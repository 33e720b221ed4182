/* verdicts: what the gates said, for people and for programs. */
#ifndef RUNNER_REPORT_VERDICTS_H
#define RUNNER_REPORT_VERDICTS_H

#include "policies/gates.h"
#include "runner/base/zone.h"
#include "runner/report/output.h"

/* "Tue 24 Nov 2026 23:00 EET (21:00 UTC)"; zone NULL: UTC alone. */
char *report_time(struct arena *a, const struct zone *zone, int64_t utc);
/* "3 min 20 s ago", "in 2 h 05 min", "now". */
char *report_distance(struct arena *a, int64_t now, int64_t then);

/* All gates that were asked: verdict, name, reason, limit, source, age, and
 * when it may change. zone: of the policy. */
void report_verdicts(struct output *o, struct arena *a,
                     const struct verdict verdicts[GATE_COUNT], int64_t now,
                     const struct zone *zone);
/* The same as an array of objects: gate, verdict (pass, hold, stop), known
 * (proved, assumed, not checked), state
 * (asked, off, not asked, overridden), rule, because, fix, limit, source,
 * age_seconds, retry_at; what is empty is left out. */
struct json *report_verdicts_json(const struct verdict verdicts[GATE_COUNT]);
/* When the last of the gates that HOLD may change; 0: nobody knows. */
int64_t report_retry_at(const struct verdict verdicts[GATE_COUNT]);
/* The first STOP, else the first HOLD, as an error: ERR_REFUSED or ERR_HELD,
 * with the others named in why; false. All pass: true. */
bool report_verdict_err(const struct verdict verdicts[GATE_COUNT],
                        const char *release, const char *environment,
                        struct err *e);

#endif
