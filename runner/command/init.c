#include "runner/command/init.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/person.h"
#include "runner/base/file.h"
#include "runner/config/ini.h"
#include "runner/config/keys.h"
#include "runner/ledger/state.h"

/* One init: what it makes, and what it tells of that. */
struct init {
    struct tidegate *t;
    const struct init_args *args;
    const char *folder, *environment;
    struct found found;
    struct json *made, *kept, *pinned;
};

static const char *shown(const struct init *i, const char *path)
{
    size_t n = strlen(i->folder);

    return strncmp(path, i->folder, n) == 0 && path[n] == '/' ? path + n + 1
                                                              : path;
}

static void said(struct init *i, struct json *list, const char *word,
                 const char *path, const char *more)
{
    json_append(list, json_new_string(shown(i, path)));
    output_text(i->t->out, "%-7s %s%s\n", word, shown(i, path), more);
}

/* Makes the file unless it is there. */
static bool file_missing(struct init *i, const char *path, const char *text,
                         const char *more, struct err *e)
{
    struct arena *a = i->t->arena;

    if (file_exists(path)) {
        said(i, i->kept, "kept", path, "");
        return true;
    }
    if (!folder_make(path_folder(a, path), 0755, e) ||
        !file_create(path, text, strlen(text), 0644, e))
        return false;
    said(i, i->made, "made", path, more);
    return true;
}

/* One person and one machine are what is found here; the others of a team
 * have to be named first. */
static const char *preset_name(const struct init *i)
{
    return i->args->preset ? i->args->preset : "solo";
}

static bool make_policy(struct init *i, const char *path, struct err *e)
{
    const char *preset = preset_name(i);
    char *text = init_policy_text(i->t->arena, preset, &i->found, e);

    return text &&
           file_missing(i, path, text,
                        arena_printf(i->t->arena, " (preset %s, zone %s)",
                                     preset, i->found.zone),
                        e);
}

/* A key file that the policy names, unless it is there. */
static bool make_key_file(struct init *i, const struct ini_file *policy,
                          const char *key, const char *text, const char *more,
                          struct err *e)
{
    const struct ini_entry *entry = ini_entry_find(policy, "expected", key);

    return !entry ||
           file_missing(i, path_join(i->t->arena, i->folder, entry->value),
                        text, more, e);
}

static bool make_signers(struct init *i, const char *policy, struct err *e)
{
    const char *signer = i->found.signer;
    struct ini_file f;

    return ini_file_read(&f, i->t->arena, policy, shown(i, policy), e) &&
           make_key_file(i, &f, "signers",
                         signer ? signer
                                : "# anna@example.net "
                                  "namespaces=\"tidegate\" ssh-ed25519 AAAA\n",
                         signer ? " (with your key)"
                                : " (no key was found: add yours)",
                         e) &&
           make_key_file(i, &f, "revoked", "# public keys, one a line\n", "",
                         e);
}

/* The policies that tidegate.ini names, and their signers. */
static bool make_policies(struct init *i, struct err *e)
{
    struct arena *a = i->t->arena;
    const char *path = path_join(a, i->folder, CONFIG_FILE), *name;
    struct ini_file f;

    if (!ini_file_read(&f, a, path, CONFIG_FILE, e))
        return false;
    for (size_t n = 0; n < f.n_entries; n++) {
        const struct ini_entry *x = &f.entries[n];
        const struct key_section *s =
            key_section_find(x->section, false, &name);

        if (!s || s->scope != SCOPE_ENVIRONMENT ||
            strcmp(x->key, "policy") != 0)
            continue;
        path = path_join(a, i->folder, x->value);
        if (!make_policy(i, path, e) || !make_signers(i, path, e))
            return false;
    }
    return true;
}

static bool make_ledger(struct init *i, struct err *e)
{
    struct tidegate *t = i->t;
    const char *parent = path_folder(t->arena, t->config.ledger);
    const char *ignore = path_join(t->arena, parent, ".gitignore");

    if (ledger_exists(t->config.ledger)) {
        said(i, i->kept, "kept", t->config.ledger, "");
    } else {
        if (!folder_make(parent, 0700, e) ||
            !ledger_create(t->config.ledger, t->config.project, e))
            return false;
        said(i, i->made, "made", t->config.ledger, " (keep it)");
    }
    /* the record is no part of the released tree */
    if (strcmp(parent, path_join(t->arena, i->folder, ".tidegate")) == 0 &&
        !file_exists(ignore) && !file_create(ignore, "*\n", 2, 0644, e))
        return false;
    t->ledger = ledger_open(t->arena, t->config.ledger, LEDGER_WRITE, e);
    return t->ledger != NULL;
}

