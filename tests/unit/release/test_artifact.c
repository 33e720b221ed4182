#include "tests/unit/release/workshop.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "runner/release/artifact.h"
#include "tests/unit/release/tars.h"

/* The artifact of a tar file's bytes. */
static bool of_tar(struct workshop *w, const struct buf *tar,
                   struct artifact *out, struct err *e)
{
    struct artifact_settings s = {.file = "shop-%v.tar"};

    put_bytes(w, "shop-v1.tar", tar->data, tar->len);
    return artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, out, e);
}

static bool of_members(struct workshop *w, const struct member *members,
                       struct artifact *out, struct err *e)
{
    struct buf tar;
    bool ok;

    tar_build(&tar, members);
    ok = of_tar(w, &tar, out, e);
    buf_release(&tar);
    return ok;
}

static const struct {
    const char *says, *name;
    struct member members[4];
} refused[] = {
    {"absolute", "/etc/x", {{"/etc/x", '0', 0644, "a"}}},
    {"..", "a/../../x", {{"a/../../x", '0', 0644, "a"}}},
    {"empty part", "a//b", {{"a//b", '0', 0644, "a"}}},
    {"git folder", "a/.GIT/config", {{"a/.GIT/config", '0', 0644, "a"}}},
    {"out of the release", "l", {{"l", '2', 0777, "../x"}}},
    {"out of the release",
     "d/l",
     {{"d/", '5', 0755, NULL}, {"d/l", '2', 0777, "a/../../../x"}}},
    {"absolute", "l", {{"l", '2', 0777, "/etc/passwd"}}},
    /* d/up leads to the root, so d/up/.. is outside although it reads as d. */
    {"out of the release",
     "m",
     {{"d/up", '2', 0777, ".."}, {"m", '2', 0777, "d/up/../x"}}},
    {"circle", "a", {{"a", '2', 0777, "b"}, {"b", '2', 0777, "a"}}},
    {"hard link", "h", {{"h", '1', 0644, "/etc/passwd"}}},
    {"hard link", "h", {{"h", '1', 0644, "../x"}}},
    {"below a file or a link",
     "d/x",
     {{"d", '2', 0777, "e"}, {"d/x", '0', 0644, "a"}}},
    {"twice", "d", {{"d/", '5', 0755, NULL}, {"d", '2', 0777, "e"}}},
    {"twice", "a", {{"a", '0', 0644, "1"}, {"./a", '0', 0644, "2"}}},
    {"case alone", "a", {{"A", '0', 0644, "1"}, {"a", '0', 0644, "2"}}},
    {"case alone", "a", {{"A/x", '0', 0644, "1"}, {"a/y", '0', 0644, "2"}}},
    {"device", "tty", {{"tty", '3', 0644, NULL}}},
    {"device", "sda", {{"sda", '4', 0644, NULL}}},
    {"pipe", "p", {{"p", '6', 0644, NULL}}},
    {"setuid", "su", {{"su", '0', 04755, "a"}}},
    {"setgid", "sg", {{"sg", '0', 02755, "a"}}},
    {"LFS pointer",
     "big",
     {{"big", '0', 0644,
       "version https://git-lfs.github.com/spec/v1\noid sha256:1\n"}}},
};

static void hostile_entries_are_named(void **state)
{
    struct workshop *w = *state;
    struct artifact out;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};

        if (of_members(w, refused[i].members, &out, &e))
            fail_msg("row %zu: %s was taken", i, refused[i].name);
        assert_err(&e, ERR_REFUSED);
        assert_says(e.why, refused[i].says);
        assert_says(e.what, refused[i].name);
        assert_int_equal(out.fd, -1);
    }
}

