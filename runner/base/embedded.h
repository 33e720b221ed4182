/* embedded: files compiled into the program by scripts/embed.
 *
 * Each table ends in a row whose name is NULL; names have no folder.
 */
#ifndef RUNNER_BASE_EMBEDDED_H
#define RUNNER_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;
    const char *bytes; /* NUL-closed */
    size_t len;
};

extern const struct embedded remote_scripts[]; /* scripts/remote/ */
extern const struct embedded own_migrations[]; /* migrations/sql/ */
extern const struct embedded preset_files[];   /* policies/presets/ */

#endif
