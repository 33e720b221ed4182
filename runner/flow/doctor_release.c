/* What announcing and reading a release needs: git, signers, a key. */
#include <string.h>

#include "policies/person.h"
#include "runner/base/file.h"
#include "runner/flow/doctor_rows.h"
#include "runner/release/sign.h"
#include "runner/release/signers.h"

#define SPACE "tidegate"

void doctor_look_git(struct doctor *d)
{
    struct subject *s = &d->s;
    struct err e = {0};
    size_t tags;
    bool shallow;

    s->git = git_open(d->arena, d->config.repository, &e);
    if (!s->git || !git_survey(s->git, &tags, &shallow, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    if (shallow)
        doctor_problem(d, NULL, ERR_INPUT, "git fetch --unshallow --tags",
                       "%s is a shallow clone: whether a release contains what "
                       "is live cannot be told",
                       d->config.repository);
    else if (tags == 0)
        doctor_warning(d, NULL, "git fetch --tags, or: git tag v1.0",
                       "%s has no tags, and releases are tags",
                       d->config.repository);
    else
        doctor_ok(d, NULL, "%s: %zu tag%s, whole history", d->config.repository,
                  tags, tags == 1 ? "" : "s");
}

/* Of what is checked out: the next release will most likely have them. */
void doctor_look_migrations(struct doctor *d)
{
    struct subject *s = &d->s;
    struct err e = {0};

    if (!d->env->database)
        doctor_off(d, "no database: releases have none");
    else if (!s->git || !git_head(s->git, s->commit))
        doctor_off(d, "not looked at: nothing is committed");
    else if (!subject_read_migrations(s, &e))
        doctor_error(d, NULL, &e);
    else
        doctor_ok(d, NULL, "%s (commit %.12s)", subject_layout(s), s->commit);
}

/* Persons who may sign, each counted once; `unread` lines that cannot. */
static size_t people(const struct signers *signers, size_t *unread)
{
    size_t n = 0;

    *unread = 0;
    for (size_t i = 0; i < signers->n; i++) {
        const struct signer *one = &signers->list[i];
        bool seen = false;

        *unread += one->fingerprint == NULL;
        if (!one->fingerprint || one->pattern || one->authority ||
            !signer_allows(one, SPACE))
            continue;
        for (size_t k = 0; k < i && !seen; k++)
            seen = signers->list[k].fingerprint && !signers->list[k].pattern &&
                   !signers->list[k].authority &&
                   signer_allows(&signers->list[k], SPACE) &&
                   person_same(signers->list[k].person, one->person);
        n += !seen;
    }
    return n;
}

static void judge_people(struct doctor *d, const struct expected_settings *x,
                         size_t n)
{
    const char *who = sign_people(d->arena, x);

    if (x->signatures_required && n == 0)
        doctor_problem(d, NULL, ERR_CONFIG,
                       "add a line: NAME namespaces=\"tidegate\" KEY",
                       "nobody in %s may sign for tidegate", x->signers);
    else if (n <= (size_t)x->approvals && x->approvals > 0)
        doctor_problem(d, NULL, ERR_CONFIG,
                       "add people to it, or lower `approvals` in [expected]",
                       "%zu may sign (%s): an announcement wants %d approval%s "
                       "by others",
                       n, who, x->approvals, x->approvals == 1 ? "" : "s");
    else
        doctor_ok(d, NULL, "%s may announce and approve; %d approval%s wanted",
                  who, x->approvals, x->approvals == 1 ? "" : "s");
}

void doctor_look_signers(struct doctor *d)
{
    const struct expected_settings *x = &d->env->policy.expected;
    struct signers signers;
    struct err e = {0};
    size_t unread;

    if (!x->signers) {
        doctor_off(d, "no signers file: announcements are not signed");
        return;
    }
    if (!signers_read(&signers, d->arena, x->signers, &e)) {
        doctor_error(d, NULL, &e);
        return;
    }
    judge_people(d, x, people(&signers, &unread));
    if (unread > 0)
        doctor_warning(d, NULL,
                       "see them: ssh-keygen -lf prints keys it can "
                       "read",
                       "%zu line%s of %s hold%s no key that can be read",
                       unread, unread == 1 ? "" : "s", x->signers,
                       unread == 1 ? "s" : "");
    if (x->revoked && !file_exists(x->revoked))
        doctor_problem(d, NULL, ERR_CONFIG,
                       "make it (it may be empty), or take `revoked` out",
                       "%s does not exist", x->revoked);
}

/* Only people need one: a deploy machine may well have none. */
void doctor_look_key(struct doctor *d)
{
    const struct expected_settings *x = &d->env->policy.expected;
    char *key =
        d->s.git ? git_setting(d->s.git, d->arena, "user.signingkey") : NULL;
    char *person, *fingerprint;
    struct err e = {0};

    if (!x->signers) {
        doctor_off(d, "none needed: announcements are not signed");
        return;
    }
    if (!key) {
        doctor_warning(d, NULL,
                       "git config user.signingkey PATH, or give "
                       "--key to expect and approve",
                       "git's user.signingkey is not set: nobody can announce "
                       "from here without --key");
        return;
    }
    if (sign_who(d->loop, d->arena, x, key, &person, &fingerprint, &e))
        doctor_ok(d, NULL, "you are %s (%s)", person, fingerprint);
    else
        doctor_warning(d, NULL, e.fix, "%s: %s", e.what, e.why);
}
