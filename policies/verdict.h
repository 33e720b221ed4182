/* verdict: what a gate answers.
 *
 * PASS, HOLD (not now; may pass later) or STOP (no; somebody must change
 * something). A verdict always names the rule that spoke, and carries the
 * numbers with their units, the limit, the source and the age of the facts,
 * and when the answer may change.
 */
#ifndef POLICIES_VERDICT_H
#define POLICIES_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict_is { PASS, HOLD, STOP };

struct verdict {
    enum verdict_is is;
    enum {
        VERDICT_ASKED,
        VERDICT_OFF,       /* its section is not configured */
        VERDICT_NOT_ASKED, /* not in scope, or an answer made it moot */
        VERDICT_OVERRIDDEN /* lifted: `was` tells what it had said */
    } state;
    enum verdict_is was;
    const char *rule;  /* static: "users.max", "expected.none" */
    char because[240]; /* one sentence with numbers and units */
    char fix[240];     /* what a person can do; may be empty */
    char limit[80];    /* the setting it was held against; may be empty */
    char source[160];  /* where the fact came from; may be empty */
    int64_t age;       /* of the fact, seconds; -1: not a measured fact */
    int64_t retry_at;  /* UTC when it may change; 0: nobody knows */
};

const char *verdict_word(enum verdict_is is); /* "PASS", "HOLD", "STOP" */

/* Builders: fill is, rule, because (printf), age -1. The caller sets the
 * rest on the value it gets. Texts are cut at the size of their field, never
 * inside a UTF-8 character. */
struct verdict verdict_pass(const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct verdict verdict_hold(const char *rule, int64_t retry_at, const char *fmt,
                            ...) __attribute__((format(printf, 3, 4)));
struct verdict verdict_stop(const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct verdict verdict_off(void);       /* PASS, "off (not configured)" */
struct verdict verdict_not_asked(void); /* PASS, "not asked" */

void verdict_fix(struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void verdict_limit(struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What another one says beside it: "BECAUSE; and OTHER'S BECAUSE". */
void verdict_also(struct verdict *v, const struct verdict *other);
/* Where the fact came from (NULL: ""), and when it was true. */
void verdict_source(struct verdict *v, const char *source, int64_t age);

#endif
