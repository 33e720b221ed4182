#include "runner/ledger/identity.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runner/ledger/ledger.h"

static bool read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

char *machine_boot(char out[64])
{
    if (read_small("/proc/sys/kernel/random/boot_id", out, 64))
        out[strcspn(out, "\n")] = 0;
    else
        memcpy(out, "unknown", sizeof "unknown");
    return out;
}

int64_t process_start(void)
{
    char stat[1024];
    char *p;

    if (!read_small("/proc/self/stat", stat, sizeof stat))
        return 0;
    /* Field 2 is the program's name in brackets and may hold blanks. */
    p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoll(p, NULL, 10) : 0;
}

char *ledger_who(struct arena *a)
{
    struct passwd *pw = getpwuid(geteuid());
    struct utsname machine;

    if (uname(&machine) != 0)
        memcpy(machine.nodename, "unknown", sizeof "unknown");
    if (pw)
        return arena_printf(a, "%s@%s", pw->pw_name, machine.nodename);
    return arena_printf(a, "uid%ld@%s", (long)geteuid(), machine.nodename);
}
