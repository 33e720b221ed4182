#include <string.h>

#include "runner/base/escape.h"
#include "runner/fleet/pool.h"

#define CELLS 128

static const struct {
    const char *word;
    enum member_state state;
} words[] = {{"up", MEMBER_UP}, {"drain", MEMBER_DRAIN}, {"down", MEMBER_DOWN}};

/* As a first word: "UP 1/3" is up as well. */
static const struct {
    const char *word;
    enum member_state state;
} haproxy_words[] = {
    {"UP", MEMBER_UP},      {"no check", MEMBER_UP}, {"DRAIN", MEMBER_DRAIN},
    {"NOLB", MEMBER_DRAIN}, {"DOWN", MEMBER_DOWN},   {"MAINT", MEMBER_DOWN},
};

enum member_state member_from_word(const char *word)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].state;
    return MEMBER_UNKNOWN;
}

enum member_state member_from_haproxy(const char *status)
{
    for (size_t i = 0; i < sizeof haproxy_words / sizeof *haproxy_words; i++) {
        size_t n = strlen(haproxy_words[i].word);
        if (strncmp(status, haproxy_words[i].word, n) == 0 &&
            (status[n] == '\0' || status[n] == ' '))
            return haproxy_words[i].state;
    }
    return MEMBER_UNKNOWN;
}

static void member_add(struct arena *a, struct pool_facts *out,
                       const char *name, enum member_state state)
{
    struct member_facts *list =
        arena_grow(a, out->members, out->n, out->n + 1, sizeof *list);

    list[out->n++] =
        (struct member_facts){.name = escape(a, name), .state = state};
    out->members = list;
}

bool pool_parse_lines(struct arena *a, const char *text, struct pool_facts *out,
                      const char **why)
{
    char *rest = arena_strdup(a, text), *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *name, *state;
        line += strspn(line, " \t\r");
        if (!*line)
            continue;
        name = strsep(&line, " \t\r");
        while ((state = strsep(&line, " \t\r")) != NULL && !*state)
            continue;
        if (!state || (line && line[strspn(line, " \t\r")])) {
            *why = arena_printf(a, "'%.80s' is not followed by one STATE",
                                escape(a, name));
            return false;
        }
        member_add(a, out, name, member_from_word(state));
    }
    return true;
}

/* The cells of a line, cut out of it; quotes around a cell are taken off. */
static size_t cells_cut(char *line, char **cells)
{
    size_t n = 0;

    while (line && n < CELLS) {
        char *cell = line;
        if (*cell == '"') {
            char *to = cell, *from = cell + 1;
            while (*from && (*from != '"' || from[1] == '"')) {
                from += *from == '"';
                *to++ = *from++;
            }
            line = *from ? from + 1 : from;
            line = *line == ',' ? line + 1 : NULL;
            *to = '\0';
        } else {
            cell = strsep(&line, ",");
        }
        cells[n++] = cell;
    }
    return n;
}

static size_t column(char **cells, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(cells[i], name) == 0)
            return i;
    return CELLS;
}

bool pool_parse_haproxy(struct arena *a, const char *csv, const char *backend,
                        struct pool_facts *out, const char **why)
{
    char *rest = arena_strdup(a, csv), *line = strsep(&rest, "\n");
    char *cells[CELLS];
    size_t n, status, seen = 0;

    if (strncmp(line, "# ", 2) != 0) {
        *why = arena_printf(a, "this is no answer to \"show stat\": %.80s",
                            escape(a, line));
        return false;
    }
    n = cells_cut(line + 2, cells);
    status = column(cells, n, "status");
    if (n < 2 || strcmp(cells[0], "pxname") != 0 ||
        strcmp(cells[1], "svname") != 0 || status == CELLS) {
        *why = "HAProxy's answer has no columns pxname, svname and status";
        return false;
    }
    while ((line = strsep(&rest, "\n")) != NULL) {
        n = cells_cut(line, cells);
        if (n <= status || strcmp(cells[0], backend) != 0)
            continue;
        seen++;
        if (strcmp(cells[1], "FRONTEND") != 0 &&
            strcmp(cells[1], "BACKEND") != 0)
            member_add(a, out, cells[1], member_from_haproxy(cells[status]));
    }
    if (!seen)
        *why = arena_printf(a, "HAProxy has no backend %s", backend);
    return seen > 0;
}
