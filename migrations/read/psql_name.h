/* psql_name: the one variable that psql always fills in, and whose value the
 * server knows as well: DBNAME, the database's own name.
 *
 * Scripts that are written for psql say :'DBNAME' and :"DBNAME". The first
 * becomes current_database(). A name cannot stand for an expression: a
 * statement with the second becomes a DO block that executes it with the name
 * put in (GRANT CONNECT ON DATABASE :"DBNAME" TO app). Lines stay where they
 * are.
 */
#ifndef MIGRATIONS_READ_PSQL_NAME_H
#define MIGRATIONS_READ_PSQL_NAME_H

#include "runner/base/arena.h"

/* In a; or text itself, where there is neither, or what cannot be written
 * so: a variable of psql is refused later. */
char *psql_name_fill(struct arena *a, char *text);

#endif
