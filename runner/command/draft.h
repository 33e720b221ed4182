/* draft: an announcement in the making: when it may open, and how it is told.
 * Of the command `expect` alone.
 */
#ifndef RUNNER_COMMAND_DRAFT_H
#define RUNNER_COMMAND_DRAFT_H

#include "policies/gates.h"
#include "runner/command/signing.h"
#include "runner/facts/subject.h"
#include "runner/release/statement.h"

struct expect_args {
    const char *release, *at, *only, *key, *why, *replaces;
    int64_t lasts; /* ms */
    bool again, repairs;
};

/* An announcement in the making. */
struct draft {
    struct tidegate *t;
    const struct expect_args *args;
    struct subject *s;
    struct facts f;
    struct manifest m;
    struct speaker by;
    const struct zone *zone;
    struct manifest_facts facts; /* of m, for the gates */
    struct verdict verdicts[GATE_COUNT];
};

/* The earliest instant at which a deploy could begin: its opening, or when
 * `notice` is over. */
int64_t draft_begins(const struct draft *d, int64_t opens);
/* Sets m.opens and m.expires from --at and --for, judged. A time that does
 * not do is ERR_HELD or ERR_REFUSED, and the next that does is named. */
bool draft_open(struct draft *d, struct err *e);

/* runner/command/draft_say.c: the answer in words and as JSON. */
void draft_say(struct draft *d, const char *digest);
/* Fills e for a time that was refused; next: the first opening that would do,
 * 0: none can be told. Returns false. */
bool draft_refuse(struct draft *d, enum verdict_is is, int64_t next,
                  struct err *e);

#endif
