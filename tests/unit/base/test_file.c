#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "runner/base/file.h"
#include "tests/unit/base/folder.h"

ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_stat(const char *path, struct stat *st);
int __real_stat(const char *path, struct stat *st);
struct passwd *__wrap_getpwuid(uid_t uid);
struct group *__wrap_getgrgid(gid_t gid);

/* The n-th call from now fails with EIO; 0: none does. */
static int read_fails, write_fails, fsync_fails;
/* Writes give one byte at a time, every second one EINTR. */
static bool slow_writes;
/* What stat tells, when mode is set. */
static struct stat pretended;
static struct passwd *user;
static struct group *group;

static bool fails(int *calls)
{
    if (*calls == 0 || --*calls > 0)
        return false;
    errno = EIO;
    return true;
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    return fails(&read_fails) ? -1 : __real_read(fd, bytes, len);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    static int turn;

    if (fails(&write_fails))
        return -1;
    if (!slow_writes)
        return __real_write(fd, bytes, len);
    errno = EINTR;
    return turn++ % 2 ? -1 : __real_write(fd, bytes, 1);
}

int __wrap_fsync(int fd)
{
    return fails(&fsync_fails) ? -1 : __real_fsync(fd);
}

int __wrap_stat(const char *path, struct stat *st)
{
    if (!pretended.st_mode)
        return __real_stat(path, st);
    *st = pretended;
    return 0;
}

struct passwd *__wrap_getpwuid(uid_t uid)
{
    (void)uid;
    return user;
}

struct group *__wrap_getgrgid(gid_t gid)
{
    (void)gid;
    return group;
}

static struct arena arena;

static int teardown(void **state)
{
    arena_release(&arena);
    return folder_teardown(state);
}

static char *in_folder(const char *name)
{
    return path_join(&arena, folder, name);
}

