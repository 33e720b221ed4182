#include "runner/flow/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runner/base/duration.h"
#include "runner/flow/doctor_rows.h"

#define LEDGER_ROOM_LOW  (100LL << 20)
#define LEDGER_ROOM_NONE (2LL << 20) /* one payload and the reserve */

/* ---- saying what was found ---- */

const char *doctor_word(enum doctor_is is)
{
    static const char *const words[] = {[DOCTOR_OK] = "ok",
                                        [DOCTOR_OFF] = "off",
                                        [DOCTOR_WARNING] = "warning",
                                        [DOCTOR_PROBLEM] = "problem"};

    return words[is];
}

static void add(struct doctor *d, struct doctor_line line)
{
    if (d->n == d->room) {
        d->room = d->room ? 2 * d->room : 32;
        d->lines =
            arena_grow(d->arena, d->lines, d->n, d->room, sizeof *d->lines);
    }
    line.check = d->check;
    line.subject = arena_strdup(d->arena, line.subject);
    line.fix = line.fix ? arena_strdup(d->arena, line.fix) : "";
    d->lines[d->n++] = line;
}

/* The text of fmt and the arguments after it. */
#define TEXT(out, fmt)                            \
    do {                                          \
        va_list args;                             \
        va_start(args, fmt);                      \
        out = arena_vprintf(d->arena, fmt, args); \
        va_end(args);                             \
    } while (0)

void doctor_ok(struct doctor *d, const char *subject, const char *fmt, ...)
{
    struct doctor_line line = {.subject = subject, .is = DOCTOR_OK};

    TEXT(line.text, fmt);
    add(d, line);
}

void doctor_off(struct doctor *d, const char *fmt, ...)
{
    struct doctor_line line = {.is = DOCTOR_OFF};

    TEXT(line.text, fmt);
    add(d, line);
}

void doctor_warning(struct doctor *d, const char *subject, const char *fix,
                    const char *fmt, ...)
{
    struct doctor_line line = {
        .subject = subject, .is = DOCTOR_WARNING, .fix = fix};

    TEXT(line.text, fmt);
    add(d, line);
}

void doctor_problem(struct doctor *d, const char *subject, enum err_code code,
                    const char *fix, const char *fmt, ...)
{
    struct doctor_line line = {
        .subject = subject, .is = DOCTOR_PROBLEM, .fix = fix, .code = code};

    TEXT(line.text, fmt);
    add(d, line);
}

void doctor_error(struct doctor *d, const char *subject, const struct err *e)
{
    doctor_problem(d, subject, e->code, e->fix, "%s: %s", e->what, e->why);
}

/* ---- configuration and ledger ---- */

static void look_config(struct doctor *d)
{
    struct err e = {0};

    if (!config_load(&d->config, d->arena, d->folder, &e) ||
        !(d->env = config_environment(&d->config, d->environment, &e))) {
        doctor_error(d, NULL, &e);
        return;
    }
    d->s = (struct subject){.arena = d->arena,
                            .loop = d->loop,
                            .progress = d->progress,
                            .config = &d->config,
                            .env = d->env};
    doctor_ok(d, NULL, "%s: project %s, %s with %zu host%s%s", d->config.path,
              d->config.project, d->env->name, d->env->n_hosts,
              d->env->n_hosts == 1 ? "" : "s",
              d->env->database ? " and a database" : "");
    d->proved |= DOCTOR_CONFIG;
}

static void ledger_room(struct doctor *d)
{
    const char *folder = ledger_folder(d->ledger);
    struct statvfs fs;
    char text[32];

    if (access(folder, W_OK) != 0) {
        doctor_problem(d, NULL, ERR_LEDGER, "give the folder back to yourself",
                       "%s cannot be written: %s", folder, strerror(errno));
        return;
    }
    if (statvfs(folder, &fs) != 0)
        return;
    int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;

    bytes_text(room, text, sizeof text);
    if (room < LEDGER_ROOM_NONE)
        doctor_problem(d, NULL, ERR_LEDGER, "make room on its disk",
                       "%s has only %s left", folder, text);
    else if (room < LEDGER_ROOM_LOW)
        doctor_warning(d, NULL, "make room on its disk", "%s has only %s left",
                       folder, text);
    else
        doctor_ok(d, NULL, "%s: intact up to event %lld, %s free", folder,
                  (long long)ledger_seq(d->ledger), text);
}

