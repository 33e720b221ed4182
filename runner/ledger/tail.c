/* What stands behind the last whole record: nothing, a torn record, or
 * damage.
 *
 * A write that was cut off leaves bytes missing, and missing bytes are zeros
 * (space is reserved as zeros) or the end of the file: a beginning followed
 * by nothing, or whole disk sectors that never arrived. Since first and last
 * bytes of a record are never zero and its payload holds no zero, such gaps
 * do not occur in a whole record. A record without a gap that fails its
 * checks was damaged later. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner/ledger/scan.h"

#define SECTOR ((int64_t)512)

static bool all_zero(const unsigned char *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* How many bytes stand from offset to the last that is not zero; -1 with why
 * set when the file cannot be read. */
static int64_t remains(struct scan *s)
{
    unsigned char block[16 * 1024];
    int64_t last = 0;

    for (int64_t at = 0;;) {
        ssize_t n = pread(s->fd, block, sizeof block, s->offset + at);
        if (n < 0) {
            snprintf(s->why, sizeof s->why, "%s", strerror(errno));
            return -1;
        }
        if (n == 0)
            return last;
        for (ssize_t i = n; i-- > 0;)
            if (block[i]) {
                last = at + i + 1;
                break;
            }
        at += n;
    }
}

static bool valid_inside(const unsigned char *p, size_t n)
{
    for (size_t at = 1; at + RECORD_HEAD + RECORD_TAIL <= n; at++) {
        const unsigned char *found = memmem(p + at, n - at, "TGR1", 4);
        size_t len;
        if (!found)
            return false;
        at = (size_t)(found - p);
        if (n - at < RECORD_HEAD + RECORD_TAIL)
            return false;
        len = record_length(found);
        if (len && len <= n - at && !record_check(found, len))
            return true;
    }
    return false;
}

/* Whether a disk sector's part of the n bytes at p never arrived. */
static bool sector_missing(const unsigned char *p, size_t n, int64_t offset)
{
    size_t at = 0;

    while (at < n) {
        size_t part = (size_t)(SECTOR - (offset + (int64_t)at) % SECTOR);
        if (part > n - at)
            part = n - at;
        if (all_zero(p + at, part))
            return true;
        at += part;
    }
    return false;
}

static bool is_torn(const unsigned char *p, size_t n, int64_t offset)
{
    size_t magic = n < 4 ? n : 4;

    if (n < RECORD_HEAD)
        return memcmp(p, "TGR1", magic) == 0 || sector_missing(p, n, offset);
    return n < record_length(p) || sector_missing(p, n, offset);
}

enum scan_is tail_judge(struct scan *s, const char *broken)
{
    int64_t n = remains(s);
    const unsigned char *p;
    size_t got;

    if (n < 0)
        return SCAN_FAILED;
    if (n == 0)
        return SCAN_END;
    snprintf(s->why, sizeof s->why, "%s", broken);
    if (n > RECORD_LIMIT)
        return SCAN_CORRUPT;
    p = scan_bytes(s, (size_t)n, &got);
    if (!p)
        return SCAN_FAILED;
    if (valid_inside(p, got)) {
        snprintf(s->why, sizeof s->why, "%s, and a whole record follows",
                 broken);
        return SCAN_CORRUPT;
    }
    if (!is_torn(p, got, s->offset))
        return SCAN_CORRUPT;
    s->torn = n;
    return SCAN_TORN;
}
