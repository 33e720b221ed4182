/* fuzz: one target per file. With clang and libFuzzer it is a fuzzer (`make
 * fuzz`); with replay.c and any compiler a program that runs files of a corpus
 * once. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, with the text of it. */
#define MUST(x)                                                     \
    do {                                                            \
        if (!(x)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort();                                                \
        }                                                           \
    } while (0)

/* The input as a text: up to its first NUL, on the heap at its exact size, so
 * that a byte too far is seen. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    size_t n = strnlen((const char *)data, size);
    char *text = malloc(n + 1);

    memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

#endif