static void look_ledger(struct doctor *d)
{
    struct ledger_report report;
    struct err e = {0};

    d->ledger = ledger_open(d->arena, d->config.ledger, LEDGER_READ, &e);
    if (!d->ledger || !ledger_verify(d->config.ledger, &report, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    if (ledger_trouble(d->ledger)) {
        doctor_problem(d, NULL, ERR_LEDGER,
                       "do not mend it by hand: tidegate ledger verify tells "
                       "more; restore a copy that is as new",
                       "%s", ledger_trouble(d->ledger));
        return;
    }
    if (report.torn > 0)
        doctor_warning(d, NULL,
                       "none needed: the next command that writes "
                       "sets them aside",
                       "%lld bytes of an event that was never whole stand at "
                       "its end",
                       (long long)report.torn);
    ledger_room(d);
    d->s.ledger = d->ledger;
    d->proved |= DOCTOR_LEDGER;
}

static const char *policy_differs(struct doctor *d)
{
    struct err none = {0};
    char *now = config_policy_text(d->arena, d->env, &none);

    return now && d->s.state.pinned_text
               ? config_policy_sentence(d->arena, d->s.state.pinned_text, now)
               : "";
}

static void look_policy(struct doctor *d)
{
    const struct subject *s = &d->s;
    struct err e = {0};

    if (!subject_open(&d->s, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    d->proved |= DOCTOR_STATE;
    bool same =
        s->state.pinned && strcmp(s->state.pinned, s->policy_digest) == 0;

    if (!s->state.pinned)
        doctor_problem(d, NULL, ERR_REFUSED, "tidegate init",
                       "no policy is pinned for %s", d->env->name);
    else if (!same)
        doctor_problem(d, NULL, ERR_REFUSED,
                       "put it back, or: tidegate policy accept",
                       "it is not the pinned one: %s", policy_differs(d));
    else
        doctor_ok(d, NULL, "%s is the pinned one (%.12s)", d->env->policy_path,
                  s->policy_digest);
    if (d->config.foreign && same)
        doctor_warning(d, NULL, "run tidegate as its owner",
                       "%s; its content is the pinned one", d->config.foreign);
    else if (d->config.foreign)
        doctor_problem(d, NULL, ERR_CONFIG,
                       "run tidegate as its owner, or: "
                       "chown",
                       "%s", d->config.foreign);
}

/* What keeps a release from beginning, and is no fault of the equipment. */
static void look_line(struct doctor *d)
{
    const struct environment_state *state = &d->s.state;
    struct lease_holder holder;
    size_t n = d->n;

    if (ledger_lease_holder(d->ledger, d->arena, d->env->name, &holder))
        doctor_warning(d, NULL, "wait until it has ended",
                       "run %s of %s is under way", holder.run, holder.who);
    else if (state->unfinished)
        doctor_warning(d, NULL, "tidegate status; then resume, or rollback",
                       "run %s (%s) has not come to its end",
                       state->unfinished->id, run_word(state->unfinished));
    if (state->frozen_by)
        doctor_warning(d, NULL, "tidegate thaw, when it is over",
                       "frozen by %s: %s", state->frozen_by,
                       state->frozen_why ? state->frozen_why : "");
    for (size_t i = 0; i < state->n_owing; i++)
        doctor_warning(d, state->owed[i].host, "tidegate catch-up",
                       "owes %s: %s", state->owed[i].release,
                       state->owed[i].why);
    if (d->n == n)
        doctor_ok(d, NULL, "free; live is %s",
                  state->live ? state->live : "nothing yet");
}

/* ---- the table ---- */

static const struct {
    const char *name;
    void (*look)(struct doctor *d);
    unsigned needs;
} rows[] = {
    {"config", look_config, 0},
    {"ledger", look_ledger, DOCTOR_CONFIG},
    {"policy", look_policy, DOCTOR_CONFIG | DOCTOR_LEDGER},
    {"line", look_line, DOCTOR_STATE},
    {"window", doctor_look_window, DOCTOR_CONFIG},
    {"git", doctor_look_git, DOCTOR_CONFIG},
    {"layout", doctor_look_migrations, DOCTOR_CONFIG},
    {"signers", doctor_look_signers, DOCTOR_CONFIG},
    {"key", doctor_look_key, DOCTOR_CONFIG},
    {"database", doctor_look_database, DOCTOR_CONFIG},
    {"rehearsal", doctor_look_rehearsal, DOCTOR_CONFIG},
    {"host", doctor_look_hosts, DOCTOR_CONFIG},
    {"hook host", doctor_look_hooks, DOCTOR_CONFIG},
    {"probe", doctor_look_probes, DOCTOR_CONFIG | DOCTOR_HOSTS},
    {"pool", doctor_look_pool, DOCTOR_CONFIG | DOCTOR_HOSTS},
    {"users", doctor_look_users, DOCTOR_CONFIG},
    {"backup", doctor_look_backup, DOCTOR_CONFIG},
    {"replicas", doctor_look_replicas, DOCTOR_CONFIG},
};

enum err_code doctor_graver(enum err_code a, enum err_code b)
{
    static const enum err_code order[] = {
        ERR_USAGE,   ERR_CONFIG,      ERR_INPUT, ERR_LEDGER,
        ERR_REFUSED, ERR_UNREACHABLE, ERR_HELD};

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a != ERR_NONE ? a : b;
}

size_t doctor_count(const struct doctor *d, enum doctor_is is)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += d->lines[i].is == is;
    return n;
}

/* The first line of the gravest kind speaks for all. */
static bool diagnosis(const struct doctor *d, struct err *e)
{
    const struct doctor_line *worst = NULL;
    size_t n = doctor_count(d, DOCTOR_PROBLEM);

    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_line *line = &d->lines[i];

        if (line->is == DOCTOR_PROBLEM &&
            (!worst || (line->code != worst->code &&
                        doctor_graver(line->code, worst->code) == line->code)))
            worst = line;
    }
    if (!worst)
        return true;
    err_what(e, worst->code,
             "%zu problem%s would keep a release from going "
             "well",
             n, n == 1 ? "" : "s");
    err_why(e, "%s%s%s: %s", worst->check, worst->subject ? " " : "",
            worst->subject ? worst->subject : "", worst->text);
    return err_fix(e, "%s", worst->fix);
}

static bool stopped(const struct doctor *d, struct err *e)
{
    if (loop_stops(d->loop) == 0)
        return false;
    err_what(e, ERR_INTERRUPTED, "stopped while looking at: %s", d->check);
    err_why(e, "a signal asked us to stop");
    err_fix(e, "run it again: tidegate doctor");
    return true;
}

bool doctor_run(struct doctor *d, struct err *e)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        d->check = rows[i].name;
        progress_live(d->progress, d->check, (int64_t)i,
                      sizeof rows / sizeof *rows, "looking");
        if ((rows[i].needs & d->proved) == rows[i].needs)
            rows[i].look(d);
        else if ((rows[i].needs & ~d->proved) == DOCTOR_HOSTS &&
                 d->env->n_hosts == 0)
            doctor_off(d, "not configured: releases without hosts");
        else
            doctor_off(d, "not looked at: it needs what is wrong above");
        if (stopped(d, e))
            return false;
    }
    return diagnosis(d, e);
}

void doctor_close(struct doctor *d)
{
    subject_close(&d->s);
    ledger_close(d->ledger);
    config_release(&d->config);
    d->ledger = NULL;
}