static bool pin(struct init *i, const struct environment *env, struct err *e)
{
    struct tidegate *t = i->t;
    struct json *j;
    char digest[HASH_HEX];
    const char *text = config_policy_text(t->arena, env, e);

    if (!text || !config_policy_digest(env, digest, e))
        return false;
    j = json_new_object();
    json_set_str(j, "environment", env->name);
    json_set_str(j, "digest", digest);
    json_set_str(j, "text", text);
    json_set_str(j, "who", ledger_who(t->arena));
    if (!ledger_append(t->ledger, EVENT_POLICY, j, e))
        return false;
    json_append(i->pinned, json_new_string(env->name));
    output_text(t->out, "%-7s the policy of %s (%.12s)\n", "pinned", env->name,
                digest);
    return true;
}

/* How many different persons the signers file names. */
static size_t persons(struct tidegate *t, const char *text)
{
    static const char mark[] = "[signers] ";
    const char **names = NULL;
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, mark));) {
        size_t i = 0, len = strcspn(at += sizeof mark - 1, " \t\n");
        const char *name = arena_strndup(t->arena, at, len);

        while (i < n && !person_same(names[i], name))
            i++;
        if (i < n)
            continue;
        names = arena_grow(t->arena, names, n, n + 1, sizeof *names);
        names[n++] = name;
    }
    return n;
}

/* Once pinned, a policy is changed only by those it names: with too few it
 * could never be used, nor mended. */
static bool enough_people(struct init *i, const struct environment *env,
                          bool *enough, struct err *e)
{
    const struct expected_settings *x = &env->policy.expected;
    const char *text = config_policy_text(i->t->arena, env, e);
    size_t want = (size_t)x->approvals + 1, have;

    if (!text)
        return false;
    have = persons(i->t, text);
    *enough = !x->signatures_required || have >= want;
    if (!*enough)
        output_style(i->t->out, STYLE_WARN,
                     "%-7s the policy of %s: it wants %zu person%s, and %s "
                     "names %zu.\n        Add them, then run `tidegate init` "
                     "once more.\n",
                     "not yet", env->name, want, want == 1 ? "" : "s",
                     shown(i, x->signers), have);
    return true;
}

/* The first policy of each environment; a pinned one is changed by nobody but
 * `policy accept`. */
static bool pin_first(struct init *i, struct err *e)
{
    struct tidegate *t = i->t;
    struct environment_state state;
    bool enough;

    for (size_t n = 0; n < t->config.n_environments; n++) {
        const struct environment *env = &t->config.environments[n];

        if (!state_read(&state, t->arena, t->ledger, env->name, e))
            return false;
        if (state.pinned)
            output_text(t->out, "%-7s the pinned policy of %s (%.12s)\n",
                        "kept", env->name, state.pinned);
        else if (!enough_people(i, env, &enough, e) ||
                 (enough && !pin(i, env, e)))
            return false;
    }
    return true;
}

static bool place_given(const struct init *i)
{
    return i->args->hosts.n || i->found.database;
}

/* Hosts are checked before a file is written with them; and a file that is
 * there already takes none. */
static bool words_good(struct init *i, bool fresh, struct err *e)
{
    struct host_name *list;
    size_t n, bad;

    if (!fresh && (i->args->hosts.n || i->args->path || i->args->database)) {
        err_what(e, ERR_USAGE, "%s is there already", CONFIG_FILE);
        err_why(e, "init overwrites nothing, so --host, --path and --database "
                   "would be lost");
        return err_fix(e, "write them into the file, then run: tidegate init");
    }
    for (size_t w = 0; w < i->args->hosts.n; w++) {
        if (hosts_parse(i->t->arena, i->args->hosts.words[w], &list, &n, &bad,
                        e))
            continue;
        e->code = ERR_USAGE;
        return false;
    }
    return true;
}

