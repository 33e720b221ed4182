#include "tests/unit/release/workshop.h"

#include <signal.h>
#include <sys/stat.h>

#include "runner/release/sign.h"
#include "runner/release/signers.h"
#include "runner/release/sshsig.h"

#define TEXT "{\"type\":\"manifest\"}"

static char *key(struct workshop *w, const char *name)
{
    run(w, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
        at(w, name));
    return at(w, name);
}

static char *public_part(struct workshop *w, const char *name)
{
    return run(w, "cat", at(w, arena_printf(&w->a, "%s.pub", name)));
}

static char *sign(struct workshop *w, const char *file)
{
    struct err e = {0};
    char *signature = NULL;

    if (!sign_text(w->loop, &w->a, file, TEXT, &signature, &e))
        fail_msg("%s: %s", e.what, e.why);
    return signature;
}

/* Two people with keys; the signers file knows both. */
static struct expected_settings people(struct workshop *w)
{
    struct expected_settings s = {.on = true, .signers = at(w, "signers")};

    key(w, "anna");
    key(w, "jaak");
    put(w, "signers",
        arena_printf(&w->a,
                     "# people\n\nanna namespaces=\"tidegate\" %s\n"
                     "jaak@example.net,jaak %s\n",
                     public_part(w, "anna"), public_part(w, "jaak")));
    return s;
}

static struct signature_check check(struct workshop *w,
                                    const struct expected_settings *s,
                                    const char *text, const char *signature,
                                    int64_t when)
{
    struct signature_check c;

    sign_check(w->loop, &w->a, s, text, signature, when, &c);
    if (c.how == SIGNED_GOOD)
        assert_null(c.why);
    else
        assert_true(c.why && *c.why);
    return c;
}

static void good_signatures_name_person_and_key(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    struct signature_check c;
    char *person, *fingerprint;
    struct err e = {0};

    c = check(w, &s, TEXT, sign(w, at(w, "anna")), clock_now());
    assert_int_equal(c.how, SIGNED_GOOD);
    assert_string_equal(c.person, "anna");
    assert_says(run(w, "ssh-keygen", "-lf", at(w, "anna.pub")), c.key);
    assert_true(
        sign_who(w->loop, &w->a, &s, at(w, "anna"), &person, &fingerprint, &e));
    assert_string_equal(person, "anna");
    assert_string_equal(fingerprint, c.key);
    c = check(w, &s, TEXT, sign(w, at(w, "jaak.pub")), clock_now());
    assert_int_equal(c.how, SIGNED_GOOD);
    assert_string_equal(c.person, "jaak@example.net");
    assert_string_equal(sign_people(&w->a, &s), "anna, jaak@example.net");
}

static void a_private_key_alone_is_enough(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *person, *fingerprint;
    struct err e = {0};

    run(w, "rm", at(w, "anna.pub"));
    assert_true(
        sign_who(w->loop, &w->a, &s, at(w, "anna"), &person, &fingerprint, &e));
    assert_string_equal(person, "anna");
    assert_int_equal(
        check(w, &s, TEXT, sign(w, at(w, "anna")), clock_now()).how,
        SIGNED_GOOD);
}

static void what_is_not_signed_or_changed(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *signature = sign(w, at(w, "anna")), *spot;

    assert_int_equal(check(w, &s, TEXT, NULL, clock_now()).how, SIGNED_NOT);
    assert_int_equal(check(w, &s, TEXT, "", clock_now()).how, SIGNED_NOT);
    assert_int_equal(check(w, &s, TEXT, "junk", clock_now()).how, SIGNED_BAD);
    assert_int_equal(check(w, &s, TEXT " ", signature, clock_now()).how,
                     SIGNED_BAD);
    assert_int_equal(check(w, &s, "", signature, clock_now()).how, SIGNED_BAD);
    spot = strstr(signature, "-----END") - 10;
    *spot = *spot == 'A' ? 'B' : 'A';
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_BAD);
    signature[60] = '\0';
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_BAD);
}

