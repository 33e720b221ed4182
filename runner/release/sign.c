#include "runner/release/sign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/child.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/release/signers.h"
#include "runner/release/sshsig.h"

#define SPACE      "tidegate"
#define VERIFY_MS  10000
#define SIGN_MS    60000 /* an agent may ask a person, a key may want a touch */
#define ARGUMENTS  20
#define ARMOUR     "-----BEGIN SSH SIGNATURE-----"
#define KEY_PREFIX "key::"

/* A private folder for what ssh-keygen reads only from files. */
struct scratch {
    char folder[48];
    char file[64]; /* "" until something is written */
};

static bool scratch_open(struct scratch *s, const char *bytes, struct err *e)
{
    *s = (struct scratch){0};
    snprintf(s->folder, sizeof s->folder, "/tmp/tidegate-sign-%d-XXXXXX",
             (int)getpid());
    if (!mkdtemp(s->folder)) {
        s->folder[0] = '\0';
        err_what(e, ERR_FAILED, "cannot make a folder in /tmp");
        err_why(e, "%s", strerror(errno));
        return err_fix(e, "make room and correct the rights there");
    }
    snprintf(s->file, sizeof s->file, "%s/text", s->folder);
    return file_create(s->file, bytes, strlen(bytes), 0600, e);
}

static void scratch_close(struct scratch *s)
{
    if (!s->folder[0])
        return;
    unlink(s->file);
    rmdir(s->folder);
}

struct arguments {
    const char *list[ARGUMENTS];
    size_t n;
};

static void add(struct arguments *to, const char *first, const char *second)
{
    if (to->n + 3 > ARGUMENTS)
        BUG("over %d arguments for ssh-keygen", ARGUMENTS);
    to->list[to->n++] = first;
    if (second)
        to->list[to->n++] = second;
}

/* A passphrase is never asked for: the child has no terminal, and /bin/false
 * answers in its place. */
static bool keygen(struct loop *l, struct arena *a,
                   const struct arguments *arguments, const char *input,
                   int64_t timeout_ms, struct child_result *out, struct err *e)
{
    static const char *const env[] = {"SSH_ASKPASS=/bin/false",
                                      "SSH_ASKPASS_REQUIRE=force", NULL};
    struct child_spec spec = {
        .argv = arguments->list,
        .env = env,
        .input = input,
        .input_len = input ? strlen(input) : 0,
        .timeout_ms = timeout_ms,
    };

    return child_run(l, a, &spec, out, e);
}

static const char *complaint(struct arena *a, const struct child_result *r)
{
    if (r->timed_out)
        return "ssh-keygen did not answer in time";
    if (!r->err || !*r->err)
        return arena_printf(a, "ssh-keygen ended with status %d", r->status);
    return escape(a, arena_strndup(a, r->err, strcspn(r->err, "\r\n")));
}

static char *home_path(struct arena *a, const char *path)
{
    const char *home = getenv("HOME");

    if (path[0] == '~' && path[1] == '/' && home)
        return path_join(a, home, path + 2);
    return arena_strdup(a, path);
}

static bool key_none(struct err *e)
{
    err_what(e, ERR_USAGE, "no key to sign with");
    err_why(e, "neither --key nor git's user.signingkey names one");
    return err_fix(e, "give --key FILE, or once: git config user.signingkey "
                      "~/.ssh/id_ed25519.pub");
}

/* The public key that stands in the argument itself, as git writes agent
 * keys; NULL: the argument is a file. */
static const char *key_literal(const char *key)
{
    if (strncmp(key, KEY_PREFIX, strlen(KEY_PREFIX)) == 0)
        return key + strlen(KEY_PREFIX);
    return ssh_key_text(key) && strchr(key, ' ') ? key : NULL;
}

