/* environment: one section of tidegate.ini with its policy, typed.
 *
 * What runner/config/config.h reads; lives as long as that. Which keys there
 * are, their defaults and help: runner/config/keys.h.
 */
#ifndef RUNNER_CONFIG_ENVIRONMENT_H
#define RUNNER_CONFIG_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/hold.h"
#include "policies/settings.h"
#include "runner/config/hosts.h"

enum clone_kind {
    CLONE_DUMP,
    CLONE_TEMPLATE,
    CLONE_EXISTING,
    CLONE_COMMAND,
    CLONE_SCHEMA
};
enum on_failure { ON_FAILURE_ROLLBACK, ON_FAILURE_STOP };

struct rehearsal_settings {
    bool on;
    enum clone_kind clone;
    const char *clone_argument; /* template name, command words */
    const char *from;           /* conninfo; NULL when not wanted */
    const char *server;         /* conninfo */
};

struct artifact_settings {
    const char *file; /* NULL: the commit's tree; else a path, %v inside */
    const char **exclude, **shared;
    size_t excludes, shareds;
    const char *prepare; /* a command on the host, or NULL */
    int keep;
};

/* One step of the running total after each wave: hosts or per cent. */
struct wave_size {
    int amount;
    bool percent;
};

struct rollout_settings {
    const struct wave_size *waves;
    size_t n_waves;
    struct wave_size max_out;
    int at_once, max_failed, max_unreachable;
    enum on_failure on_failure;
    const char *drain, *restart, *undrain; /* or NULL; may be "on H: CMD" */
    int64_t timeout_ms, prepare_timeout_ms, soak_ms, host_time_ms;
    int64_t pause_max_ms;
    enum on_hold on_hold;
};

struct probe_settings {
    bool on;
    const char *url;
    int status;
    const char *body; /* a text that must appear, %v inside; or NULL */
    int64_t timeout_ms;
    int passes;          /* this many good answers in a row */
    int64_t interval_ms; /* between two questions */
    int64_t deadline_ms; /* for all passes */
};

struct environment {
    const char *name;
    int line; /* of its section, for messages */
    const char *policy_path;
    struct policy_settings policy; /* its zone is UTC without [window] */
    const struct host_name *hosts;
    size_t n_hosts;
    const char *path;        /* %h inside, see path_for */
    const char *database;    /* conninfo, or NULL */
    const char *known_hosts; /* or NULL: ssh's own files */
    const char *identity;    /* key file, or NULL: agent and ssh's own */
    struct placeholders placeholders; /* of Flyway's files */
    struct rehearsal_settings rehearsal;
    struct artifact_settings artifact;
    struct rollout_settings rollout;
    struct probe_settings probe_host, probe_front;
    const char *pool_members; /* fact source, or NULL: off */
    /* What is pinned but the lines of the key files: one line for each
     * setting that differs from its default, "[rollout] max_out = 50%". */
    const char *pinned_text;
};

#endif
