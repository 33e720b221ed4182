#include "runner/command/exits.h"

#include <stddef.h>

const struct exit_row exit_rows[] = {
    {EXIT_DONE, "done", "Done and verified; for check: every gate passes."},
    {EXIT_REFUSED, "refused", "A gate said STOP; nothing was changed."},
    {EXIT_BACK, "rolled-back",
     "The release failed, was rolled back, and that is verified."},
    {EXIT_STOPPED, "stopped",
     "Stopped part-way: see status, then resume or rollback."},
    {EXIT_UNKNOWN, "unknown",
     "The outcome is unknown somewhere: a person must look."},
    {EXIT_USAGE, "usage", "The command line is wrong."},
    {EXIT_INPUT, "bad-input", "A migration, manifest or other file is wrong."},
    {EXIT_UNREACHABLE, "unreachable",
     "A host, database or tool that is needed does not answer; nothing was "
     "changed."},
    {EXIT_BUG, "bug", "A bug in tidegate."},
    {EXIT_LEDGER, "ledger", "The ledger is not writable or not intact."},
    {EXIT_HELD, "held", "A gate said HOLD: not now; nothing was changed."},
    {EXIT_CONFIG, "configuration", "The configuration is wrong."},
    {129, "interrupted",
     "129, 130 or 143: a signal ended it before anything was changed."},
    {0, NULL, NULL},
};

/* A plain failure comes from before any change (the flow turns later ones into
 * BACK, PARTWAY or UNKNOWN): something that was needed could not be had. */
static const int by_err[] = {
    [ERR_NONE] = EXIT_DONE,
    [ERR_USAGE] = EXIT_USAGE,
    [ERR_INPUT] = EXIT_INPUT,
    [ERR_CONFIG] = EXIT_CONFIG,
    [ERR_UNREACHABLE] = EXIT_UNREACHABLE,
    [ERR_LEDGER] = EXIT_LEDGER,
    [ERR_REFUSED] = EXIT_REFUSED,
    [ERR_HELD] = EXIT_HELD,
    [ERR_FAILED] = EXIT_UNREACHABLE,
    [ERR_BACK] = EXIT_BACK,
    [ERR_PARTWAY] = EXIT_STOPPED,
    [ERR_UNKNOWN] = EXIT_UNKNOWN,
    [ERR_INTERRUPTED] = 130,
    [ERR_BUG] = EXIT_BUG,
};

int exit_code_of(enum err_code code, int signal)
{
    if (code == ERR_INTERRUPTED && signal > 0)
        return 128 + signal;
    return by_err[code];
}

const char *exit_word(int code)
{
    for (const struct exit_row *row = exit_rows; row->word; row++)
        if (row->code == code)
            return row->word;
    return code > 128 ? "interrupted" : "unknown";
}
