/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One path, one hub
 *
 * A socket file outlives the program that made it, so a hub that was killed leaves one behind on which nobody
 * answers. It has to be replaced, but never one on which somebody answers, and two hubs that start together
 * must not replace each other's. Hence a lock file beside it (the socket's name and ".lock"), locked with
 * flock() for as long as the hub listens: the kernel drops that lock with the hub, however it dies.
 *
 * With the lock in hand:
 *
 *   1. Nothing is there: go on. Something that is no socket is there: refuse; it is somebody's file.
 *   2. Connect to it. Refused means stale: remove it. Anything else means live (a hub that knows no lock
 *      file, the Python one, say): refuse.
 *   3. Bind, give it group and mode, listen. Until listen() nobody can connect; the file is never more
 *      open than asked for, because fchmod() before bind() sets the mode with which bind() makes it.
 *
 * The lock file is removed with the socket. A starter that opened it just before then holds a lock on a file
 * without a name; it sees that the name leads elsewhere and begins again.
 */
#include "hub/io/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/text.h"

#define LOCK_SUFFIX ".lock"
#define LOCK_PATH_SIZE (sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof LOCK_SUFFIX)
#define MOST_LOCK_ATTEMPTS 16

struct why {
    char *text;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct why why, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why.text, why.size, format, arguments);
    va_end(arguments);
    return -error;
}

