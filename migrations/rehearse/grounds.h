/* grounds: what an estimate stands on besides the statement itself. */
#ifndef MIGRATIONS_REHEARSE_GROUNDS_H
#define MIGRATIONS_REHEARSE_GROUNDS_H

#include "migrations/rehearse/learn.h"

/* What a server has to work with; bytes, 0: unknown. */
struct memory {
    int64_t cache; /* the larger of shared_buffers, effective_cache_size */
    int64_t sort;  /* maintenance_work_mem */
};

/* Zeroed: the default factors, and nothing known of the servers. */
struct grounds {
    struct factors factors;
    struct memory clone, production;
};

#endif
