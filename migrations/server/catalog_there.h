/* catalog_there: whether a database has an object, or a role a right, already.
 * Answers are kept as those of catalog.h.
 */
#ifndef MIGRATIONS_SERVER_CATALOG_THERE_H
#define MIGRATIONS_SERVER_CATALOG_THERE_H

#include "migrations/server/catalog.h"

enum catalog_is { IS_UNKNOWN, IS_THERE, IS_NOT_THERE };

/* kind is "relation", "function" (any of that name, whatever its arguments),
 * "type", "schema", "extension" or "role"; of others it is unknown. */
enum catalog_is catalog_there(struct catalog *c, const char *kind,
                              const char *name);
/* A right given to that role itself (who "": to PUBLIC), as an ACL has it, by
 * an owner's default too: privilege "select", or "all" for any. kind is
 * "relation", "function", "schema", or "role": a member of name. */
enum catalog_is catalog_granted(struct catalog *c, const char *kind,
                                const char *name, const char *who,
                                const char *privilege);

#endif
