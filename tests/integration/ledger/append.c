/* Appends events to a ledger, as a run would: append FOLDER WORD..., where
 * words are `lease ENVIRONMENT RUN`, `hold` (until stdin ends) or a kind and
 * its payload. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/ledger/ledger.h"

static enum event_kind kind_of(const char *word)
{
    for (int k = EVENT_CREATED; k < EVENT_KINDS; k++)
        if (strcmp(event_word((enum event_kind)k), word) == 0)
            return (enum event_kind)k;
    fprintf(stderr, "no kind of event: %s\n", word);
    exit(64);
}

static bool append(struct ledger *l, const char *kind, const char *text,
                   struct err *e)
{
    struct json *j = json_parse(text, strlen(text), e);

    return j && ledger_append(l, kind_of(kind), j, e);
}

static bool play(struct ledger *l, char **words, struct err *e)
{
    char byte;

    while (*words) {
        if (strcmp(*words, "lease") == 0) {
            if (!ledger_lease(l, words[1], words[2], e))
                return false;
            words += 3;
        } else if (strcmp(*words, "hold") == 0) {
            if (write(STDOUT_FILENO, "held\n", 5) != 5)
                return false;
            while (read(STDIN_FILENO, &byte, 1) > 0)
                ;
            words++;
        } else {
            if (!append(l, words[0], words[1], e))
                return false;
            words += 2;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arena a;
    struct err e = {0};
    struct ledger *l;
    bool good;

    if (argc < 2)
        return 64;
    arena_init(&a);
    l = ledger_open(&a, argv[1], LEDGER_WRITE, &e);
    good = l && play(l, argv + 2, &e);
    if (good)
        printf("%s %lld %s\n", ledger_id(l), (long long)ledger_seq(l),
               ledger_head(l));
    else
        err_print(&e, stderr);
    ledger_close(l);
    arena_release(&a);
    return good ? 0 : 1;
}