static bool key_readable(const char *path, struct err *e)
{
    if (access(path, R_OK) == 0)
        return true;
    err_what(e, ERR_USAGE, "cannot read the key %s", path);
    err_why(e, "%s", strerror(errno));
    return err_fix(e, "name an SSH key file with --key, or correct git's "
                      "user.signingkey (an SSH key: gpg.format = ssh)");
}

static bool sign_failed(struct arena *a, const struct child_result *r,
                        const char *key, struct err *e)
{
    bool locked = r->err && strstr(r->err, "passphrase");

    err_what(e, ERR_CONFIG, "cannot sign with %s", key);
    err_why(e, "%s", complaint(a, r));
    return err_fix(e,
                   locked ? "unlock it in the SSH agent first: ssh-add %s"
                          : "see that the key is there, or in the agent "
                            "(ssh-add -l); key: %s",
                   key);
}

static bool sign_with(struct loop *l, struct arena *a, const char *file,
                      bool agent, const char *text, char **signature,
                      struct err *e)
{
    struct arguments v = {{"ssh-keygen", "-Y", "sign", "-n", SPACE}, 5};
    struct child_result r;

    add(&v, "-f", file);
    if (agent)
        add(&v, "-U", NULL);
    if (!keygen(l, a, &v, text, SIGN_MS, &r, e))
        return false;
    if (r.status != 0 || strncmp(r.out, ARMOUR, strlen(ARMOUR)) != 0)
        return sign_failed(a, &r, file, e);
    *signature = r.out;
    return true;
}

bool sign_text(struct loop *l, struct arena *a, const char *key,
               const char *text, char **signature, struct err *e)
{
    const char *literal, *file;
    struct scratch s;
    bool ok;

    if (!key || !*key)
        return key_none(e);
    literal = key_literal(key);
    if (!literal) {
        file = home_path(a, key);
        return key_readable(file, e) &&
               sign_with(l, a, file, false, text, signature, e);
    }
    ok = scratch_open(&s, literal, e) &&
         sign_with(l, a, s.file, true, text, signature, e);
    scratch_close(&s);
    return ok;
}

/* The public part of a key file, as text: the file itself, the .pub beside
 * it, or what ssh-keygen makes of it. */
static bool key_public(struct loop *l, struct arena *a, const char *key,
                       const char **text, struct err *e)
{
    const char *file = home_path(a, key);
    const char *beside = arena_printf(a, "%s.pub", file);
    struct arguments v = {{"ssh-keygen", "-y"}, 2};
    struct child_result r;
    struct err ignored = {0};
    char *bytes;
    size_t len;

    if (!file_read(file, FILE_LIMIT, ERR_USAGE, a, &bytes, &len, e))
        return key_readable(file, e) && false;
    *text = bytes;
    if (ssh_key_text(bytes))
        return true;
    if (file_exists(beside) &&
        file_read(beside, FILE_LIMIT, ERR_USAGE, a, &bytes, &len, &ignored)) {
        *text = bytes;
        return true;
    }
    add(&v, "-f", file);
    if (!keygen(l, a, &v, NULL, VERIFY_MS, &r, e))
        return false;
    *text = r.out;
    return r.status == 0 || sign_failed(a, &r, file, e);
}

static bool who_failed(const struct expected_settings *s,
                       const char *fingerprint, const char *why, struct err *e)
{
    err_what(e, ERR_CONFIG, "key %s may not sign here", fingerprint);
    err_why(e, "%s", why);
    return err_fix(e,
                   "choose another with --key, or add it to %s and have the "
                   "change accepted: tidegate policy accept",
                   s->signers ? s->signers : "the signers file");
}

