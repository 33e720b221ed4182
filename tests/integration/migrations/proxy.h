/* proxy: what may stand between us and a server, in a child process.
 *
 * Listens on a Unix socket of its own and speaks to the server's, so neither
 * TLS nor passwords come in between.
 */
#ifndef TESTS_INTEGRATION_MIGRATIONS_PROXY_H
#define TESTS_INTEGRATION_MIGRATIONS_PROXY_H

#include <sys/types.h>

enum proxy_mode {
    PROXY_POOL,  /* another backend for each transaction */
    PROXY_CUT,   /* the first COMMIT is done, its answer cut off */
    PROXY_GONE,  /* the same, and nothing answers any more */
    PROXY_BEGUN, /* as gone, of the first tidegate.begin_backfill() */
};

struct proxy {
    pid_t pid;
    char folder[64];
};

/* server is the path of its socket. Conninfo: host=FOLDER port=5432. */
void proxy_start(struct proxy *p, enum proxy_mode mode, const char *server);
void proxy_stop(struct proxy *p);

#endif
