/* scan: reads a ledger file record by record, in bounded memory, and judges
 * what stands behind the last whole one.
 */
#ifndef RUNNER_LEDGER_SCAN_H
#define RUNNER_LEDGER_SCAN_H

#include "runner/base/err.h"
#include "runner/ledger/record.h"

struct scan {
    int fd;     /* borrowed */
    bool quick; /* trust: check neither hashes nor the chain */
    /* The reserve was looked through before, by this process: what was torn
     * since shows at its first byte. */
    bool follows;
    int64_t offset; /* where the next record should begin */
    int64_t seq;    /* of the last record read; 0: none */
    int64_t epoch;  /* highest so far */
    unsigned char previous[HASH_BYTES];
    struct buf window; /* bytes of the file from window_at on */
    int64_t window_at;
    int64_t torn;  /* SCAN_TORN: how many bytes, up to the last not zero */
    char why[200]; /* SCAN_TORN, SCAN_CORRUPT, SCAN_FAILED */
};

enum scan_is {
    SCAN_RECORD,
    SCAN_END,     /* zeros (reserve) or the end of the file */
    SCAN_TORN,    /* the last record is incomplete, nothing valid follows */
    SCAN_CORRUPT, /* anything else */
    SCAN_FAILED,  /* the file cannot be read */
};

/* Reads and checks the header of the file; false: why is set. */
bool scan_init(struct scan *s, int fd, struct file_head *head);
/* Goes on behind a record that was verified before. */
void scan_from(struct scan *s, int fd, int64_t offset, int64_t seq,
               int64_t epoch, const unsigned char previous[HASH_BYTES]);
void scan_release(struct scan *s);
/* out->payload is lent until the next call. Chain, sequence and epoch are
 * checked; offset moves behind the record. */
enum scan_is scan_next(struct scan *s, struct record *out);

/* Used by scan_next: what stands at offset, where no whole record does.
 * broken says why it is none. */
enum scan_is tail_judge(struct scan *s, const char *broken);
/* As many of the len bytes at offset as the file has; NULL with why set when
 * it cannot be read. */
const unsigned char *scan_bytes(struct scan *s, size_t len, size_t *got);

#endif
