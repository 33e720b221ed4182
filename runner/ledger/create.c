#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/clock.h"
#include "runner/base/file.h"
#include "runner/ledger/store.h"

bool ledger_exists(const char *folder)
{
    struct stat st;
    struct buf path;
    bool there;

    buf_init(&path);
    buf_printf(&path, "%s/%s", folder, LEDGER_FILE);
    there = lstat(path.data, &st) == 0;
    buf_release(&path);
    return there;
}

static bool failed(const char *folder, int error, struct err *e)
{
    if (error == EEXIST) {
        err_what(e, ERR_CONFIG, "there is a ledger in %s already", folder);
        err_why(e, "a ledger is made once and never overwritten");
        return err_fix(e, "use it, or name another folder as `ledger` in "
                          "[project]");
    }
    err_what(e, ERR_LEDGER, "cannot make a ledger in %s", folder);
    err_why(e, "%s", strerror(error));
    return err_fix(e, "make the folder writable for this user");
}

/* The first record, in the same write as the header: a ledger is never seen
 * without its CREATED. */
static void first_bytes(struct buf *out, const char *project)
{
    struct file_head head = {.version = FILE_VERSION, .created = clock_now()};
    struct record r = {.seq = 1, .at = head.created, .kind = EVENT_CREATED};
    unsigned char bytes[FILE_HEAD];
    struct arena scratch;
    struct json *payload = json_new_object();

    arena_init(&scratch);
    nonce_hex(head.id, RECORD_ID);
    file_head_write(&head, bytes);
    file_head_read(&head, bytes);
    buf_add(out, bytes, FILE_HEAD);
    json_set_str(payload, "project", project);
    json_set_str(payload, "ledger", head.id);
    json_set_str(payload, "who", ledger_who(&scratch));
    r.payload = json_canonical(&scratch, payload);
    r.payload_len = strlen(r.payload);
    nonce_hex(r.id, RECORD_ID);
    memcpy(r.previous, head.hash, HASH_BYTES);
    record_write(out, &r);
    json_free(payload);
    arena_release(&scratch);
}

/* Under a name of its own, then linked: two inits at once make one ledger. */
static bool write_new(int dir, const struct buf *bytes)
{
    char name[48] = LEDGER_NEW ".";
    bool full, good;
    int fd, error;

    nonce_hex(name + strlen(name), 8);
    fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0600);
    good = fd >= 0 && write_all(fd, bytes->data, bytes->len) &&
           reserve(fd, (int64_t)bytes->len, 0, &full) && fsync(fd) == 0 &&
           linkat(dir, name, dir, LEDGER_FILE, 0) == 0;
    error = errno;
    if (fd >= 0) {
        unlinkat(dir, name, 0);
        close(fd);
    }
    if (good && fsync(dir) != 0)
        return false;
    errno = error;
    return good;
}

bool ledger_create(const char *folder, const char *project, struct err *e)
{
    struct buf bytes;
    bool good;
    int dir;

    if (ledger_exists(folder))
        return failed(folder, EEXIST, e);
    if (!folder_make(folder, 0700, e))
        return false;
    dir = folder_open(folder, e);
    if (dir < 0)
        return false;
    buf_init(&bytes);
    first_bytes(&bytes, project);
    good = write_new(dir, &bytes) || failed(folder, errno, e);
    buf_release(&bytes);
    close(dir);
    return good;
}