static void good_entries_become_files_text(void **state)
{
    static const struct member members[] = {
        {"./", '5', 0700, NULL},
        {"./z", '0', 0600, "zet"},
        {"./bin/run", '0', 0700, "x"},
        {"./empty/", '5', 02775, NULL},
        {"./bin/copy", '1', 0700, "./bin/run"},
        {"./l", '2', 0777, "bin/../z"},
        {"./odd \n\\\xc3\xa9", '0', 0644, ""},
        {NULL}};
    static const char expected[] =
        "0755 d - bin\n"
        "0755 f "
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        " bin/copy\n"
        "0755 f "
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        " bin/run\n"
        "0755 d - empty\n"
        "0777 l bin/../z l\n"
        "0644 f "
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        " odd\\040\\012\\134\\303\\251\n"
        "0644 f "
        "b41a92d0a1f4b7b4f91dbd7d0fd8dd9a8c8a5e5a0ce8bd2c44bd0b6d9d8ea3be"
        " z\n";
    struct workshop *w = *state;
    struct artifact out;
    struct err e = {0};
    char digest[HASH_HEX];
    const char *last = strstr(expected, "b41a92");

    assert_true(of_members(w, members, &out, &e));
    /* All but the digest of "zet", which hash_hex is asked for. */
    assert_memory_equal(out.files, expected, (size_t)(last - expected));
    assert_memory_equal(out.files + (last - expected),
                        hash_hex("zet", 3, digest), 64);
    assert_int_equal(out.entries, 7);
    assert_string_equal(out.digest, hash_hex(out.files, out.files_len, digest));
}

static void a_tar_must_be_whole(void **state)
{
    static const struct member members[] = {
        {"a", '0', 0644, "text"}, {"b", '0', 0644, "more"}, {NULL}};
    struct workshop *w = *state;
    struct buf tar, all;
    struct artifact out;
    struct err e = {0};

    tar_build(&all, members);
    assert_true(of_tar(w, &all, &out, &e));
    buf_init(&tar);
    for (size_t cut = 0; cut < all.len; cut += 256) {
        buf_clear(&tar);
        buf_add(&tar, all.data, cut);
        if (of_tar(w, &tar, &out, &e))
            fail_msg("cut to %zu of %zu bytes: taken", cut, all.len);
        assert_err(&e, ERR_REFUSED);
    }
    buf_clear(&tar);
    buf_add(&tar, all.data, all.len);
    buf_add(&tar, (char[512]){"garbage"}, 512);
    assert_false(of_tar(w, &tar, &out, &e));
    assert_says(e.why, "appended");
    buf_clear(&tar);
    buf_add(&tar, all.data, all.len);
    buf_add(&tar, (char[9216]){0}, 9216);
    assert_true(of_tar(w, &tar, &out, &e));
    tar.data[10] ^= 1;
    assert_false(of_tar(w, &tar, &out, &e));
    assert_err(&e, ERR_REFUSED);
    tar.data[10] ^= 1;
    tar.data[1024 + 10] ^= 1;
    assert_false(of_tar(w, &tar, &out, &e));
    assert_err(&e, ERR_REFUSED);
    buf_release(&tar);
    buf_release(&all);
}

static void a_sparse_bomb_is_refused(void **state)
{
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "s.tar"};
    struct artifact out;
    struct err e = {0};

    run(w, "truncate", "-s", "3G", at(w, "hole"));
    run(w, "tar", "-S", "-cf", at(w, "s.tar"), "hole");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.why, "sparse");
    run(w, "tar", "-S", "--format=pax", "-cf", at(w, "s.tar"), "hole");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
}

/* Whatever byte is another, it is read or refused in words, never a crash. */
static void every_byte_of_a_tar_may_be_wrong(void **state)
{
    static const struct member members[] = {{"d/", '5', 0755, NULL},
                                            {"d/file", '0', 0644, "text"},
                                            {"d/hard", '1', 0644, "d/file"},
                                            {"link", '2', 0777, "d/file"},
                                            {NULL}};
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "t.tar"};
    struct artifact out;
    struct buf tar;
    int fd;

    tar_build(&tar, members);
    put_bytes(w, "t.tar", tar.data, tar.len);
    fd = open(at(w, "t.tar"), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < tar.len; i++) {
        struct err e = {0};

        assert_int_equal(pwrite(fd, &(char){(char)~tar.data[i]}, 1, (off_t)i),
                         1);
        if (!artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e))
            assert_err(&e, ERR_REFUSED);
        assert_int_equal(pwrite(fd, &tar.data[i], 1, (off_t)i), 1);
    }
    close(fd);
    buf_release(&tar);
}

