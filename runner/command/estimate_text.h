/* estimate_text: what a rehearsal's estimates stand on, and how it differs
 * from the one before, for people.
 */
#ifndef RUNNER_COMMAND_ESTIMATE_TEXT_H
#define RUNNER_COMMAND_ESTIMATE_TEXT_H

#include "migrations/rehearse/versus.h"
#include "runner/report/output.h"

/* "estimated by 14 past index builds, scans by default factors"; then the
 * statements that production will run in another way than the clone did. */
void estimate_text_grounds(struct output *out, const struct rehearsal *r);
/* A line for each change; release and at: of the one before. */
void estimate_text_versus(struct output *out, struct arena *a,
                          const struct versus *v, const char *release,
                          int64_t at);

#endif
