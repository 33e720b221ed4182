#include "runner/ledger/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/clock.h"
#include "runner/base/file.h"

bool store_corrupt(const char *folder, int64_t seq, int64_t offset,
                   const char *why, struct err *e)
{
    err_what(e, ERR_LEDGER,
             "the ledger %s is damaged at record %lld, offset %lld", folder,
             (long long)seq, (long long)offset);
    err_why(e, "%s", why);
    return err_fix(e, "keep this copy, bring back an intact one, and compare: "
                      "tidegate ledger verify");
}

static bool header_failed(struct ledger *l, const char *why, struct err *e)
{
    err_what(e, ERR_LEDGER, "%s/%s cannot be read as a ledger", l->folder,
             LEDGER_FILE);
    if (l->head.version && l->head.version != FILE_VERSION) {
        err_why(e, "it has format %d, this tidegate reads format %d",
                l->head.version, FILE_VERSION);
        return err_fix(e, "use the tidegate that wrote it, or a newer one");
    }
    err_why(e, "%s", why);
    return err_fix(e, "bring back the newest copy; hosts and databases know "
                      "which head they saw");
}

void store_mark(struct ledger *l, int64_t seq, int64_t offset)
{
    size_t i = (size_t)(seq / MARK_EVERY) - 1;

    if (i >= l->marks_room) {
        l->marks_room = i + 64 + i / 2;
        l->marks = must_realloc(l->marks, l->marks_room * sizeof *l->marks);
    }
    l->marks[i] = offset;
}

enum scan_is store_read_on(struct ledger *l, int64_t *torn, struct err *e)
{
    struct scan s;
    struct record r;
    enum scan_is got;

    scan_from(&s, l->file, l->end, l->seq, l->epoch, l->last);
    s.follows = l->looked;
    while ((got = scan_next(&s, &r)) == SCAN_RECORD) {
        lease_seen(l, &r);
        if (s.seq % MARK_EVERY == 0)
            store_mark(l, s.seq, s.offset);
    }
    l->looked = got == SCAN_END;
    l->end = s.offset;
    l->seq = s.seq;
    l->epoch = s.epoch;
    memcpy(l->last, s.previous, HASH_BYTES);
    hash_to_hex(l->last, l->last_hex);
    if (torn)
        *torn = got == SCAN_TORN ? s.torn : 0;
    if (got == SCAN_CORRUPT || got == SCAN_FAILED)
        store_corrupt(l->folder, l->seq + 1, l->end, s.why, e);
    scan_release(&s);
    return got;
}

/* Without a lock, a record that is being written looks torn, or for a moment
 * even damaged: such a reader looks again under the lock. */
static bool read_all(struct ledger *l, struct err *e)
{
    enum scan_is got = store_read_on(l, NULL, e);

    if (got == SCAN_CORRUPT && lock_try(l->file, F_RDLCK, 5000) == 1) {
        err_clear(e);
        got = store_read_on(l, NULL, e);
        store_unlock(l);
    }
    if (got == SCAN_FAILED)
        return false;
    if (got == SCAN_CORRUPT) {
        snprintf(l->trouble, sizeof l->trouble, "%s: %s", e->what, e->why);
        if (l->mode == LEDGER_WRITE)
            return false;
        err_clear(e);
    }
    return true;
}

bool store_attach(struct ledger *l, struct err *e)
{
    struct scan s;
    struct stat st;
    bool good;

    if (l->file >= 0)
        close(l->file);
    l->file = folder_file(l->dir, l->folder, LEDGER_FILE,
                          l->mode == LEDGER_WRITE ? O_RDWR : O_RDONLY, e);
    if (l->file < 0 || fstat(l->file, &st) != 0)
        return false;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    good = scan_init(&s, l->file, &l->head);
    if (good) {
        l->looked = false;
        l->end = FILE_HEAD;
        l->seq = l->epoch = 0;
        memcpy(l->last, l->head.hash, HASH_BYTES);
    } else {
        header_failed(l, s.why, e);
    }
    scan_release(&s);
    return good && read_all(l, e);
}

/* Sets aside what a crash left, before anything else is appended. */
static bool make_writable(struct ledger *l, struct err *e)
{
    bool good = store_lock(l, e);
    int64_t torn = 0;
    enum scan_is got;

    if (!good)
        return false;
    got = store_read_on(l, &torn, e);
    good = got == SCAN_END || got == SCAN_TORN;
    if (good && (torn || recover_wanted(l, NULL)))
        good = recover_locked(l, e);
    store_unlock(l);
    return good;
}

struct ledger *ledger_open(struct arena *a, const char *folder,
                           enum ledger_mode mode, struct err *e)
{
    struct ledger *l = must_malloc(sizeof *l);

    memset(l, 0, sizeof *l);
    l->arena = a;
    l->folder = arena_strdup(a, folder);
    l->mode = mode;
    l->file = l->lease.fd = -1;
    l->dir = folder_open(folder, e);
    if (l->dir >= 0 && store_attach(l, e) &&
        (mode == LEDGER_READ || make_writable(l, e)))
        return l;
    ledger_close(l);
    return NULL;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    ledger_unlease(l);
    for (size_t i = 0; i < l->kept_room; i++)
        json_free(l->kept[i]);
    free(l->kept);
    free(l->marks);
    json_free(l->owned);
    if (l->file >= 0)
        close(l->file);
    if (l->dir >= 0)
        close(l->dir);
    free(l);
}

bool ledger_refresh(struct ledger *l, struct err *e)
{
    struct stat st;

    if (fstatat(l->dir, LEDGER_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (st.st_ino != l->ino || st.st_dev != l->dev))
        return store_attach(l, e);
    return l->trouble[0] ? true : read_all(l, e);
}

const char *ledger_id(const struct ledger *l)
{
    return l->head.id;
}

const char *ledger_folder(const struct ledger *l)
{
    return l->folder;
}

const char *ledger_trouble(const struct ledger *l)
{
    return l->trouble[0] ? l->trouble : NULL;
}

int64_t ledger_seq(const struct ledger *l)
{
    return l->seq;
}

const char *ledger_head(const struct ledger *l)
{
    return l->last_hex;
}

int64_t ledger_epoch(const struct ledger *l)
{
    return l->lease.fd >= 0 ? l->lease.epoch : l->epoch;
}

const char *ledger_claim(const struct ledger *l)
{
    return l->lease.fd >= 0 ? l->lease.claim : "";
}

void ledger_tell(struct ledger *l, struct progress *p)
{
    l->progress = p;
}
