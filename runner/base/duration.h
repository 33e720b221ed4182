/* duration: spans of time as people write and read them. */
#ifndef RUNNER_BASE_DURATION_H
#define RUNNER_BASE_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "500ms", "30s", "15m", "2h", "7d", and sums in falling units: "1h30m".
 * A unit is required, the value is whole, the sum fits in 3650 days; blanks,
 * signs and leading zeros ("08s") are refused. Result in milliseconds. */
bool duration_parse(const char *text, int64_t *ms);
/* Shortest exact-enough text: "0 s", "340 ms", "2.4 s", "41 s", "3 min 20 s",
 * "2 h 05 min", "3 d 4 h". Returns out. */
char *duration_text(int64_t ms, char *out, size_t size);
/* "900 B", "41 GB" (powers of 1024, two digits). Returns out. */
char *bytes_text(int64_t bytes, char *out, size_t size);

#endif
