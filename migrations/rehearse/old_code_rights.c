/* Rights that are gone, from lists as PostgreSQL keeps them: "app=arw/owner,
 * =r/owner"; who stands for nobody is PUBLIC. */
#include <string.h>

#include "migrations/rehearse/old_code_intern.h"
#include "runner/base/buf.h"

#define USUAL "the usual"
/* What running code has no use for: CREATE, REFERENCES, TRIGGER, MAINTAIN. */
#define IDLE "Cxtm*"

static const struct {
    char letter;
    const char *word;
} privileges[] = {
    {'r', "SELECT"},   {'a', "INSERT"}, {'w', "UPDATE"},  {'d', "DELETE"},
    {'D', "TRUNCATE"}, {'U', "USAGE"},  {'X', "EXECUTE"},
};

/* "who=letters/by" */
struct item {
    const char *who, *letters;
    size_t n_who, n_letters;
};

/* The next of a list; false: it has no more. */
static bool next(const char **list, struct item *out)
{
    const char *at = *list;
    size_t n = old_code_until(at, ",");

    if (!*at || !memchr(at, '=', n))
        return false;
    out->who = at;
    out->n_who = old_code_until(at, "=");
    out->letters = at + out->n_who + 1;
    out->n_letters = strcspn(out->letters, "/");
    at += n + (at[n] == ',');
    *list = at + strspn(at, " ");
    return true;
}

/* What one schema says of an object. */
struct rights {
    const char *list; /* as it stands, or USUAL */
    const char *owner;
    char usual; /* what PUBLIC may, where nobody granted anything; or 0 */
};

static bool is_role(const struct item *i, const char *who, size_t n)
{
    return i->n_who == n && memcmp(i->who, who, n) == 0;
}

/* The owner's name stands without quotes. */
static bool is_owner(const char *owner, const char *who, size_t n)
{
    if (n > 1 && *who == '"') {
        who++;
        n -= 2;
    }
    return n && strlen(owner) == n && memcmp(owner, who, n) == 0;
}

static bool may(const struct rights *r, const char *who, size_t n, char letter)
{
    const char *list = r->list;
    struct item i;

    if (is_owner(r->owner, who, n))
        return true;
    if (strcmp(list, USUAL) == 0)
        return letter == r->usual;
    while (next(&list, &i))
        if ((i.n_who == 0 || is_role(&i, who, n)) &&
            memchr(i.letters, letter, i.n_letters))
            return true;
    return false;
}

static const char *behind(struct old_code_look *l, const struct fingerprint *f,
                          const char *word, const char *name)
{
    char *begin = arena_printf(&l->scratch, "%s%s: ", word, name);
    const char *line = old_code_line(f, begin);

    return line ? line + strlen(begin) : NULL;
}

static struct rights rights_of(struct old_code_look *l, const char *name)
{
    const char *list = behind(l, l->now, "rights on ", name);
    const char *owner = behind(l, l->now, "owner of ", name);

    return (struct rights){.list = list,
                           .owner = owner ? owner : "",
                           .usual = strncmp(name, "function ", 9) == 0 ? 'X'
                                    : strncmp(name, "type ", 5) == 0   ? 'U'
                                                                       : 0};
}

static const char *word_of(char letter)
{
    for (size_t i = 0; i < sizeof privileges / sizeof *privileges; i++)
        if (privileges[i].letter == letter)
            return privileges[i].word;
    return NULL;
}

/* whole: of the table, for rights on a column of it; or NULL. */
static void hold(struct old_code_look *l, const char *name,
                 const struct item *was, const struct rights *now,
                 const struct rights *whole)
{
    struct buf lost;

    buf_init(&lost);
    for (size_t i = 0; i < was->n_letters; i++) {
        char letter = was->letters[i];
        const char *word = strchr(IDLE, letter) ? NULL : word_of(letter);

        if (word && !may(now, was->who, was->n_who, letter) &&
            !(whole && may(whole, was->who, was->n_who, letter)))
            buf_printf(&lost, "%s%s", lost.len ? ", " : "", word);
    }
    if (lost.len)
        old_code_tell(l, "%.*s has no %s on %s any more",
                      was->n_who ? (int)was->n_who : 6,
                      was->n_who ? was->who : "PUBLIC", lost.data, name);
    buf_release(&lost);
}

/* Of what is gone itself no rights are told, nor of another owner: lint warns
 * of that. */
void old_code_rights(struct old_code_look *l, const char *word,
                     const char *name, const char *rest)
{
    static const char column[] = "column ";
    struct rights now = rights_of(l, name), whole = {0};
    const char *owner = behind(l, l->was, "owner of ", name);
    struct item i;

    (void)word;
    if (strncmp(name, column, strlen(column)) == 0) {
        char *line = arena_printf(&l->scratch, "%s:", name);
        whole = rights_of(l, old_code_relation(l, name + strlen(column)));
        now.list = now.list ? now.list : "";
        if (!old_code_line(l->now, line) || !whole.list)
            return;
    }
    if (!now.list)
        return;
    if (strcmp(rest, USUAL) == 0) {
        i = (struct item){"", &now.usual, 0, now.usual != 0};
        hold(l, name, &i, &now, NULL);
        return;
    }
    while (next(&rest, &i))
        if (!owner || !is_owner(owner, i.who, i.n_who))
            hold(l, name, &i, &now, whole.list ? &whole : NULL);
}
