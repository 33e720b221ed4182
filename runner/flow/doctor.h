/* doctor: proves, read-only, all that a release will need.
 *
 * A table of examinations (doctor.c), run in order; one that needs what an
 * earlier one could not prove is "not looked at". Each says one line, or one
 * for each host or fault it found. Nothing is changed anywhere: no lock, no
 * event, no file.
 */
#ifndef RUNNER_FLOW_DOCTOR_H
#define RUNNER_FLOW_DOCTOR_H

#include "runner/facts/subject.h"

enum doctor_is {
    DOCTOR_OK,
    DOCTOR_OFF,     /* not configured, or not looked at */
    DOCTOR_WARNING, /* a release would go out; somebody should know */
    DOCTOR_PROBLEM  /* a release would not, or not well */
};
const char *doctor_word(enum doctor_is is); /* "ok", "off", ... */

struct doctor_line {
    const char *check;   /* "database", "host" */
    const char *subject; /* a host, or NULL */
    enum doctor_is is;
    const char *text;   /* what is, or what is wrong, with its cause */
    const char *fix;    /* of warnings and problems; "" when there is none */
    enum err_code code; /* of a problem */
};

struct doctor {
    /* Set by the caller; environment NULL: the only one. */
    struct arena *arena;
    struct loop *loop;
    struct progress *progress;
    const char *folder, *environment;

    /* What it opened; doctor_close ends it all. env NULL: not known. */
    struct config config;
    struct environment *env;
    struct ledger *ledger;
    struct subject s;

    struct doctor_line *lines;
    size_t n, room;
    unsigned proved;   /* bit set of enum doctor_needs (doctor_rows.h) */
    const char *check; /* the examination at hand */
};

/* True: no problem. False: e is about the gravest (its code: in the order
 * of exit codes 64, 78, 65, 74, 10, 69, 75), or ERR_INTERRUPTED. */
bool doctor_run(struct doctor *d, struct err *e);
void doctor_close(struct doctor *d);
/* How many lines are so. */
size_t doctor_count(const struct doctor *d, enum doctor_is is);

/* Which of two kinds of problem decides the exit code. */
enum err_code doctor_graver(enum err_code a, enum err_code b);
/* The major version in "pg_dump (PostgreSQL) 15.20 (Debian ...)"; 0: none. */
int doctor_tool_major(const char *text);

#endif
