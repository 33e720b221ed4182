/* Any comments: read, or refused with a place, a reason and a way out. */
#include "migrations/read/directives.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    for (int down = 0; down < 2; down++) {
        struct directives d;
        struct err e = {0};
        struct arena a;
        arena_init(&a);
        if (directives_read(&d, &a, "1_a.up.sql", text, 0, down, &e)) {
            MUST(!down || (!d.after && !d.compatible && !d.forward_only));
            MUST(d.lock_timeout_ms == -1 || d.lock_timeout_ms > 0);
        } else {
            MUST(strncmp(e.what, "1_a.up.sql:", 11) == 0);
            MUST(e.why[0] && e.fix[0]);
        }
        arena_release(&a);
    }
    free(text);
    return 0;
}
