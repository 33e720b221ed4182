/* settings: a policy file, typed. runner/config reads it, gates obey it.
 *
 * Strings and arrays are borrowed from whoever filled this in. A section that
 * is absent has on == false, and its gate answers "off (not configured)",
 * except the gates that are always asked (see gates.h).
 */
#ifndef POLICIES_SETTINGS_H
#define POLICIES_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/calendar.h"

struct expected_settings {
    bool on;
    bool signatures_required;
    const char *signers, *revoked; /* paths, or NULL */
    int approvals;
    int64_t notice; /* seconds */
};

struct window_settings {
    bool on;
    bool override_allowed;
    struct calendar calendar; /* zone, allow and freeze items */
};

struct users_settings {
    bool on;
    bool override_allowed;
    const char *count;   /* fact source, see runner/facts */
    const char *history; /* fact source, "recorded", or NULL */
    int64_t max;
    int64_t abort_at; /* -1: none */
    bool forecast;
};

struct budget_settings {
    bool on;
    bool override_allowed;
    int64_t total_ms;
    int64_t blocked_ms;
    bool rewrite_forbidden;
    int overrun;         /* times the high estimate, then it is cancelled */
    int64_t certificate; /* seconds a rehearsal stays fresh */
};

struct backup_settings {
    bool on;
    bool override_allowed;
    const char *age_seconds; /* fact source */
    int64_t max_age;         /* seconds */
};

struct replicas_settings {
    bool on;
    bool override_allowed;
    int64_t min;
    int64_t max_lag_ms;
};

struct proven_settings {
    bool on;
    bool override_allowed;
    const char *in;   /* another environment */
    int64_t for_time; /* seconds it must have been good there */
};

/* What migrations may hold that is refused otherwise: migrations obey it. */
struct statements_settings {
    bool on;
    bool settings, triggers, server, databases;
};

struct policy_settings {
    const char *path;
    struct expected_settings expected;
    struct window_settings window;
    struct users_settings users;
    struct budget_settings budget;
    struct backup_settings backup;
    struct replicas_settings replicas;
    struct proven_settings proven;
    struct statements_settings statements;
};

#endif
