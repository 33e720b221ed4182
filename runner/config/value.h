/* value: what the readers of settings share beyond the table of keys.h. */
#ifndef RUNNER_CONFIG_VALUE_H
#define RUNNER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#define ENVIRONMENT_NAME_LIMIT 32
#define RELEASE_NAME_LIMIT     64

/* [A-Za-z0-9._-], 1..limit bytes, no leading '-' or '.'. */
bool name_valid(const char *text, size_t limit);

#endif