static bool folder_set(struct init *i, struct err *e)
{
    const char *asked = i->t->globals.folder ? i->t->globals.folder : ".";
    char *real = realpath(asked, NULL);

    if (!real) {
        err_what(e, ERR_USAGE, "cannot enter %.100s", asked);
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "make the folder first, or name another with -C");
    }
    i->folder = arena_strdup(i->t->arena, real);
    free(real);
    return true;
}

/* Which of the PG* variables a new file has its database from, in words. */
static const char *variables_taken(struct init *i, bool fresh)
{
    struct buf *names = &i->t->inherited->names;
    const char *words = "";

    if (fresh && !i->args->database && i->found.database) {
        words = arena_printf(i->t->arena, " (database from %s)", names->data);
        buf_clear(names);
    }
    start_tell(i->t->inherited);
    return words;
}

static bool make_config(struct init *i, bool *fresh, struct err *e)
{
    struct arena *a = i->t->arena;
    const char *path = path_join(a, i->folder, CONFIG_FILE);

    *fresh = !file_exists(path);
    init_find(i->t, i->args, i->folder, &i->found);
    return words_good(i, *fresh, e) &&
           file_missing(i, path,
                        init_config_text(a, i->environment, i->args, &i->found),
                        variables_taken(i, *fresh), e);
}

/* The first pin vouches for what follows, so nobody else's file gets it. */
static bool owner_ours(struct tidegate *t, struct err *e)
{
    if (!t->config.foreign)
        return true;
    err_what(e, ERR_CONFIG, "%s", t->config.foreign);
    err_why(e, "init pins a configuration only for its owner");
    return err_fix(e, "run init as its owner, or: chown");
}

static bool make_rest(struct init *i, bool fresh, struct err *e)
{
    struct tidegate *t = i->t;

    if (!make_policies(i, e))
        return false;
    if (!i->found.git)
        progress_warn(t->progress, NULL, "%s", i->found.git_why);
    if (fresh && !place_given(i)) {
        output_text(t->out,
                    "\nNext: write `hosts` and `path`, or `database`, into "
                    "%s, then run\n`tidegate init` once more: it makes the "
                    "ledger and pins the policy.\n",
                    CONFIG_FILE);
        return true;
    }
    if (!config_load(&t->config, t->arena, i->folder, e) || !owner_ours(t, e) ||
        !make_ledger(i, e) || !pin_first(i, e))
        return false;
    output_text(t->out,
                "\nNext: read %s, then run `tidegate doctor`. What is pinned "
                "is changed\nby `tidegate policy accept`.\n",
                CONFIG_FILE);
    return true;
}

static bool init_run(struct tidegate *t, void *args, struct err *e)
{
    struct init i = {.t = t,
                     .args = args,
                     .environment = t->globals.environment
                                        ? t->globals.environment
                                        : "production",
                     .made = json_new_array(),
                     .kept = json_new_array(),
                     .pinned = json_new_array()};
    struct json *all = json_new_object();
    bool fresh, good = folder_set(&i, e) && make_config(&i, &fresh, e) &&
                       make_rest(&i, fresh, e);

    json_set(all, "made", i.made);
    json_set(all, "kept", i.kept);
    json_set(all, "pinned", i.pinned);
    if (good)
        output_json(t->out, all);
    else
        json_free(all);
    return good;
}

static const struct opt init_opts[] = {
    {"host", 0, "HOST", "A host, or a range of hosts: deploy@web[01-12].",
     OPT_LIST(init_args, hosts)},
    {"path", 0, "PATH", "The folder of the application on every host.",
     OPT_STR(init_args, path)},
    {"database", 0, "CONNINFO",
     "The database; default: what PGSERVICE, PGHOST and such say.",
     OPT_STR(init_args, database)},
    {"preset", 0, "NAME",
     "The policy to start from: solo (default), standard or careful.",
     OPT_STR(init_args, preset)},
    {0},
};

const struct cmd cmd_init = {
    .name = "init",
    .summary = "Write a first configuration, create the ledger, pin the "
               "policy.",
    .help = "Makes what is missing and overwrites nothing: tidegate.ini and "
            "policies/ENV.ini with what git, the PG* variables and ssh's "
            "configuration tell, the signers file with your key, the ledger, "
            "and the pin of each environment's first policy. The preset "
            "`standard` wants signatures and an approval, `careful` more; "
            "`solo`, the default, is for one person.",
    .opts = init_opts,
    .args_size = sizeof(struct init_args),
    .run = init_run,
};
