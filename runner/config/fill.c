#include "runner/config/config.h"

#include <string.h>

#include "runner/base/buf.h"
#include "runner/config/value.h"

char *config_fill(struct arena *a, const char *text, const char *host,
                  const char *release)
{
    struct buf out;

    buf_init(&out);
    for (const char *c = text; *c; c++) {
        const char *with = NULL;

        if (*c != '%') {
            buf_char(&out, *c);
            continue;
        }
        c++;
        if (*c == '%')
            with = "%";
        else if (*c == 'h')
            with = host;
        else if (*c == 'v')
            with = release;
        if (!with)
            BUG("%%%c has nothing to stand for in '%s'", *c ? *c : ' ', text);
        buf_str(&out, with);
    }
    return buf_into(&out, a);
}

bool release_name_valid(const char *name, struct err *e)
{
    if (name_valid(name, RELEASE_NAME_LIMIT) && !strstr(name, ".."))
        return true;
    err_what(e, ERR_USAGE, "'%.80s' is no release name", name);
    err_why(e, "a release is a tag of 1 to 64 letters, digits and . _ -, "
               "without '..', beginning with neither . nor -");
    return err_fix(e, "name a tag such as v1.4.2");
}
