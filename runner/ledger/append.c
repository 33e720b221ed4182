#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/clock.h"
#include "runner/base/failpoint.h"
#include "runner/ledger/store.h"

#define GROW    ((int64_t)512 * 1024)
#define SLOW_MS 1000

static bool allocate(int fd, int64_t from, int64_t to)
{
    int error;

    while ((error = posix_fallocate(fd, from, to - from)) == EINTR)
        ;
    return error == 0;
}

/* Room for len bytes at end and the reserve behind them. */
bool reserve(int fd, int64_t end, int64_t len, bool *short_of_space)
{
    int64_t need = end + len + RECORD_RESERVE;
    struct stat st;

    *short_of_space = false;
    if (fstat(fd, &st) != 0)
        return false;
    if (st.st_size >= need || allocate(fd, st.st_size, need + GROW) ||
        allocate(fd, st.st_size, need))
        return true;
    *short_of_space = true;
    return fstat(fd, &st) == 0 && st.st_size >= end + len;
}

static bool disk_full(struct ledger *l, struct err *e)
{
    err_what(e, ERR_LEDGER, "ledger disk full");
    err_why(e,
            "%s: no space beyond the reserve of %lld KiB, which is kept "
            "for the record of a stop",
            l->folder, (long long)(RECORD_RESERVE / 1024));
    return err_fix(e, "free space there, then run: tidegate status");
}

static bool broken(struct ledger *l, const char *doing, const char *why,
                   struct err *e)
{
    snprintf(l->broken, sizeof l->broken, "%s record %lld: %s", doing,
             (long long)l->seq + 1, why);
    recover_mark(l);
    err_what(e, ERR_LEDGER, "the ledger %s could not be written", l->folder);
    err_why(e, "%s", l->broken);
    return err_fix(e, "look at the disk, then run: tidegate status; this "
                      "process appends nothing more");
}

static void say_slow(struct ledger *l, int64_t ms)
{
    if (ms >= SLOW_MS)
        progress_warn(l->progress, NULL,
                      "ledger slow: %lld.%lld s for one "
                      "record; is the disk of %s busy or failing?",
                      (long long)ms / 1000, (long long)ms % 1000 / 100,
                      l->folder);
}

/* One write at the known end. What a short one left is wiped, so that it is
 * not taken for a crash. */
static bool put_record(struct ledger *l, const struct buf *bytes, struct err *e)
{
    ssize_t n;
    int64_t began;

    failpoint("ledger.before-append");
    do
        n = pwrite(l->file, bytes->data, bytes->len, l->end);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)bytes->len) {
        static const char zeros[4096];
        int error = n < 0 ? errno : ENOSPC;
        for (ssize_t at = 0; at < n; at += (ssize_t)sizeof zeros) {
            size_t part = (size_t)(n - at) < sizeof zeros ? (size_t)(n - at)
                                                          : sizeof zeros;
            if (pwrite(l->file, zeros, part, l->end + at) != (ssize_t)part)
                return broken(l, "writing", strerror(error), e);
        }
        if (error == ENOSPC || error == EFBIG || error == EDQUOT)
            return disk_full(l, e);
        return broken(l, "writing", strerror(error), e);
    }
    failpoint("ledger.after-write");
    began = clock_mono();
    if (fdatasync(l->file) != 0)
        return broken(l, "syncing", strerror(errno), e);
    say_slow(l, clock_mono() - began);
    failpoint("ledger.after-append");
    return true;
}

static void fill(const struct ledger *l, struct record *r, const char *text)
{
    bool taking = r->kind == EVENT_EPOCH;

    r->seq = l->seq + 1;
    r->epoch =
        taking ? l->epoch + 1 : (l->lease.fd >= 0 ? l->lease.epoch : l->epoch);
    r->at = clock_now();
    nonce_hex(r->id, RECORD_ID);
    r->payload = text;
    r->payload_len = strlen(text);
    memcpy(r->previous, l->last, HASH_BYTES);
}

bool append_locked(struct ledger *l, enum event_kind kind, struct json *payload,
                   struct err *e)
{
    struct record r = {.kind = kind};
    struct arena scratch;
    struct buf bytes;
    bool full, good = false;

    arena_init(&scratch);
    buf_init(&bytes);
    fill(l, &r, json_canonical(&scratch, payload));
    if (r.payload_len > EVENT_PAYLOAD_LIMIT) {
        err_what(e, ERR_LEDGER, "a record of %zu bytes does not fit",
                 r.payload_len);
        err_why(e, "a %s holds at most %d", event_word(kind),
                EVENT_PAYLOAD_LIMIT);
        err_fix(e, "release fewer migrations at once");
    } else {
        record_write(&bytes, &r);
        good = reserve(l->file, l->end, (int64_t)bytes.len, &full) &&
               (!full || event_closes(kind));
        good = good ? put_record(l, &bytes, e) : disk_full(l, e);
    }
    if (good) {
        l->end += (int64_t)bytes.len;
        l->seq = r.seq;
        if (l->seq % MARK_EVERY == 0)
            store_mark(l, l->seq, l->end);
        if (r.epoch > l->epoch)
            l->epoch = r.epoch;
        memcpy(l->last, r.hash, HASH_BYTES);
        hash_to_hex(l->last, l->last_hex);
    }
    buf_release(&bytes);
    arena_release(&scratch);
    return good;
}

static bool may_append(struct ledger *l, struct err *e)
{
    if (l->mode != LEDGER_WRITE)
        BUG("append to a ledger opened for reading");
    if (!l->broken[0])
        return true;
    err_what(e, ERR_LEDGER, "the ledger %s is closed to this process",
             l->folder);
    err_why(e, "%s", l->broken);
    return err_fix(e, "run: tidegate status");
}

/* What others appended, and what a crash of theirs left, before our own. */
static bool catch_up(struct ledger *l, struct err *e)
{
    int64_t torn;
    enum scan_is got = store_read_on(l, &torn, e);

    if (got != SCAN_END && got != SCAN_TORN)
        return false;
    if (torn || recover_wanted(l, NULL))
        return recover_locked(l, e);
    return true;
}

bool ledger_append(struct ledger *l, enum event_kind kind, struct json *payload,
                   struct err *e)
{
    bool good = may_append(l, e) && store_lock(l, e);

    if (good) {
        good = catch_up(l, e) && lease_check(l, e) &&
               append_locked(l, kind, payload, e);
        store_unlock(l);
    }
    json_free(payload);
    return good;
}
