/* rehearsal_text: a rehearsal for people: one line a statement, then who waits
 * for which table, then the way back.
 */
#ifndef RUNNER_COMMAND_REHEARSAL_TEXT_H
#define RUNNER_COMMAND_REHEARSAL_TEXT_H

#include "migrations/rehearse/rehearse.h"
#include "runner/report/output.h"

/* SQL on one line, cut to a width. */
char *rehearsal_text_line(struct arena *a, const char *sql);
/* out->verbose adds the text of each statement. */
void rehearsal_text(struct output *out, struct arena *a,
                    const struct rehearsal *r);

#endif
