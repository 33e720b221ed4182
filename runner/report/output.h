/* output: what people and programs get to read.
 *
 * stdout is the answer, stderr is progress and errors. With --format json
 * stdout carries exactly one document. Every text that goes through here has
 * its control bytes escaped, newlines apart; styles (terminal only, never
 * with NO_COLOR) are laid around it afterwards. A closed stdout or stderr
 * ends nothing: what cannot be written is dropped.
 */
#ifndef RUNNER_REPORT_OUTPUT_H
#define RUNNER_REPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/json.h"
#include "runner/base/progress.h"

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_DIM,
    STYLE_COUNT
};

struct output {
    bool json;             /* --format json */
    bool color, err_color; /* of stdout, stderr */
    bool err_terminal;     /* a live line may be drawn */
    int width;             /* columns of the terminal, or 80 */
    int verbose;
    int patience;  /* ms to wait for a reader that is stuck; -1: for ever */
    bool stuck[2]; /* stdout, stderr: waited for in vain */
    bool answered; /* the document was written */
    int live;      /* rows of the live line on stderr; 0: none stands */
};

/* Patience is -1; a run that changes something sets its own, so that a full
 * pipe cannot stop it half way. */
void output_init(struct output *o, bool json, bool no_color, int verbose);

/* Text for stdout; with --format json nothing. */
void output_text(struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void output_style(struct output *o, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Text for stderr, the live line put aside. */
void output_note(struct output *o, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Replaces the live line on a terminal, three rows at most; see report_sink.
 */
void output_live(struct output *o, const char *text);
/* The one document of --format json; takes j over. Without json: nothing. */
void output_json(struct output *o, struct json *j);

/* The error on stderr: the big block for a STOP (ERR_REFUSED), else
 * err_print's. With --format json also {"error": {...}} on stdout, unless the
 * document was already written. */
void output_error(struct output *o, const struct err *e, int exit_code);
/*    !!!   STOP: WHAT
 *          why   ...
 *          fix   ...           on stderr; lines of why and fix stay apart */
void output_stop(struct output *o, const char *what, const char *why,
                 const char *fix);

/* The last, greppable line, on stdout (on stderr with json):
 * "tidegate: VERDICT done exit=0 command=deploy environment=production
 * release=v1.1 run=... at=2026-11-24T21:00:00Z" in one line; NULL parts are
 * left out. */
struct closing {
    const char *word, *command, *environment, *release, *run;
    const char *contract; /* migrations that wait: "0014_x,0015_y", or NULL */
    int exit;
    int64_t at;
};
void output_closing(struct output *o, const struct closing *c);

/* Columns: cells are texts, as wide as their widest; the last is never
 * padded. */
struct table {
    struct arena *arena;
    size_t columns, cells;
    const char **text;
};
/* headings: NULL-closed. */
void table_init(struct table *t, struct arena *a, const char *const *headings);
/* One more cell; a row is full after as many as there are headings. */
void table_cell(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void table_print(struct output *o, const struct table *t);

/* The sink of progress on stderr: stages, steps and warnings as lines; a live
 * line on a terminal, else one plain line each 30 s and for what is new. */
struct report_sink {
    struct progress progress; /* first: its address is the sink's */
    struct output *out;
    int64_t next_live; /* clock_mono() */
};
struct progress *report_sink_init(struct report_sink *s, struct output *o);

#endif
