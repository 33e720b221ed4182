/* What a crash left behind the last whole record is set aside in a file of
 * its own, and the good part copied to a new file that takes the ledger's
 * name: whatever happens in between, the old or the new file is there.
 *
 * The same after a failed sync. The kernel may have forgotten that those
 * pages were never written, so the record they hold is not trusted although
 * it can be read; the process that saw the failure marks the place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/failpoint.h"
#include "runner/base/file.h"
#include "runner/ledger/store.h"

void recover_mark(struct ledger *l)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld\n", (long long)l->end);
    int fd =
        openat(l->dir, LEDGER_UNSYNCED,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return; /* the disk is failing: the chain still tells what it holds */
    if (write_all(fd, text, (size_t)n))
        fsync(fd);
    close(fd);
    fsync(l->dir);
}

/* Whether a failed sync was marked, and behind which offset. */
bool recover_wanted(const struct ledger *l, int64_t *end)
{
    char text[32] = "";
    int fd = openat(l->dir, LEDGER_UNSYNCED, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (end && n > 0 && strtoll(text, NULL, 10) >= FILE_HEAD)
        *end = strtoll(text, NULL, 10);
    return true;
}

static bool failed(struct ledger *l, const char *doing, struct err *e)
{
    int error = errno;

    err_what(e, ERR_LEDGER, "cannot set a torn record aside in %s", l->folder);
    err_why(e, "%s: %s", doing, strerror(error));
    return err_fix(e, "free space there or make it writable; nothing was "
                      "lost, the ledger is as it was");
}

/* The bytes from cut to the last that is not zero. */
static bool read_torn(struct ledger *l, int64_t cut, struct buf *out)
{
    ssize_t n;

    do {
        n = pread(l->file, buf_room(out, 65536), 65536,
                  cut + (int64_t)out->len);
        if (n > 0)
            buf_wrote(out, (size_t)n);
    } while (n > 0);
    while (out->len && out->data[out->len - 1] == 0)
        out->len--;
    return n == 0;
}

/* Named by its content, so that a crash here leaves one copy, not many. */
static bool keep_aside(struct ledger *l, const struct buf *torn,
                       const char *name, struct err *e)
{
    int fd =
        openat(l->dir, name,
               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good =
        fd >= 0 && write_all(fd, torn->data, torn->len) && fsync(fd) == 0;

    if (!good)
        failed(l, "writing the torn bytes", e);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool copy_up_to(int from, int to, int64_t cut)
{
    char block[65536];
    int64_t at = 0;

    while (at < cut) {
        size_t want = cut - at < (int64_t)sizeof block ? (size_t)(cut - at)
                                                       : sizeof block;
        ssize_t n = pread(from, block, want, at);
        if (n <= 0 || !write_all(to, block, (size_t)n))
            return false;
        at += n;
    }
    return true;
}

/* The new file, locked and synced under its temporary name; -1 with e set. */
static int good_part(struct ledger *l, int64_t cut, struct err *e)
{
    bool full;
    int fd;

    unlinkat(l->dir, LEDGER_NEW, 0);
    fd = openat(l->dir, LEDGER_NEW,
                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && lock_try(fd, F_WRLCK, 0) == 1 &&
        copy_up_to(l->file, fd, cut) && reserve(fd, cut, 0, &full) &&
        fsync(fd) == 0)
        return fd;
    failed(l, "copying the intact records", e);
    if (fd >= 0) {
        unlinkat(l->dir, LEDGER_NEW, 0);
        close(fd);
    }
    return -1;
}

static bool swap_in(struct ledger *l, int fd, struct err *e)
{
    struct stat st;

    failpoint("ledger.before-swap");
    if (renameat(l->dir, LEDGER_NEW, l->dir, LEDGER_FILE) != 0 ||
        fsync(l->dir) != 0 || fstat(fd, &st) != 0) {
        close(fd);
        return failed(l, "putting the new file in place", e);
    }
    failpoint("ledger.after-swap");
    unlinkat(l->dir, LEDGER_UNSYNCED, 0);
    close(l->file);
    l->file = fd;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return true;
}

/* Reads the new file from its start: the cut may lie before what we knew. */
static bool read_again(struct ledger *l, struct err *e)
{
    l->end = FILE_HEAD;
    l->seq = l->epoch = 0;
    memcpy(l->last, l->head.hash, HASH_BYTES);
    if (store_read_on(l, NULL, e) != SCAN_END)
        return false;
    for (size_t i = (size_t)l->seq; i < l->kept_room; i++) {
        json_free(l->kept[i]);
        l->kept[i] = NULL;
    }
    return true;
}

static bool set_aside(struct ledger *l, int64_t cut, const struct buf *torn,
                      struct err *e)
{
    char sha[HASH_HEX], name[64] = "";
    struct json *payload;
    int fd;

    hash_hex(torn->data, torn->len, sha);
    if (torn->len)
        snprintf(name, sizeof name, "torn-%lld-%.16s", (long long)cut, sha);
    if (torn->len && !keep_aside(l, torn, name, e))
        return false;
    fd = good_part(l, cut, e);
    if (fd < 0 || !swap_in(l, fd, e) || !read_again(l, e))
        return false;
    payload = json_new_object();
    json_set_int(payload, "bytes", (int64_t)torn->len);
    json_set_str(payload, "sha256", sha);
    json_set_str(payload, "file", name);
    if (append_locked(l, EVENT_RECOVERED, payload, e)) {
        json_free(payload);
        return true;
    }
    json_free(payload);
    return false;
}

bool recover_locked(struct ledger *l, struct err *e)
{
    int64_t cut = l->end;
    struct buf bytes;
    bool good;

    if (recover_wanted(l, &cut) && cut > l->end)
        cut = l->end;
    buf_init(&bytes);
    good = read_torn(l, cut, &bytes) ? set_aside(l, cut, &bytes, e)
                                     : failed(l, "reading it", e);
    buf_release(&bytes);
    return good;
}