static void unknown_keys_and_missing_files(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *signature = sign(w, key(w, "mallory"));
    struct signature_check c = check(w, &s, TEXT, signature, clock_now());

    assert_int_equal(c.how, SIGNED_UNKNOWN);
    assert_says(c.why, "is not in");
    assert_non_null(c.key);
    assert_null(c.person);
    s.signers = at(w, "nowhere");
    c = check(w, &s, TEXT, sign(w, at(w, "anna")), clock_now());
    assert_int_equal(c.how, SIGNED_UNKNOWN);
    assert_says(c.why, "nowhere");
    s.signers = NULL;
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_UNKNOWN);
    assert_string_equal(sign_people(&w->a, &s), "");
}

static void a_git_signature_is_no_statement(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    struct signature_check c;
    struct err e = {0};
    char *out = NULL, *person, *fingerprint;

    put(w, "text", TEXT);
    run(w, "ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", at(w, "jaak"),
        at(w, "text"));
    assert_int_equal(
        try_program(w, (const char *const[]){"cat", at(w, "text.sig"), NULL},
                    NULL, &out),
        0);
    c = check(w, &s, TEXT, out, clock_now());
    assert_int_equal(c.how, SIGNED_NAMESPACE);
    assert_says(c.why, "\"git\"");
    put(w, "signers",
        arena_printf(&w->a, "anna namespaces=\"git,file\" %s\n",
                     public_part(w, "anna")));
    c = check(w, &s, TEXT, sign(w, at(w, "anna")), clock_now());
    assert_int_equal(c.how, SIGNED_NAMESPACE);
    assert_says(c.why, "signers:1");
    assert_false(
        sign_who(w->loop, &w->a, &s, at(w, "anna"), &person, &fingerprint, &e));
    assert_err(&e, ERR_CONFIG);
}

static void revoked_as_list_and_as_krl(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *signature = sign(w, at(w, "anna"));
    struct signature_check c;

    s.revoked = at(w, "revoked");
    put(w, "revoked", public_part(w, "jaak"));
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_GOOD);
    put(w, "revoked", public_part(w, "anna"));
    c = check(w, &s, TEXT, signature, clock_now());
    assert_int_equal(c.how, SIGNED_REVOKED);
    assert_string_equal(c.person, "anna");
    run(w, "ssh-keygen", "-q", "-kf", at(w, "krl"), at(w, "anna.pub"));
    s.revoked = at(w, "krl");
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_REVOKED);
    /* Text that was changed is that first, whatever became of the key. */
    assert_int_equal(check(w, &s, TEXT " ", signature, clock_now()).how,
                     SIGNED_BAD);
    s.revoked = at(w, "nowhere");
    c = check(w, &s, TEXT, signature, clock_now());
    assert_int_equal(c.how, SIGNED_UNKNOWN);
    assert_says(c.why, "revoked");
}

static void keys_have_their_time(void **state)
{
    static const struct {
        const char *option;
        int64_t when; /* 0: now */
        enum signed_how how;
    } rows[] = {
        {"valid-before=\"20200101Z\"", 0, SIGNED_EXPIRED},
        {"valid-after=\"20200101Z\",valid-before=\"21000101Z\"", 0,
         SIGNED_GOOD},
        /* It signed on 2019-12-31, the day before it was valid. */
        {"valid-after=\"20200101Z\"", 1577750400, SIGNED_EXPIRED},
        {"valid-after=\"20200101Z\"", 1577836800, SIGNED_GOOD},
        {"valid-after=\"21000101Z\"", 0, SIGNED_EXPIRED},
        /* Good when it signed, not any more. */
        {"valid-before=\"20200101Z\"", 1577750400, SIGNED_EXPIRED},
    };
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *signature = sign(w, at(w, "anna"));

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(w, "signers",
            arena_printf(&w->a, "anna %s %s\n", rows[i].option,
                         public_part(w, "anna")));
        if (check(w, &s, TEXT, signature,
                  rows[i].when ? rows[i].when : clock_now())
                .how != rows[i].how)
            fail_msg("row %zu: %s", i, rows[i].option);
    }
}

