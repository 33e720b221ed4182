/* opt: options and arguments as rows, read by one loop.
 *
 *     static const struct opt plan_opts[] = {
 *         {"dry-run", 'n', NULL, "Time each migration, keep none.",
 *          OPT_BOOL(plan_args, dry_run)},
 *         {0}
 *     };
 *
 * A row says where its value lands in the struct of the command. Understood:
 * --name=V, --name V, -nV, -n V, bundled letters (-vn), and -- which ends the
 * options. Everything but lists and counts may be given once. All errors are
 * ERR_USAGE, with the nearest name.
 */
#ifndef RUNNER_COMMAND_OPT_H
#define RUNNER_COMMAND_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct opt_list {
    const char **words;
    size_t n;
};
/* --wait, or --wait=2h */
struct opt_span {
    bool given;
    int64_t ms; /* 0: without a value */
};

enum opt_kind {
    OPT_KIND_BOOL,     /* bool; no value */
    OPT_KIND_COUNT,    /* int, one more each time; no value */
    OPT_KIND_STR,      /* const char *; a value name in small letters lists
                          what is allowed: "text|json" */
    OPT_KIND_INT,      /* int, 0..1000000 */
    OPT_KIND_LIST,     /* struct opt_list; repeatable */
    OPT_KIND_DURATION, /* int64_t, ms */
    OPT_KIND_SPAN,     /* struct opt_span; only --name=V, never --name V */
};

struct opt {
    const char *name;  /* long name without -- */
    char letter;       /* or 0 */
    const char *value; /* its name in help: "DUR"; NULL: takes none */
    const char *help;  /* one sentence, ends in a full stop */
    enum opt_kind kind;
    size_t at;
};
#define OPT_BOOL(args, member)  OPT_KIND_BOOL, offsetof(struct args, member)
#define OPT_COUNT(args, member) OPT_KIND_COUNT, offsetof(struct args, member)
#define OPT_STR(args, member)   OPT_KIND_STR, offsetof(struct args, member)
#define OPT_INT(args, member)   OPT_KIND_INT, offsetof(struct args, member)
#define OPT_LIST(args, member)  OPT_KIND_LIST, offsetof(struct args, member)
#define OPT_SPAN(args, member)  OPT_KIND_SPAN, offsetof(struct args, member)
#define OPT_DURATION(args, member) \
    OPT_KIND_DURATION, offsetof(struct args, member)

/* What stands beside the options: "RELEASE", or one verb of "show|accept". */
enum arg_how {
    ARG_ONE,   /* const char *, required */
    ARG_MAYBE, /* const char *, or NULL */
    ARG_MANY,  /* struct opt_list, one or more; the last row */
    ARG_ANY,   /* struct opt_list, none or more; the last row */
};
struct arg {
    const char *name; /* capitals; in small letters, "show|accept": one of
                         these words */
    const char *help; /* one sentence, ends in a full stop */
    enum arg_how how;
    size_t at;
};
#define ARG(args, member) offsetof(struct args, member)

#define OPT_SETS 2

/* Reads argv from left to right. */
struct opt_reader {
    struct arena *arena;
    const char *const *argv; /* NULL-closed, without the program's name */
    size_t at;
    bool ended;         /* -- was read */
    const char *letter; /* rest of a bundle, or NULL */
    struct {
        const struct opt *rows; /* NULL: none */
        void *base;
    } sets[OPT_SETS];
    const struct opt **seen;
    size_t n_seen;
};
/* Takes options up to the next other word: *word, or NULL at the end. */
bool opt_next(struct opt_reader *r, const char **word, struct err *e);
/* Lays words out by the rows (NULL: takes none). command names itself in
 * errors. */
bool arg_place(struct arena *a, const struct arg *rows, void *base,
               const struct opt_list *words, const char *command,
               struct err *e);

#endif
