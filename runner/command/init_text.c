#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/embedded.h"
#include "runner/command/init.h"

static void add_hosts(struct buf *out, const struct opt_list *hosts)
{
    buf_str(out, "hosts  = ");
    for (size_t i = 0; i < hosts->n; i++)
        buf_printf(out, "%s%s", i ? "\n         " : "", hosts->words[i]);
    buf_char(out, '\n');
}

static void add_place(struct buf *out, const struct init_args *args,
                      const struct found *found)
{
    if (args->hosts.n)
        add_hosts(out, &args->hosts);
    else
        buf_str(out, "; hosts  = deploy@web[01-12].example.net\n");
    if (!args->hosts.n && found->ssh_hosts)
        buf_printf(out, "; your ssh configuration knows: %s\n",
                   found->ssh_hosts);
    buf_printf(out, "%spath   = %s\n", args->hosts.n ? "" : "; ",
               args->path ? args->path
                          : "/srv/app ; the application on every host");
    if (found->database)
        buf_printf(out, "database = %s\n", found->database);
    else
        buf_str(out, "; database = service=shop-production\n");
    buf_str(out, "; passwords stand in ~/.pgpass, names of services in "
                 "~/.pg_service.conf\n");
}

/* The rehearsal works at once where there is a server; better ones follow. */
static void add_rehearsal(struct buf *out, const struct found *found)
{
    const char *off = found->server ? "" : "; ";

    buf_str(out, "\n; Migrations are timed on a clone before they may run. "
                 "Best dump a replica,\n; into a server that is not "
                 "production's.\n");
    buf_printf(out,
               "%s[rehearsal]\n%sclone  = dump\n%sfrom   = %s\n"
               "%sserver = %s\n",
               off, off, off,
               found->database && *off == '\0' ? found->database
                                               : "service=shop-replica",
               off, found->server ? found->server : "service=shop-rehearsal");
}

static const char tail[] =
    "\n[artifact]\n"
    "from    = git ; the commit's tree, or file:build/app-%v.tar.gz\n"
    "; exclude = tests/ docs/\n"
    "; shared  = log config/local.env\n"
    "; on the host, in the staged folder, before any flip:\n"
    "; prepare = bin/build\n"
    "\n[rollout]\n"
    "waves   = 1 25% 100% ; running total of hosts after each wave\n"
    "max_out = 25%        ; most hosts out of the pool at once\n"
    "; commands on the host, or \"on lb1: COMMAND\":\n"
    "; restart = sudo -n systemctl restart app\n"
    "; drain   = ...\n"
    "; undrain = ...\n"
    "\n; A probe proves that the new release answers: without one, a release "
    "that\n; does not run counts as good.\n"
    "; [probe host]\n"
    "; url  = http://%h:8080/health\n"
    "; body = \"release\":\"%v\"\n"
    "; [probe front]\n"
    "; url  = https://app.example.net/\n"
    "; [pool]\n"
    "; members = haproxy:/run/haproxy.sock/app\n";

char *init_config_text(struct arena *a, const char *environment,
                       const struct init_args *args, const struct found *found)
{
    struct buf out;

    buf_init(&out);
    buf_printf(&out,
               "; What is released, where, and how. All keys: tidegate help "
               "config\n\n[project]\nname       = %s\nrepository = .\n"
               "%sledger     = .tidegate/ledger ; keep this folder: it is the "
               "record\n\n[environment %s]\npolicy = policies/%s.ini\n",
               found->project,
               found->git ? "" : "; no git repository was found here\n",
               environment, environment);
    add_place(&out, args, found);
    buf_str(&out, "\n[migrations]\npath = migrations\n");
    add_rehearsal(&out, found);
    buf_str(&out, tail);
    return buf_into(&out, a);
}

static const struct embedded *preset_find(struct arena *a, const char *name,
                                          struct err *e)
{
    const char *file = arena_printf(a, "%s.ini", name);
    struct buf names;

    buf_init(&names);
    for (const struct embedded *p = preset_files; p->name; p++) {
        if (strcmp(p->name, file) == 0) {
            buf_release(&names);
            return p;
        }
        buf_printf(&names, "%s%.*s", names.len ? ", " : "",
                   (int)strcspn(p->name, "."), p->name);
    }
    err_what(e, ERR_USAGE, "there is no preset '%.40s'", name);
    err_why(e, "presets are: %s", names.data);
    err_fix(e, "name one of them");
    buf_release(&names);
    return NULL;
}

char *init_policy_text(struct arena *a, const char *preset,
                       const struct found *found, struct err *e)
{
    const struct embedded *file = preset_find(a, preset, e);
    struct buf out;

    if (!file)
        return NULL;
    buf_init(&out);
    for (const char *at = file->bytes; *at;) {
        size_t n = strcspn(at, "\n") + 1;

        if (strncmp(at, "zone", 4) == 0)
            buf_printf(&out, "%.*s%s\n", (int)strcspn(at, "U"), at,
                       found->zone);
        else
            buf_add(&out, at, n);
        at += n;
    }
    return buf_into(&out, a);
}
