/* remote: what goes to a host and what comes back, as bytes.
 *
 * The command is one constant string; everything else travels on stdin:
 *
 *     LENGTH \n LOADER          read by the command, a byte at a time
 *     LENGTH \n SCRIPT          read by the loader, checked for its length
 *     LENGTH \n PARAMETER ...   read by the script, checked alike; the first
 *                               is the nonce of this call
 *     PAYLOAD                   what is left until end of file
 *
 * A cut anywhere before the last parameter runs nothing. The answer is the
 * lines of stdout that begin with "TG1 NONCE ":
 *
 *     TG1 NONCE KEY =TEXT       TEXT is printable ASCII
 *     TG1 NONCE KEY xHEX        any bytes, two hex digits each
 *     TG1 NONCE end WORD COUNT  WORD is done, failed or unknown; COUNT is the
 *                               number of KEY lines before
 *
 * Everything else there (banners, start-up files, forgeries of other runs) is
 * passed over, up to REPLY_LIMIT bytes.
 */
#ifndef RUNNER_FLEET_REMOTE_H
#define RUNNER_FLEET_REMOTE_H

#include "runner/base/buf.h"
#include "runner/fleet/fleet.h"

#define REPLY_LIMIT (1024 * 1024)
#define NONCE_BYTES 16
#define NONCE_TEXT  (2 * NONCE_BYTES + 1)

extern const char remote_command[];

/* Everything but the payload. step: the name of a row of the step table in
 * remote.c (BUG when there is none). */
void request_build(struct buf *out, const char *nonce, const char *step,
                   const struct param *params, size_t n);

struct reply {
    struct arena *a;
    char nonce[NONCE_TEXT];
    struct buf bytes; /* stdout as it came; the caller appends */
    size_t scanned;   /* of bytes */
    const char **keys, **values;
    size_t n, room;
    int ends; /* end lines seen */
    enum outcome said;
    const char *broken; /* why it can mean nothing, or NULL */
};

void reply_init(struct reply *r, struct arena *a, const char *nonce);
void reply_release(struct reply *r);
/* Looks at what was appended to bytes since the last call. */
void reply_scan(struct reply *r);
/* An end line has come, or nothing that follows could mend it. */
bool reply_ended(const struct reply *r);
/* The answer as it stands; UNKNOWN with a `why` unless exactly one good end
 * line came. noise: what stderr said last, for the words; may be "". */
void reply_take(struct reply *r, const char *noise, struct answer *out);

#endif
