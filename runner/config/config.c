#include "runner/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/base/nearest.h"
#include "runner/base/zone.h"
#include "runner/config/load.h"
#include "runner/config/value.h"

static bool folder_find(struct config *c, struct arena *a, const char *folder,
                        struct err *e)
{
    char *real = realpath(folder, NULL);

    if (!real) {
        err_what(e, ERR_CONFIG, "cannot enter %s", escape(a, folder));
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "point -C at the folder of " CONFIG_FILE);
    }
    c->folder = arena_strdup(a, real);
    free(real);
    c->path = path_join(a, c->folder, CONFIG_FILE);
    if (file_exists(c->path))
        return true;
    err_what(e, ERR_CONFIG, "there is no %s in %s", CONFIG_FILE,
             escape(a, c->folder));
    err_why(e, "it says what is released, where and when");
    for (const char *at = c->folder; strcmp(at, "/") != 0;) {
        at = path_folder(a, at);
        if (file_exists(path_join(a, at, CONFIG_FILE)))
            return err_fix(e, "there is one above: add -C %s", escape(a, at));
    }
    return err_fix(e, "run `tidegate init` there, or point -C at its folder");
}

static bool environment_add(const struct load *l, const struct ini_file *f,
                            const struct ini_section *s, const char *name)
{
    struct config *c = l->config;

    if (!name_valid(name, ENVIRONMENT_NAME_LIMIT)) {
        ini_refuse(f, s->line, NULL, l->e, "'%s' names no environment", name);
        err_why(l->e, "a name has up to 32 letters, digits and . _ -, and "
                      "begins with neither . nor -");
        return err_fix(l->e, "write [environment production]");
    }
    c->environments =
        arena_grow(l->arena, c->environments, c->n_environments,
                   c->n_environments + 1, sizeof *c->environments);
    c->environments[c->n_environments++] =
        (struct environment){.name = name, .line = s->line};
    return true;
}

static const char *environment_nearest(const struct load *l, const char *name)
{
    const struct config *c = l->config;
    const char **names =
        arena_array(l->arena, c->n_environments, sizeof *names);

    for (size_t i = 0; i < c->n_environments; i++)
        names[i] = c->environments[i].name;
    return nearest(name, names, c->n_environments);
}

static struct environment *environment_find(const struct config *c,
                                            const char *name)
{
    for (size_t i = 0; i < c->n_environments; i++)
        if (strcmp(c->environments[i].name, name) == 0)
            return &c->environments[i];
    return NULL;
}

static bool environment_unknown(const struct load *l, const struct ini_file *f,
                                int line, const char *key, const char *name)
{
    const char *near = environment_nearest(l, name);

    ini_refuse(f, line, key, l->e, "there is no environment '%s'", name);
    err_why(l->e, "no section [environment %s] stands in " CONFIG_FILE, name);
    return near ? err_fix(l->e, "did you mean `%s`?", near)
                : err_fix(l->e, "add [environment %s], or correct the name",
                          name);
}

/* The environments, then that every [X NAME] names one of them. */
static bool sections_take(const struct load *l, const struct ini_file *f)
{
    const struct ini_section *end = f->sections + f->n_sections;
    const struct key_section *is;
    const char *name;

    for (const struct ini_section *s = f->sections; s < end; s++) {
        is = key_section_find(s->name, false, &name);
        if (is->scope == SCOPE_ENVIRONMENT && !environment_add(l, f, s, name))
            return false;
    }
    for (const struct ini_section *s = f->sections; s < end; s++) {
        is = key_section_find(s->name, false, &name);
        if (is->scope == SCOPE_EACH && name &&
            !environment_find(l->config, name))
            return environment_unknown(l, f, s->line, NULL, name);
    }
    return true;
}

static bool section_missing(const struct load *l, const struct ini_file *f,
                            const char *name)
{
    err_what(l->e, ERR_CONFIG, "%s: there is no [%s]", f->shown, name);
    err_why(l->e, "without it nothing can be released");
    return err_fix(l->e, "add the section; see: tidegate help config");
}

static bool project_load(const struct load *l, const struct ini_file *f,
                         struct buf *unpinned)
{
    struct config *c = l->config;
    const char *path;

