/* foreign: statements that stand in migrations of other tools by custom, and
 * that tidegate refuses in its own.
 *
 * Such files are read as they are. What only repeats what tidegate does is
 * left out: a COMMIT as the last statement, though no BEGIN stands before it;
 * BEGIN and COMMIT anywhere in the file, with a warning, since all of it is one
 * transaction then; SET of lock_timeout and statement_timeout, whose first
 * value above 0 holds for the whole file. What ends with the migration anyway
 * is allowed: SET search_path, and, with a warning, DISABLE TRIGGER where the
 * same file enables the same again (without one, where the same file has made
 * the trigger). SET ROLE and the like stay refused.
 *
 * Settings are reset before each script, as where each runs in a session of its
 * own: always in sqitch (a psql for each) and Flyway (it restores them); in
 * golang-migrate, dbmate, goose and diesel, which share a connection and reset
 * nothing, when each is run by a call of its own, as ways back are. There a
 * path lasts for what the same call runs after it; here it does not.
 */
#ifndef MIGRATIONS_READ_FOREIGN_H
#define MIGRATIONS_READ_FOREIGN_H

#include "migrations/read/split.h"

/* Leaves out what repeats what tidegate does, split_unwrap's part as well;
 * timeouts and notes go to out.
 * undone: a ROLLBACK as last statement does, too, and BEGIN needs no end. */
void foreign_settle(struct split_pieces *pieces, bool undone,
                    struct script *out);
/* The statement is allowed whatever refusals.h says of it. */
bool foreign_allows(const struct split_piece *p,
                    const struct split_pieces *pieces);
/* So is this one where all is rolled back: SET ROLE, to ask as another, also
 * in a DO block. */
bool foreign_allows_undone(const struct split_piece *p);
/* As another tool's it would be allowed, or left out. */
bool foreign_reads(const struct split_piece *p,
                   const struct split_pieces *pieces);

/* It sets search_path to something. */
bool foreign_sets_path(const struct split_piece *p);
/* It disables triggers that a later statement enables again. */
bool foreign_pauses(const struct split_piece *p,
                    const struct split_pieces *pieces);

#endif