static void one_key_is_one_person(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    char *signature = sign(w, at(w, "anna"));
    struct signature_check c;

    put(w, "signers",
        arena_printf(&w->a, "anna %s\nboss %s\n", public_part(w, "anna"),
                     public_part(w, "anna")));
    c = check(w, &s, TEXT, signature, clock_now());
    assert_int_equal(c.how, SIGNED_GOOD);
    assert_string_equal(c.person, "anna");
    put(w, "signers",
        arena_printf(&w->a, "*@example.net %s\n", public_part(w, "anna")));
    c = check(w, &s, TEXT, signature, clock_now());
    assert_int_equal(c.how, SIGNED_UNKNOWN);
    assert_says(c.why, "pattern");
    put(w, "signers",
        arena_printf(&w->a, "anna cert-authority %s\n",
                     public_part(w, "anna")));
    assert_int_equal(check(w, &s, TEXT, signature, clock_now()).how,
                     SIGNED_UNKNOWN);
}

static void locked_and_missing_keys_say_what_to_do(void **state)
{
    struct workshop *w = *state;
    struct err e = {0};
    char *signature;

    assert_false(sign_text(w->loop, &w->a, NULL, TEXT, &signature, &e));
    assert_err(&e, ERR_USAGE);
    assert_says(e.fix, "--key");
    assert_false(
        sign_text(w->loop, &w->a, at(w, "nokey"), TEXT, &signature, &e));
    assert_err(&e, ERR_USAGE);
    run(w, "ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f",
        at(w, "locked"));
    assert_false(
        sign_text(w->loop, &w->a, at(w, "locked"), TEXT, &signature, &e));
    assert_err(&e, ERR_CONFIG);
    assert_says(e.fix, "ssh-add");
    put(w, "text", "no key at all");
    assert_false(
        sign_text(w->loop, &w->a, at(w, "text"), TEXT, &signature, &e));
    assert_err(&e, ERR_CONFIG);
}

static void agent_keys_sign(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    const char *literal =
        arena_printf(&w->a, "key::%s", public_part(w, "anna"));
    char *out = NULL, *person, *fingerprint, *signature;
    struct err e = {0};
    pid_t agent;

    assert_false(sign_text(w->loop, &w->a, literal, TEXT, &signature, &e));
    assert_err(&e, ERR_CONFIG);
    assert_int_equal(try_program(w,
                                 (const char *const[]){"ssh-agent", "-c", "-a",
                                                       at(w, "agent"), NULL},
                                 NULL, &out),
                     0);
    out = strstr(out, "SSH_AGENT_PID ");
    assert_non_null(out);
    agent = (pid_t)strtol(out + strlen("SSH_AGENT_PID "), NULL, 10);
    setenv("SSH_AUTH_SOCK", at(w, "agent"), 1);
    run(w, "ssh-add", "-q", at(w, "anna"));
    run(w, "rm", at(w, "anna"));
    out = sign(w, literal);
    assert_true(
        sign_who(w->loop, &w->a, &s, literal, &person, &fingerprint, &e));
    unsetenv("SSH_AUTH_SOCK");
    kill(agent, SIGTERM);
    assert_string_equal(person, "anna");
    assert_int_equal(check(w, &s, TEXT, out, clock_now()).how, SIGNED_GOOD);
}

static void nothing_private_stays_in_tmp(void **state)
{
    struct workshop *w = *state;
    struct expected_settings s = people(w);
    const char *list =
        arena_printf(&w->a, "ls -d /tmp/tidegate-sign-%d-* 2>/dev/null | wc -l",
                     (int)getpid());

    check(w, &s, TEXT, sign(w, at(w, "anna")), clock_now());
    check(w, &s, "other", sign(w, at(w, "anna")), clock_now());
    assert_string_equal(run(w, "sh", "-c", list), "0");
}