/* Why the signers file does not let this key speak; NULL: it does. */
static const char *signer_wrong(struct arena *a, const struct signers *file,
                                const struct signer *signer)
{
    if (!signer)
        return arena_printf(a, "the key is not in %s", file->path);
    if (signer->authority)
        return arena_printf(a,
                            "%s:%d lists the key as a certificate "
                            "authority only",
                            file->path, signer->line);
    if (signer->pattern || !*signer->person)
        return arena_printf(a,
                            "%s:%d gives the key to a pattern, not to a "
                            "person",
                            file->path, signer->line);
    if (!signer_allows(signer, SPACE))
        return arena_printf(a,
                            "%s:%d allows the key only for \"%s\", not for "
                            "\"" SPACE "\"",
                            file->path, signer->line,
                            escape(a, signer->spaces));
    return NULL;
}

bool sign_who(struct loop *l, struct arena *a,
              const struct expected_settings *s, const char *key, char **person,
              char **fingerprint, struct err *e)
{
    const struct signer *signer;
    struct signers file;
    const char *text, *why;

    if (!key || !*key)
        return key_none(e);
    text = key_literal(key);
    if (!text && !key_public(l, a, key, &text, e))
        return false;
    *fingerprint = ssh_key_fingerprint(a, text);
    if (!*fingerprint) {
        err_what(e, ERR_USAGE, "%s is no SSH key", key);
        err_why(e, "its public part cannot be read");
        return err_fix(e, "name an SSH key file with --key");
    }
    if (!s->signers)
        return who_failed(s, *fingerprint, "the policy has no `signers`", e);
    if (!signers_read(&file, a, s->signers, e))
        return false;
    signer = signers_find(&file, *fingerprint, SPACE);
    why = signer_wrong(a, &file, signer);
    if (why)
        return who_failed(s, *fingerprint, why, e);
    *person = arena_strdup(a, signer->person);
    return true;
}

/* One signature under examination. */
struct exam {
    struct loop *l;
    struct arena *a;
    const struct expected_settings *settings;
    const char *text, *signature_file;
    const struct signer *signer;
    const char *why; /* of the last question that failed */
};

/* Asks ssh-keygen whether the signature is good at an instant; revoked: with
 * the revoked keys held against it. */
static bool verify(struct exam *x, int64_t at, bool revoked)
{
    struct arguments v = {{"ssh-keygen", "-Y", "verify", "-n", SPACE}, 5};
    struct civil c = civil_from_utc(at);
    struct child_result r;
    struct err e = {0};

    add(&v, "-f", x->settings->signers);
    add(&v, "-I", x->signer->person);
    add(&v, "-s", x->signature_file);
    add(&v,
        arena_printf(x->a, "-Overify-time=%04d%02d%02d%02d%02d%02dZ", c.year,
                     c.month, c.day, c.hour, c.minute, c.second),
        NULL);
    if (revoked && x->settings->revoked)
        add(&v, "-r", x->settings->revoked);
    if (!keygen(x->l, x->a, &v, x->text, VERIFY_MS, &r, &e)) {
        x->why = arena_printf(x->a, "%s: %s", e.what, e.why);
        return false;
    }
    x->why = r.status == 0 ? NULL : complaint(x->a, &r);
    return r.status == 0;
}

static bool belongs(struct exam *x)
{
    struct arguments v = {{"ssh-keygen", "-Y", "check-novalidate", "-n", SPACE},
                          5};
    struct child_result r;
    struct err e = {0};

    add(&v, "-s", x->signature_file);
    if (keygen(x->l, x->a, &v, x->text, VERIFY_MS, &r, &e))
        x->why = r.status == 0 ? NULL : complaint(x->a, &r);
    else
        x->why = arena_printf(x->a, "%s: %s", e.what, e.why);
    return !x->why;
}

static void conclude(struct signature_check *out, enum signed_how how,
                     const char *why)
{
    out->how = how;
    out->why = why;
}

/* ssh-keygen said no, with the same status for everything: the questions one
 * by one tell which it was. */
