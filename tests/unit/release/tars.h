/* tars: tar files made header by header, as nobody's tar program would. */
#ifndef TESTS_UNIT_RELEASE_TARS_H
#define TESTS_UNIT_RELEASE_TARS_H

#include "runner/base/buf.h"

struct member {
    const char *name;
    char type; /* '0' file, '1' hard link, '2' link, '3' device, '5' folder */
    unsigned mode;
    const char *text; /* content, or the link's target */
};

static inline void tar_block(struct buf *out, const struct member *m)
{
    bool file = m->type == '0' || m->type == 'S';
    size_t len = file && m->text ? strlen(m->text) : 0;
    char h[513] = {0}, zeros[512] = {0};
    unsigned sum = 0;

    snprintf(h, 100, "%s", m->name);
    snprintf(h + 100, 8, "%07o", m->mode);
    snprintf(h + 108, 8, "%07o", 0);
    snprintf(h + 116, 8, "%07o", 0);
    snprintf(h + 124, 12, "%011o", (unsigned)len & 0777777777);
    snprintf(h + 136, 12, "%011o", 0);
    memset(h + 148, ' ', 8);
    h[156] = m->type;
    if (!file && m->text)
        snprintf(h + 157, 100, "%s", m->text);
    memcpy(h + 257, m->type == 'S' ? "ustar  " : "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    buf_add(out, h, 512);
    if (len) {
        buf_add(out, m->text, len);
        buf_add(out, zeros, (512 - len % 512) % 512);
    }
}

/* Members up to one without a name, then the end mark. */
static inline void tar_build(struct buf *out, const struct member *m)
{
    char zeros[1024] = {0};

    buf_init(out);
    for (; m->name; m++)
        tar_block(out, m);
    buf_add(out, zeros, sizeof zeros);
}

#endif
