#include "runner/release/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/base/crc.h"
#include "runner/base/escape.h"

#define PIECE     (64 * 1024)
#define RAW_LIMIT (TREE_BYTES + 512LL * 1024 * 1024) /* headers, padding */

const char *tar_library_version(void)
{
    return archive_version_string();
}

/* Names are bytes to us. libarchive converts those of pax headers by the
 * locale: it gets the same one whatever the user's is. */
static locale_t names_begin(locale_t *before)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

    *before = utf8 ? uselocale(utf8) : (locale_t)0;
    return utf8;
}

static void names_end(locale_t utf8, locale_t before)
{
    if (!utf8)
        return;
    uselocale(before);
    freelocale(utf8);
}

static bool write_failed(struct err *e, const char *why)
{
    err_what(e, ERR_FAILED, "cannot write the artifact");
    err_why(e, "%s", why);
    return err_fix(e, "make room where the ledger lies, then try again");
}

static void entry_fill(struct archive_entry *out, const struct tree_entry *in)
{
    archive_entry_clear(out);
    archive_entry_copy_pathname(out, in->name);
    archive_entry_set_perm(out, (unsigned)in->mode);
    archive_entry_set_filetype(out, in->type == 'd'   ? AE_IFDIR
                                    : in->type == 'l' ? AE_IFLNK
                                                      : AE_IFREG);
    archive_entry_set_mtime(out, 0, 0);
    archive_entry_set_size(out, in->type == 'f' ? in->len : 0);
    if (in->type == 'l')
        archive_entry_copy_symlink(out, in->target);
}

