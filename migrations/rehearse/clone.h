/* clone: a database to rehearse on, made and removed.
 *
 * One interface, five ways (enum clone_how): dump, schema, template, as is,
 * command. The databases that tidegate makes are named tidegate_<run> and carry
 * a mark of ours: a connection limit from CREATE DATABASE on, then a comment
 * for people. While their run lives, its connection to the server holds a
 * session advisory lock that is a hash of the name. So a marked database that
 * nobody holds is a leftover, and clone_sweep drops it.
 *
 * The contract of `command:PROGRAM`: `PROGRAM create NAME` makes a fresh clone,
 * prints its conninfo on one line, or {"conninfo": "..."}, and exits 0.
 * `PROGRAM destroy NAME` removes it; it is always called, also when create
 * failed or was cut short, after a kill -9 by the next rehearsal
 * (clone_note.h), so it must succeed on what is not there, and twice. The clone
 * must be nobody else's.
 */
#ifndef MIGRATIONS_REHEARSE_CLONE_H
#define MIGRATIONS_REHEARSE_CLONE_H

#include "migrations/rehearse/clone_note.h"
#include "migrations/rehearse/rehearse.h"

/* What tells that a database is one of ours. */
#define CLONE_MARK "tidegate rehearsal clone"
/* A connection limit that nobody else sets and that limits nothing: it comes
 * with CREATE DATABASE, so there is no moment without a mark. */
#define CLONE_MARK_LIMIT 27182

struct clone;

/* What differs between the ways. create fills clone->conninfo; destroy is
 * called once create was, whatever became of it, and must not need what create
 * did not reach. Both run the loop. */
struct clone_provider {
    const char *name;
    bool makes_database; /* tidegate_<run> on `server` */
    bool wants_from, wants_server, wants_argument;
    bool (*create)(struct clone *c, struct err *e);
    bool (*destroy)(struct clone *c, struct err *e);
};
extern const struct clone_provider clone_dump, clone_schema, clone_template,
    clone_command, clone_as_is;

struct clone {
    struct loop *loop;
    struct arena *arena;
    const struct rehearse_settings *settings;
    struct progress *progress;
    struct buf *warnings; /* lines, lent */
    const struct clone_provider *provider;
    const struct pg_identity *production; /* NULL: there is none */
    struct pg *server;                    /* holds the name; may be NULL */
    struct pg_identity server_identity;
    const char *name;       /* tidegate_<run> */
    const char *conninfo;   /* of the clone */
    const char *label;      /* what it is, for people */
    struct clone_note note; /* of what a command makes */
    int stops;              /* loop_stops when the rehearsal began */
    int64_t ms;             /* what making it took */
    bool begun;             /* create was called */
    bool made;              /* the database of that name is ours to drop */
};

/* Makes it: leftovers are swept, the target is judged, the clone is created.
 * On failure nothing is left. ERR_REFUSED where the target is production. */
bool clone_open(struct clone *c, struct err *e);
/* Removes it, whatever happened; false: something is left, e says what. */
bool clone_close(struct clone *c, struct err *e);
/* Says in an error's fix that it stays; returns false. */
bool clone_is_left(const struct clone *c, struct err *e);

/* Whether target may be rehearsed on. Pure. True with a *warning (or NULL) in
 * a, or ERR_REFUSED. production NULL: nothing to protect. */
bool clone_judge(struct arena *a, const struct pg_identity *target,
                 const struct pg_identity *production, const char **warning,
                 struct err *e);
/* "tidegate_<run>"; a longer run than PostgreSQL's 63 bytes allow ends in a
 * digest. */
char *clone_name(struct arena *a, const char *run);

/* The databases on server (a conninfo) that dead rehearsals left; reads only.
 */
bool clone_leftovers(struct loop *l, struct arena *a, const char *server,
                     const char ***names, size_t *n, struct err *e);
/* Drops them, and names them in swept. */
bool clone_sweep(struct loop *l, struct arena *a, const char *server,
                 const char ***swept, size_t *n, struct err *e);

/* The same of what commands made, by the notes of dead rehearsals in a folder
 * (NULL: none): "NAME of PROGRAM". */
bool clone_commands_left(struct arena *a, const char *notes,
                         const char ***names, size_t *n, struct err *e);
/* `PROGRAM destroy NAME` for each, whatever [rehearsal] says by now. False: one
 * of them could not be, the others were. */
bool clone_commands_sweep(struct loop *l, struct arena *a, const char *notes,
                          const char ***swept, size_t *n, struct err *e);

/* What to show each second while the server works; it may run the loop. */
struct clone_live {
    void (*show)(struct clone *c, void *arg, int64_t elapsed_ms);
    void *arg;
};
/* For providers. One command on the server, cancelled by a stop signal
 * (ERR_INTERRUPTED). live NULL: nothing is shown. */
bool clone_server_run(struct clone *c, const char *sql,
                      const struct clone_live *live, struct err *e);
/* Creates tidegate_<run> with these words after its name (TEMPLATE ...), and
 * marks it. */
bool clone_database_create(struct clone *c, const char *words,
                           const struct clone_live *live, struct err *e);
/* "copied 1.2 GB of 4 GB, 12 s, about 28 s left". */
void clone_say_copied(struct clone *c, int64_t done, int64_t total,
                      int64_t elapsed_ms);
bool clone_database_drop(struct clone *c, struct err *e);
bool clone_stopped(const struct clone *c, struct err *e);
bool clone_drop(struct pg *server, struct arena *a, const char *name,
                struct err *e);
/* clone_leftovers and clone_sweep on a connection that is open. */
bool clone_databases_left(struct pg *server, struct arena *a,
                          const char ***names, size_t *n, struct err *e);
bool clone_databases_sweep(struct pg *server, struct arena *a,
                           const char ***swept, size_t *n, struct err *e);

#endif
