/* err: an error carries what went wrong, why, and what to do about it.
 *
 * The caller owns a `struct err` (on its stack is fine: it is fixed size, so
 * that reporting a failure cannot fail) and passes its address as the last
 * parameter. A function that can fail returns bool: true is success. All
 * setters return false, so the last one is the return:
 *
 *     err_what(e, ERR_UNREACHABLE, "cannot reach database %s", name);
 *     err_why(e, "%s", PQerrorMessage(conn));
 *     return err_fix(e, "start it, then run: tidegate doctor");
 *
 * Nothing is printed on the way up; whoever gives up prints once. Long texts
 * are cut at the size of the field; trailing newlines are trimmed; control
 * bytes are kept here and escaped when shown (base/escape.h).
 */
#ifndef RUNNER_BASE_ERR_H
#define RUNNER_BASE_ERR_H

#include <stdbool.h>
#include <stdio.h>

/* What kind of failure; runner/main.c alone turns it into an exit code. */
enum err_code {
    ERR_NONE,
    ERR_USAGE,       /* 64: the command line */
    ERR_INPUT,       /* 65: a file other than the configuration */
    ERR_CONFIG,      /* 78: configuration */
    ERR_UNREACHABLE, /* 69: a host or database the run itself must reach */
    ERR_LEDGER,      /* 74: ledger not writable or not intact */
    ERR_REFUSED,     /* 10: STOP */
    ERR_HELD,        /* 75: HOLD, may pass later */
    ERR_FAILED,      /* the work failed; the flow knows what stands where */
    ERR_BACK,        /* 11: failed, rolled back, and that is verified */
    ERR_PARTWAY,     /* 12: stopped part-way; resume or rollback */
    ERR_UNKNOWN,     /* 13: nobody knows whether it happened */
    ERR_INTERRUPTED, /* a signal asked us to stop */
    ERR_BUG,         /* 70 */
};

struct err {
    enum err_code code;
    char what[200];
    char why[600];
    char fix[300];
};

/* Start a fresh error: clears why and fix. Returns false. */
bool err_what(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Set the cause; trailing blanks and newlines are trimmed. Returns false. */
bool err_why(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Set what the reader should do. Returns false. */
bool err_fix(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Forget everything: code becomes ERR_NONE. */
void err_clear(struct err *e);
/* Write "tidegate: WHAT\n  why: ...\n  fix: ...\n" with control bytes
 * escaped; lines that are empty are left out. */
void err_print(const struct err *e, FILE *out);

/* A broken invariant of tidegate itself: says where, exits 70 at once. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
