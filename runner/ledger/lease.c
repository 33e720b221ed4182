/* The lease: who works on an environment. The lock file's lock is what
 * counts and the kernel frees it at any death; its text only tells people who
 * holds it. What makes a stale holder harmless is the epoch. */
#include "runner/ledger/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/clock.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/ledger/store.h"

#define HOLDER_LIMIT 4096

static bool environment_file(const char *environment, char out[300],
                             struct err *e)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (environment[0] && environment[0] != '.' && strlen(environment) < 200 &&
        strspn(environment, legal) == strlen(environment)) {
        snprintf(out, 300, "%s.lease", environment);
        return true;
    }
    err_what(e, ERR_CONFIG, "[environment %s] cannot be leased", environment);
    err_why(e, "its name becomes a file name: letters, digits, '.', '_' and "
               "'-' only, at most 199");
    return err_fix(e, "rename the environment");
}

static struct json *read_holder(int fd)
{
    char text[HOLDER_LIMIT];
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct err ignored;

    return n > 0 ? json_parse(text, (size_t)n, &ignored) : NULL;
}

static const char *word(struct arena *a, const struct json *j, const char *key)
{
    const char *s = json_str(j, key);

    return s ? escape(a, s) : "unknown";
}

static void holder_from(struct lease_holder *out, struct arena *a,
                        const struct json *j)
{
    out->run = word(a, j, "run");
    out->boot = word(a, j, "boot");
    out->pid = json_int(j, "pid", 0);
    out->start = json_int(j, "start", 0);
    out->since = json_int(j, "since", 0);
    out->epoch = json_int(j, "epoch", 0);
    out->who =
        arena_printf(a, "%s, pid %lld", word(a, j, "who"), (long long)out->pid);
}