static void keys_and_signatures_taken_apart(void **state)
{
    struct workshop *w = *state;
    struct sshsig sig;

    key(w, "anna");
    assert_says(run(w, "ssh-keygen", "-lf", at(w, "anna.pub")),
                ssh_key_fingerprint(&w->a, public_part(w, "anna")));
    assert_null(ssh_key_fingerprint(&w->a, "ssh-ed25519 AAAA"));
    assert_null(ssh_key_fingerprint(&w->a, "ssh-ed25519"));
    assert_null(ssh_key_fingerprint(&w->a, "hello world"));
    assert_null(ssh_key_fingerprint(
        &w->a, arena_printf(&w->a, "ssh-rsa %s",
                            public_part(w, "anna") + strlen("ssh-ed25519 "))));
    assert_true(sshsig_read(&w->a, sign(w, at(w, "anna")), &sig));
    assert_string_equal(sig.space, "tidegate");
    assert_false(sshsig_read(&w->a,
                             "-----BEGIN SSH SIGNATURE-----\nAAAA\n"
                             "-----END SSH SIGNATURE-----\n",
                             &sig));
}

static void signers_lines(void **state)
{
    struct workshop *w = *state;
    struct signers s;
    struct err e = {0};
    char *public;

    key(w, "anna");
    public = public_part(w, "anna");
    put(w, "signers",
        arena_printf(&w->a,
                     "\"anna b\",x Namespaces=\"a b,tide*\",cert-authority %s\n"
                     "  jaak\tvalid-after=\"2020,01\" %s\r\nbroken\n",
                     public, public));
    assert_true(signers_read(&s, &w->a, at(w, "signers"), &e));
    assert_int_equal(s.n, 3);
    assert_string_equal(s.list[0].person, "anna b");
    assert_true(s.list[0].authority);
    assert_true(signer_allows(&s.list[0], "tidegate"));
    assert_false(signer_allows(&s.list[0], "git"));
    assert_string_equal(s.list[1].person, "jaak");
    assert_true(s.list[1].limited);
    assert_false(s.list[1].authority);
    assert_non_null(s.list[1].fingerprint);
    assert_int_equal(s.list[1].line, 2);
    assert_null(s.list[2].fingerprint);
    assert_ptr_equal(
        signers_find(&s, ssh_key_fingerprint(&w->a, public), "tidegate"),
        &s.list[1]);
}

/* A generator with a fixed start (Numerical Recipes): the same every time. */
static uint32_t next_random(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* Readers of foreign text take any bytes; the sanitizers watch. */
static void readers_take_any_bytes(void **state)
{
    struct workshop *w = *state;
    uint32_t seed = 1;
    char *armour, *line;

    key(w, "anna");
    armour = sign(w, at(w, "anna"));
    line = arena_printf(&w->a,
                        "\"anna\",b namespaces=\"a,b\",valid-after=\"2\" "
                        "%s\n",
                        public_part(w, "anna"));
    for (int i = 0; i < 3000; i++) {
        char *text = arena_strdup(&w->a, i % 2 ? armour : line);
        size_t len = strlen(text);
        struct sshsig sig;
        struct signers s;
        struct err e = {0};

        for (uint32_t n = next_random(&seed) >> 28; n > 0; n--)
            text[(next_random(&seed) >> 8) % len] =
                (char)(next_random(&seed) >> 24);
        if (i % 2) {
            sshsig_read(&w->a, text, &sig);
            continue;
        }
        if (i % 50 == 0) {
            put_bytes(w, "signers", text, len);
            signers_read(&s, &w->a, at(w, "signers"), &e);
        }
        ssh_key_fingerprint(&w->a,
                            strchr(text, ' ') ? strchr(text, ' ') + 1 : text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_signatures_name_person_and_key),
        TEST(a_private_key_alone_is_enough),
        TEST(what_is_not_signed_or_changed),
        TEST(unknown_keys_and_missing_files),
        TEST(a_git_signature_is_no_statement),
        TEST(revoked_as_list_and_as_krl),
        TEST(keys_have_their_time),
        TEST(one_key_is_one_person),
        TEST(locked_and_missing_keys_say_what_to_do),
        TEST(agent_keys_sign),
        TEST(nothing_private_stays_in_tmp),
        TEST(keys_and_signatures_taken_apart),
        TEST(signers_lines),
        TEST(readers_take_any_bytes),
    };

    unsetenv("SSH_AUTH_SOCK");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
