#include "runner/ledger/record.h"

#include <string.h>

static const char file_magic[] = "tidegate-ledger\n";
static const char file_tag[] = "tidegate ledger file 1\n";
static const char record_magic[] = "TGR1";
static const char record_end[] = "\nTGE";
static const char record_tag[] = "tidegate ledger record 1\n";

/* CRC-32 of ISO 3309, four bits at a time. */
static uint32_t crc32_of(const unsigned char *bytes, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (bytes[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

static void put(unsigned char *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get(const unsigned char *from, int bytes)
{
    uint64_t v = 0;

    for (int i = bytes; i-- > 0;)
        v = v << 8 | from[i];
    return v;
}

static void digest(const char *tag, const unsigned char *bytes, size_t len,
                   unsigned char out[HASH_BYTES])
{
    struct hash h;

    hash_init(&h);
    hash_add(&h, tag, strlen(tag));
    hash_add(&h, bytes, len);
    hash_end(&h, out);
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void put_id(unsigned char *to, const char id[33])
{
    for (int i = 0; i < RECORD_ID; i++)
        to[i] = (unsigned char)(hex_digit(id[2 * i]) << 4 |
                                hex_digit(id[2 * i + 1]));
}

static void get_id(const unsigned char *from, char id[33])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < RECORD_ID; i++) {
        id[2 * i] = digits[from[i] >> 4];
        id[2 * i + 1] = digits[from[i] & 15];
    }
    id[32] = 0;
}

void file_head_write(const struct file_head *h, unsigned char out[FILE_HEAD])
{
    memset(out, 0, FILE_HEAD);
    memcpy(out, file_magic, 16);
    put(out + 16, (uint64_t)h->version, 4);
    put(out + 20, FILE_HEAD, 4);
    put_id(out + 24, h->id);
    put(out + 40, (uint64_t)h->created, 8);
    put(out + 60, crc32_of(out, 60), 4);
}

const char *file_head_read(struct file_head *out,
                           const unsigned char bytes[FILE_HEAD])
{
    static const unsigned char zeros[FILE_HEAD];

    memset(out, 0, sizeof *out);
    if (memcmp(bytes, zeros, FILE_HEAD) == 0)
        return "it holds only zeros, as after a loss of power";
    if (memcmp(bytes, file_magic, 16) != 0)
        return "it is no ledger of tidegate";
    out->version = (int)get(bytes + 16, 4);
    if (out->version != FILE_VERSION)
        return "it has another format";
    if (get(bytes + 60, 4) != crc32_of(bytes, 60) ||
        get(bytes + 20, 4) != FILE_HEAD)
        return "its header is damaged";
    get_id(bytes + 24, out->id);
    out->created = (int64_t)get(bytes + 40, 8);
    digest(file_tag, bytes, FILE_HEAD, out->hash);
    return NULL;
}

static void write_head(unsigned char *p, const struct record *r, size_t len)
{
    memcpy(p, record_magic, 4);
    put(p + 4, len, 4);
    put(p + 8, (uint64_t)r->seq, 8);
    put(p + 16, (uint64_t)r->epoch, 8);
    put(p + 24, (uint64_t)r->at, 8);
    put_id(p + 32, r->id);
    put(p + 48, (uint64_t)r->kind, 4);
    put(p + 52, crc32_of(p, 52), 4);
}

void record_write(struct buf *out, struct record *r)
{
    size_t len = RECORD_HEAD + r->payload_len + RECORD_TAIL;
    unsigned char *p = (unsigned char *)buf_room(out, len);
    unsigned char *tail = p + RECORD_HEAD + r->payload_len;

    write_head(p, r, len);
    memcpy(p + RECORD_HEAD, r->payload, r->payload_len);
    memcpy(tail, r->previous, HASH_BYTES);
    digest(record_tag, p, len - 40, r->hash);
    memcpy(tail + 32, r->hash, HASH_BYTES);
    put(tail + 64, crc32_of(p, len - 8), 4);
    memcpy(tail + 68, record_end, 4);
    buf_wrote(out, len);
}

size_t record_length(const unsigned char head[RECORD_HEAD])
{
    size_t len = get(head + 4, 4);

    if (memcmp(head, record_magic, 4) != 0 ||
        get(head + 52, 4) != crc32_of(head, 52))
        return 0;
    return len < RECORD_HEAD + RECORD_TAIL || len > RECORD_LIMIT ? 0 : len;
}

void record_split(struct record *out, const unsigned char *bytes, size_t len)
{
    const unsigned char *tail = bytes + len - RECORD_TAIL;

    out->seq = (int64_t)get(bytes + 8, 8);
    out->epoch = (int64_t)get(bytes + 16, 8);
    out->at = (int64_t)get(bytes + 24, 8);
    get_id(bytes + 32, out->id);
    out->kind = (enum event_kind)get(bytes + 48, 4);
    out->payload = (const char *)bytes + RECORD_HEAD;
    out->payload_len = len - RECORD_HEAD - RECORD_TAIL;
    memcpy(out->previous, tail, HASH_BYTES);
    memcpy(out->hash, tail + 32, HASH_BYTES);
}

const char *record_check(const unsigned char *bytes, size_t len)
{
    unsigned char hash[HASH_BYTES];

    if (record_length(bytes) != len)
        return "the head of the record is damaged";
    if (memcmp(bytes + len - 4, record_end, 4) != 0)
        return "the end of the record is damaged";
    if (get(bytes + len - 8, 4) != crc32_of(bytes, len - 8))
        return "the checksum of the record differs";
    digest(record_tag, bytes, len - 40, hash);
    if (memcmp(hash, bytes + len - 40, HASH_BYTES) != 0)
        return "the hash of the record differs";
    if (get(bytes + 48, 4) - 1 >= EVENT_KINDS - 1)
        return "the record is of a kind that this tidegate does not know";
    return NULL;
}
