/* trial: a whole history on a server, each migration by itself and all in one.
 *
 * By itself: it is rehearsed (up, down, compared, up again) on a copy of the
 * database that the migrations before it made, then applied to that database
 * for real. The copy serves the next one as well, unless this one has left
 * something else there than its up: then a new one is made. So what fails is
 * named, with its reason, and hides nothing that comes after it.
 */
#ifndef TESTS_HISTORIES_TRIAL_H
#define TESTS_HISTORIES_TRIAL_H

#include "migrations/apply/apply.h"
#include "migrations/rehearse/rehearse.h"
#include "migrations/server/pg.h"

enum came {
    CAME_UNDONE,       /* up, down and up; the schema was the same between */
    CAME_UP,           /* up; there is no down */
    CAME_UP_FAILED,    /* nothing of it is there */
    CAME_APPLY_FAILED, /* it was rehearsed, and fails in earnest */
    CAME_DOWN_FAILED,  /* up is there */
    CAME_AGAIN_FAILED, /* what down left is in up's way */
    CAME_NOT_UNDONE,   /* down ran, and left or took something */
    CAME_KINDS
};

struct row {
    const char *name;
    enum came came;
    size_t statements; /* that ran, up */
    int64_t up_ms, down_ms;
    const char *lock;    /* the strongest on what was there before, or "-" */
    const char *why;     /* how it failed; NULL: it did not */
    const char *differs; /* lines; NULL: nothing left or lost */
};

struct trial {
    struct loop *loop;
    struct arena *a;
    const char *server; /* conninfo of a superuser; databases history_base (as
                           it begins), history and history_copy (made anew) */
    const struct migration *list;
    size_t n;
    struct row *rows;
    void (*told)(struct arena *a, const struct row *row); /* as each is done */
    /* All that went up at once: up, down in reverse, up again. */
    size_t up, down, undone;
    const char *stopped; /* why that ended early; NULL: it did not */

    struct pg *pg;           /* to the server */
    struct apply *apply;     /* to history */
    struct pg *work, *watch; /* to history_copy; NULL: there is none */
    int copies;              /* made so far */
    int stops;               /* signals before it began */
};

/* False: the server is lost, or a signal came. */
bool trial_run(struct trial *t, struct err *e);

/* ---- the parts of it (trial_*.c) ---- */

/* The copy, made where there is none; and thrown away. */
bool trial_copy(struct trial *t, struct arena *a, struct err *e);
void trial_copy_drop(struct trial *t, struct arena *a);
/* Rehearses m on the copy; *clean: nothing but its up is left there. */
bool trial_rehearse(struct trial *t, struct arena *a, const struct migration *m,
                    struct row *row, bool *clean, struct err *e);
/* The line of a rehearsed way back that says how it failed, or NULL. */
const char *trial_failure(struct arena *a, const char *differs);
bool trial_say(struct trial *t, struct arena *a, const char *sql,
               struct err *e);

#endif
