#include "tests/unit/release/workshop.h"

#include <fcntl.h>

#include "runner/release/git.h"

/* Leaks of libgit2 1.5.1 itself: the regular expression by which it looks for
 * extensions it does not know, and the queue of a walk that meets a missing
 * commit. Its frames have names only when unwound the slow way. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:pcre2_match\nleak:git_graph_reachable_from_any\n";
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0:print_suppressions=0";
}

/* A repository in repo/ with one commit and the tag v1. */
static char *repository(struct workshop *w)
{
    git(w, "init", "-q", "repo");
    put(w, "repo/a.txt", "a\n");
    git(w, "-C", "repo", "add", "-A");
    git(w, "-C", "repo", "commit", "-qm", "one");
    git(w, "-C", "repo", "tag", "v1");
    return git(w, "-C", "repo", "rev-parse", "HEAD");
}

static char *commit(struct workshop *w, const char *file)
{
    put(w, arena_printf(&w->a, "repo/%s", file), file);
    git(w, "-C", "repo", "add", "-A");
    git(w, "-C", "repo", "commit", "-qm", file);
    return git(w, "-C", "repo", "rev-parse", "HEAD");
}

static struct git *must_open(struct workshop *w, const char *name)
{
    struct err e = {0};
    struct git *g = git_open(&w->a, at(w, name), &e);

    if (!g)
        fail_msg("%s: %s", e.what, e.why);
    return g;
}

static void tags_light_annotated_and_chained(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w), found[GIT_HEX];
    struct err e = {0};
    struct git *g;

    git(w, "-C", "repo", "tag", "-am", "note", "v2", "v1");
    git(w, "-C", "repo", "tag", "-am", "chain", "v3", "v2");
    g = must_open(w, "repo");
    for (const char *const *tag = (const char *const[]){"v1", "v2", "v3", NULL};
         *tag; tag++) {
        assert_true(git_tag(g, &w->a, *tag, found, &e));
        assert_string_equal(found, id);
    }
    assert_string_equal(git_tags_of(g, &w->a, id), "v1\nv2\nv3");
    assert_string_equal(git_tags_of(g, &w->a, "v1"), "");
    git_close(g);
}

static void names_are_data(void **state)
{
    static const char *const names[] = {
        "$(id)",          "a;id", "-rf",  "${IFS}x",
        "it's",           "a\"b", "`id`", "\342\200\256evil",
        "bad\xff\xfeutf8"};
    struct workshop *w = *state;
    char *id = repository(w), found[GIT_HEX];
    struct err e = {0};
    struct git *g;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        git(w, "-C", "repo", "update-ref",
            arena_printf(&w->a, "refs/tags/%s", names[i]), id);
    g = must_open(w, "repo");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(git_tag(g, &w->a, names[i], found, &e));
        assert_string_equal(found, id);
    }
    assert_false(git_tag(g, &w->a, "\342\200\256evi", found, &e));
    assert_err(&e, ERR_USAGE);
    assert_null(strstr(e.what, "\xe2\x80\xae"));
    assert_null(strstr(e.why, "\xe2\x80\xae"));
    assert_false(git_tag(g, &w->a, "../heads/main", found, &e));
    assert_err(&e, ERR_USAGE);
    git_close(g);
}

static void missing_tag_names_the_nearest(void **state)
{
    struct workshop *w = *state;
    char found[GIT_HEX];
    struct err e = {0};
    struct git *g;

    repository(w);
    git(w, "-C", "repo", "tag", "v1.4.2");
    g = must_open(w, "repo");
    assert_false(git_tag(g, &w->a, "v1.4.3", found, &e));
    assert_err(&e, ERR_USAGE);
    assert_says(e.why, "v1.4.2");
    assert_false(git_tag(g, &w->a, "zzzzzzzzzz", found, &e));
    assert_says(e.why, "none of its 2 tags");
    git_close(g);
    git(w, "-C", "repo", "tag", "-d", "v1", "v1.4.2");
    g = must_open(w, "repo");
    assert_false(git_tag(g, &w->a, "v1", found, &e));
    assert_says(e.why, "no tags at all");
    git_close(g);
}

static void a_branch_is_no_tag(void **state)
{
    struct workshop *w = *state;
    char found[GIT_HEX], *first = repository(w), *second;
    struct err e = {0};
    struct git *g;

    git(w, "-C", "repo", "checkout", "-qb", "release-2");
    second = commit(w, "b");
    g = must_open(w, "repo");
    assert_false(git_tag(g, &w->a, "release-2", found, &e));
    assert_err(&e, ERR_USAGE);
    assert_says(e.why, "branch");
    git(w, "-C", "repo", "branch", "v1");
    assert_true(git_tag(g, &w->a, "v1", found, &e));
    assert_string_equal(found, first);
    assert_string_not_equal(first, second);
    git_close(g);
}

