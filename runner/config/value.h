/* value: the readers of single settings, a function for each kind of value.
 *
 * Each puts what it read where the row says and answers NULL, or why the
 * text is none of its kind: a sentence, or said_already when it has filled e
 * itself (a host, a calendar item).
 */
#ifndef RUNNER_CONFIG_VALUE_H
#define RUNNER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/config/keys.h"

#define ENVIRONMENT_NAME_LIMIT 32
#define RELEASE_NAME_LIMIT     64

/* [A-Za-z0-9._-], 1..limit bytes, no leading '-' or '.'. */
bool name_valid(const char *text, size_t limit);
/* The place of text among words with blanks between, or -1. */
int word_place(const char *words, const char *text);

extern const char said_already[];
void *setting_member(const struct setting *s, size_t at);
void setting_text(const struct setting *s, const char *text);

typedef const char *put_fn(const struct setting *s, const char *text,
                           struct err *e);
put_fn as_path, as_command, as_hosts, as_url, as_conninfo, as_fact, as_share,
    as_waves, as_zone, as_calendar, as_clone, as_artifact;

#endif
