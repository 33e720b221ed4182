#include <string.h>
#include <unistd.h>

#include "runner/base/escape.h"
#include "runner/release/keygen.h"
#include "runner/release/sign.h"
#include "runner/release/signers.h"
#include "runner/release/sshsig.h"

#define VERIFY_MS 10000

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
    struct keygen v = {{"ssh-keygen", "-Y", "verify", "-n", SIGN_SPACE}, 5};
    struct civil c = civil_from_utc(at);
    struct child_result r;
    struct err e = {0};

    keygen_add(&v, "-f", x->settings->signers);
    keygen_add(&v, "-I", x->signer->person);
    keygen_add(&v, "-s", x->signature_file);
    keygen_add(&v,
               arena_printf(x->a, "-Overify-time=%04d%02d%02d%02d%02d%02dZ",
                            c.year, c.month, c.day, c.hour, c.minute, c.second),
               NULL);
    if (revoked && x->settings->revoked)
        keygen_add(&v, "-r", x->settings->revoked);
    if (!keygen_run(x->l, x->a, &v, x->text, VERIFY_MS, &r, &e)) {
        x->why = arena_printf(x->a, "%s: %s", e.what, e.why);
        return false;
    }
    x->why = r.status == 0 ? NULL : keygen_complaint(x->a, &r);
    return r.status == 0;
}

static bool belongs(struct exam *x)
{
    struct keygen v = {
        {"ssh-keygen", "-Y", "check-novalidate", "-n", SIGN_SPACE}, 5};
    struct child_result r;
    struct err e = {0};

    keygen_add(&v, "-s", x->signature_file);
    if (keygen_run(x->l, x->a, &v, x->text, VERIFY_MS, &r, &e))
        x->why = r.status == 0 ? NULL : keygen_complaint(x->a, &r);
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
    *signer = signers_find(&file, out->key, SIGN_SPACE);
    if (*signer)
        out->person = (*signer)->person;
    why = signer_wrong(a, &file, *signer, SIGN_SPACE);
    if (!why)
        return true;
    conclude(out,
             *signer && !(*signer)->authority &&
                     !signer_allows(*signer, SIGN_SPACE)
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
    if (strcmp(sig.space, SIGN_SPACE) != 0)
        return conclude(out, SIGNED_NAMESPACE,
                        arena_printf(a,
                                     "it was signed for \"%s\", not for "
                                     "\"" SIGN_SPACE "\"",
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
