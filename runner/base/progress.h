/* progress: what is going on, told to whoever shows it.
 *
 * Every room reports here; runner/report implements the sink. Nothing that a
 * person needs to understand the result is said only here.
 */
#ifndef RUNNER_BASE_PROGRESS_H
#define RUNNER_BASE_PROGRESS_H

#include <stdint.h>

enum progress_kind {
    PROGRESS_STAGE,  /* a new part of the run begins: "wave 2 of 3" */
    PROGRESS_STEP,   /* one thing was done */
    PROGRESS_LIVE,   /* replaces the last LIVE line: elapsed, remaining */
    PROGRESS_NEWS,   /* a LIVE line that tells of something new: shown at once
                        where LIVE ones are shown now and then */
    PROGRESS_WARN,   /* something the reader should know */
    PROGRESS_DETAIL, /* for --verbose: what begins, and what came of it */
};

struct progress_note {
    enum progress_kind kind;
    const char *subject; /* host, migration, gate; may be NULL */
    const char *text;
    int64_t done, total; /* total 0: not counted */
};

struct progress {
    void (*note)(struct progress *p, const struct progress_note *n);
};

/* All accept p NULL (nobody listens) and a NULL subject. */
void progress_stage(struct progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void progress_step(struct progress *p, const char *subject, const char *fmt,
                   ...) __attribute__((format(printf, 3, 4)));
void progress_warn(struct progress *p, const char *subject, const char *fmt,
                   ...) __attribute__((format(printf, 3, 4)));
void progress_detail(struct progress *p, const char *subject, const char *fmt,
                     ...) __attribute__((format(printf, 3, 4)));
void progress_live(struct progress *p, const char *subject, int64_t done,
                   int64_t total, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void progress_news(struct progress *p, const char *subject, const char *fmt,
                   ...) __attribute__((format(printf, 3, 4)));

#endif
