/* config: tidegate.ini and the policy files, typed.
 *
 * Everything lives in the arena given to config_load and is read-only
 * afterwards. Paths are absolute. Every error is ERR_CONFIG with
 * "FILE:LINE: KEY: what", and nothing has been contacted.
 */
#ifndef RUNNER_CONFIG_CONFIG_H
#define RUNNER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/settings.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"

/* A host as written, [user@]name[:port], ranges already expanded. */
struct host_name {
    const char *text; /* "deploy@web01.example.net:2222" */
    const char *user; /* NULL: ssh's own answer */
    const char *name; /* what %h becomes */
    int port;         /* 0: ssh's own answer */
};

enum clone_kind { CLONE_DUMP, CLONE_TEMPLATE, CLONE_EXISTING, CLONE_COMMAND };
enum on_failure { ON_FAILURE_ROLLBACK, ON_FAILURE_STOP };
enum on_hold { ON_HOLD_AUTO, ON_HOLD_FINISH, ON_HOLD_BACK };

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
    const char *policy_text; /* the bytes as read: digested and shown */
    struct policy_settings policy;
    const struct host_name *hosts;
    size_t n_hosts;
    const char *path;        /* %h inside, see path_for */
    const char *database;    /* conninfo, or NULL */
    const char *known_hosts; /* or NULL: ssh's own files */
    const char *identity;    /* key file, or NULL: agent and ssh's own */
    struct rehearsal_settings rehearsal;
    struct artifact_settings artifact;
    struct rollout_settings rollout;
    struct probe_settings probe_host, probe_front;
    const char *pool_members; /* fact source, or NULL: off */
    /* What the policy digest covers besides the policy file, its signers and
     * revoked file: canonical JSON of hosts, path, database, rollout, probe
     * and pool settings in force for this environment. */
    const char *pinned_text;
};

struct config {
    const char *path, *folder; /* tidegate.ini and where it stands */
    const char *project;
    const char *repository;      /* absolute */
    const char *ledger;          /* absolute folder */
    const char *migrations_path; /* inside the commit; "migrations" */
    const char *migrations_layout;
    struct environment *environments;
    size_t n_environments;
};

/* Reads FOLDER/tidegate.ini and every policy that it names. */
bool config_load(struct config *out, struct arena *a, const char *folder,
                 struct err *e);
/* name NULL: the only one; several: ERR_USAGE that lists them. */
struct environment *config_environment(struct config *c, const char *name,
                                       struct err *e);
/* text with %h, %v and %% filled in; NULL host or release where the key table
 * does not allow it (BUG() if it is met all the same). */
char *config_fill(struct arena *a, const char *text, const char *host,
                  const char *release);
/* SHA-256 hex over policy text, signers, revoked keys and pinned_text: what
 * the ledger pins. Reads the two key files. */
bool config_policy_digest(const struct environment *env, char out[65],
                          struct err *e);
/* Line by line, "[window] allow: was A, is B", between two pinned texts as
 * config_policy_text renders them; for "policy changed". */
char *config_policy_text(struct arena *a, const struct environment *env,
                         struct err *e);
char *config_policy_changes(struct arena *a, const char *was, const char *is);

/* A release id: [A-Za-z0-9._-], 1..64 bytes, no leading '-' or '.', no "..";
 * false with ERR_USAGE. */
bool release_name_valid(const char *name, struct err *e);

#endif
