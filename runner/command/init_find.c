#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/base/zone.h"
#include "runner/command/init.h"
#include "runner/release/git.h"

#define NAME_BYTES \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const char *project_name(struct arena *a, const char *folder)
{
    const char *slash = strrchr(folder, '/');
    char *name = arena_strndup(a, slash ? slash + 1 : folder, 32);

    for (char *c = name; *c; c++)
        if (!strchr(NAME_BYTES, *c))
            *c = '-';
    return *name && *name != '.' && *name != '-' ? name : "project";
}

static bool zone_known(const char *name)
{
    struct zone *zone = zone_open(name);

    if (zone)
        zone_close(zone);
    return zone != NULL;
}

/* Debian keeps the name of the machine's zone in the link, and in a file. */
static const char *machine_zone(struct arena *a)
{
    static const char mark[] = "zoneinfo/";
    char link[512];
    ssize_t n = readlink("/etc/localtime", link, sizeof link - 1);
    const char *name;
    struct err unused;
    char *bytes;
    size_t len;

    if (n > 0) {
        link[n] = '\0';
        name = strstr(link, mark);
        if (name && zone_known(name + sizeof mark - 1))
            return arena_strdup(a, name + sizeof mark - 1);
    }
    if (file_read("/etc/timezone", 256, ERR_CONFIG, a, &bytes, &len, &unused)) {
        bytes[strcspn(bytes, " \n")] = '\0';
        if (zone_known(bytes))
            return bytes;
    }
    return "UTC";
}

/* One keyword of a conninfo string, quoted as libpq reads it. */
static void keyword(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, "%s%s=", out->len ? " " : "", name);
    if (!value[strcspn(value, " '\\;")]) {
        buf_str(out, value);
        return;
    }
    buf_char(out, '\'');
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_char(out, '\\');
        buf_char(out, *value);
    }
    buf_char(out, '\'');
}

/* PG* as they were; with them tidegate starts, then it listens to the file
 * alone. dbname NULL: the database of the variables. */
static const char *inherited_database(struct arena *a,
                                      const struct inherited *in,
                                      const char *dbname)
{
    const char *all[] = {in->service, in->host, in->port, in->user,
                         in->database};
    struct buf out;

    if (!in->service && !in->host && !in->database)
        return NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && (strlen(all[i]) > 100 || strstr(all[i], " ;") ||
                       text_bad_byte(all[i], strlen(all[i])) >= 0))
            return NULL;
    buf_init(&out);
    keyword(&out, "service", in->service);
    keyword(&out, "host", in->host);
    keyword(&out, "port", in->port);
    keyword(&out, "user", in->user);
    keyword(&out, "dbname", dbname ? dbname : in->database);
    return buf_into(&out, a);
}

static bool host_plain(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(NAME_BYTES, name[i]))
            return false;
    return len > 0;
}

/* The names of one "Host a b *.c" line that are no patterns. */
static void add_hosts(struct buf *out, const char *line)
{
    while (*(line += strspn(line, " \t=")) && out->len < 120) {
        size_t n = strcspn(line, " \t\r");
        if (host_plain(line, n))
            buf_printf(out, "%s%.*s", out->len ? " " : "", (int)n, line);
        line += n;
    }
}

static const char *home_file(struct arena *a, const char *name)
{
    const char *home = getenv("HOME");

    return path_join(a, home ? home : "/", name);
}

static const char *ssh_hosts(struct arena *a)
{
    struct err unused;
    struct buf out;
    char *bytes;
    size_t len;

    if (!file_read(home_file(a, ".ssh/config"), FILE_LIMIT, ERR_CONFIG, a,
                   &bytes, &len, &unused))
        return NULL;
    buf_init(&out);
    for (char *at = bytes, *end; *at; at = end) {
        end = at + strcspn(at, "\n");
        if (*end)
            *end++ = '\0';
        at += strspn(at, " \t");
        if (strncasecmp(at, "host", 4) == 0 && strchr(" \t=", at[4]))
            add_hosts(&out, at + 4);
    }
    return out.len ? buf_into(&out, a) : (buf_release(&out), NULL);
}

/* "ssh-ed25519 AAAA..." of a public key file, or NULL. */
static const char *public_key(struct arena *a, const char *path)
{
    struct err unused;
    char *bytes;
    size_t len, type;

    if (!file_read(path, 16 * 1024, ERR_CONFIG, a, &bytes, &len, &unused))
        return NULL;
    type = strcspn(bytes, " \n");
    if (bytes[type] != ' ' ||
        (strncmp(bytes, "ssh-", 4) != 0 && strncmp(bytes, "ecdsa-", 6) != 0))
        return NULL;
    bytes[type + 1 + strcspn(bytes + type + 1, " \r\n")] = '\0';
    return text_bad_byte(bytes, strlen(bytes)) < 0 ? bytes : NULL;
}

/* git's user.signingkey (a key, or a file), else a usual key of ssh. */
static const char *signing_key(struct arena *a, const char *setting)
{
    static const char *const usual[] = {".ssh/id_ed25519.pub",
                                        ".ssh/id_ecdsa.pub"};
    const char *key = NULL;

    if (setting && strncmp(setting, "key::", 5) == 0)
        return setting + 5;
    if (setting && strncmp(setting, "~/", 2) == 0)
        setting = home_file(a, setting + 2);
    if (setting)
        key = public_key(a, setting);
    if (setting && !key)
        key = public_key(a, arena_printf(a, "%s.pub", setting));
    for (size_t i = 0; i < sizeof usual / sizeof *usual && !key; i++)
        key = public_key(a, home_file(a, usual[i]));
    return key;
}

static const char *signer_line(struct arena *a, const char *email,
                               const char *key)
{
    if (!key)
        return NULL;
    if (!email || !host_plain(email, strcspn(email, "@")) ||
        strpbrk(email, " \t\"'#,*?!"))
        email = ledger_who(a);
    return arena_printf(a, "%s namespaces=\"tidegate\" %s\n", email, key);
}

void init_find(struct tidegate *t, const struct init_args *args,
               const char *folder, struct found *out)
{
    struct arena *a = t->arena;
    const char *email = NULL, *key = NULL;
    struct err e;
    struct git *git = git_open(a, folder, &e);

    *out = (struct found){.project = project_name(a, folder),
                          .zone = machine_zone(a),
                          .git = git != NULL,
                          .ssh_hosts = ssh_hosts(a)};
    if (git) {
        email = git_setting(git, a, "user.email");
        key = git_setting(git, a, "user.signingkey");
        git_close(git);
    } else {
        out->git_why = arena_printf(a, "%s: %s", e.what, e.why);
    }
    out->signer = signer_line(a, email, signing_key(a, key));
    if (args->database) {
        out->database = args->database;
    } else {
        out->database = inherited_database(a, t->inherited, NULL);
        out->server = inherited_database(a, t->inherited, "postgres");
    }
}
