/* source: the one grammar for every fact that a policy names.
 *
 *     sql: QUERY            one row, one column, a whole number
 *     command: ARGV         prints one whole number
 *     http: URL#/json/pointer
 *     haproxy: SOCKET/BACKEND   current sessions of a backend (scur)
 *
 * A number that is missing, malformed, negative or fractional is unreadable,
 * never zero.
 */
#ifndef RUNNER_FACTS_SOURCE_H
#define RUNNER_FACTS_SOURCE_H

#include "policies/facts.h"
#include "runner/facts/subject.h"

/* Checks the form alone (ERR_CONFIG); for doctor. */
bool source_valid(const char *text, struct err *e);
/* Reads one number now; connects to the environment's database if it must.
 * Runs the loop; 10 s at most. */
void source_read(struct subject *s, const char *text, struct fact *out);
/* Rows (at, users) from a sql: or command: source ("RFC3339|epoch NUMBER" a
 * line), ascending; false with the reason in *why. */
bool source_samples(struct subject *s, const char *text, struct sample **list,
                    size_t *n, const char **why);

#endif
