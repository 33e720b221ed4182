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

#include "migrations/read/placeholders.h"
#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/config/environment.h"

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
