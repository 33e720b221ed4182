/* allowed: what no migration may hold unless a policy allows it (refusals.h);
 * a set of them is `allowed`.
 */
#ifndef MIGRATIONS_HAZARDS_ALLOWED_H
#define MIGRATIONS_HAZARDS_ALLOWED_H

enum refusals {
    REFUSES_SETTINGS = 1,  /* role, search_path, timeouts, replication role */
    REFUSES_TRIGGERS = 2,  /* disabled */
    REFUSES_SERVER = 4,    /* programs and files of the server, other servers */
    REFUSES_DATABASES = 8, /* dropped */
    REFUSES_ALL = 15,
};

#endif
