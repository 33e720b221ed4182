/* Rights that go. */
#include <string.h>

#include "migrations/hazards/hazards.h"
#include "migrations/hazards/subject_rights.h"

#define AFTER "-- tidegate: phase=after\n{statement};"

/* Rights that running code has no use for. */
static bool is_idle(const char *privilege)
{
    return subject_word_in(privilege, "create trigger references");
}

static bool takes_rights(const struct subject *s)
{
    size_t n = node_count(s->stmt, "privileges");
    bool idle = n > 0;

    for (size_t i = 0; i < n; i++)
        idle &=
            is_idle(node_str(node_item(s->stmt, "privileges", i), "priv_name"));
    return !node_bool(s->stmt, "is_grant") &&
           !node_bool(s->stmt, "grant_option") && !idle;
}

static bool takes_less(const struct subject *s)
{
    return !node_bool(s->stmt, "is_grant") && !takes_rights(s);
}

/* The same file gives them back, or to a role that the release has made. */
static bool given(const struct subject *s)
{
    struct arena scratch;
    bool is;

    if (!s->made)
        return false;
    arena_init(&scratch);
    is = subject_rights_given(&scratch, s);
    arena_release(&scratch);
    return is;
}

static bool leaves_role(const struct subject *s)
{
    return !node_bool(s->stmt, "is_grant") && !node_bool(s->stmt, "admin_opt");
}

const struct hazard hazards_rights[] = {
    {{"GrantStmt", NULL, takes_rights},
     HAZARD_WARNING,
     "breaks-old-code",
     LOCK_NONE,
     .breaks = true,
     .survives = given,
     .what = "REVOKE of rights on {name}",
     .safer = AFTER},
    {{"GrantStmt", NULL, takes_less},
     HAZARD_NOTE,
     "rights",
     LOCK_NONE,
     .what = "REVOKE on {name} of what running code has no use for"},
    {{"GrantRoleStmt", NULL, leaves_role},
     HAZARD_WARNING,
     "breaks-old-code",
     LOCK_NONE,
     .breaks = true,
     .survives = given,
     .what = "REVOKE of role {name}",
     .safer = AFTER},
    {{"ReassignOwnedStmt"},
     HAZARD_WARNING,
     "rights",
     LOCK_NONE,
     .what = "REASSIGN OWNED: code that runs as the old owner keeps no right"},
    {{NULL}},
};
