#include "runner/fleet/login_keys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "runner/base/file.h"
#include "runner/fleet/base64.h"

#define PUBLIC_LIMIT (16 * 1024)

const char *const login_key_types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256",
                                       "ecdsa-sha2-nistp384",
                                       "ecdsa-sha2-nistp521", NULL};

static bool usable(const char *type, size_t len)
{
    for (size_t i = 0; login_key_types[i]; i++)
        if (strlen(login_key_types[i]) == len &&
            memcmp(type, login_key_types[i], len) == 0)
            return true;
    return false;
}

bool key_blob_usable(const unsigned char *blob, size_t len)
{
    size_t n = len > 4 ? (size_t)(blob[2] << 8 | blob[3]) : 0;

    return n && n <= len - 4 && usable((const char *)blob + 4, n);
}

unsigned char *key_public_half(struct arena *a, const char *path, size_t *len)
{
    const char *name = arena_printf(a, "%s.pub", path);
    struct err ignored = {0};
    char *text;
    size_t n;

    if (!file_read(name, PUBLIC_LIMIT, ERR_CONFIG, a, &text, &n, &ignored))
        return NULL;
    text += strcspn(text, " \n");
    text += strspn(text, " ");
    return base64_decode(a, text, strcspn(text, " \r\n"), len);
}

const char *key_file_unusable(struct arena *a, const char *path)
{
    struct stat st;
    size_t len;
    unsigned char *blob;

    if (stat(path, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a file";
    if (st.st_mode & 077)
        return "others may read it: chmod 0600";
    blob = key_public_half(a, path, &len);
    if (blob && !key_blob_usable(blob, len))
        return "its type is not supported: use ed25519 or ecdsa";
    return NULL;
}
