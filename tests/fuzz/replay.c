/* Runs a target without a fuzzer: every file of the folders that are named,
 * then for so many seconds the same with bytes changed.
 * Usage: fuzz_TARGET [--seconds=N] FOLDER... */
#include <ftw.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX  (1 << 16)
#define INPUTS_MAX 1024

static struct input {
    uint8_t *bytes;
    size_t len;
} inputs[INPUTS_MAX];
static size_t n;
static uint64_t seed = 20261122;

static uint32_t dice(size_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % (sides ? sides : 1));
}

static int take_file(const char *path, const struct stat *st, int type,
                     struct FTW *ftw)
{
    size_t len = (size_t)st->st_size;
    FILE *f;

    (void)ftw;
    if (type != FTW_F || n == INPUTS_MAX || len > INPUT_MAX)
        return 0;
    inputs[n].bytes = malloc(len + 1);
    f = fopen(path, "r");
    if (!f || !inputs[n].bytes || fread(inputs[n].bytes, 1, len, f) != len)
        return 1;
    fclose(f);
    inputs[n++].len = len;
    return 0;
}

/* A run of bytes of from, put in or over at a place of to. */
static void splice(struct input *to, const struct input *from)
{
    size_t at = dice(to->len + 1), len = dice(32), begin = dice(from->len);

    if (begin + len > from->len)
        len = from->len - begin;
    if (to->len + len > INPUT_MAX)
        return;
    if (dice(2)) {
        memmove(to->bytes + at + len, to->bytes + at, to->len - at);
        to->len += len;
    } else if (at + len > to->len) {
        to->len = at + len;
    }
    memmove(to->bytes + at, from->bytes + begin, len);
}

static void change(struct input *i)
{
    static const char marks[] = ";'\"$()\\\n-/*:{}@%=[]#!.,_ ~^aeEuU&01\t\xc3";
    size_t at = dice(i->len), len;

    switch (i->len ? dice(4) : 3) {
    case 0:
        i->bytes[at] = (uint8_t)marks[dice(strlen(marks))];
        break;
    case 1:
        i->bytes[at] = (uint8_t)dice(256);
        break;
    case 2:
        len = 1 + dice(16);
        len = at + len > i->len ? i->len - at : len;
        memmove(i->bytes + at, i->bytes + at + len, i->len - at - len);
        i->len -= len;
        break;
    default:
        splice(i, &inputs[dice(n)]);
        break;
    }
}

static size_t run_changed(long seconds)
{
    struct input one = {malloc(2 * INPUT_MAX), 0};
    time_t end = time(NULL) + seconds;
    size_t ran = 0;

    for (; time(NULL) < end; ran++) {
        const struct input *from = &inputs[dice(n)];
        one.len = from->len;
        memcpy(one.bytes, from->bytes, from->len);
        for (uint32_t i = 1 + dice(6); i-- > 0;)
            change(&one);
        LLVMFuzzerTestOneInput(one.bytes, one.len);
    }
    free(one.bytes);
    return ran;
}

int main(int argc, char **argv)
{
    long seconds = 0;

    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "--seconds=%ld", &seconds) != 1 &&
            nftw(argv[i], take_file, 8, FTW_PHYS) != 0)
            return 1;
    for (size_t i = 0; i < n; i++)
        LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].len);
    if (!n)
        return 1;
    printf("ok - %zu files, %zu changed ones\n", n, run_changed(seconds));
    while (n-- > 0)
        free(inputs[n].bytes);
    return 0;
}