    if (!ini_section_find(f, "project"))
        return section_missing(l, f, "project");
    if (c->n_environments == 0)
        return section_missing(l, f, "environment NAME");
    for (const struct key_section *s = key_sections; s->name; s++)
        if (s->scope == SCOPE_PROJECT &&
            !load_section(l, f, s, NULL, c, unpinned))
            return false;
    path = c->migrations_path;
    if (*path != '/' && !strstr(path, ".."))
        return true;
    ini_refuse(f, ini_entry_find(f, "migrations", "path")->line, "path", l->e,
               "it leaves the commit");
    err_why(l->e, "migrations are files of the released commit");
    return err_fix(l->e, "write a folder inside the repository");
}

static bool environment_wrong(const struct load *l, const struct ini_file *f,
                              const struct environment *env, const char *key,
                              const char *what)
{
    const char *section = arena_printf(l->arena, "environment %s", env->name);
    const struct ini_entry *entry = ini_entry_find(f, section, key);

    ini_refuse(f, entry ? entry->line : env->line, key, l->e, "%s", what);
    err_why(l->e, "an environment is hosts with a path, a database, or both");
    return err_fix(l->e, "see: tidegate help config");
}

static bool place_agrees(const struct load *l, const struct ini_file *f,
                         const struct environment *env)
{
    if (env->n_hosts == 0 && !env->database)
        return environment_wrong(l, f, env, "hosts",
                                 "there are neither hosts nor a database");
    if (env->n_hosts > 0 && !env->path)
        return environment_wrong(l, f, env, "path",
                                 "the key is missing, and there are hosts");
    if (env->path &&
        (env->path[0] != '/' || env->path[1] == '\0' ||
         strstr(env->path, "/../") || env->path[strlen(env->path) - 1] == '/'))
        return environment_wrong(
            l, f, env, "path",
            "it must begin with /, not end with /, and have no ..");
    return true;
}

/* The entry that rules in this environment, for the line of a message. */
static int line_of(const struct load *l, const struct ini_file *f,
                   const struct environment *env, const char *section,
                   const char *key)
{
    const char *own = arena_printf(l->arena, "%s %s", section, env->name);
    const struct ini_entry *entry = ini_entry_find(f, own, key);
    const struct ini_section *at = ini_section_find(f, own);

    if (!entry)
        entry = ini_entry_find(f, section, key);
    if (!at)
        at = ini_section_find(f, section);
    return entry ? entry->line : at ? at->line : env->line;
}

static bool rehearsal_agrees(const struct load *l, const struct ini_file *f,
                             const struct environment *env)
{
    const struct rehearsal_settings *r = &env->rehearsal;
    const char *missing = NULL;

    if (!r->on || r->clone == CLONE_COMMAND)
        return true;
    if (!r->server)
        missing = "server";
    else if ((r->clone == CLONE_DUMP || r->clone == CLONE_SCHEMA) && !r->from)
        missing = "from";
    if (!missing)
        return true;
    ini_refuse(f, line_of(l, f, env, "rehearsal", missing), missing, l->e,
               "the key is missing in [rehearsal]");
    err_why(l->e, "a clone of this kind needs it, and it has no default");
    return err_fix(l->e, "add: %s = service=NAME", missing);
}

/* Hosts after a wave, out of n. */
static size_t wave_total(const struct wave_size *w, size_t n)
{
    size_t amount = (size_t)w->amount;

    if (w->percent)
        return (n * amount + 99) / 100;
    return amount < n ? amount : n;
}

static bool waves_agree(const struct load *l, const struct ini_file *f,
                        const struct environment *env)
{
    const struct rollout_settings *r = &env->rollout;
    size_t total = 0, next = 0;
    int line;

    for (size_t i = 0; i < r->n_waves; i++, total = next) {
        next = wave_total(&r->waves[i], env->n_hosts);
        if (next < total)
            break;
    }
    if (next == env->n_hosts)
        return true;
    line = line_of(l, f, env, "rollout", "waves");
    if (next < total)
        ini_refuse(f, line, "waves", l->e,
                   "the total falls from %zu to %zu hosts", total, next);
    else
        ini_refuse(f, line, "waves", l->e, "they end at %zu of %zu hosts", next,
                   env->n_hosts);
    err_why(l->e, "each is the running total after it, and the last is all");
    return err_fix(l->e, "write totals such as: 1 25%% 100%%");
}

static bool names_host(const char *text)
{
    for (; (text = strchr(text, '%')); text += 2)
        if (text[1] == 'h')
            return true;
    return false;
}

