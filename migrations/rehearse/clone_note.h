/* clone_note: the name of a clone that a command makes, kept where a kill -9
 * cannot take it along.
 *
 * A database that we make carries a mark, so that the server itself tells what
 * a dead rehearsal left. What a command makes has no such server: its name and
 * the command stand in a file of `folder` from before `create` is called until
 * `destroy` has succeeded. The file is locked (flock) by the process that
 * rehearses: one that nobody holds is a leftover. Its lines are JSON: what was
 * asked for, then the process that makes it.
 */
#ifndef MIGRATIONS_REHEARSE_CLONE_NOTE_H
#define MIGRATIONS_REHEARSE_CLONE_NOTE_H

#include <sys/types.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/loop.h"

struct clone_note {
    int fd; /* holds the lock; -1: there is none */
    const char *path;
    const char *name, *program; /* of the clone; the command's words. NULL in
                                   one that was not written to its end: then
                                   `create` was not called */
    const char *folder;         /* where it was run, or NULL */
    pid_t pid;                  /* of a `create` that may run still, or 0 */
    const char *began;          /* when that process began, in ticks */
};

/* Writes it durably; folder is made when it is missing. */
bool clone_note_write(struct clone_note *n, struct arena *a, const char *folder,
                      const char *name, const char *program, struct err *e);
/* `create` runs as this process, the leader of its group. */
void clone_note_runs(struct clone_note *n, struct arena *a, pid_t pid);
/* Takes it away. */
void clone_note_remove(struct clone_note *n);
/* Lets go of it; the file stays, so what it names is a leftover now. */
void clone_note_leave(struct clone_note *n);

/* The notes in folder that nobody holds, each locked by us now: remove or
 * leave every one. NULL, or no such folder: none. */
bool clone_notes_dead(struct arena *a, const char *folder,
                      struct clone_note **list, size_t *n, struct err *e);
/* Ends the `create` of a dead rehearsal, with its group, if it still runs. */
void clone_note_end_create(struct loop *l, const struct clone_note *n);

#endif