/* Smaller than the tar it is in, so that its size alone gives nothing away. */
static void a_small_hole_is_refused_too(void **state)
{
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "s.tar"};
    struct artifact out;
    struct err e = {0};

    run(w, "truncate", "-s", "1M", at(w, "hole"));
    run(w, "sh", "-c", "echo end >>hole; head -c 2M /dev/urandom >full");
    run(w, "tar", "-S", "-cf", at(w, "s.tar"), "full", "hole");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.what, "hole");
    assert_says(e.why, "sparse");
    run(w, "tar", "-cf", at(w, "s.tar"), "full", "hole");
    assert_true(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
}

static char *read_bytes(struct workshop *w, const char *name, size_t *len)
{
    struct err e = {0};
    char *bytes;

    assert_true(
        file_read(at(w, name), FILE_LIMIT, ERR_INPUT, &w->a, &bytes, len, &e));
    return bytes;
}

static void gzip_is_one_member_and_whole(void **state)
{
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "a.tgz"};
    struct artifact plain, out;
    struct err e = {0};
    size_t len;
    char *gz;

    put(w, "in/f", "some text that is packed");
    run(w, "tar", "-C", at(w, "in"), "-cf", at(w, "a.tar"), ".");
    run(w, "tar", "-C", at(w, "in"), "-czf", at(w, "a.tgz"), ".");
    assert_true(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    s.file = "a.tar";
    assert_true(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &plain, &e));
    assert_string_equal(plain.digest, out.digest);
    gz = read_bytes(w, "a.tgz", &len);
    s.file = "b.tgz";
    for (size_t cut = 0; cut < len; cut += 7) {
        put_bytes(w, "b.tgz", gz, cut);
        if (artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e))
            fail_msg("cut to %zu of %zu bytes: taken", cut, len);
        assert_err(&e, ERR_REFUSED);
    }
    put_bytes(w, "b.tgz", arena_printf(&w->a, "%s", "x"), 1);
    run(w, "sh", "-c", "cat a.tgz a.tgz >b.tgz");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_says(e.why, "two gzip members");
    /* The second member is nothing but padding to the tar. */
    run(w, "sh", "-c", "(cat a.tgz; head -c 1024 /dev/zero | gzip) >b.tgz");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    run(w, "sh", "-c", "(cat a.tgz; echo garbage) >b.tgz");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    gz[len / 2] ^= 1;
    put_bytes(w, "b.tgz", gz, len);
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
}

static void tars_of_real_programs_are_read(void **state)
{
    static const char *const formats[] = {"gnu", "pax", "ustar", "oldgnu",
                                          "v7"};
    char digest[HASH_HEX] = "";
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "a.tar"};
    struct artifact out;

    put(w, "in/d\xc3\xa9j\xc3\xa0", "utf8");
    put(w, "in/sub/deep/file", "x");
    assert_int_equal(symlink("sub/deep/file", at(w, "in/link")), 0);
    assert_int_equal(link(at(w, "in/sub/deep/file"), at(w, "in/hard")), 0);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct err e = {0};

        run(w, "tar", arena_printf(&w->a, "--format=%s", formats[i]), "-C",
            at(w, "in"), "-cf", at(w, "a.tar"), ".");
        if (!artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e))
            fail_msg("%s: %s: %s", formats[i], e.what, e.why);
        if (*digest)
            assert_string_equal(out.digest, digest);
        memcpy(digest, out.digest, sizeof digest);
    }
}

static void what_is_no_tar(void **state)
{
    struct workshop *w = *state;
    struct artifact_settings s = {.file = "x"};
    struct artifact out;
    struct err e = {0};

    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_INPUT);
    put(w, "x", "");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    put(w, "x", "version https://git-lfs.github.com/spec/v1\n");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    run(w, "rm", at(w, "x"));
    run(w, "mkfifo", at(w, "x"));
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_INPUT);
    s.file = "empty.tar";
    run(w, "mkdir", at(w, "none"));
    run(w, "tar", "-C", at(w, "none"), "-cf", at(w, "empty.tar"), ".");
    assert_false(
        artifact_digest(&w->a, NULL, &s, w->folder, "v1", NULL, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.what, "empty");
}