static bool locked_by_anyone(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool ledger_lease_holder(struct ledger *l, struct arena *a,
                         const char *environment, struct lease_holder *out)
{
    char name[300];
    struct err ignored;
    struct json *j;
    bool held;
    int fd;

    memset(out, 0, sizeof *out);
    if (!environment_file(environment, name, &ignored))
        return false;
    fd = openat(l->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    held = locked_by_anyone(fd);
    if (held) {
        j = read_holder(fd);
        holder_from(out, a, j);
        json_free(j);
    }
    close(fd);
    return held;
}

static bool held_by_other(struct ledger *l, const char *environment,
                          struct err *e)
{
    struct lease_holder h;
    struct arena scratch;
    char since[21];

    arena_init(&scratch);
    if (!ledger_lease_holder(l, &scratch, environment, &h))
        h = (struct lease_holder){.run = "unknown", .who = "unknown"};
    err_what(e, ERR_HELD, "another run holds %s", environment);
    err_why(e, "run %s of %s, since %s (process start %lld, boot %s)", h.run,
            h.who, clock_rfc3339(h.since, since), (long long)h.start, h.boot);
    err_fix(e, "wait until it ends; see: tidegate status");
    arena_release(&scratch);
    return false;
}

static bool write_holder(struct ledger *l, const struct json *holder)
{
    struct arena scratch;
    const char *text;
    bool good;

    arena_init(&scratch);
    text = json_canonical(&scratch, holder);
    good = ftruncate(l->lease.fd, 0) == 0 &&
           pwrite(l->lease.fd, text, strlen(text), 0) == (ssize_t)strlen(text);
    arena_release(&scratch);
    return good;
}

/* {environment, run, who, pid, boot, start}: the EPOCH's payload. */
static struct json *about_us(const char *environment, const char *run)
{
    struct json *j = json_new_object();
    struct arena scratch;
    char boot[64];

    arena_init(&scratch);
    json_set_str(j, "environment", environment);
    json_set_str(j, "run", run);
    json_set_str(j, "who", ledger_who(&scratch));
    json_set_int(j, "pid", (int64_t)getpid());
    json_set_str(j, "boot", machine_boot(boot));
    json_set_int(j, "start", process_start());
    arena_release(&scratch);
    return j;
}

static bool lock_failed(struct ledger *l, const char *name, struct err *e)
{
    int error = errno;

    err_what(e, ERR_LEDGER, "cannot take the lock %s/%s", l->folder, name);
    err_why(e, "%s", strerror(error));
    return err_fix(e, "make the ledger's folder writable for this user, on a "
                      "local disk");
}

static bool take_lock(struct ledger *l, const char *environment, struct err *e)
{
    char name[300];
    struct stat st, named;
    int got;

    if (!environment_file(environment, name, e))
        return false;
    l->lease.fd = folder_file(l->dir, l->folder, name, O_RDWR | O_CREAT, e);
    if (l->lease.fd < 0)
        return false;
    got = lock_try(l->lease.fd, F_WRLCK, 0);
    if (got == 0)
        return held_by_other(l, environment, e);
    if (got < 0 || fstat(l->lease.fd, &st) != 0 ||
        fstatat(l->dir, name, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        st.st_ino != named.st_ino)
        return lock_failed(l, name, e);
    l->lease.dev = st.st_dev;
    l->lease.ino = st.st_ino;
    return true;
}

/* The epoch is taken by the append itself, so that nobody else can have it. */
static bool take_epoch(struct ledger *l, const char *environment,
                       const char *run, struct err *e)
{
    struct json *holder = about_us(environment, run);
    struct json *payload = about_us(environment, run);
    bool good;

    json_set_int(holder, "since", clock_now());
    json_set_int(holder, "epoch", 0);
    /* Ahead of the append: whoever is refused meanwhile reads our name. */
    write_holder(l, holder);
    l->lease.epoch = INT64_MAX; /* until the append has given us ours */
    good = ledger_append(l, EVENT_EPOCH, payload, e);
    l->lease.epoch = l->epoch;
    memcpy(l->lease.claim, l->last_hex, sizeof l->lease.claim);
    json_set_int(holder, "epoch", l->epoch);
    if (good)
        write_holder(l, holder);
    json_free(holder);
    return good;
}

bool ledger_lease(struct ledger *l, const char *environment, const char *run,
                  struct err *e)
{
    if (l->lease.fd >= 0)
        BUG("a lease is held already");
    l->lease.environment = arena_strdup(l->arena, environment);
    l->lease.run = arena_strdup(l->arena, run);
    l->lease.lost[0] = 0;
    if (take_lock(l, environment, e) && take_epoch(l, environment, run, e))
        return true;
    ledger_unlease(l);
    return false;
}

void ledger_unlease(struct ledger *l)
{
    if (l->lease.fd >= 0)
        close(l->lease.fd);
    memset(&l->lease, 0, sizeof l->lease);
    l->lease.fd = -1;
}

/* Every record that somebody else appended passes here. */
void lease_seen(struct ledger *l, const struct record *r)
{
    struct err ignored;
    struct json *j;
    const char *environment, *run;

    if (r->kind != EVENT_EPOCH || l->lease.fd < 0 || l->lease.lost[0] ||
        r->epoch <= l->lease.epoch)
        return;
    j = json_parse(r->payload, r->payload_len, &ignored);
    environment = json_str(j, "environment");
    run = json_str(j, "run");
    if (environment && strcmp(environment, l->lease.environment) == 0)
        snprintf(l->lease.lost, sizeof l->lease.lost,
                 "superseded by epoch %lld, run %s", (long long)r->epoch,
                 run ? run : "?");
    json_free(j);
}

static void look_at_file(struct ledger *l)
{
    char name[300];
    struct stat st;

    snprintf(name, sizeof name, "%s.lease", l->lease.environment);
    if (l->lease.lost[0] ||
        (fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         st.st_ino == l->lease.ino && st.st_dev == l->lease.dev))
        return;
    snprintf(l->lease.lost, sizeof l->lease.lost,
             "the lock file %s was removed or replaced", name);
}

bool lease_check(struct ledger *l, struct err *e)
{
    if (l->lease.fd < 0)
        return true;
    look_at_file(l);
    if (!l->lease.lost[0])
        return true;
    err_what(e, ERR_LEDGER, "%s", l->lease.lost);
    err_why(e, "run %s no longer holds %s (it had epoch %lld)", l->lease.run,
            l->lease.environment, (long long)l->lease.epoch);
    return err_fix(e, "the other run goes on; see: tidegate status");
}

bool ledger_lease_held(struct ledger *l)
{
    struct err ignored;

    return l->lease.fd >= 0 && ledger_refresh(l, &ignored) &&
           lease_check(l, &ignored);
}