static bool write_content(struct archive *w, const struct tree *t,
                          const struct tree_entry *in, struct err *e)
{
    char piece[PIECE];

    for (int64_t done = 0; done < in->len;) {
        int64_t left = in->len - done;
        size_t want = left < PIECE ? (size_t)left : PIECE;
        ssize_t got = pread(t->spool, piece, want, in->offset + done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return write_failed(e, got ? strerror(errno)
                                       : "the spooled contents end early");
        if (archive_write_data(w, piece, (size_t)got) != got)
            return write_failed(e, archive_error_string(w));
        done += got;
    }
    return true;
}

static bool write_entries(struct archive *w, const struct tree *t,
                          struct err *e)
{
    struct archive_entry *out = archive_entry_new();
    bool ok = true;

    for (size_t i = 0; ok && i < t->n; i++) {
        entry_fill(out, &t->list[i]);
        if (archive_write_header(w, out) != ARCHIVE_OK)
            ok = write_failed(e, archive_error_string(w));
        else if (t->list[i].type == 'f')
            ok = write_content(w, t, &t->list[i], e);
    }
    archive_entry_free(out);
    return ok;
}

bool tar_write(int fd, const struct tree *t, struct err *e)
{
    locale_t before, utf8 = names_begin(&before);
    struct archive *w = archive_write_new();
    bool ok;

    if (archive_write_set_format_gnutar(w) != ARCHIVE_OK ||
        archive_write_add_filter_none(w) != ARCHIVE_OK ||
        archive_write_open_fd(w, fd) != ARCHIVE_OK)
        ok = write_failed(e, archive_error_string(w));
    else
        ok = write_entries(w, t, e);
    if (ok && archive_write_close(w) != ARCHIVE_OK)
        ok = write_failed(e, archive_error_string(w));
    archive_write_free(w);
    names_end(utf8, before);
    return ok;
}

struct reader {
    int fd;
    const char *name;
    struct tree *t;
    const struct tar_filter *filter;
    struct stat before;
    /* The file as a whole, unpacked. */
    int64_t total, last_byte; /* offset of the last byte that is not 0 */
    uint32_t crc;
};

static bool file_refuse(const struct reader *r, struct err *e, const char *why)
{
    err_what(e, ERR_REFUSED, "the artifact %s is refused", r->name);
    err_why(e, "%s", why);
    return err_fix(e, "build it again: one tar, plain or gzipped once, read "
                      "only when it is complete");
}

static bool whole_add(struct reader *r, const unsigned char *bytes, size_t len,
                      struct err *e)
{
    for (size_t i = len; i > 0; i--)
        if (bytes[i - 1]) {
            r->last_byte = r->total + (int64_t)i - 1;
            break;
        }
    /* libarchive checks each member's, but takes any number of members */
    r->crc = crc_add(r->crc, bytes, len);
    r->total += (int64_t)len;
    if (r->total > RAW_LIMIT)
        return file_refuse(r, e, "it unpacks to over 4.5 GB");
    return true;
}

static bool whole_unpack(struct reader *r, struct archive *in, struct err *e)
{
    unsigned char piece[PIECE];
    struct archive_entry *entry;
    la_ssize_t got;

    lseek(r->fd, 0, SEEK_SET);
    if (archive_read_open_fd(in, r->fd, PIECE) != ARCHIVE_OK ||
        archive_read_next_header(in, &entry) != ARCHIVE_OK)
        return file_refuse(r, e, "it is empty, or cannot be unpacked");
    while ((got = archive_read_data(in, piece, sizeof piece)) > 0)
        if (!whole_add(r, piece, (size_t)got, e))
            return false;
    if (got < 0)
        return file_refuse(r, e, archive_error_string(in));
    return true;
}

/* The trailer of the last member speaks for the whole only if it is the only
 * one and nothing follows it. */
static bool whole_gzip(const struct reader *r, struct err *e)
{
    unsigned char t[8];
    uint32_t crc, len;

    if (pread(r->fd, t, sizeof t, r->before.st_size - 8) != 8)
        return file_refuse(r, e, "its end cannot be read");
    crc = (uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 |
          (uint32_t)t[3] << 24;
    len = (uint32_t)t[4] | (uint32_t)t[5] << 8 | (uint32_t)t[6] << 16 |
          (uint32_t)t[7] << 24;
    if (crc != r->crc || len != (uint32_t)r->total)
        return file_refuse(r, e,
                           "it is cut off, holds two gzip members, or "
                           "something is appended to it");
    return true;
}

static bool whole_read(struct reader *r, struct err *e)
{
    struct archive *in = archive_read_new();
    unsigned char magic[2] = {0};
    bool ok;

    archive_read_support_filter_gzip(in);
    archive_read_support_format_raw(in);
    ok = whole_unpack(r, in, e);
    archive_read_free(in);
    if (!ok)
        return false;
    if (pread(r->fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b)
        return whole_gzip(r, e);
    return true;
}

static const char *entry_wrong(const struct reader *r,
                               struct archive_entry *entry)
{
    mode_t type = archive_entry_filetype(entry);
    mode_t perm = archive_entry_perm(entry);

    if (archive_entry_hardlink(entry))
        return NULL;
    if (type == AE_IFBLK || type == AE_IFCHR)
        return "it is a device";
    if (type == AE_IFIFO || type == AE_IFSOCK)
        return "it is a pipe or a socket";
    if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
        return "it is neither a file nor a folder nor a link";
    if (type == AE_IFREG && (perm & (S_ISUID | S_ISGID)))
        return "it is setuid or setgid";
    if (archive_entry_sparse_count(entry) > 0 ||
        archive_entry_size(entry) > r->total)
        return "it is a sparse file";
    return NULL;
}

static bool read_content(struct reader *r, struct archive *in,
                         struct archive_entry *entry, const char *name,
                         struct err *e)
{
    char piece[PIECE];
    int64_t len = 0;
    la_ssize_t got;
    bool ok = true;

    if (!tree_file_begin(r->t, name, archive_entry_perm(entry) & S_IXUSR, e))
        return false;
    while (ok && (got = archive_read_data(in, piece, sizeof piece)) != 0) {
        if (got < 0) {
            ok = file_refuse(r, e, archive_error_string(in));
            break;
        }
        len += got;
        ok = tree_file_add(r->t, piece, (size_t)got, e);
    }
    if (ok && len != archive_entry_size(entry))
        ok = tree_refuse(e, name, "it is shorter than it says");
    return tree_file_end(r->t, ok ? e : &(struct err){0}) && ok;
}

/* "./a/b/" is a/b; "./" and "." are the root itself: "". */
static char *plain_name(struct arena *a, const char *name)
{
    char *plain;
    size_t len;

    while (name[0] == '.' && name[1] == '/')
        for (name += 2; *name == '/'; name++)
            ;
    if (strcmp(name, ".") == 0)
        name = "";
    plain = arena_strdup(a, name);
    len = strlen(plain);
    while (len > 1 && plain[len - 1] == '/')
        plain[--len] = '\0';
    return plain;
}

static bool read_entry(struct reader *r, struct archive *in,
                       struct archive_entry *entry, struct err *e)
{
    const char *raw = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry);
    const char *why = entry_wrong(r, entry);
    mode_t type = archive_entry_filetype(entry);
    char *name;

    if (!raw)
        return file_refuse(r, e, "an entry has no readable name");
    name = plain_name(r->t->a, raw);
    if (!*name)
        return type == AE_IFDIR ||
               tree_refuse(e, raw, "only a folder may be the root");
    if (r->filter &&
        !r->filter->wanted(r->filter->ctx, name, !hard && type == AE_IFDIR))
        return true;
    if (why)
        return tree_refuse(e, name, why);
    if (hard)
        return tree_hard_link(r->t, name, plain_name(r->t->a, hard), e);
    if (type == AE_IFDIR)
        return tree_folder(r->t, name, e);
    if (type == AE_IFLNK) {
        const char *target = archive_entry_symlink(entry);

        return tree_link(r->t, name, target ? target : "", e);
    }
    return read_content(r, in, entry, name, e);
}

/* Behind the last entry come two blocks of zeros, then zeros only. */
static bool read_end(struct reader *r, struct archive *in, struct err *e)
{
    int64_t end = archive_read_header_position(in);
    struct stat now;

    if (r->total % 512 != 0 || r->total < end + 1024)
        return file_refuse(r, e, "it is cut off: the end mark is missing");
    if (r->last_byte >= end)
        return file_refuse(r, e, "something is appended behind its end mark");
    if (fstat(r->fd, &now) != 0 || now.st_size != r->before.st_size ||
        now.st_mtim.tv_sec != r->before.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != r->before.st_mtim.tv_nsec)
        return file_refuse(r, e, "it changed while it was read");
    return true;
}

static bool read_entries(struct reader *r, struct archive *in, struct err *e)
{
    struct archive_entry *entry;
    int rc;

    lseek(r->fd, 0, SEEK_SET);
    if (archive_read_open_fd(in, r->fd, PIECE) != ARCHIVE_OK)
        return file_refuse(r, e, archive_error_string(in));
    while ((rc = archive_read_next_header(in, &entry)) == ARCHIVE_OK)
        if (!read_entry(r, in, entry, e))
            return false;
    if (rc != ARCHIVE_EOF)
        return file_refuse(r, e, archive_error_string(in));
    return read_end(r, in, e);
}

bool tar_read(int fd, const char *name, struct tree *t,
              const struct tar_filter *filter, struct err *e)
{
    struct reader r = {
        .fd = fd, .name = name, .t = t, .filter = filter, .last_byte = -1};
    locale_t before, utf8 = names_begin(&before);
    struct archive *in = archive_read_new();
    bool ok;

    archive_read_support_filter_gzip(in);
    archive_read_support_format_tar(in);
    if (fstat(fd, &r.before) != 0)
        ok = file_refuse(&r, e, strerror(errno));
    else
        ok = whole_read(&r, e) && read_entries(&r, in, e);
    archive_read_free(in);
    names_end(utf8, before);
    return ok;
}
