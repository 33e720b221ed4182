/* Not for others: what the files of old_code.h share. */
#ifndef MIGRATIONS_REHEARSE_OLD_CODE_INTERN_H
#define MIGRATIONS_REHEARSE_OLD_CODE_INTERN_H

#include "migrations/rehearse/old_code.h"

/* Two schemas held against each other. */
struct old_code_look {
    struct arena *a; /* keeps what is told */
    struct arena scratch;
    const struct fingerprint *was, *now;
    struct old_code *out;
};

void old_code_tell(struct old_code_look *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The line that begins so, or NULL: "column public.t.c:". */
const char *old_code_line(const struct fingerprint *f, const char *begin);
/* How long a text is up to one of these bytes outside of double quotes. */
size_t old_code_until(const char *text, const char *ends);
/* The relation of "public.t.c", in l->scratch. */
char *old_code_relation(struct old_code_look *l, const char *column);

/* ---- old_code_rights.c ---- */

/* "rights on NAME: rest" of was. */
void old_code_rights(struct old_code_look *l, const char *word,
                     const char *name, const char *rest);

#endif
