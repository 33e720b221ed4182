/* doctor_rows: the examinations and how they say what they found; for
 * doctor*.c alone. */
#ifndef RUNNER_FLOW_DOCTOR_ROWS_H
#define RUNNER_FLOW_DOCTOR_ROWS_H

#include "runner/flow/doctor.h"

/* What an examination may lean on; it sets its own bit when it is proved. */
enum doctor_needs {
    DOCTOR_CONFIG = 1, /* d->config and d->env */
    DOCTOR_LEDGER = 2, /* d->ledger */
    DOCTOR_STATE = 4,  /* d->s.state */
    DOCTOR_HOSTS = 8   /* d->s.fleet and d->s.observed */
};

#define DOCTOR_SKEW_MS 5000 /* what the gates call too much */

void doctor_ok(struct doctor *d, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_off(struct doctor *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void doctor_warning(struct doctor *d, const char *subject, const char *fix,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doctor_problem(struct doctor *d, const char *subject, enum err_code code,
                    const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* A problem, in the words of an error. */
void doctor_error(struct doctor *d, const char *subject, const struct err *e);

void doctor_look_git(struct doctor *d);
void doctor_look_migrations(struct doctor *d);
void doctor_look_signers(struct doctor *d);
void doctor_look_key(struct doctor *d);
void doctor_look_database(struct doctor *d);
void doctor_look_rehearsal(struct doctor *d);
void doctor_look_hosts(struct doctor *d);
void doctor_look_hooks(struct doctor *d);
void doctor_look_probes(struct doctor *d);
void doctor_look_pool(struct doctor *d);
void doctor_look_window(struct doctor *d);
void doctor_look_users(struct doctor *d);
void doctor_look_backup(struct doctor *d);
void doctor_look_replicas(struct doctor *d);

#endif
