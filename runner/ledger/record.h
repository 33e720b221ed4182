/* record: how one event lies in the file.
 *
 * All numbers little-endian. The file begins with a header of 64 bytes:
 *
 *      0  "tidegate-ledger\n"     16
 *     16  version (1)              4      40  created, UTC      8
 *     20  size of this header      4      48  zero             12
 *     24  ledger id               16      60  CRC of 0..59      4
 *
 * A record is its head (56), the payload, and its tail (72):
 *
 *      0  "TGR1"                   4      24  at, UTC           8
 *      4  length of all of it      4      32  event id         16
 *      8  seq                      8      48  kind              4
 *     16  epoch                    8      52  CRC of 0..51      4
 *     ..  payload, canonical JSON (no zero byte can occur in it)
 *    -72  hash of the one before  32     -40  own hash         32
 *     -8  CRC of all before it     4      -4  "\nTGE"           4
 *
 * Own hash: SHA-256 over a domain tag and everything up to it. The first
 * record's "one before" is the hash of the file header. First and last bytes
 * of a record are never zero, so a torn one is told from a whole one.
 */
#ifndef RUNNER_LEDGER_RECORD_H
#define RUNNER_LEDGER_RECORD_H

#include "runner/base/buf.h"
#include "runner/ledger/events.h"

#define FILE_HEAD      64
#define FILE_VERSION   1
#define RECORD_HEAD    56
#define RECORD_TAIL    72
#define RECORD_LIMIT   (RECORD_HEAD + EVENT_PAYLOAD_LIMIT + RECORD_TAIL)
#define RECORD_ID      16
#define RECORD_RESERVE ((int64_t)256 * 1024)

struct file_head {
    int version;
    char id[33];
    int64_t created;
    unsigned char hash[HASH_BYTES]; /* what the first record chains to */
};
void file_head_write(const struct file_head *h, unsigned char out[FILE_HEAD]);
/* NULL, or why these bytes are no ledger of ours; version is set whenever
 * the magic fits. */
const char *file_head_read(struct file_head *out,
                           const unsigned char bytes[FILE_HEAD]);

struct record {
    int64_t seq, epoch, at;
    enum event_kind kind;
    char id[33];         /* hex */
    const char *payload; /* lent */
    size_t payload_len;
    unsigned char previous[HASH_BYTES], hash[HASH_BYTES];
};

/* Appends the bytes of r to out; fills r->hash. */
void record_write(struct buf *out, struct record *r);
/* The whole record's length from its head; 0: not a head. */
size_t record_length(const unsigned char head[RECORD_HEAD]);
/* Cuts a record that record_length measured into its fields, unchecked. */
void record_split(struct record *out, const unsigned char *bytes, size_t len);
/* NULL, or what is wrong with these bytes (CRC, hash, kind, end). */
const char *record_check(const unsigned char *bytes, size_t len);

#endif
