/* libssh2 may hold an answer that no poll tells of: reading one stream takes
 * the packets of the other off the socket, too. That the last bytes come just
 * between our reading of stdout and of stderr is a matter of microseconds;
 * here they always do, since nothing arrives while stdout is read. */
#include <errno.h>
#include <libssh2.h>
#include <sys/socket.h>

#include "tests/integration/fleet/rig.h"

static bool reading_stdout;

ssize_t __wrap_libssh2_channel_read_ex(LIBSSH2_CHANNEL *channel, int stream,
                                       char *into, size_t room);
ssize_t __real_libssh2_channel_read_ex(LIBSSH2_CHANNEL *channel, int stream,
                                       char *into, size_t room);
ssize_t __wrap_recv(int fd, void *into, size_t room, int flags);
ssize_t __real_recv(int fd, void *into, size_t room, int flags);

ssize_t __wrap_libssh2_channel_read_ex(LIBSSH2_CHANNEL *channel, int stream,
                                       char *into, size_t room)
{
    ssize_t n;

    reading_stdout = stream == 0;
    n = __real_libssh2_channel_read_ex(channel, stream, into, room);
    reading_stdout = false;
    return n;
}

ssize_t __wrap_recv(int fd, void *into, size_t room, int flags)
{
    if (!reading_stdout)
        return __real_recv(fd, into, room, flags);
    errno = EAGAIN;
    return -1;
}

/* Host 1 answers, and then says nothing more for a long time. */
static void stay_silent(struct rig *g)
{
    static const char script[] =
        "[ \"$SSH_ORIGINAL_COMMAND\" != 'exit 0' ] || exit 0\n"
        "sh -c \"$SSH_ORIGINAL_COMMAND\"; exec sleep 30\n";
    const char *path = arena_printf(&g->a, "%s/silent", getenv("FLEET"));
    struct err e = {0};

    if (!file_write(path, script, sizeof script - 1, 0755, &e))
        fail_msg("%s: %s", e.what, e.why);
    sh(g, arena_printf(&g->a,
                       ". \"%s/tests/harness/sshd.sh\"; sshd_host_start "
                       "\"$FLEET\" 1 'ForceCommand sh %s'",
                       getenv("TOP"), path));
}

static void speak_again(struct rig *g)
{
    sh(g, arena_printf(&g->a,
                       ". \"%s/tests/harness/sshd.sh\"; sshd_host_start "
                       "\"$FLEET\" 1",
                       getenv("TOP")));
}

static void an_answer_taken_with_the_other_stream_is_seen(void **state)
{
    struct rig *g = rig_start("held");
    int64_t began;

    (void)state;
    stay_silent(g);
    began = clock_mono();
    look(g, 1, NULL);
    began = clock_mono() - began;
    speak_again(g); /* the host is the next test's, too */
    assert_in_range(began, 0, 10000);
    rig_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_taken_with_the_other_stream_is_seen),
    };

    if (!getenv("FLEET") || !getenv("TOP")) {
        fputs("run tests/integration/fleet.sh\n", stderr);
        return 64;
    }
    return cmocka_run_group_tests_name("fleet held", tests, NULL, NULL);
}
