/* data_intern: what the files of data share; for data*.c alone. */
#ifndef MIGRATIONS_REHEARSE_DATA_INTERN_H
#define MIGRATIONS_REHEARSE_DATA_INTERN_H

#include "migrations/rehearse/data.h"

/* One question on d->watch, which a stop signal ends. */
bool data_ask(struct data *d, const char *sql, struct arena *a,
              struct pg_result *out, struct err *e);
/* Whether an error ends the rehearsal, or is to be warned of. */
bool data_is_grave(const struct data *d, const struct err *e);
void data_warn(struct data *d, const char *table, const char *why);

/* data_note.c. The table for FROM; a hash of a value, NULL for NULL. */
const char *data_from(struct arena *a, const struct data_table *t);
const char *data_hash_of(struct arena *a, const char *value);
bool data_count_rows(struct data *d, const struct data_table *t,
                     const char **out, struct err *e);
/* Counts, and sums that know no order, of t's columns and of whole rows. */
bool data_sum_rows(struct data *d, const struct data_table *t,
                   struct data_note *out, struct err *e);
/* Fills n, whose table is set. *taken false: it was too much. */
bool data_note_table(struct data *d, struct data_note *n, bool *taken,
                     struct err *e);

/* data_compare.c: adds what differs to lines. */
bool data_compare(struct data *d, const struct data_note *n, struct buf *lines,
                  struct data_difference *out, struct err *e);

#endif
