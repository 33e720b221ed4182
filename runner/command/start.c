#include "runner/command/start.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"
#include "runner/base/escape.h"

#define FIXED_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

/* What libpq may still be told from outside: where secrets and certificates
 * are, never whom to talk to. */
static const char *const pg_allowed[] = {"PGSERVICEFILE", "PGPASSFILE",
                                         "PGSYSCONFDIR", "PGPASSWORD", NULL};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool pg_kept(const char *name, size_t len)
{
    if (begins(name, "PGSSL"))
        return true;
    for (const char *const *allowed = pg_allowed; *allowed; allowed++)
        if (strlen(*allowed) == len && begins(name, *allowed))
            return true;
    return false;
}

/* A path whose every folder is absolute cannot find a program here by
 * accident. */
static bool path_relative(const char *path)
{
    for (const char *at = path;; at++) {
        if (*at != '/')
            return true;
        at += strcspn(at, ":");
        if (*at == '\0')
            return false;
    }
}

static bool folder_of_another(const char *path)
{
    struct stat st;

    return stat(path, &st) != 0 || !S_ISDIR(st.st_mode) ||
           (st.st_uid != geteuid() && st.st_uid != 0) ||
           ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX));
}

/* Locales that change no byte are everywhere: nothing to tell. */
static bool locale_plain(const char *value)
{
    return begins(value, "C") || strcmp(value, "POSIX") == 0 || !*value;
}

static bool redirects(const char *name, size_t len, const char *value)
{
    if (begins(name, "PG"))
        return !pg_kept(name, len);
    if (begins(name, "GIT_") || begins(name, "LD_") || begins(name, "IFS=") ||
        begins(name, "TZ="))
        return true;
    if (begins(name, "LC_ALL="))
        return !locale_plain(value);
    if (begins(name, "TMPDIR="))
        return folder_of_another(value);
    return begins(name, "PATH=") && path_relative(value);
}

static void name_add(struct buf *names, const char *name, size_t len)
{
    buf_str(names, names->len ? ", " : "");
    escape_to(names, name, len, false);
}

static bool for_init(const char *name, size_t len)
{
    static const char *const five[] = {"PGHOST", "PGPORT", "PGUSER",
                                       "PGDATABASE", "PGSERVICE"};

    for (size_t i = 0; i < sizeof five / sizeof *five; i++)
        if (strlen(five[i]) == len && begins(name, five[i]))
            return true;
    return false;
}

static void variables_clean(struct inherited *out)
{
    struct arena a;

    arena_init(&a);
    for (char **at = environ; at && *at;) {
        size_t len = strcspn(*at, "=");

        if (!(*at)[len] || !redirects(*at, len, *at + len + 1)) {
            at++;
            continue;
        }
        name_add(for_init(*at, len) ? &out->names : &out->dropped, *at, len);
        unsetenv(arena_strndup(&a, *at, len)); /* moves the rest down */
    }
    arena_release(&a);
}

void start_tell(struct inherited *in)
{
    if (in->names.len || in->dropped.len)
        fprintf(stderr, "tidegate: not taken from the environment: %s%s%s\n",
                in->names.len ? in->names.data : "",
                in->names.len && in->dropped.len ? ", " : "",
                in->dropped.len ? in->dropped.data : "");
    buf_release(&in->names);
    buf_release(&in->dropped);
}

static void inherit(struct inherited *out)
{
    const struct {
        const char *name, **to;
    } rows[] = {{"PGHOST", &out->host},
                {"PGPORT", &out->port},
                {"PGUSER", &out->user},
                {"PGDATABASE", &out->database},
                {"PGSERVICE", &out->service}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* unsetenv only forgets the pointer: the text stays */
        const char *value = getenv(rows[i].name);
        *rows[i].to = value && *value ? value : NULL;
    }
}

static void descriptors_open(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            _exit(70);
}

static void home_set(void)
{
    const struct passwd *us;

    if (getenv("HOME"))
        return;
    us = getpwuid(geteuid());
    setenv("HOME", us ? us->pw_dir : "/", 1);
}

void start_clean(struct inherited *out)
{
    const struct rlimit none = {0, 0};

    descriptors_open();
    umask(077);
    setrlimit(RLIMIT_CORE, &none);
    /* A limit of file size is then an error of the write, as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    inherit(out);
    buf_init(&out->names);
    buf_init(&out->dropped);
    variables_clean(out);
    if (!getenv("PATH"))
        setenv("PATH", FIXED_PATH, 1);
    home_set();
}
