/* expected: what a rehearsal foretells of one script, and the world beside it.
 *
 * Filled by the caller from a certificate, read by the live line, the limits
 * and the look at who is in the way. Nothing is copied: it must last as long
 * as the call that it is given to.
 */
#ifndef MIGRATIONS_APPLY_EXPECTED_H
#define MIGRATIONS_APPLY_EXPECTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apply_span {
    int64_t low, likely, high; /* ms, production; 0: unknown */
};

/* A phase of building an index, as the server's progress view names it, and
 * how long the rehearsal was in it. */
struct apply_phase {
    const char *name;
    int64_t ms;
};
struct apply_phases {
    const struct apply_phase *list; /* in order */
    size_t n;
};

/* One relation that the script will lock, and its strongest lock there. */
struct apply_touch {
    const char *relation; /* "public.orders", quoted where SQL wants it */
    const char *lock;     /* "ACCESS EXCLUSIVE" */
    int statement;        /* 1-based: the one that locks it so */
    bool rewritten;
    int64_t bytes; /* in production, before; 0: unknown */
};

/* What one script was rehearsed to do; all of it may be unknown. */
struct apply_expected {
    struct apply_span all;         /* the script */
    const struct apply_span *each; /* its statements, by number less one */
    size_t n;
    bool past; /* rehearsed before it was applied, on what was there then: the
                  times are told, and cancel nothing */
    const struct apply_phases *phases; /* of each, n of them; or NULL */
    const struct apply_touch *touches; /* rehearsed, or read from the text */
    size_t touched;
    const char *unread; /* the statement whose locks nobody can tell, "3_x:4:
                           DO"; NULL: the touches are all */
    int64_t back_high;  /* what undoing it once it is there costs; -1: it
                           has no down */
    int64_t committed_back; /* what undoing costs that this run has committed
                               already and that going back must undo */
    const char *no_return;  /* the migration whose COMMIT leaves no way back:
                               this one or a later one; NULL: none of them */
    bool past_return;       /* one that this run has committed leaves none */
};

/* What the live line says of the world; -1: unknown, or no limit. */
struct apply_world {
    int64_t window_left_ms, users, users_limit;
    /* What ends then: "the announcement ends", and after: "the announcement has
     * ended". NULL: the window. */
    const char *closes, *closed;
};

#endif
