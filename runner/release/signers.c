#include "runner/release/signers.h"

#include <fnmatch.h>
#include <string.h>

#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/release/sshsig.h"

static const char *past_blanks(const char *c)
{
    return c + strspn(c, " \t");
}

/* The end of a word; blanks inside quotes belong to it. */
static const char *word_end(const char *c)
{
    bool quoted = false;

    for (; *c && (quoted || !strchr(" \t", *c)); c++)
        if (*c == '"')
            quoted = !quoted;
        else if (*c == '\\' && c[1])
            c++;
    return c;
}

static char *option_value(struct arena *a, const char *from, const char *end)
{
    const char *close;

    if (*from == '"' &&
        (close = memchr(from + 1, '"', (size_t)(end - from - 1))))
        return arena_strndup(a, from + 1, (size_t)(close - from - 1));
    return arena_strndup(a, from, strcspn(from, ", \t"));
}

static bool option_is(const char *option, const char *name)
{
    return strncasecmp(option, name, strlen(name)) == 0;
}

static void read_options(struct signer *s, struct arena *a, const char *c,
                         const char *end)
{
    while (c < end) {
        if (option_is(c, "cert-authority"))
            s->authority = true;
        else if (option_is(c, "valid-after=") || option_is(c, "valid-before="))
            s->limited = true;
        else if (option_is(c, "namespaces="))
            s->spaces = option_value(a, c + strlen("namespaces="), end);
        for (bool quoted = false; c < end && (quoted || *c != ','); c++)
            quoted ^= *c == '"';
        c += c < end;
    }
}

static bool read_line(struct signer *s, struct arena *a, const char *line)
{
    const char *c = past_blanks(line), *end;

    if (!*c || *c == '#')
        return false;
    end = word_end(c);
    s->person = *c == '"' ? arena_strndup(a, c + 1, strcspn(c + 1, ",\""))
                          : arena_strndup(a, c, strcspn(c, ", \t"));
    s->pattern = strpbrk(s->person, "*?!") != NULL;
    c = past_blanks(end);
    if (!ssh_key_text(c)) {
        end = word_end(c);
        read_options(s, a, c, end);
        c = past_blanks(end);
    }
    s->fingerprint = ssh_key_fingerprint(a, c);
    return true;
}

bool signers_read(struct signers *out, struct arena *a, const char *path,
                  struct err *e)
{
    char *text, *next;
    size_t len, lines = 1;
    int number = 0;

    *out = (struct signers){.path = path};
    if (!file_read(path, FILE_LIMIT, ERR_CONFIG, a, &text, &len, e))
        return false;
    for (const char *c = text; (c = strchr(c, '\n')); c++)
        lines++;
    out->list = arena_array(a, lines, sizeof *out->list);
    for (char *line = text; line; line = next) {
        struct signer *s = &out->list[out->n];

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        s->line = ++number;
        if (read_line(s, a, line))
            out->n++;
    }
    return true;
}

bool signer_allows(const struct signer *signer, const char *space)
{
    bool found = false;
    size_t len;

    if (!signer->spaces)
        return true;
    for (const char *c = signer->spaces; *c; c += len + (c[len] == ',')) {
        char one[256];

        len = strcspn(c, ",");
        if (len >= sizeof one)
            continue;
        memcpy(one, c, len);
        one[len] = '\0';
        if (one[0] == '!' && fnmatch(one + 1, space, FNM_NOESCAPE) == 0)
            return false;
        found |= fnmatch(one, space, FNM_NOESCAPE) == 0;
    }
    return found;
}

const struct signer *signers_find(const struct signers *s,
                                  const char *fingerprint, const char *space)
{
    const struct signer *first = NULL;

    for (size_t i = 0; i < s->n; i++) {
        const struct signer *one = &s->list[i];

        if (!one->fingerprint || strcmp(one->fingerprint, fingerprint) != 0)
            continue;
        if (!one->authority && signer_allows(one, space))
            return one;
        if (!first)
            first = one;
    }
    return first;
}

const char *signer_wrong(struct arena *a, const struct signers *file,
                         const struct signer *signer, const char *space)
{
    if (!signer)
        return arena_printf(a, "the key is not in %s", file->path);
    if (signer->authority)
        return arena_printf(a,
                            "%s:%d lists the key as a certificate "
                            "authority only",
                            file->path, signer->line);
    if (signer->pattern || !*signer->person)
        return arena_printf(a,
                            "%s:%d gives the key to a pattern, not to a "
                            "person",
                            file->path, signer->line);
    if (!signer_allows(signer, space))
        return arena_printf(a,
                            "%s:%d allows the key only for \"%s\", not for "
                            "\"%s\"",
                            file->path, signer->line, escape(a, signer->spaces),
                            space);
    return NULL;
}