static int names_in_folder(void)
{
    DIR *d = opendir(folder);
    int n = -2; /* . and .. */

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void assert_content(const char *path, const char *wanted, int mode)
{
    struct err e = {0};
    struct stat st;
    char *bytes;
    size_t len;

    assert_true(
        file_read(path, FILE_LIMIT, ERR_INPUT, &arena, &bytes, &len, &e));
    assert_int_equal(len, strlen(wanted));
    assert_string_equal(bytes, wanted);
    assert_int_equal(__real_stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void assert_complete(const struct err *e, enum err_code code)
{
    assert_int_equal(e->code, code);
    assert_true(*e->what && *e->why && *e->fix);
}

static void written_files_are_read_back(void **state)
{
    char *path = in_folder("written");
    struct err e = {0};
    mode_t old = umask(0077);

    (void)state;
    assert_false(file_exists(path));
    assert_true(file_write(path, "one", 3, 0644, &e));
    assert_content(path, "one", 0644);
    slow_writes = true;
    assert_true(file_write(path, "twenty-two", 10, 0600, &e));
    slow_writes = false;
    assert_content(path, "twenty-two", 0600);
    assert_true(file_write(path, NULL, 0, 0600, &e));
    assert_content(path, "", 0600);
    assert_true(file_exists(path));
    assert_int_equal(names_in_folder(), 1);
    assert_int_equal(unlink(path), 0);
    umask(old);
}

static void created_files_replace_none(void **state)
{
    char *path = in_folder("created");
    struct err e = {0};

    (void)state;
    assert_true(file_create(path, "one", 3, 0600, &e));
    assert_false(file_create(path, "two", 3, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_string_equal(e.why, "File exists");
    assert_content(path, "one", 0600);
    assert_int_equal(names_in_folder(), 1);
    assert_int_equal(unlink(path), 0);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    char *path = in_folder("kept");
    struct err e = {0};

    (void)state;
    assert_true(file_write(path, "old", 3, 0600, &e));
    write_fails = 1;
    assert_false(file_write(path, "new", 3, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_string_equal(e.why, "Input/output error");
    fsync_fails = 1;
    assert_false(file_write(path, "new", 3, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_content(path, "old", 0600);
    assert_int_equal(names_in_folder(), 1);
    fsync_fails = 2; /* the folder's */
    assert_false(file_write(path, "new", 3, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_content(path, "new", 0600);
    assert_false(file_write(in_folder("no/folder"), "x", 1, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_false(file_write(folder, "x", 1, 0600, &e));
    assert_complete(&e, ERR_FAILED);
    assert_int_equal(unlink(path), 0);
}

static void the_limit_is_kept(void **state)
{
    char *path = in_folder("limit"), *big = arena_alloc(&arena, 100001), *bytes;
    struct err e = {0};
    size_t len;

    (void)state;
    memset(big, 'x', 100000);
    assert_true(file_write(path, big, 100000, 0600, &e));
    assert_true(file_read(path, 100000, ERR_CONFIG, &arena, &bytes, &len, &e));
    assert_string_equal(bytes, big);
    assert_false(file_read(path, 99999, ERR_CONFIG, &arena, &bytes, &len, &e));
    assert_complete(&e, ERR_CONFIG);
    assert_string_equal(e.why, "the limit is 99999 bytes");
    assert_int_equal(unlink(path), 0);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    char *fifo = in_folder("fifo"), *bytes;
    struct err e = {0};
    size_t len;

    (void)state;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_false(file_read(fifo, 10, ERR_CONFIG, &arena, &bytes, &len, &e));
    assert_complete(&e, ERR_CONFIG);
    assert_false(file_read(folder, 10, ERR_INPUT, &arena, &bytes, &len, &e));
    assert_complete(&e, ERR_INPUT);
    assert_false(
        file_read("/dev/zero", 10, ERR_INPUT, &arena, &bytes, &len, &e));
    assert_non_null(strstr(e.what, "is no regular file"));
    assert_false(
        file_read("/nowhere", 10, ERR_LEDGER, &arena, &bytes, &len, &e));
    assert_complete(&e, ERR_LEDGER);
    assert_string_equal(e.why, "No such file or directory");
    assert_int_equal(unlink(fifo), 0);
}

static void a_read_error_is_told(void **state)
{
    char *path = in_folder("bad"), *bytes;
    struct err e = {0};
    size_t len;

    (void)state;
    assert_true(file_write(path, "abc", 3, 0600, &e));
    read_fails = 2;
    assert_false(file_read(path, 10, ERR_LEDGER, &arena, &bytes, &len, &e));
    assert_complete(&e, ERR_LEDGER);
    assert_string_equal(e.why, "Input/output error");
    assert_int_equal(unlink(path), 0);
}

static void folders_are_made_with_their_parents(void **state)
{
    struct err e = {0};
    struct stat st;

    (void)state;
    assert_true(folder_make(in_folder("a//b/c/"), 0700, &e));
    assert_int_equal(stat(in_folder("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(folder_make(in_folder("a/b"), 0700, &e));
    assert_true(folder_make("/", 0700, &e));
    assert_true(file_write(in_folder("file"), "x", 1, 0600, &e));
    assert_false(folder_make(in_folder("file/d"), 0700, &e));
    assert_complete(&e, ERR_FAILED);
    assert_string_equal(e.why, "Not a directory");
    assert_false(folder_make("/proc/none/x", 0700, &e));
    assert_complete(&e, ERR_FAILED);
    assert_non_null(strstr(e.what, "/proc/none"));
}

static void a_missing_folder_is_not_synced(void **state)
{
    struct err e = {0};

    (void)state;
    assert_true(folder_sync(folder, &e));
    assert_false(folder_sync(in_folder("none"), &e));
    assert_complete(&e, ERR_FAILED);
}

static bool trusted(mode_t mode, uid_t uid, gid_t gid, struct err *e)
{
    bool ok;

    pretended =
        (struct stat){.st_mode = S_IFREG | mode, .st_uid = uid, .st_gid = gid};
    ok = file_trusted("some.ini", e);
    pretended.st_mode = 0;
    return ok;
}

static void only_we_and_root_may_write(void **state)
{
    uid_t us = geteuid();
    struct err e = {0};

    (void)state;
    assert_true(trusted(0644, us, 7, &e));
    assert_true(trusted(0644, 0, 7, &e));
    assert_false(trusted(0646, us, 7, &e));
    assert_complete(&e, ERR_CONFIG);
    assert_non_null(strstr(e.why, "world-writable (mode 0646)"));
    assert_false(trusted(0644, us + 1, 7, &e));
    assert_complete(&e, ERR_CONFIG);
    assert_non_null(strstr(e.why, "its owner is user "));
    assert_false(file_trusted("/nowhere", &e));
    assert_complete(&e, ERR_CONFIG);
}

static void a_group_may_write_only_if_it_is_the_owner_alone(void **state)
{
    char anna[] = "anna", jaak[] = "jaak";
    char *alone[] = {anna, NULL}, *two[] = {anna, jaak, NULL}, *none[] = {NULL};
    struct passwd owner = {.pw_name = anna, .pw_gid = 7};
    struct group own = {.gr_name = anna, .gr_mem = none};
    uid_t us = geteuid();
    struct err e = {0};

    (void)state;
    user = &owner;
    group = &own;
    assert_true(trusted(0664, us, 7, &e));
    own.gr_mem = alone;
    assert_true(trusted(0664, us, 7, &e));
    own.gr_mem = two;
    assert_false(trusted(0664, us, 7, &e));
    assert_complete(&e, ERR_CONFIG);
    assert_non_null(strstr(e.why, "group 7 may write it (mode 0664)"));
    own.gr_mem = none;
    own.gr_name = jaak; /* a common group: users, staff */
    assert_false(trusted(0664, us, 7, &e));
    assert_false(trusted(0664, us, 8, &e));
    group = NULL;
    assert_false(trusted(0664, us, 7, &e));
    user = NULL;
    assert_false(trusted(0664, us, 7, &e));
}

static void paths_are_put_together_and_taken_apart(void **state)
{
    (void)state;
    assert_string_equal(path_join(&arena, "/a", "b"), "/a/b");
    assert_string_equal(path_join(&arena, "/a/", "b"), "/a/b");
    assert_string_equal(path_join(&arena, "/a", "/b"), "/b");
    assert_string_equal(path_join(&arena, "", "b"), "b");
    assert_string_equal(path_folder(&arena, "/a/b"), "/a");
    assert_string_equal(path_folder(&arena, "a/b/c"), "a/b");
    assert_string_equal(path_folder(&arena, "/a"), "/");
    assert_string_equal(path_folder(&arena, "a"), ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_files_are_read_back),
        cmocka_unit_test(created_files_replace_none),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
        cmocka_unit_test(a_read_error_is_told),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(a_missing_folder_is_not_synced),
        cmocka_unit_test(only_we_and_root_may_write),
        cmocka_unit_test(a_group_may_write_only_if_it_is_the_owner_alone),
        cmocka_unit_test(paths_are_put_together_and_taken_apart),
    };

    return cmocka_run_group_tests(tests, folder_setup, teardown);
}