/* A repository with a bit of everything; its commit. */
static char *repository(struct workshop *w)
{
    git(w, "init", "-q", "repo");
    put(w, "repo/app/main.rb", "puts 1\n");
    put(w, "repo/app.rb", "sorted before app/ by git\n");
    put(w, "repo/bin/run", "#!/bin/sh\n");
    run(w, "chmod", "755", at(w, "repo/bin/run"));
    put(w, "repo/tests/t", "t");
    put(w, "repo/app/tests/t", "t");
    put(w, "repo/notes.md", "n");
    put(w, "repo/odd name\n\xff\\", "o");
    put(w,
        "repo/a/very/long/name/"
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "/0123456789012345678901234567890123456789012345678901234567890123456",
        "l");
    assert_int_equal(symlink("../app.rb", at(w, "repo/app/link")), 0);
    git(w, "-C", "repo", "add", "-A");
    git(w, "-C", "repo", "commit", "-qm", "one");
    return git(w, "-C", "repo", "rev-parse", "HEAD");
}

static struct git *must_open(struct workshop *w)
{
    struct err e = {0};
    struct git *g = git_open(&w->a, at(w, "repo"), &e);

    assert_non_null(g);
    return g;
}

static void a_commit_is_written_once_and_the_same_twice(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w);
    const char *exclude[] = {"tests/"};
    struct artifact_settings s = {.exclude = exclude, .excludes = 1};
    struct artifact planned, one, two, again;
    struct git *g = must_open(w);
    struct err e = {0};
    struct stat st;

    assert_true(
        artifact_digest(&w->a, g, &s, w->folder, "v1", id, &planned, &e));
    assert_true(artifact_write(&w->a, g, &s, w->folder, "v1", id,
                               at(w, "one.tar"), &one, &e));
    assert_true(artifact_write(&w->a, g, &s, w->folder, "v1", id,
                               at(w, "two.tar"), &two, &e));
    assert_string_equal(planned.digest, one.digest);
    assert_string_equal(one.tar_digest, two.tar_digest);
    assert_int_equal(fstat(one.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, one.len);
    assert_null(strstr(one.files, "tests"));
    assert_false(artifact_write(&w->a, g, &s, w->folder, "v1", id,
                                at(w, "one.tar"), &again, &e));
    assert_err(&e, ERR_FAILED);
    assert_true(
        artifact_open(&w->a, at(w, "one.tar"), planned.digest, &again, &e));
    assert_string_equal(again.files, planned.files);
    assert_int_equal(again.entries, planned.entries);
    artifact_close(&again);
    artifact_close(&one);
    artifact_close(&two);
    git_close(g);
    /* Nothing temporary stays: two tars and the repository. */
    assert_string_equal(run(w, "sh", "-c", "ls -A | tr '\\n' ' '"),
                        "one.tar repo two.tar ");
}

static void gnu_tar_unpacks_what_we_wrote(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w);
    struct artifact_settings s = {0};
    struct artifact one;
    struct git *g = must_open(w);
    struct err e = {0};

    assert_true(artifact_write(&w->a, g, &s, w->folder, "v1", id,
                               at(w, "one.tar"), &one, &e));
    run(w, "mkdir", at(w, "out"));
    run(w, "tar", "-C", at(w, "out"), "-xpf", at(w, "one.tar"));
    run(w, "diff", "-r", "--no-dereference", "--exclude=.git", at(w, "repo"),
        at(w, "out"));
    assert_string_equal(run(w, "stat", "-c", "%a %Y", at(w, "out/bin/run")),
                        "755 0");
    assert_string_equal(run(w, "readlink", at(w, "out/app/link")), "../app.rb");
    assert_string_equal(
        run(w, "sh", "-c",
            "tar tvf one.tar --numeric-owner | cut -d' ' -f2 | sort -u"),
        "0/0");
    artifact_close(&one);
    git_close(g);
}

static void a_changed_artifact_is_refused(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w);
    struct artifact_settings s = {0};
    struct artifact one, again;
    struct git *g = must_open(w);
    struct err e = {0};
    size_t len;
    char *bytes, *spot;

    assert_true(artifact_write(&w->a, g, &s, w->folder, "v1", id,
                               at(w, "one.tar"), &one, &e));
    bytes = read_bytes(w, "one.tar", &len);
    spot = memmem(bytes, len, "puts 1", 6);
    assert_non_null(spot);
    spot[5] = '2';
    put_bytes(w, "one.tar", bytes, len);
    assert_false(
        artifact_open(&w->a, at(w, "one.tar"), one.digest, &again, &e));
    assert_err(&e, ERR_REFUSED);
    assert_int_equal(again.fd, -1);
    artifact_close(&one);
    git_close(g);
}

