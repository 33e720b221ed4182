/* start: the process made fit to be trusted, before anything else happens.
 *
 * Results must not depend on who calls: descriptors 0-2 are open, umask is
 * 077, no core is dumped, and variables that would redirect libpq, git, the
 * linker or the clock are unset.
 */
#ifndef RUNNER_COMMAND_START_H
#define RUNNER_COMMAND_START_H

/* libpq's variables as they were; `init` writes them into the file. */
struct inherited {
    const char *host, *port, *user, *database, *service; /* or NULL */
};

/* Cleans up. The names of what was unset are said once on stderr. Texts in
 * `out` live as long as the process. */
void start_clean(struct inherited *out);

#endif
