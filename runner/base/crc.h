/* crc: CRC-32 as gzip has it (RFC 1952, section 8; the only user of zlib).
 * Against accidents only: whoever means to can make any text have any CRC. */
#ifndef RUNNER_BASE_CRC_H
#define RUNNER_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what came before (0: nothing) and of these bytes. */
uint32_t crc_add(uint32_t crc, const void *bytes, size_t len);

#endif
