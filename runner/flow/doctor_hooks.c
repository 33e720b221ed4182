/* Hosts that only run commands of [rollout]: "on lb1: COMMAND". */
#include <string.h>

#include "runner/flow/doctor_rows.h"

/* What a look at such a host may still complain about. */
#define PROGRAM "the program "

/* An environment of that one host. Its folder plays no part. */
static struct fleet *alone(struct doctor *d, struct environment *env,
                           const struct host_name *host, struct err *e)
{
    *env = *d->env;
    env->hosts = host;
    env->n_hosts = 1;
    env->path = "/";
    return fleet_open(d->arena, d->loop, d->progress, env, e);
}

static void look_at(struct doctor *d, const struct host_name *host)
{
    const size_t first = 0;
    struct environment env;
    struct observed seen;
    struct err e = {0};
    struct fleet *f = alone(d, &env, host, &e);

    if (!f) {
        doctor_error(d, host->text, &e);
        return;
    }
    step_observe(f, &first, 1, NULL, &seen);
    if (seen.outcome != OUTCOME_DONE)
        doctor_problem(d, host->text,
                       seen.key_refused ? ERR_REFUSED : ERR_UNREACHABLE,
                       seen.fix ? seen.fix
                                : "try it: ssh to it as tidegate "
                                  "does",
                       "%s", seen.why ? seen.why : outcome_word(seen.outcome));
    else if (strncmp(seen.missing, PROGRAM, strlen(PROGRAM)) == 0)
        doctor_problem(d, host->text, ERR_REFUSED, "install it there",
                       "missing there: %.*s", (int)strcspn(seen.missing, "\n"),
                       seen.missing);
    else
        doctor_ok(d, host->text, "%s, runs commands of [rollout]",
                  fleet_address(f, 0));
    fleet_close(f);
}

void doctor_look_hooks(struct doctor *d)
{
    const struct rollout_settings *r = &d->env->rollout;
    const char *const commands[] = {r->drain, r->restart, r->undrain};
    struct host_name seen[3] = {0};
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        struct host_name on = {0};
        struct err e = {0};
        const char *rest;
        bool again = false;

        if (!commands[i] ||
            !host_command_parse(d->arena, commands[i], &on, &rest, &e) ||
            !on.name)
            continue;
        for (size_t k = 0; k < n && !again; k++)
            again = strcmp(seen[k].text, on.text) == 0;
        if (again)
            continue;
        seen[n++] = on;
        look_at(d, &seen[n - 1]);
    }
}
