/* init: the parts of `tidegate init`: what is found, and the file made of it.
 */
#ifndef RUNNER_COMMAND_INIT_H
#define RUNNER_COMMAND_INIT_H

#include "runner/command/cmd.h"

struct init_args {
    struct opt_list hosts;
    const char *path, *database, *preset;
};

/* What this machine and folder tell. NULL: nothing found. */
struct found {
    const char *project; /* of the folder's name; never NULL */
    const char *zone;    /* IANA name; never NULL */
    bool git;
    const char *git_why;   /* !git: the reason */
    const char *database;  /* conninfo, from --database or PG* */
    const char *server;    /* the same server, for clones */
    const char *ssh_hosts; /* names of ~/.ssh/config, with blanks between */
    const char *signer;    /* a line for allowed_signers */
};
void init_find(struct tidegate *t, const struct init_args *args,
               const char *folder, struct found *out);

/* The text of tidegate.ini. */
char *init_config_text(struct arena *a, const char *environment,
                       const struct init_args *args, const struct found *found);
/* A preset with the zone that was found; NULL with ERR_USAGE: none such. */
char *init_policy_text(struct arena *a, const char *preset,
                       const struct found *found, struct err *e);

#endif
