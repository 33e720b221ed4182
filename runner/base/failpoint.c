#include "runner/base/failpoint.h"

#ifdef TIDEGATE_FAILPOINTS

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/err.h"
#include "runner/base/file.h"

/* What the environment asks for, and the hits still to pass. Test builds
 * only, so this is no state of tidegate. */
static struct {
    bool ready;
    const char *name, *list;
    size_t name_len;
    long left;
} asked;

static void read_environment(void)
{
    const char *text = getenv("TIDEGATE_FAILPOINT"), *colon;

    asked.ready = true;
    asked.list = getenv("TIDEGATE_FAILPOINT_LIST");
    if (!text)
        return;
    colon = strrchr(text, ':');
    asked.name = text;
    asked.name_len = colon ? (size_t)(colon - text) : strlen(text);
    asked.left = colon ? strtol(colon + 1, NULL, 10) : 1;
}

static bool is_asked(const char *name)
{
    if (!asked.name)
        return false;
    return (asked.name_len == 1 && *asked.name == '*') ||
           (strlen(name) == asked.name_len &&
            !memcmp(name, asked.name, asked.name_len));
}

static void note_hit(const char *name)
{
    int fd = open(asked.list, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || !write_all(fd, name, strlen(name)) || !write_all(fd, "\n", 1))
        BUG("cannot append to TIDEGATE_FAILPOINT_LIST=%s", asked.list);
    close(fd);
}

void failpoint(const char *name)
{
    if (!asked.ready)
        read_environment();
    if (asked.list)
        note_hit(name);
    if (is_asked(name) && --asked.left == 0)
        kill(getpid(), SIGKILL);
}

#endif
