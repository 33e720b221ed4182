#include "runner/release/keygen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/escape.h"
#include "runner/base/file.h"

bool scratch_open(struct scratch *s, const char *bytes, struct err *e)
{
    *s = (struct scratch){0};
    snprintf(s->folder, sizeof s->folder, "/tmp/tidegate-sign-%d-XXXXXX",
             (int)getpid());
    if (!mkdtemp(s->folder)) {
        s->folder[0] = '\0';
        err_what(e, ERR_FAILED, "cannot make a folder in /tmp");
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "make room and correct the rights there");
    }
    snprintf(s->file, sizeof s->file, "%s/text", s->folder);
    return file_create(s->file, bytes, strlen(bytes), 0600, e);
}

void scratch_close(struct scratch *s)
{
    if (!s->folder[0])
        return;
    unlink(s->file);
    rmdir(s->folder);
}

void keygen_add(struct keygen *k, const char *first, const char *second)
{
    if (k->n + 3 > KEYGEN_ARGUMENTS)
        BUG("over %d arguments for ssh-keygen", KEYGEN_ARGUMENTS);
    k->list[k->n++] = first;
    if (second)
        k->list[k->n++] = second;
}

bool keygen_run(struct loop *l, struct arena *a, const struct keygen *k,
                const char *input, int64_t timeout_ms, struct child_result *out,
                struct err *e)
{
    static const char *const env[] = {"SSH_ASKPASS=/bin/false",
                                      "SSH_ASKPASS_REQUIRE=force", NULL};
    struct child_spec spec = {
        .argv = k->list,
        .env = env,
        .input = input,
        .input_len = input ? strlen(input) : 0,
        .timeout_ms = timeout_ms,
    };

    return child_run(l, a, &spec, out, e);
}

const char *keygen_complaint(struct arena *a, const struct child_result *r)
{
    if (r->timed_out)
        return "ssh-keygen did not answer in time";
    if (!r->err || !*r->err)
        return arena_printf(a, "ssh-keygen ended with status %d", r->status);
    return escape(a, arena_strndup(a, r->err, strcspn(r->err, "\r\n")));
}
