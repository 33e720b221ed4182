/* signing: who speaks, and what they said put into the ledger: shared by the
 * commands that make statements.
 */
#ifndef RUNNER_COMMAND_SIGNING_H
#define RUNNER_COMMAND_SIGNING_H

#include "runner/command/cmd.h"

struct speaker {
    const char *key;         /* what to sign with; NULL: unsigned */
    const char *person;      /* principal; unsigned: user@machine */
    const char *fingerprint; /* "" when unsigned */
};

/* Key: --key, else git's user.signingkey. Signed when `must`, when --key was
 * given, or when the signers file knows the key that git names. */
bool speaker_find(struct tidegate *t, const char *key, bool must,
                  struct speaker *out, struct err *e);
/* The signature of text ("" when unsigned), checked as a later reader will:
 * one that would not be taken is ERR_CONFIG. */
bool speaker_sign(struct tidegate *t, const struct speaker *s, const char *text,
                  const char **signature, struct err *e);
/* Signs the text and appends it. */
bool speaker_state(struct tidegate *t, const struct speaker *s,
                   const char *text, struct err *e);
/* "anna (SHA256:...)", "anna@deploy1 (not signed)". */
char *speaker_words(struct tidegate *t, const struct speaker *s);

/* "  opens       ...\n" on stdout. */
void say_row(struct tidegate *t, const char *name, const char *text);
/* A reason that may stand in a statement: not blank, at most 1,000 bytes, no
 * control bytes; ERR_USAGE. */
bool reason_valid(const char *option, const char *text, struct err *e);

#endif
