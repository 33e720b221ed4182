#include "runner/command/signing.h"

#include <string.h>

#include "runner/base/escape.h"
#include "runner/release/git.h"
#include "runner/release/sign.h"

#define REASON_LIMIT 1000

/* NULL also when there is no repository: a key may be all that is wanted. */
static const char *key_of_git(struct tidegate *t)
{
    struct err ignored = {0};
    struct git *g = git_open(t->arena, t->config.repository, &ignored);
    const char *key = g ? git_setting(g, t->arena, "user.signingkey") : NULL;

    git_close(g);
    return key;
}

bool speaker_find(struct tidegate *t, const char *key, bool must,
                  struct speaker *out, struct err *e)
{
    const struct expected_settings *s = &t->env->policy.expected;
    char *person, *fingerprint;
    bool asked = must || key;
    struct err why = {0};

    *out = (struct speaker){NULL, ledger_who(t->arena), ""};
    if (!key)
        key = key_of_git(t);
    if (!asked && (!key || !s->signers))
        return true;
    if (!sign_who(t->loop, t->arena, s, key, &person, &fingerprint, &why)) {
        if (asked)
            *e = why;
        return !asked;
    }
    *out = (struct speaker){key, person, fingerprint};
    return true;
}

static bool would_not_count(const struct speaker *s,
                            const struct signature_check *c, struct err *e)
{
    err_what(e, ERR_CONFIG, "the signature of %s would not count", s->person);
    err_why(e, "%s", c->why ? c->why : "it was made by another key");
    return err_fix(e, "sign with a key of the signers file that is valid now: "
                      "--key FILE");
}

bool speaker_sign(struct tidegate *t, const struct speaker *s, const char *text,
                  const char **signature, struct err *e)
{
    struct signature_check check;
    char *made;

    *signature = "";
    if (!s->key)
        return true;
    if (!sign_text(t->loop, t->arena, s->key, text, &made, e))
        return false;
    sign_check(t->loop, t->arena, &t->env->policy.expected, text, made,
               clock_now(), &check);
    if (check.how != SIGNED_GOOD || strcmp(check.person, s->person) != 0)
        return would_not_count(s, &check, e);
    *signature = made;
    return true;
}

bool speaker_state(struct tidegate *t, const struct speaker *s,
                   const char *text, struct err *e)
{
    const char *signature;
    struct json *j;

    if (!speaker_sign(t, s, text, &signature, e))
        return false;
    j = json_new_object();
    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "text", text);
    json_set_str(j, "signature", signature);
    json_set_str(j, "person", s->person);
    json_set_str(j, "key", s->fingerprint);
    return ledger_append(t->ledger, EVENT_STATEMENT, j, e);
}

char *speaker_words(struct tidegate *t, const struct speaker *s)
{
    return arena_printf(t->arena, "%s (%s)", s->person,
                        s->key ? s->fingerprint : "not signed");
}

void say_row(struct tidegate *t, const char *name, const char *text)
{
    output_text(t->out, "  %-10s %s\n", name, text);
}

bool reason_valid(const char *option, const char *text, struct err *e)
{
    const char *why = NULL;

    if (!text || !text[strspn(text, " \t")])
        why = "it is kept in the ledger for those who look later";
    else if (strlen(text) > REASON_LIMIT)
        why = "it is over 1,000 bytes long";
    else if (text_bad_byte(text, strlen(text)) >= 0)
        why = "it holds a control byte or is not UTF-8";
    if (!why)
        return true;
    err_what(e, ERR_USAGE, "%s wants a reason in words", option);
    err_why(e, "%s", why);
    return err_fix(e, "add %s TEXT", option);
}