static void a_moved_tag_is_seen(void **state)
{
    struct workshop *w = *state;
    char found[GIT_HEX], *first = repository(w), *second = commit(w, "b");
    struct err e = {0};
    struct git *g = must_open(w, "repo");

    assert_true(git_tag(g, &w->a, "v1", found, &e));
    assert_string_equal(found, first);
    git(w, "-C", "repo", "tag", "-f", "v1", "HEAD");
    assert_true(git_tag(g, &w->a, "v1", found, &e));
    assert_string_equal(found, second);
    git_close(g);
}

static void tags_of_files_and_symbolic_tags_are_refused(void **state)
{
    struct workshop *w = *state;
    char found[GIT_HEX];
    struct err e = {0};
    struct git *g;

    repository(w);
    git(w, "-C", "repo", "tag", "file", "HEAD:a.txt");
    git(w, "-C", "repo", "tag", "tree", "HEAD^{tree}");
    git(w, "-C", "repo", "symbolic-ref", "refs/tags/soft", "refs/heads/main");
    g = must_open(w, "repo");
    assert_false(git_tag(g, &w->a, "file", found, &e));
    assert_err(&e, ERR_INPUT);
    assert_false(git_tag(g, &w->a, "tree", found, &e));
    assert_err(&e, ERR_INPUT);
    assert_false(git_tag(g, &w->a, "soft", found, &e));
    assert_err(&e, ERR_INPUT);
    assert_says(e.why, "moves");
    git_close(g);
}

static void repositories_that_do_not_open(void **state)
{
    struct workshop *w = *state;
    struct err e = {0};

    assert_null(git_open(&w->a, at(w, "nowhere"), &e));
    assert_err(&e, ERR_CONFIG);
    assert_says(e.what, "no git repository");
    git(w, "init", "-q", "--object-format=sha256", "new");
    assert_null(git_open(&w->a, at(w, "new"), &e));
    assert_err(&e, ERR_INPUT);
    assert_says(e.what, "SHA-256");
    repository(w);
    assert_null(git_open(&w->a, at(w, "repo/sub"), &e));
    assert_err(&e, ERR_CONFIG);
    if (geteuid() != 0)
        skip();
    run(w, "chown", "-R", "nobody", at(w, "repo"));
    assert_null(git_open(&w->a, at(w, "repo"), &e));
    assert_err(&e, ERR_CONFIG);
    assert_says(e.what, "another user");
    assert_says(e.fix, "safe.directory");
}

static enum ancestry how(struct workshop *w, struct git *g, const char *live,
                         const char *candidate, const char **why)
{
    return git_ancestry(g, &w->a, live, candidate, why);
}

static void ancestry_in_a_whole_history(void **state)
{
    struct workshop *w = *state;
    char *one = repository(w), *two = commit(w, "b"), *side;
    const char *why;
    struct git *g;

    git(w, "-C", "repo", "checkout", "-q", one);
    side = commit(w, "c");
    g = must_open(w, "repo");
    assert_int_equal(how(w, g, NULL, two, &why), ANCESTRY_NOTHING_LIVE);
    assert_int_equal(how(w, g, two, two, &why), ANCESTRY_SAME);
    assert_int_equal(how(w, g, one, two, &why), ANCESTRY_DESCENDS);
    assert_int_equal(how(w, g, two, one, &why), ANCESTRY_OLDER);
    assert_int_equal(how(w, g, two, side, &why), ANCESTRY_DIVERGED);
    assert_null(why);
    assert_int_equal(how(w, g, "1234567", two, &why), ANCESTRY_UNKNOWN);
    assert_says(why, "full commit id");
    assert_int_equal(
        how(w, g, "1111111111111111111111111111111111111111", two, &why),
        ANCESTRY_UNKNOWN);
    assert_says(why, "is not in this repository");
    assert_true(git_commit_exists(g, one));
    one[8] = '\0';
    assert_false(git_commit_exists(g, one));
    git_close(g);
}

