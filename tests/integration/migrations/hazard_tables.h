/* The tables of hazard_rows.h, made in a database; and the rows in one list.
 */
#ifndef TESTS_INTEGRATION_MIGRATIONS_HAZARD_TABLES_H
#define TESTS_INTEGRATION_MIGRATIONS_HAZARD_TABLES_H

#include "tests/integration/migrations/hazard_rows.h"
#include "tests/integration/migrations/rehearsing.h"

#define HAZARD_ROWS_MAX 400
extern const struct hazard_row *hazard_rows[HAZARD_ROWS_MAX];
extern size_t hazard_rows_n;

/* Takes the rows (HAZARD_ROWS='|46|46 one|' those alone), and makes database
 * hazards with a table t<i> for the i-th, and what its setup makes. */
void hazard_tables_make(struct fixture *f);
/* $ becomes t<i>. */
char *hazard_named(struct fixture *f, const char *text, size_t i);
/* "public.t7", or what has a schema of its own. */
const char *hazard_relation(struct fixture *f, const char *relation, size_t i);

#endif
