/* load: the steps that tidegate.ini and policy files share. */
#ifndef RUNNER_CONFIG_LOAD_H
#define RUNNER_CONFIG_LOAD_H

#include <stdbool.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"
#include "runner/base/err.h"
#include "runner/config/config.h"
#include "runner/config/keys.h"

struct load {
    struct arena *arena;
    struct config *config;
    struct err *e;
};

/* A file as written in messages, relative to the configuration's folder. */
const char *load_shown(const struct load *l, const char *path);
/* Who may write it. A foreign owner alone is kept in config->foreign. */
bool load_trusted(const struct load *l, const char *path);
/* Reads the file, and checks every name in it. */
bool load_file(const struct load *l, const char *path, bool policy,
               struct ini_file *f);
/* Puts one section into base: its keys of [SECTION ENVIRONMENT] before those
 * of [SECTION] before defaults. What is pinned is added to `pinned`. */
bool load_section(const struct load *l, const struct ini_file *f,
                  const struct key_section *s, const char *environment,
                  void *base, struct buf *pinned);

/* The policy file of an environment, whose name stands at `named`. */
bool policy_load(const struct load *l, struct environment *env,
                 struct buf *pinned);

#endif
