#include "runner/release/sign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policies/person.h"
#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/release/keygen.h"
#include "runner/release/signers.h"
#include "runner/release/sshsig.h"

#define READ_MS    10000
#define SIGN_MS    60000 /* an agent may ask a person, a key may want a touch */
#define ARMOUR     "-----BEGIN SSH SIGNATURE-----"
#define KEY_PREFIX "key::"

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
    err_why(e, "%s", keygen_complaint(a, r));
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
    struct keygen v = {{"ssh-keygen", "-Y", "sign", "-n", SIGN_SPACE}, 5};
    struct child_result r;

    keygen_add(&v, "-f", file);
    if (agent)
        keygen_add(&v, "-U", NULL);
    if (!keygen_run(l, a, &v, text, SIGN_MS, &r, e))
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
    struct keygen v = {{"ssh-keygen", "-y"}, 2};
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
    keygen_add(&v, "-f", file);
    if (!keygen_run(l, a, &v, NULL, READ_MS, &r, e))
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
    signer = signers_find(&file, *fingerprint, SIGN_SPACE);
    why = signer_wrong(a, &file, signer, SIGN_SPACE);
    if (why)
        return who_failed(s, *fingerprint, why, e);
    *person = arena_strdup(a, signer->person);
    return true;
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

        while (!person_same(file.list[before].person, one->person))
            before++;
        if (before == i && !one->pattern && !one->authority)
            buf_printf(&list, "%s%s", list.len ? ", " : "",
                       escape(a, one->person));
    }
    return buf_into(&list, a);
}
