#include "runner/ledger/scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WINDOW ((size_t)64 * 1024)

bool scan_init(struct scan *s, int fd, struct file_head *head)
{
    unsigned char bytes[FILE_HEAD];
    ssize_t n = pread(fd, bytes, FILE_HEAD, 0);
    const char *why;

    memset(s, 0, sizeof *s);
    memset(head, 0, sizeof *head);
    buf_init(&s->window);
    if (n < 0)
        why = strerror(errno);
    else if (n == 0)
        why = "it is empty, as after a loss of power";
    else if (n < FILE_HEAD)
        why = "it ends within its header";
    else
        why = file_head_read(head, bytes);
    if (why) {
        snprintf(s->why, sizeof s->why, "%s", why);
        return false;
    }
    s->fd = fd;
    s->offset = FILE_HEAD;
    memcpy(s->previous, head->hash, HASH_BYTES);
    return true;
}

void scan_from(struct scan *s, int fd, int64_t offset, int64_t seq,
               int64_t epoch, const unsigned char previous[HASH_BYTES])
{
    memset(s, 0, sizeof *s);
    buf_init(&s->window);
    s->fd = fd;
    s->offset = offset;
    s->seq = seq;
    s->epoch = epoch;
    memcpy(s->previous, previous, HASH_BYTES);
}

void scan_release(struct scan *s)
{
    buf_release(&s->window);
}

/* Fills the window with at least `len` bytes from offset, or up to the end
 * of the file. */
static bool fill(struct scan *s, size_t len)
{
    size_t want = len > WINDOW ? len : WINDOW;

    buf_clear(&s->window);
    s->window_at = s->offset;
    while (s->window.len < want) {
        char *to = buf_room(&s->window, want - s->window.len);
        ssize_t n = pread(s->fd, to, want - s->window.len,
                          s->window_at + (int64_t)s->window.len);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            snprintf(s->why, sizeof s->why, "%s", strerror(errno));
            return false;
        }
        buf_wrote(&s->window, (size_t)n);
    }
    return true;
}

const unsigned char *scan_bytes(struct scan *s, size_t len, size_t *got)
{
    int64_t skip = s->offset - s->window_at;

    if (skip < 0 || skip + (int64_t)len > (int64_t)s->window.len) {
        if (!fill(s, len))
            return NULL;
        skip = 0;
    }
    *got = s->window.len - (size_t)skip;
    if (*got > len)
        *got = len;
    return (const unsigned char *)s->window.data + skip;
}

/* What makes a sound record not the next of this chain, or NULL. */
static const char *misfit(const struct scan *s, const struct record *r)
{
    if (r->seq != s->seq + 1)
        return "the sequence number does not follow";
    if (memcmp(r->previous, s->previous, HASH_BYTES) != 0)
        return "it does not chain to the record before it";
    if (r->kind == EVENT_EPOCH ? r->epoch <= s->epoch : r->epoch > s->epoch)
        return "its epoch does not fit";
    return NULL;
}

enum scan_is scan_next(struct scan *s, struct record *out)
{
    size_t got, len;
    const char *wrong;
    const unsigned char *p = scan_bytes(s, RECORD_HEAD, &got);

    if (!p)
        return SCAN_FAILED;
    if (s->follows && (got == 0 || p[0] == 0))
        return SCAN_END;
    len = got == RECORD_HEAD ? record_length(p) : 0;
    if (len == 0)
        return tail_judge(s, "there is no head of a record");
    p = scan_bytes(s, len, &got);
    if (!p)
        return SCAN_FAILED;
    if (got < len)
        return tail_judge(s, "the file ends within the record");
    wrong = s->quick ? NULL : record_check(p, len);
    if (wrong)
        return tail_judge(s, wrong);
    record_split(out, p, len);
    wrong = s->quick ? NULL : misfit(s, out);
    if (wrong) {
        snprintf(s->why, sizeof s->why, "%s", wrong);
        return SCAN_CORRUPT;
    }
    s->offset += (int64_t)len;
    s->seq = out->seq;
    if (out->epoch > s->epoch)
        s->epoch = out->epoch;
    memcpy(s->previous, out->hash, HASH_BYTES);
    return SCAN_RECORD;
}
