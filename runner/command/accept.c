#include "runner/command/accept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policies/person.h"
#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "runner/command/signing.h"
#include "runner/ledger/state.h"
#include "runner/release/sign.h"
#include "runner/release/statement.h"

#define VOICES 64 /* more than any policy asks for */

/* Somebody whose acceptance counts. */
struct voice {
    const char *text, *signature, *person, *key;
};

struct acceptation {
    struct tidegate *t;
    struct environment_state state;
    const char *text; /* in force */
    char digest[HASH_HEX];
    /* As the pinned policy says; its signers lie in private files. */
    struct expected_settings pinned;
    char folder[48];
    char signers[64], revoked[64];
    struct voice voices[VOICES];
    size_t n, wanted;
};

/* The lines of a pinned text behind a label: "[signers] LINE". */
static char *pinned_lines(struct arena *a, const char *text, const char *label)
{
    size_t skip = strlen(label);
    struct buf out;

    buf_init(&out);
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
        size_t len = strcspn(at, "\n");

        if (len > skip && strncmp(at, label, skip) == 0) {
            buf_add(&out, at + skip, len - skip);
            buf_char(&out, '\n');
        }
        if (!at[len])
            break;
    }
    return buf_into(&out, a);
}

/* What is at its default has no line (config_policy_text): signatures are
 * required and approvals are 0 then. */
static void pinned_settings(struct acceptation *x)
{
    struct arena *a = x->t->arena;
    const char *text = x->state.pinned_text;
    const char *signatures = pinned_lines(a, text, "[expected] signatures = ");
    const char *approvals = pinned_lines(a, text, "[expected] approvals = ");

    x->pinned.on = true;
    x->pinned.signatures_required = strcmp(signatures, "optional\n") != 0;
    x->pinned.approvals = (int)strtol(approvals, NULL, 10);
    x->wanted = (size_t)x->pinned.approvals + 1;
}

static bool keep_lines(struct acceptation *x, char path[64], const char *name,
                       const char *label, struct err *e)
{
    const char *lines = pinned_lines(x->t->arena, x->state.pinned_text, label);

    snprintf(path, 64, "%s/%s", x->folder, name);
    return file_create(path, lines, strlen(lines), 0600, e);
}

/* The pinned signers and revoked keys as files, for ssh-keygen. */
static bool people_open(struct acceptation *x, struct err *e)
{
    snprintf(x->folder, sizeof x->folder, "/tmp/tidegate-accept-XXXXXX");
    if (!mkdtemp(x->folder)) {
        x->folder[0] = '\0';
        err_what(e, ERR_FAILED, "cannot make a folder in /tmp");
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "make room and correct the rights there");
    }
    x->pinned.signers = x->signers;
    x->pinned.revoked = x->revoked;
    if (!keep_lines(x, x->signers, "signers", "[signers] ", e) ||
        !keep_lines(x, x->revoked, "revoked", "[revoked] ", e))
        return false;
    /* Of a binary list (a KRL) only the digest is pinned: the list in force
     * is all there is to ask. */
    if (strstr(x->state.pinned_text, "\n[revoked] sha256 "))
        x->pinned.revoked = x->t->env->policy.expected.revoked;
    return true;
}

static void people_close(struct acceptation *x)
{
    if (!x->folder[0])
        return;
    unlink(x->signers);
    unlink(x->revoked);
    rmdir(x->folder);
}

/* One person and one key count once. */
static bool heard(const struct acceptation *x, const char *person,
                  const char *key)
{
    for (size_t i = 0; i < x->n; i++)
        if (person_same(x->voices[i].person, person) ||
            strcmp(x->voices[i].key, key) == 0)
            return true;
    return false;
}

static void hear(struct acceptation *x, const struct voice *v)
{
    if (x->n < VOICES && !heard(x, v->person, v->key))
        x->voices[x->n++] = *v;
}

/* Whether a recorded statement accepts exactly this change. */
static bool speaks_of_this(struct acceptation *x, const char *text)
{
    struct acceptance said;
    struct err ignored = {0};

    return policy_parse(&said, x->t->arena, text, &ignored) &&
           strcmp(said.project, x->t->config.project) == 0 &&
           strcmp(said.environment, x->t->env->name) == 0 && said.was &&
           strcmp(said.was, x->state.pinned) == 0 &&
           strcmp(said.is, x->digest) == 0;
}

static void hear_recorded(struct acceptation *x)
{
    for (size_t i = 0; i < x->state.n_policy_statements; i++) {
        const struct statement_state *s = &x->state.policy_statements[i];
        struct signature_check check;

        if (!speaks_of_this(x, s->text))
            continue;
        sign_check(x->t->loop, x->t->arena, &x->pinned, s->text, s->signature,
                   s->at, &check);
        if (check.how == SIGNED_GOOD)
            hear(x, &(struct voice){s->text, s->signature, check.person,
                                    check.key});
    }
}

static struct json *voice_json(const struct voice *v)
{
    struct json *j = json_new_object();

    json_set_str(j, "text", v->text);
    json_set_str(j, "signature", v->signature);
    json_set_str(j, "person", v->person);
    json_set_str(j, "key", v->key);
    return j;
}