static void a_shallow_clone_knows_no_ancestry(void **state)
{
    struct workshop *w = *state;
    char *one = repository(w), *two = commit(w, "b"), *three = commit(w, "c");
    const char *why;
    struct git *g;

    git(w, "clone", "-q", "--depth=2",
        arena_printf(&w->a, "file://%s", at(w, "repo")), "cut");
    g = must_open(w, "cut");
    /* Even what it holds: libgit2 walks into the cut first. */
    assert_int_equal(how(w, g, two, three, &why), ANCESTRY_UNKNOWN);
    assert_says(why, "shallow");
    assert_int_equal(how(w, g, one, three, &why), ANCESTRY_UNKNOWN);
    assert_says(why, "shallow");
    assert_says(why, "--unshallow");
    git(w, "-C", "cut", "fetch", "-q", "--depth=1", "origin",
        "refs/tags/v1:refs/tags/v1");
    /* That closed the gap. */
    assert_int_equal(how(w, g, one, three, &why), ANCESTRY_DESCENDS);
    git_close(g);
}

struct seen {
    struct buf text;
    const char *stop;
};

static bool see(void *ctx, const struct git_entry *entry, struct err *e)
{
    struct seen *s = ctx;

    buf_printf(&s->text, "%d %s=%.*s\n", (int)entry->kind, entry->name,
               (int)entry->len, entry->bytes);
    if (!s->stop || strcmp(s->stop, entry->name) != 0)
        return true;
    err_what(e, ERR_FAILED, "stopped");
    err_why(e, "asked");
    return err_fix(e, "none");
}

static void walking_a_tree(void **state)
{
    struct workshop *w = *state;
    struct seen s = {0};
    struct err e = {0};
    struct git *g;
    char *id;

    repository(w);
    put(w, "repo/bin/run", "x");
    run(w, "chmod", "755", at(w, "repo/bin/run"));
    put(w, "repo/db/migrations/0001_a.up.sql", "s");
    assert_int_equal(symlink("bin/run", at(w, "repo/link")), 0);
    git(w, "-C", "repo", "update-index", "--add", "--cacheinfo",
        "160000,1111111111111111111111111111111111111111,sub");
    put(w, "repo/odd\nname \xff", "o");
    id = commit(w, "z");
    g = must_open(w, "repo");
    buf_init(&s.text);
    assert_true(git_walk(g, id, NULL, see, &s, &e));
    /* `git add` dropped the submodule that is not there. */
    assert_string_equal(s.text.data,
                        "0 a.txt=a\n\n1 bin/run=x\n"
                        "0 db/migrations/0001_a.up.sql=s\n2 link=bin/run\n"
                        "0 odd\nname \xff=o\n0 z=z\n");
    buf_clear(&s.text);
    assert_true(git_walk(g, id, "./db/migrations/", see, &s, &e));
    assert_string_equal(s.text.data, "0 db/migrations/0001_a.up.sql=s\n");
    buf_clear(&s.text);
    assert_true(git_walk(g, id, "no/such", see, &s, &e));
    assert_string_equal(s.text.data, "");
    assert_false(git_walk(g, id, "a.txt", see, &s, &e));
    assert_err(&e, ERR_INPUT);
    s.stop = "bin/run";
    assert_false(git_walk(g, id, "", see, &s, &e));
    assert_string_equal(e.what, "stopped");
    assert_false(git_walk(g, "1234567", "", see, &s, &e));
    assert_err(&e, ERR_INPUT);
    buf_release(&s.text);
    git_close(g);
}

static void submodules_are_seen(void **state)
{
    struct workshop *w = *state;
    struct seen s = {0};
    struct err e = {0};
    struct git *g;
    char *id;

    repository(w);
    git(w, "-C", "repo", "update-index", "--add", "--cacheinfo",
        "160000,1111111111111111111111111111111111111111,sub");
    git(w, "-C", "repo", "commit", "-qm", "sub");
    id = git(w, "-C", "repo", "rev-parse", "HEAD");
    g = must_open(w, "repo");
    buf_init(&s.text);
    assert_true(git_walk(g, id, NULL, see, &s, &e));
    assert_string_equal(s.text.data, "0 a.txt=a\n\n3 sub=\n");
    buf_release(&s.text);
    git_close(g);
}

static void a_missing_object_is_named(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w), *blob;
    struct seen s = {0};
    struct err e = {0};
    struct git *g;

    blob = git(w, "-C", "repo", "rev-parse", "HEAD:a.txt");
    run(w, "rm", "-f",
        arena_printf(&w->a, "%s/repo/.git/objects/%.2s/%s", w->folder, blob,
                     blob + 2));
    g = must_open(w, "repo");
    buf_init(&s.text);
    assert_false(git_walk(g, id, NULL, see, &s, &e));
    assert_err(&e, ERR_INPUT);
    assert_says(e.what, blob);
    buf_release(&s.text);
    git_close(g);
}

