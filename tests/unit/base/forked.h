/* forked: run a piece of a test in a child process, for code that ends the
 * process. Returns the exit status, or 128 and the signal; what it wrote to
 * stderr goes to `said`.
 *
 * The including test defines __wrap__exit as forked_exit, so that a coverage
 * build counts the lines that lead to an _exit.
 */
#ifndef TESTS_UNIT_BASE_FORKED_H
#define TESTS_UNIT_BASE_FORKED_H

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern void __gcov_dump(void) __attribute__((weak));
_Noreturn void __wrap__exit(int status);
_Noreturn void __real__exit(int status);

static inline _Noreturn void forked_exit(int status)
{
    if (__gcov_dump)
        __gcov_dump();
    __real__exit(status);
}

static inline int forked(void (*body)(void *), void *arg, char *said,
                         size_t size)
{
    int ends[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    if (pipe(ends) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        body(arg);
        __wrap__exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
