#include "runner/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/base/file.h"

#define FIXED_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Above every descriptor the child arranges. */
#define OUT_OF_THE_WAY 10
/* Where the child tells why it could not become the program. */
#define REPORT_FD 3

/* What the child was doing when it failed, and errno. */
struct report {
    enum { ARRANGING, ENTERING, EXECUTING } step;
    int error;
};

static void add(struct arena *a, char ***env, size_t *n, const char *pair)
{
    size_t name = strcspn(pair, "=") + 1;

    for (size_t i = 0; i < *n; i++)
        if (!strncmp((*env)[i], pair, name)) {
            (*env)[i] = arena_strdup(a, pair);
            return;
        }
    *env = arena_grow(a, *env, *n + 1, *n + 2, sizeof(**env));
    (*env)[(*n)++] = arena_strdup(a, pair);
}

static bool passes(const char *pair)
{
    static const char *const names[] = {
        "HOME=",          "SSH_AUTH_SOCK=", "PGPASSFILE=",
        "PGSERVICEFILE=", "PGSYSCONFDIR=",  "PGSSL"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(pair, names[i], strlen(names[i])))
            return true;
    return false;
}

char **spawn_environment(struct arena *a, const char *const *extra)
{
    struct passwd *user = getpwuid(geteuid());
    char **env = arena_array(a, 1, sizeof(*env));
    size_t n = 0;

    add(a, &env, &n, "PATH=" FIXED_PATH);
    add(a, &env, &n, "LC_ALL=C");
    add(a, &env, &n, arena_printf(a, "HOME=%s", user ? user->pw_dir : "/"));
    for (char **pair = environ; *pair; pair++)
        if (passes(*pair))
            add(a, &env, &n, *pair);
    for (; extra && *extra; extra++)
        add(a, &env, &n, *extra);
    return env;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           access(path, X_OK) == 0;
}

/* Looked up in the child's own PATH, not in ours; NULL when not there. */
static char *find_program(struct arena *a, char *const *env, const char *name)
{
    const char *path = FIXED_PATH;

    if (strchr(name, '/'))
        return arena_strdup(a, name);
    for (; *env; env++)
        if (!strncmp(*env, "PATH=", 5))
            path = *env + 5;
    for (size_t len; *path; path += len + (path[len] == ':')) {
        char *found;

        len = strcspn(path, ":");
        found = path_join(a, arena_strndup(a, path, len), name);
        if (*name && is_program(found))
            return found;
    }
    return NULL;
}

static _Noreturn void give_up(int fd, int step)
{
    struct report r = {.step = step, .error = errno};

    _exit(write(fd, &r, sizeof(r)) == sizeof(r) ? 126 : 127);
}

static bool arrange_descriptors(const int fds[3], int *report)
{
    int moved[3], last = fcntl(*report, F_DUPFD, OUT_OF_THE_WAY);

    if (last < 0)
        return false;
    *report = last;
    for (int i = 0; i < 3; i++)
        moved[i] = fcntl(fds[i], F_DUPFD, OUT_OF_THE_WAY);
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], i) < 0)
            return false;
    if (dup3(*report, REPORT_FD, O_CLOEXEC) < 0)
        return false;
    *report = REPORT_FD;
    return close_range(REPORT_FD + 1, ~0U, 0) == 0;
}

static void default_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec. */
static _Noreturn void become(const struct spawn *s, const char *program,
                             int report)
{
    setsid();
    default_signals();
    if (!arrange_descriptors(s->fds, &report))
        give_up(report, ARRANGING);
    if (s->folder && chdir(s->folder) < 0)
        give_up(report, ENTERING);
    execve(program, (char *const *)(uintptr_t)s->argv, s->env);
    give_up(report, EXECUTING);
}

static bool cannot_start(struct err *e, const char *name, const char *why)
{
    err_what(e, ERR_FAILED, "cannot start %s", name);
    err_why(e, "%s", why);
    return err_fix(e, "install it, or correct the setting that names it");
}

/* Waits for the exec, which closes the pipe, or for the report of why not. */
static bool executed(const struct spawn *s, int fd, struct err *e)
{
    struct report r;

    if (read(fd, &r, sizeof(r)) != sizeof(r))
        return true;
    cannot_start(e, s->argv[0], strerror(r.error));
    if (r.step == ENTERING) {
        err_why(e, "folder %s: %s", s->folder, strerror(r.error));
        err_fix(e, "create the folder, or correct the setting that names it");
    }
    return false;
}

static pid_t fork_program(const struct spawn *s, const char *program,
                          struct err *e)
{
    int pipe[2];
    pid_t pid;

    if (pipe2(pipe, O_CLOEXEC) < 0) {
        cannot_start(e, s->argv[0], strerror(errno));
        return -1;
    }
    pid = fork();
    if (pid == 0)
        become(s, program, pipe[1]);
    if (pid < 0)
        cannot_start(e, s->argv[0], strerror(errno));
    close(pipe[1]);
    if (pid > 0 && !executed(s, pipe[0], e)) {
        waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(pipe[0]);
    return pid;
}

pid_t spawn_program(const struct spawn *s, struct err *e)
{
    struct arena a;
    char *program;
    pid_t pid = -1;

    arena_init(&a);
    program = find_program(&a, s->env, s->argv[0]);
    if (program)
        pid = fork_program(s, program, e);
    else
        cannot_start(e, s->argv[0],
                     "no program of that name in the PATH "
                     "children get: " FIXED_PATH);
    arena_release(&a);
    return pid;
}
