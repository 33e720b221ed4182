#include <string.h>

#include "runner/command/accept.h"
#include "runner/command/cmd.h"
#include "runner/ledger/state.h"
#include "runner/report/verdicts.h"

struct policy_args {
    const char *verb, *key;
};

struct pins {
    char digest[HASH_HEX];
    const char *text;    /* in force */
    const char *pinned;  /* digest, or NULL */
    const char *changes; /* "" when equal, or nothing is pinned */
    int64_t at;
};

static bool pins_read(struct tidegate *t, struct pins *p, struct err *e)
{
    struct environment_state state;

    p->text = config_policy_text(t->arena, t->env, e);
    if (!p->text || !config_policy_digest(t->env, p->digest, e) ||
        !state_read(&state, t->arena, t->ledger, t->env->name, e))
        return false;
    p->pinned = state.pinned;
    p->at = state.pinned_at;
    p->changes = "";
    if (state.pinned && strcmp(state.pinned, p->digest) != 0)
        p->changes =
            config_policy_changes(t->arena, state.pinned_text, p->text);
    return true;
}

static struct json *lines(const char *text)
{
    struct json *list = json_new_array();
    struct arena a;

    arena_init(&a);
    while (*text) {
        size_t n = strcspn(text, "\n");
        json_append(list, json_new_string(arena_strndup(&a, text, n)));
        text += n + (text[n] == '\n');
    }
    arena_release(&a);
    return list;
}

static struct json *pins_json(struct tidegate *t, const struct pins *p)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", t->env->name);
    json_set_str(j, "digest", p->digest);
    json_set(j, "pinned",
             p->pinned ? json_new_string(p->pinned) : json_new_null());
    json_set(j, "settings", lines(p->text));
    json_set(j, "changes", lines(p->changes));
    return j;
}

static bool policy_show(struct tidegate *t, struct err *e)
{
    const struct zone *zone = t->env->policy.window.calendar.zone;
    struct pins p;

    if (!pins_read(t, &p, e))
        return false;
    output_json(t->out, pins_json(t, &p));
    output_style(t->out, STYLE_BOLD, "%s: %s\n", t->env->name,
                 t->env->policy_path);
    output_text(t->out, "%s\ndigest  %s\n", p.text, p.digest);
    if (!p.pinned) {
        output_style(t->out, STYLE_WARN,
                     "Nothing is pinned yet: tidegate init\n");
    } else if (!*p.changes) {
        output_style(t->out, STYLE_GOOD, "pinned  since %s\n",
                     report_time(t->arena, zone, p.at));
    } else {
        output_style(t->out, STYLE_BAD, "pinned  %s since %s\n", p.pinned,
                     report_time(t->arena, zone, p.at));
        output_text(t->out,
                    "changed since, which stops every release until "
                    "`tidegate policy accept`:\n%s",
                    p.changes);
    }
    return true;
}

static bool policy_run(struct tidegate *t, void *args, struct err *e)
{
    const struct policy_args *a = args;

    return strcmp(a->verb, "accept") == 0 ? policy_accept(t, a->key, e)
                                          : policy_show(t, e);
}

static const struct arg policy_words[] = {
    {"show|accept",
     "What is in force, and whether it is the pinned policy; or pin it.",
     ARG_ONE, ARG(policy_args, verb)},
    {0},
};

static const struct opt policy_opts[] = {
    {"key", 0, "FILE",
     "accept: the SSH key to sign with; default: user.signingkey.",
     OPT_STR(policy_args, key)},
    {0},
};

const struct cmd cmd_policy = {
    .name = "policy",
    .summary = "Show the policy in force against the pinned one, or pin it.",
    .help = "The policy file, its signers, and the environment's hosts, path, "
            "database, rollout, probes and pool are pinned in the ledger. "
            "Another policy stops every release until those whom the pinned "
            "one names accept it: as many persons as a release wants.",
    .needs = NEED_CONFIG | NEED_ENVIRONMENT | NEED_LEDGER,
    .args = policy_words,
    .opts = policy_opts,
    .args_size = sizeof(struct policy_args),
    .run = policy_run,
};