static void explain(struct exam *x, int64_t at, struct signature_check *out)
{
    bool now = verify(x, clock_now(), false);
    const char *why = x->why;

    if (now && verify(x, at, false)) {
        if (access(x->settings->revoked ? x->settings->revoked : "", R_OK) != 0)
            return conclude(out, SIGNED_UNKNOWN,
                            "the file of revoked keys cannot be read");
        return conclude(out, SIGNED_REVOKED, "the key is revoked");
    }
    if (!belongs(x))
        return conclude(out, SIGNED_BAD,
                        arena_printf(x->a,
                                     "text and signature do not belong "
                                     "together (%s)",
                                     x->why));
    if (!x->signer->limited)
        return conclude(out, SIGNED_UNKNOWN, why ? why : x->why);
    conclude(out, SIGNED_EXPIRED,
             now ? "the key was not valid when it signed (valid-after, "
                   "valid-before)"
                 : "the key is not valid now (valid-after, valid-before)");
}

static void examine(struct exam *x, int64_t at, struct signature_check *out)
{
    if (verify(x, clock_now(), true) &&
        (!x->signer->limited || verify(x, at, false)))
        return conclude(out, SIGNED_GOOD, NULL);
    explain(x, at, out);
}

/* The file's line for the key of a signature; false: concluded. */
static bool known_signer(struct arena *a, const struct expected_settings *s,
                         const struct signer **signer,
                         struct signature_check *out)
{
    struct signers file;
    struct err e = {0};
    const char *why;

    if (!s->signers) {
        conclude(out, SIGNED_UNKNOWN, "the policy has no `signers`");
        return false;
    }
    if (!signers_read(&file, a, s->signers, &e)) {
        conclude(out, SIGNED_UNKNOWN, arena_printf(a, "%s: %s", e.what, e.why));
        return false;
    }
    *signer = signers_find(&file, out->key, SPACE);
    if (*signer)
        out->person = (*signer)->person;
    why = signer_wrong(a, &file, *signer);
    if (!why)
        return true;
    conclude(out,
             *signer && !(*signer)->authority && !signer_allows(*signer, SPACE)
                 ? SIGNED_NAMESPACE
                 : SIGNED_UNKNOWN,
             why);
    return false;
}

void sign_check(struct loop *l, struct arena *a,
                const struct expected_settings *s, const char *text,
                const char *signature, int64_t at, struct signature_check *out)
{
    struct exam x = {.l = l, .a = a, .settings = s, .text = text};
    struct scratch scratch;
    struct sshsig sig;
    struct err e = {0};

    *out = (struct signature_check){.how = SIGNED_NOT};
    if (!signature || !*signature)
        return conclude(out, SIGNED_NOT, "it is not signed");
    if (!sshsig_read(a, signature, &sig))
        return conclude(out, SIGNED_BAD, "the signature is no SSH signature");
    out->key = sig.fingerprint;
    if (strcmp(sig.space, SPACE) != 0)
        return conclude(out, SIGNED_NAMESPACE,
                        arena_printf(a,
                                     "it was signed for \"%s\", not for "
                                     "\"" SPACE "\"",
                                     escape(a, sig.space)));
    if (!known_signer(a, s, &x.signer, out))
        return;
    if (scratch_open(&scratch, signature, &e)) {
        x.signature_file = scratch.file;
        examine(&x, at, out);
    } else {
        conclude(out, SIGNED_UNKNOWN, arena_printf(a, "%s: %s", e.what, e.why));
    }
    scratch_close(&scratch);
}

char *sign_people(struct arena *a, const struct expected_settings *s)
{
    struct signers file;
    struct err ignored = {0};
    struct buf list;

    buf_init(&list);
    if (!s->signers || !signers_read(&file, a, s->signers, &ignored))
        return buf_into(&list, a);
    for (size_t i = 0; i < file.n; i++) {
        const struct signer *one = &file.list[i];
        size_t before = 0;

        while (strcmp(file.list[before].person, one->person) != 0)
            before++;
        if (before == i && !one->pattern && !one->authority)
            buf_printf(&list, "%s%s", list.len ? ", " : "",
                       escape(a, one->person));
    }
    return buf_into(&list, a);
}
