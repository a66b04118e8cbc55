/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The file of a listening unix socket: made, guarded and removed. Loop's thread.
 */
#ifndef COMMHUB_IO_UNIX_SOCKET_H
#define COMMHUB_IO_UNIX_SOCKET_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

struct unix_socket {
    struct sockaddr_un address;
    int lock_fd; /* held as long as the socket is ours */
    dev_t device;
    ino_t inode;
};

/* @path has at most 107 bytes. */
struct sockaddr_un unix_socket_address(const char *path);

/*
 * A listening socket at @path with exactly @mode, and @group (name or number) unless NULL: 0 and its
 * descriptor for unix_socket_close(), or a negative errno and a sentence in @out_why. -EADDRINUSE: somebody
 * answers there or is about to; -EEXIST: what is there is no socket.
 */
int unix_socket_listen(struct unix_socket *out_socket, const char *path, mode_t mode, const char *group,
                       int backlog, int *out_fd, char *out_why, size_t why_size);

/* Removes the file if it is still the one that was made, closes @fd and lets go of the lock. */
void unix_socket_close(struct unix_socket *socket, int fd);

#endif
