/* What the files of lint_touch share. */
#ifndef MIGRATIONS_LINT_LINT_TOUCH_INTERN_H
#define MIGRATIONS_LINT_LINT_TOUCH_INTERN_H

#include "migrations/lint/lint_touch.h"

/* What is done, apart from to whom. */
struct deed {
    enum lock_mode lock;
    bool rewrites, scans;
};

struct finder {
    struct touches *t;
    const struct subject *s;
    struct deed deed;
    const char *ctes; /* names of WITH, with blanks around */
};

/* Partitioned tables and views hold nothing to read. */
void touches_put_part(struct touches *t, const struct catalog_part *p,
                      struct deed d);
void touches_put_parts(struct touches *t, const struct catalog_part *list,
                       size_t n, struct deed d);
/* Words for what only a catalog can name; %s in them is name. */
void touches_put_words(struct touches *t, const char *words, const char *name,
                       struct deed d);
/* A table by name, with what lies below it or without; not if it is new. */
void touches_put_table(struct touches *t, const struct subject *s,
                       const char *name, bool below, struct deed d);
const struct catalog_relation *touches_known(const struct subject *s,
                                             const char *name);
/* All that a kind means for the subject in hand. */
void touches_put_also(struct finder *f, enum whose whose);

#endif