struct sockaddr_un unix_socket_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    check(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

/* -------------------------------------------------------------------------------------------- the lock */

static void lock_path(const char *path, char out_path[LOCK_PATH_SIZE])
{
    snprintf(out_path, LOCK_PATH_SIZE, "%s" LOCK_SUFFIX, path);
}

static bool is_at(int fd, const char *path)
{
    struct stat open_file;
    struct stat named_file;

    return fstat(fd, &open_file) == 0 && stat(path, &named_file) == 0 &&
           open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

/* A descriptor that holds the lock of the file that now bears the name; -EAGAIN: the name moved meanwhile. */
static int try_lock(const char *path, const char *file, struct why why)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error;

    if (fd < 0) {
        error = errno;
        return refuse(why, error,
                      "cannot make the lock file %s: %s; make its directory, or let this user write there",
                      file, strerrordesc_np(error));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return refuse(why, EADDRINUSE, "another hub listens on %s; stop it, or listen on another path", path);
    }
    if (is_at(fd, file))
        return fd;
    close(fd);
    return -EAGAIN;
}

static int lock(const char *path, struct why why)
{
    char file[LOCK_PATH_SIZE];

    lock_path(path, file);
    for (int attempt = 0; attempt < MOST_LOCK_ATTEMPTS; attempt++) {
        int fd = try_lock(path, file, why);

        if (fd != -EAGAIN)
            return fd;
    }
    return refuse(why, EADDRINUSE, "other hubs start and stop on %s all the time; listen on another path",
                  path);
}

static void unlock(struct unix_socket *socket)
{
    char file[LOCK_PATH_SIZE];

    lock_path(socket->address.sun_path, file);
    if (is_at(socket->lock_fd, file))
        unlink(file);
    close(socket->lock_fd);
    socket->lock_fd = -1;
}

/* ---------------------------------------------------------------------------------- what is there already */

/* The errno of connecting to it, 0 if somebody answers. */
static int knock(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        error = errno;
    close(fd);
    return error;
}

static int make_way(const struct sockaddr_un *address, struct why why)
{
    const char *path = address->sun_path;
    struct stat there;
    int error;

    if (lstat(path, &there) < 0) {
        error = errno;
        if (error == ENOENT)
            return 0;
        return refuse(why, error, "cannot look at %s: %s", path, strerrordesc_np(error));
    }
    if (!S_ISSOCK(there.st_mode))
        return refuse(why, EEXIST, "%s exists and is no socket; move it away, or listen on another path",
                      path);
    error = knock(address);
    if (error == ENOENT)
        return 0;
    if (error == 0 || error == EAGAIN)
        return refuse(why, EADDRINUSE, "another program answers on %s; stop it, or listen on another path",
                      path);
    if (error != ECONNREFUSED)
        return refuse(why, error, "cannot tell whether somebody answers on %s: %s; remove it if nobody does",
                      path, strerrordesc_np(error));
    if (unlink(path) < 0 && errno != ENOENT) {
        error = errno;
        return refuse(why, error, "cannot remove the left-over socket %s: %s", path, strerrordesc_np(error));
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------- making it */

static int find_group(const char *name, gid_t *out_group, struct why why)
{
    struct group group;
    struct group *found;
    char memory[16384];
    uint64_t number;
    int r;

    if (text_to_u64(name, 0, UINT32_MAX - 1, &number) == 0) {
        *out_group = (gid_t)number;
        return 0;
    }
    r = getgrnam_r(name, &group, memory, sizeof memory, &found);
    if (!found)
        return refuse(why, r ? r : ENOENT, "there is no group \"%s\" on this machine", name);
    *out_group = found->gr_gid;
    return 0;
}

static int give_away(const char *path, mode_t mode, const char *group_name, struct why why)
{
    gid_t group;
    int error;

    if (group_name) {
        int r = find_group(group_name, &group, why);

        if (r < 0)
            return r;
        if (lchown(path, (uid_t)-1, group) < 0) {
            error = errno;
            return refuse(why, error, "cannot give %s to the group \"%s\": %s; be a member of it", path,
                          group_name, strerrordesc_np(error));
        }
    }
    /* Behind lchown(), and not left to bind(): the umask took bits away there. */
    if (chmod(path, mode) < 0) {
        error = errno;
        return refuse(why, error, "cannot set the mode of %s: %s", path, strerrordesc_np(error));
    }
    return 0;
}

static int bind_there(struct unix_socket *unix_socket, int fd, mode_t mode, struct why why)
{
    const struct sockaddr_un *address = &unix_socket->address;
    struct stat made;
    int error;

    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        error = errno;
        return refuse(why, error, "cannot make the socket %s: %s", address->sun_path, strerrordesc_np(error));
    }
    if (lstat(address->sun_path, &made) < 0) {
        error = errno;
        return refuse(why, error, "the socket %s was removed at once by somebody else", address->sun_path);
    }
    unix_socket->device = made.st_dev;
    unix_socket->inode = made.st_ino;
    return 0;
}

/* While the socket is open its inode cannot become another file's, so equal numbers mean our file. */
static void remove_file(const struct unix_socket *unix_socket)
{
    struct stat there;

    if (unix_socket->inode && lstat(unix_socket->address.sun_path, &there) == 0 &&
        there.st_dev == unix_socket->device && there.st_ino == unix_socket->inode)
        unlink(unix_socket->address.sun_path);
}

static int listen_locked(struct unix_socket *unix_socket, mode_t mode, const char *group, int backlog,
                         int *out_fd, struct why why)
{
    int r = make_way(&unix_socket->address, why);
    int fd;

    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse(why, errno, "cannot make a socket: %s", strerrordesc_np(errno));
    r = bind_there(unix_socket, fd, mode, why);
    if (r == 0)
        r = give_away(unix_socket->address.sun_path, mode, group, why);
    if (r == 0 && listen(fd, backlog) < 0)
        r = refuse(why, errno, "cannot listen on %s: %s", unix_socket->address.sun_path,
                   strerrordesc_np(errno));
    if (r == 0) {
        *out_fd = fd;
        return 0;
    }
    remove_file(unix_socket);
    close(fd);
    return r;
}

int unix_socket_listen(struct unix_socket *out_socket, const char *path, mode_t mode, const char *group,
                       int backlog, int *out_fd, char *out_why, size_t why_size)
{
    struct why why = {out_why, why_size};
    int r;

    *out_socket = (struct unix_socket){.address = unix_socket_address(path)};
    out_socket->lock_fd = lock(path, why);
    if (out_socket->lock_fd < 0)
        return out_socket->lock_fd;
    r = listen_locked(out_socket, mode, group, backlog, out_fd, why);
    if (r < 0)
        unlock(out_socket);
    return r;
}

void unix_socket_close(struct unix_socket *socket, int fd)
{
    remove_file(socket);
    close(fd);
    unlock(socket);
}
