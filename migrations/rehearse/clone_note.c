#include "migrations/rehearse/clone_note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/file.h"
#include "runner/base/json.h"

#define SUFFIX    ".clone"
#define HALF      ".part" /* not written to its end: `create` was not called */
#define NOTE_MOST (64 * 1024)
#define GRACE_MS  2000 /* from SIGTERM to SIGKILL */
#define LOOK_MS   20
/* /proc/PID/stat: fields after the name in parentheses; the 22nd of all is
 * the start, in ticks since the machine's (proc(5)). */
#define STAT_BEGAN 20

static bool failed(const char *path, struct err *e)
{
    err_what(e, ERR_FAILED, "cannot write down the clone's name in %s", path);
    err_why(e, "%s", strerror(errno));
    return err_fix(e, "let the folder be ours to write, then run it again");
}

static char *line_of(struct arena *a, const struct clone_note *n)
{
    struct json *j = json_new_object();
    char at[21], folder[PATH_MAX], *text;

    clock_rfc3339(clock_now(), at);
    if (getcwd(folder, sizeof folder))
        json_set_str(j, "folder", folder);
    json_set_str(j, "name", n->name);
    json_set_str(j, "program", n->program);
    json_set_str(j, "at", at);
    text = arena_printf(a, "%s\n", json_canonical(a, j));
    json_free(j);
    return text;
}

bool clone_note_write(struct clone_note *n, struct arena *a, const char *folder,
                      const char *name, const char *program, struct err *e)
{
    char *path = arena_printf(a, "%s/%s" SUFFIX, folder, name);
    char *part = arena_printf(a, "%s" HALF, path), *line;

    *n = (struct clone_note){
        .fd = -1, .path = path, .name = name, .program = program};
    if (!folder_make(folder, 0700, e))
        return false;
    line = line_of(a, n);
    n->fd =
        open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (n->fd >= 0 && flock(n->fd, LOCK_EX | LOCK_NB) == 0 &&
        write_all(n->fd, line, strlen(line)) && fsync(n->fd) == 0 &&
        rename(part, path) == 0)
        return folder_sync(folder, e);
    failed(path, e);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
    unlink(part);
    return false;
}

/* When the process began, so that another one with its number is told from
 * it; NULL: there is none. */
static const char *began(struct arena *a, pid_t pid)
{
    char text[1024], *at, *end, *word;
    int fd = open(arena_printf(a, "/proc/%ld/stat", (long)pid),
                  O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    if (len <= 0)
        return NULL;
    text[len] = 0;
    at = strrchr(text, ')');
    for (int i = 0; at && i < STAT_BEGAN; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return NULL;
    word = at + 1;
    end = word + strcspn(word, " \n");
    return arena_strndup(a, word, (size_t)(end - word));
}

/* Best effort: without this line a sweep calls `destroy` all the same. */
void clone_note_runs(struct clone_note *n, struct arena *a, pid_t pid)
{
    const char *since = n->path && n->fd >= 0 ? began(a, pid) : NULL;
    char *line;

    if (!since)
        return;
    line =
        arena_printf(a, "{\"began\":\"%s\",\"pid\":%ld}\n", since, (long)pid);
    if (lseek(n->fd, 0, SEEK_END) >= 0 && write_all(n->fd, line, strlen(line)))
        fsync(n->fd);
}

void clone_note_leave(struct clone_note *n)
{
    if (n->path && n->fd >= 0)
        close(n->fd);
    *n = (struct clone_note){.fd = -1};
}

void clone_note_remove(struct clone_note *n)
{
    if (n->path && n->fd >= 0)
        unlink(n->path);
    clone_note_leave(n);
}

static struct json *parsed(const char *line, size_t len)
{
    struct err ignored;

    return len ? json_parse(line, len, &ignored) : NULL;
}

static bool read_note(struct clone_note *n, struct arena *a, const char *text)
{
    size_t len = strcspn(text, "\n");
    struct json *asked = parsed(text, len), *runs = NULL;
    const char *name, *program;

    name = json_str(asked, "name");
    program = json_str(asked, "program");
    if (name && program) {
        n->name = arena_strdup(a, name);
        n->program = arena_strdup(a, program);
        n->folder = arena_strdup(a, json_str(asked, "folder"));
    }
    text += len + (text[len] != 0);
    runs = parsed(text, strcspn(text, "\n"));
    n->pid = (pid_t)json_int(runs, "pid", 0);
    n->began = arena_strdup(a, json_str(runs, "began"));
    json_free(runs);
    json_free(asked);
    return n->name != NULL;
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len > n && strcmp(text + len - n, end) == 0;
}

/* Opened and locked, if nobody else holds it. */
static bool take(struct clone_note *n, struct arena *a, const char *path)
{
    char *text = arena_alloc(a, NOTE_MOST + 1);
    struct stat st, named;
    ssize_t len;

    *n = (struct clone_note){.path = path};
    n->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (n->fd < 0)
        return false;
    /* its owner may have removed it between our open and our lock */
    if (fstat(n->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        flock(n->fd, LOCK_EX | LOCK_NB) != 0 || stat(path, &named) != 0 ||
        named.st_ino != st.st_ino) {
        clone_note_leave(n);
        return false;
    }
    if (ends_in(path, HALF))
        return true;
    len = pread(n->fd, text, NOTE_MOST, 0);
    text[len > 0 ? len : 0] = 0;
    if (read_note(n, a, text))
        return true;
    clone_note_leave(n); /* not ours */
    return false;
}

bool clone_notes_dead(struct arena *a, const char *folder,
                      struct clone_note **list, size_t *n, struct err *e)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *at;

    *n = 0;
    *list = NULL;
    if (!dir && (!folder || errno == ENOENT))
        return true;
    if (!dir) {
        err_what(e, ERR_FAILED, "cannot look for clones in %s", folder);
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "let the folder be ours to read");
    }
    while ((at = readdir(dir))) {
        if (!ends_in(at->d_name, SUFFIX) && !ends_in(at->d_name, SUFFIX HALF))
            continue;
        *list = arena_grow(a, *list, *n, *n + 1, sizeof **list);
        *n += take(&(*list)[*n], a, path_join(a, folder, at->d_name));
    }
    closedir(dir);
    return true;
}

static bool runs(const struct clone_note *n)
{
    struct arena scratch;
    const char *since;
    bool same;

    arena_init(&scratch);
    since = began(&scratch, n->pid);
    same = since && n->began && strcmp(since, n->began) == 0;
    arena_release(&scratch);
    return same;
}

void clone_note_end_create(struct loop *l, const struct clone_note *n)
{
    int64_t deadline = clock_mono() + GRACE_MS;

    if (n->pid <= 1 || !runs(n))
        return;
    kill(-n->pid, SIGTERM);
    while (runs(n) && clock_mono() < deadline)
        loop_turn(l, clock_mono() + LOOK_MS);
    if (runs(n))
        kill(-n->pid, SIGKILL);
}
