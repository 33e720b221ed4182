/* refusals_reach: what changes our settings or leaves the database, wherever
 * in a statement it stands: in DELETE, MERGE or CALL, a view's query, a
 * DEFAULT, an index expression. The text of a DO block is looked at by its
 * words, strings in it too (EXECUTE runs them).
 *
 * The bodies of functions are left alone: what they do, they do when they are
 * called. And words can be put together at run time: the last line of defence
 * is a migration role without these rights.
 */
#ifndef MIGRATIONS_HAZARDS_REFUSALS_REACH_H
#define MIGRATIONS_HAZARDS_REFUSALS_REACH_H

#include "migrations/text/parser.h"

enum reach {
    REACH_NOTHING,
    REACH_SETTING = 1,  /* set_config of one that tidegate keeps */
    REACH_TRIGGERS = 2, /* disables them */
    REACH_SERVER = 4,   /* files and programs of the server, other servers */
    REACH_OURS = 8,     /* schema tidegate, in a DO block */
};

/* Is it a setting that tidegate keeps? */
bool reach_is_kept(const char *setting);
/* All of them that it does. */
unsigned reach_of(const struct node *stmt);
/* The same of a text that does not parse, by its words. */
unsigned reach_of_text(const char *text);

#endif