static void trees_that_are_refused(void **state)
{
    struct workshop *w = *state;
    char *id, *tree, *blob;
    struct artifact_settings s = {0};
    struct artifact out;
    struct err e = {0};
    const char *all[] = {"*"};
    const char *sub[] = {"sub"};
    struct git *g;

    id = repository(w);
    g = must_open(w);
    s.exclude = all;
    s.excludes = 1;
    assert_false(artifact_digest(&w->a, g, &s, w->folder, "v1", id, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.what, "empty");
    s.excludes = 0;
    blob = git(w, "-C", "repo", "rev-parse", "HEAD:app.rb");
    tree = run_on(w, arena_printf(&w->a, "100644 blob %s\t.Git\n", blob), "git",
                  "-C", "repo", "mktree");
    id = git(w, "-C", "repo", "commit-tree", "-m", "x", tree);
    assert_false(artifact_digest(&w->a, g, &s, w->folder, "v1", id, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.why, "git folder");
    git(w, "-C", "repo", "update-index", "--add", "--cacheinfo",
        "160000,1111111111111111111111111111111111111111,sub");
    git(w, "-C", "repo", "commit", "-qm", "sub");
    id = git(w, "-C", "repo", "rev-parse", "HEAD");
    assert_false(artifact_digest(&w->a, g, &s, w->folder, "v1", id, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.why, "submodule");
    s.exclude = sub;
    s.excludes = 1;
    assert_true(artifact_digest(&w->a, g, &s, w->folder, "v1", id, &out, &e));
    git_close(g);
}

static void patterns_exclude_as_gitignore_does(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool folder, excluded;
    } rows[] = {
        {"tests/", "tests/a", false, true},
        {"tests/", "app/tests/deep/a", false, true},
        {"tests/", "tests", true, true},
        {"tests/", "tests", false, false},
        {"/tests/", "app/tests/a", false, false},
        {"/tests/", "tests/a", false, true},
        {"app/tests", "app/tests/a", false, true},
        {"app/tests", "x/app/tests/a", false, false},
        {"*.md", "docs/a.md", false, true},
        {"*.md", "a.mdx", false, false},
        {"docs/*.md", "docs/a.md", false, true},
        {"docs/*.md", "docs/sub/a.md", false, false},
        {"README", "READMES", false, false},
        {"", "a", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *exclude[] = {rows[i].pattern};
        struct artifact_settings s = {.exclude = exclude, .excludes = 1};

        if (artifact_excludes(&s, rows[i].name, rows[i].folder) !=
            rows[i].excluded)
            fail_msg("%s against %s", rows[i].pattern, rows[i].name);
    }
}

static void a_hundred_thousand_entries_are_the_most(void **state)
{
    struct workshop *w = *state;
    struct artifact out;
    struct err e = {0};
    struct buf tar;

    buf_init(&tar);
    for (int i = 0; i <= 100000; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        tar_block(&tar, &(struct member){name, '0', 0644, NULL});
    }
    buf_add(&tar, (char[1024]){0}, 1024);
    assert_false(of_tar(w, &tar, &out, &e));
    assert_err(&e, ERR_REFUSED);
    assert_says(e.why, "100,000");
    buf_release(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_entries_are_named),
        TEST(good_entries_become_files_text),
        TEST(a_tar_must_be_whole),
        TEST(every_byte_of_a_tar_may_be_wrong),
        TEST(a_sparse_bomb_is_refused),
        TEST(a_small_hole_is_refused_too),
        TEST(gzip_is_one_member_and_whole),
        TEST(tars_of_real_programs_are_read),
        TEST(what_is_no_tar),
        TEST(a_commit_is_written_once_and_the_same_twice),
        TEST(gnu_tar_unpacks_what_we_wrote),
        TEST(a_changed_artifact_is_refused),
        TEST(trees_that_are_refused),
        cmocka_unit_test(patterns_exclude_as_gitignore_does),
        TEST(a_hundred_thousand_entries_are_the_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
