/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/base/cleanup.h"

static int why(char out_why[DATA_DIR_WHY_SIZE], const char *path, const char *what, int error)
{
    snprintf(out_why, DATA_DIR_WHY_SIZE, "The data directory %s %s: %s", path, what, strerror(error));
    return -error;
}

char *data_dir_path(const char *path, const char *name)
{
    char *whole = NULL;

    return asprintf(&whole, "%s/%s", path, name) < 0 ? NULL : whole;
}

/* With the directories above it, as a fresh account may have none of them. 0 or a negative errno. */
static int make_directory(const char *path)
{
    cleanup_free_ char *part = strdup(path);

    if (!part)
        return -ENOMEM;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* An existing directory keeps its mode: it may be one that is shared for a purpose. All files in it are 0600.
 */
int data_dir_lock(const char *path, int *out_lock_fd, char out_why[DATA_DIR_WHY_SIZE])
{
    cleanup_free_ char *lock = NULL;
    int fd;
    int r = make_directory(path);

    if (r < 0)
        return why(out_why, path, "cannot be made", -r);
    lock = data_dir_path(path, "lock");
    if (!lock)
        return why(out_why, path, "cannot be locked", ENOMEM);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return why(out_why, path, "cannot be written", errno);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        close(fd);
        if (error != EWOULDBLOCK)
            return why(out_why, path, "cannot be locked", error);
        snprintf(
            out_why, DATA_DIR_WHY_SIZE,
            "The data directory %s is in use by another hub: stop that one, or give this one a --data-dir of "
            "its own",
            path);
        return -EBUSY;
    }
    *out_lock_fd = fd;
    return 0;
}

static int write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        content = bytes_from(content, (size_t)n);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int data_dir_write(const char *path, struct bytes content)
{
    cleanup_free_ char *fresh = NULL;
    int fd, r;

    if (asprintf(&fresh, "%s.new", path) < 0)
        return -ENOMEM;
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, content);
    close(fd);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh);
    return r;
}

int data_dir_read(const char *path, char *out_text, size_t size)
{
    size_t len = 0;
    ssize_t n = 0;
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (len < size && (n = read(fd, out_text + len, size - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error = errno;
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    if (error)
        return -error;
    if (len == size)
        return -EFBIG;
    out_text[len] = '\0';
    return (int)len;
}
