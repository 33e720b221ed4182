/* Any folder, by every layout: names are unique and ordered, statements stand
 * where they say, what is refused is explained. The input is files, each after
 * a line "=== NAME". */
#include "migrations/read/layout.h"
#include "migrations/read/placeholders.h"
#include "tests/fuzz/fuzz.h"

#define MOST_FILES 64

/* What Flyway's placeholders stand for. */
static struct placeholder some[] = {
    {"a", "app"},   {"none", ""},          {"quote", "'"},
    {"hide", "--"}, {"more", "${a} $$ ;"}, {"flyway.user", "\xc3\xa4"},
};
static const struct placeholders values = {some, sizeof some / sizeof *some};

/* Cuts the text up; files point into it. */
static size_t folder_of(char *text, struct sql_file *files)
{
    size_t n = 0;

    for (char *at = text; at && n < MOST_FILES;) {
        char *next, *body;
        if (strncmp(at, "=== ", 4) != 0)
            break;
        next = strstr(at, "\n=== ");
        body = at + strcspn(at, "\n");
        if (next)
            *next++ = '\0';
        if (*body)
            *body++ = '\0';
        if (at[4])
            files[n++] = (struct sql_file){.name = at + 4,
                                           .bytes = body,
                                           .len = strlen(body),
                                           .values = &values};
        at = next;
    }
    return n;
}

static void script_holds(const struct script *s)
{
    size_t len = s->n ? strlen(s->text) : 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct statement *one = &s->statements[i];
        MUST(one->offset + one->len <= len && one->len);
        MUST(memcmp(s->text + one->offset, one->text, one->len) == 0);
        MUST(one->kind && *one->kind);
        MUST(!one->data || (one->data >= s->text &&
                            one->data + one->data_len <= s->text + len));
        MUST(!one->needs_no_transaction || !s->transaction);
    }
}

static void holds(const struct migrations *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct migration *one = &m->list[i];
        MUST(*one->name && one->version && *one->version);
        MUST(i == 0 || m->list[i - 1].number < one->number);
        MUST(migrations_find(m, one->name) == one);
        script_holds(&one->up);
        MUST(!one->up.verify ||
             (one->up.verify->n && one->up.verify->transaction));
        if (one->up.verify)
            script_holds(one->up.verify);
        MUST(!one->has_down || one->down.n);
        script_holds(&one->down);
    }
}

static void read_as(const char *layout, const char *text)
{
    struct sql_file files[MOST_FILES];
    char *copy = strdup(text);
    size_t n = folder_of(copy, files);
    struct migrations m;
    struct err e = {0};
    struct arena a;

    arena_init(&a);
    if (migrations_read(&m, &a, layout, files, n, &e))
        holds(&m);
    else
        MUST(e.what[0] && e.why[0] && e.fix[0]);
    arena_release(&a);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    read_as("auto", text);
    for (size_t i = 0; layouts[i]; i++)
        read_as(layouts[i]->name, text);
    free(text);
    return 0;
}