static bool pin(struct acceptation *x, struct err *e)
{
    struct json *j = json_new_object(), *statements = json_new_array();

    for (size_t i = 0; i < x->n; i++)
        json_append(statements, voice_json(&x->voices[i]));
    json_set_str(j, "environment", x->t->env->name);
    json_set_str(j, "digest", x->digest);
    json_set_str(j, "text", x->text);
    json_set_str(j, "who", ledger_who(x->t->arena));
    json_set(j, "statements", statements);
    return ledger_append(x->t->ledger, EVENT_POLICY, j, e);
}

static bool record(struct acceptation *x, const struct voice *v, struct err *e)
{
    struct json *j = voice_json(v);

    json_set_str(j, "environment", x->t->env->name);
    return ledger_append(x->t->ledger, EVENT_STATEMENT, j, e);
}

static void answer_json(struct acceptation *x, bool pinned, struct json *people)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", x->t->env->name);
    json_set_str(j, "was", x->state.pinned);
    json_set_str(j, "digest", x->digest);
    json_set_bool(j, "pinned", pinned);
    json_set(j, "people", people);
    json_set_int(j, "people_wanted",
                 x->pinned.signatures_required ? (int64_t)x->wanted : 1);
    output_json(x->t->out, j);
}

static void answer(struct acceptation *x, bool pinned)
{
    struct json *people = json_new_array();
    struct tidegate *t = x->t;

    for (size_t i = 0; i < x->n; i++) {
        say_row(t, "accepted",
                arena_printf(t->arena, "%s%s%s", x->voices[i].person,
                             *x->voices[i].key ? ", " : " (not signed)",
                             x->voices[i].key));
        json_append(people, json_new_string(x->voices[i].person));
    }
    if (pinned)
        output_style(t->out, STYLE_GOOD, "pinned: %s\n", x->digest);
    else
        output_style(t->out, STYLE_WARN,
                     "not pinned yet: %zu of %zu persons; next, somebody else "
                     "runs: tidegate policy accept\n",
                     x->n, x->wanted);
    answer_json(x, pinned, people);
}

/* Says it in our own name; a person who spoke before says it no second time. */
static bool speak(struct acceptation *x, const char *key, struct voice *v,
                  struct err *e)
{
    struct tidegate *t = x->t;
    /* The pinned policy is what speaker_find and speaker_sign go by. */
    struct environment env = *t->env, *before = t->env;
    struct speaker by;
    char nonce[33];
    bool ok;

    env.policy.expected = x->pinned;
    t->env = &env;
    nonce_hex(nonce, 16);
    ok = speaker_find(t, key, x->pinned.signatures_required, &by, e);
    if (ok) {
        v->text =
            policy_text(t->arena, t->config.project, env.name, x->state.pinned,
                        x->digest, by.person, clock_now(), nonce);
        v->person = by.person;
        v->key = by.fingerprint;
        ok = speaker_sign(t, &by, v->text, &v->signature, e);
    }
    t->env = before;
    /* It names the file of the pinned signers, which only we can see. */
    if (!ok && strstr(e->fix, x->folder)) {
        err_why(e, "the pinned policy does not name it as a signer");
        err_fix(e, "sign with a key that the pinned policy knows; what differs "
                   "from it: tidegate policy show");
    }
    return ok;
}

static bool accept_change(struct acceptation *x, const char *key, struct err *e)
{
    struct tidegate *t = x->t;
    struct voice v = {0};
    bool fresh;

    pinned_settings(x);
    if (!people_open(x, e) || !speak(x, key, &v, e))
        return false;
    output_style(t->out, STYLE_BOLD, "the policy of %s:\n", t->env->name);
    output_text(t->out, "%s",
                config_policy_changes(t->arena, x->state.pinned_text, x->text));
    if (!x->pinned.signatures_required) {
        hear(x, &v);
    } else {
        hear_recorded(x);
        fresh = !heard(x, v.person, v.key);
        hear(x, &v);
        if (x->n < x->wanted) {
            if (fresh && !record(x, &v, e))
                return false;
            answer(x, false);
            t->exit_code = EXIT_HELD;
            return true;
        }
    }
    if (!pin(x, e))
        return false;
    answer(x, true);
    return true;
}

static bool nothing_pinned(struct tidegate *t, struct err *e)
{
    err_what(e, ERR_CONFIG, "no policy of %s is pinned yet", t->env->name);
    err_why(e, "`init` pins the first; whoever may accept another is named by "
               "the pinned one");
    return err_fix(e, "run: tidegate init");
}

static bool accept_read(struct acceptation *x, struct err *e)
{
    struct tidegate *t = x->t;

    ledger_close(t->ledger);
    t->ledger = ledger_open(t->arena, t->config.ledger, LEDGER_WRITE, e);
    x->text = config_policy_text(t->arena, t->env, e);
    return t->ledger && x->text && config_policy_digest(t->env, x->digest, e) &&
           state_read(&x->state, t->arena, t->ledger, t->env->name, e);
}

bool policy_accept(struct tidegate *t, const char *key, struct err *e)
{
    struct acceptation x = {.t = t};
    bool ok;

    if (!accept_read(&x, e))
        return false;
    if (!x.state.pinned)
        return nothing_pinned(t, e);
    if (strcmp(x.state.pinned, x.digest) == 0) {
        answer_json(&x, true, json_new_array());
        output_text(t->out,
                    "The policy of %s is the pinned one: nothing to "
                    "accept.\n",
                    t->env->name);
        return true;
    }
    ok = accept_change(&x, key, e);
    people_close(&x);
    return ok;
}
