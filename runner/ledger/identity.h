/* identity: which person, machine, boot and process we are, so that a lease
 * names its holder even when process ids are used again.
 */
#ifndef RUNNER_LEDGER_IDENTITY_H
#define RUNNER_LEDGER_IDENTITY_H

#include <stdint.h>

/* The id of this boot of the machine; "unknown". Returns out. */
char *machine_boot(char out[64]);
/* When this process began, in clock ticks since boot (proc(5), stat field
 * 22); 0 when /proc does not say. */
int64_t process_start(void);

#endif
