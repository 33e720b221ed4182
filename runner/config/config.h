/* config: tidegate.ini and the policy files, typed.
 *
 * Everything but the zones lives in the arena given to config_load and is
 * read-only afterwards. Paths are absolute; relative ones in the files start
 * at the folder of tidegate.ini, in policy files too. Every error is
 * ERR_CONFIG with "FILE:LINE: KEY: what", and nothing has been contacted.
 * Which keys there are, their defaults and help: runner/config/keys.h.
 */
#ifndef RUNNER_CONFIG_CONFIG_H
#define RUNNER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/hold.h"
#include "policies/settings.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"
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
    struct rehearsal_settings rehearsal;
    struct artifact_settings artifact;
    struct rollout_settings rollout;
    struct probe_settings probe_host, probe_front;
    const char *pool_members; /* fact source, or NULL: off */
    /* What is pinned but the lines of the key files: one line for each
     * setting that differs from its default, "[rollout] max_out = 50%". */
    const char *pinned_text;
};

struct config {
    const char *path, *folder; /* tidegate.ini and where it stands */
    /* A file is owned by neither us nor root: what err_why says of it, else
     * NULL. Refuse it, unless the pinned digest vouches for the content. */
    const char *foreign;
    const char *project;
    const char *repository;      /* absolute */
    const char *ledger;          /* absolute folder */
    const char *migrations_path; /* inside the commit; "migrations" */
    const char *migrations_layout;
    struct environment *environments;
    size_t n_environments;
};

#define CONFIG_FILE "tidegate.ini"

/* Reads FOLDER/tidegate.ini and every policy that it names. */
bool config_load(struct config *out, struct arena *a, const char *folder,
                 struct err *e);
/* Closes the zones; also after a config_load that failed. */
void config_release(struct config *c);
/* name NULL: the only one; several: ERR_USAGE that lists them. */
struct environment *config_environment(struct config *c, const char *name,
                                       struct err *e);
/* text with %h, %v and %% filled in; NULL host or release where the key table
 * does not allow it (BUG() if it is met all the same). */
char *config_fill(struct arena *a, const char *text, const char *host,
                  const char *release);

/* Everything that the ledger pins, one line each: the policy as it acts, the
 * environment's hosts, path, database, rollout, probes and pool, the lines of
 * the signers and the revoked file (which it reads). What is left at its
 * default has no line, comments and order do not matter. NULL with e set. */
char *config_policy_text(struct arena *a, const struct environment *env,
                         struct err *e);
/* What the policy lets migrations hold, as enum refusals
 * (migrations/hazards/allowed.h). */
unsigned config_allowed(const struct policy_settings *p);
/* SHA-256 hex of config_policy_text. */
bool config_policy_digest(const struct environment *env, char out[65],
                          struct err *e);
/* How two such texts differ, a line each: "[window] allow: was A, is B". */
char *config_policy_changes(struct arena *a, const char *was, const char *is);
/* The same as one sentence, without line ends. */
char *config_policy_sentence(struct arena *a, const char *was, const char *is);
/* SHA-256 hex over the configured hosts, whatever their order. */
char *config_hosts_digest(const struct environment *env, char out[65]);

/* A release id: [A-Za-z0-9._-], 1..64 bytes, no leading '-' or '.', no "..";
 * false with ERR_USAGE. */
bool release_name_valid(const char *name, struct err *e);

#endif
