/* pool: texts that say who is in the pool, read. Room-internal and for tests;
 * others call pool_read and haproxy_stat of probe.h. */
#ifndef RUNNER_FLEET_POOL_H
#define RUNNER_FLEET_POOL_H

#include "runner/fleet/probe.h"

/* "up", "drain", "down"; anything else is MEMBER_UNKNOWN. */
enum member_state member_from_word(const char *word);
/* HAProxy's status: UP and "no check" are up, DRAIN and NOLB drain, DOWN and
 * MAINT down (each may be followed by a detail); anything else is unknown. */
enum member_state member_from_haproxy(const char *status);

/* Lines NAME STATE; false with *why at the first that is neither. */
bool pool_parse_lines(struct arena *a, const char *text, struct pool_facts *out,
                      const char **why);
/* The servers of one backend in the CSV of "show stat" (HAProxy management
 * guide, section 9.1). */
bool pool_parse_haproxy(struct arena *a, const char *csv, const char *backend,
                        struct pool_facts *out, const char **why);

#endif