static void a_corrupt_pack_is_no_crash(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w), *pack, byte;
    struct seen s = {0};
    struct err e = {0};
    struct git *g;
    int fd;

    git(w, "-C", "repo", "repack", "-adq");
    pack = run(w, "sh", "-c", "ls repo/.git/objects/pack/*.pack");
    run(w, "chmod", "u+w", at(w, pack));
    fd = open(at(w, pack), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    buf_init(&s.text);
    for (off_t i = 12; pread(fd, &byte, 1, i) == 1; i++) {
        assert_int_equal(pwrite(fd, &(char){(char)~byte}, 1, i), 1);
        g = must_open(w, "repo");
        buf_clear(&s.text);
        err_clear(&e);
        if (git_walk(g, id, NULL, see, &s, &e))
            assert_string_equal(s.text.data, "0 a.txt=a\n\n");
        else
            assert_err(&e, ERR_INPUT);
        git_close(g);
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
    }
    buf_release(&s.text);
    close(fd);
}

static void linked_worktrees_and_bare_repositories_open(void **state)
{
    struct workshop *w = *state;
    char *id = repository(w), found[GIT_HEX];
    struct err e = {0};
    struct git *g;

    git(w, "-C", "repo", "worktree", "add", "-q", at(w, "tree"));
    git(w, "clone", "-q", "--bare", at(w, "repo"), "bare");
    for (const char *const *name = (const char *const[]){"tree", "bare", NULL};
         *name; name++) {
        g = must_open(w, *name);
        assert_true(git_tag(g, &w->a, "v1", found, &e));
        assert_string_equal(found, id);
        git_close(g);
    }
}

/* A few hundred bytes that unfold to two million entries; then 130 folders
 * one inside the other. */
static void a_tree_without_end_is_bounded(void **state)
{
    struct workshop *w = *state;
    struct seen s = {0};
    struct err e = {0};
    char *tree, *id, *blob, deep[2 * 130];
    struct git *g;

    repository(w);
    tree = git(w, "-C", "repo", "rev-parse", "HEAD^{tree}");
    for (int i = 0; i < 20; i++)
        tree = run_on(w,
                      arena_printf(&w->a,
                                   "040000 tree %s\ta\n040000 tree "
                                   "%s\tb\n",
                                   tree, tree),
                      "git", "-C", "repo", "mktree");
    id = git(w, "-C", "repo", "commit-tree", "-m", "bomb", tree);
    git(w, "-C", "repo", "tag", "bomb", id);
    git(w, "-C", "repo", "repack", "-adq");
    g = must_open(w, "repo");
    buf_init(&s.text);
    assert_false(git_walk(g, id, NULL, see, &s, &e));
    assert_err(&e, ERR_INPUT);
    assert_says(e.why, "1,000,000");
    blob = git(w, "-C", "repo", "rev-parse", "HEAD:a.txt");
    memset(deep, '/', sizeof deep);
    for (size_t i = 0; i < sizeof deep; i += 2)
        deep[i] = 'a';
    deep[sizeof deep - 1] = '\0';
    git(w, "-C", "repo", "update-index", "--add", "--cacheinfo",
        arena_printf(&w->a, "100644,%s,%s", blob, deep));
    tree = git(w, "-C", "repo", "write-tree");
    id = git(w, "-C", "repo", "commit-tree", "-m", "deep", tree);
    assert_false(git_walk(g, id, NULL, see, &s, &e));
    assert_says(e.why, "deep");
    buf_release(&s.text);
    git_close(g);
}

static void settings(void **state)
{
    struct workshop *w = *state;
    struct git *g;

    repository(w);
    git(w, "-C", "repo", "config", "user.signingkey", "~/k.pub");
    g = must_open(w, "repo");
    assert_string_equal(git_setting(g, &w->a, "user.signingkey"), "~/k.pub");
    assert_null(git_setting(g, &w->a, "no.such"));
    assert_says(git_library_version(&w->a), "libgit2 1.");
    git_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tags_light_annotated_and_chained),
        TEST(names_are_data),
        TEST(missing_tag_names_the_nearest),
        TEST(a_branch_is_no_tag),
        TEST(a_moved_tag_is_seen),
        TEST(tags_of_files_and_symbolic_tags_are_refused),
        TEST(repositories_that_do_not_open),
        TEST(ancestry_in_a_whole_history),
        TEST(a_shallow_clone_knows_no_ancestry),
        TEST(walking_a_tree),
        TEST(submodules_are_seen),
        TEST(a_missing_object_is_named),
        TEST(a_corrupt_pack_is_no_crash),
        TEST(linked_worktrees_and_bare_repositories_open),
        TEST(a_tree_without_end_is_bounded),
        TEST(settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