/* One address for all hosts would be one host's answer for all of them. */
static bool probe_agrees(const struct load *l, const struct ini_file *f,
                         const struct environment *env)
{
    const char *url = env->probe_host.url;

    if (!env->probe_host.on || env->n_hosts < 2 || names_host(url))
        return true;
    ini_refuse(f, line_of(l, f, env, "probe host", "url"), "url", l->e,
               "it is the same address for %zu hosts", env->n_hosts);
    err_why(l->e, "each host is to answer for itself, or the first one's "
                  "answer counts for all");
    return err_fix(l->e, "name the host by %%h: http://%%h:8080/health; what "
                         "they share is [probe front]");
}

static bool environment_load(const struct load *l, const struct ini_file *f,
                             struct environment *env, struct buf *pinned)
{
    for (const struct key_section *s = key_sections; s->name; s++)
        if ((s->scope == SCOPE_ENVIRONMENT || s->scope == SCOPE_EACH) &&
            !load_section(l, f, s, env->name, env, pinned))
            return false;
    if (!place_agrees(l, f, env) || !rehearsal_agrees(l, f, env) ||
        !waves_agree(l, f, env) || !probe_agrees(l, f, env) ||
        !policy_load(l, env, pinned))
        return false;
    env->pinned_text = arena_strdup(l->arena, pinned->data);
    if (!env->policy.window.calendar.zone)
        env->policy.window.calendar.zone = zone_open("UTC");
    return true;
}

/* [proven] of a policy names another environment of tidegate.ini. */
static bool proven_agrees(const struct load *l, const struct environment *env)
{
    const char *in = env->policy.proven.in, *near;

    if (!in || (environment_find(l->config, in) && strcmp(in, env->name)))
        return true;
    near = environment_nearest(l, in);
    err_what(l->e, ERR_CONFIG, "%s: [proven] in: '%s' is no other environment",
             load_shown(l, env->policy_path), in);
    err_why(l->e, "a release proves itself for `%s` in an environment of %s",
            env->name, CONFIG_FILE);
    return near && strcmp(near, env->name)
               ? err_fix(l->e, "did you mean `%s`?", near)
               : err_fix(l->e, "name another environment, or take [proven] "
                               "out");
}

static bool environments_load(const struct load *l, const struct ini_file *f)
{
    struct config *c = l->config;
    struct buf pinned;
    bool good = true;

    for (size_t i = 0; i < c->n_environments && good; i++) {
        buf_init(&pinned);
        good = environment_load(l, f, &c->environments[i], &pinned);
        buf_release(&pinned);
    }
    for (size_t i = 0; i < c->n_environments && good; i++)
        good = proven_agrees(l, &c->environments[i]);
    return good;
}

bool config_load(struct config *out, struct arena *a, const char *folder,
                 struct err *e)
{
    struct load l = {.arena = a, .config = out, .e = e};
    struct ini_file f;
    struct buf unpinned;
    bool good;

    *out = (struct config){0};
    if (!folder_find(out, a, folder, e) || !load_trusted(&l, out->folder) ||
        !load_file(&l, out->path, false, &f) || !sections_take(&l, &f))
        return false;
    buf_init(&unpinned);
    good = project_load(&l, &f, &unpinned) && environments_load(&l, &f);
    buf_release(&unpinned);
    return good;
}

void config_release(struct config *c)
{
    for (size_t i = 0; i < c->n_environments; i++)
        if (c->environments[i].policy.window.calendar.zone)
            zone_close(c->environments[i].policy.window.calendar.zone);
    c->n_environments = 0;
}

struct environment *config_environment(struct config *c, const char *name,
                                       struct err *e)
{
    struct environment *found = name ? environment_find(c, name) : NULL;
    char list[400] = "";
    size_t n = 0;

    if (!name && c->n_environments == 1)
        return &c->environments[0];
    if (found)
        return found;
    for (size_t i = 0; i < c->n_environments && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "",
                              c->environments[i].name);
    if (name)
        err_what(e, ERR_USAGE, "there is no environment '%.60s'", name);
    else
        err_what(e, ERR_USAGE, "which environment?");
    err_why(e, "%s has: %s", CONFIG_FILE, list);
    err_fix(e, "name one of them: -e %s", c->environments[0].name);
    return NULL;
}
