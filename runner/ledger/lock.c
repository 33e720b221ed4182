#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runner/base/clock.h"
#include "runner/ledger/store.h"

#define LOCK_WAIT_MS 30000
#define LOCK_NAP_MS  5

int lock_try(int fd, short type, int64_t wait_ms)
{
    int64_t until = clock_mono() + wait_ms;
    const struct timespec nap = {.tv_nsec = LOCK_NAP_MS * 1000000L};

    for (;;) {
        struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return 1;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return -1;
        if (clock_mono() >= until)
            return 0;
        nanosleep(&nap, NULL);
    }
}

/* Whether the name still leads to the file that we have open. */
static bool same_file(const struct ledger *l)
{
    struct stat st;

    return fstatat(l->dir, LEDGER_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev == l->dev && st.st_ino == l->ino;
}

/* Another process set a torn tail aside, which gives the ledger a new file:
 * what we had verified must be in it. */
static bool attach_again(struct ledger *l, struct err *e)
{
    int64_t seq = l->seq;
    unsigned char last[HASH_BYTES];
    struct record r;
    struct file_head head;
    struct scan s;
    bool same = false;

    memcpy(last, l->last, HASH_BYTES);
    if (!store_attach(l, e))
        return false;
    if (scan_init(&s, l->file, &head))
        while (s.seq < seq && scan_next(&s, &r) == SCAN_RECORD)
            ;
    same = s.seq == seq && memcmp(s.previous, last, HASH_BYTES) == 0;
    scan_release(&s);
    if (same)
        return true;
    err_what(e, ERR_LEDGER, "the ledger %s was replaced by an older one",
             l->folder);
    err_why(e, "we had read record %lld, it ends at %lld", (long long)seq,
            (long long)l->seq);
    return err_fix(e, "see: tidegate ledger verify; bring the newest copy "
                      "back");
}

bool store_lock(struct ledger *l, struct err *e)
{
    for (;;) {
        int got = lock_try(l->file, F_WRLCK, LOCK_WAIT_MS);
        if (got == 1 && same_file(l))
            return true;
        if (got == 1) {
            if (!attach_again(l, e))
                return false;
            continue;
        }
        err_what(e, ERR_LEDGER, "cannot lock the ledger %s", l->folder);
        if (got == 0)
            err_why(e, "another process has been writing it for %d s",
                    LOCK_WAIT_MS / 1000);
        else
            err_why(e, "OFD locks do not work on its file system");
        return err_fix(e, "look for a stopped tidegate (ps), or move the "
                          "ledger to a local disk");
    }
}

void store_unlock(struct ledger *l)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    fcntl(l->file, F_OFD_SETLK, &lock);
}
