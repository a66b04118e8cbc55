/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What tcp sockets that listen, are accepted or dial have in common. Any thread.
 */
#ifndef COMMHUB_IO_TCP_SOCKET_H
#define COMMHUB_IO_TCP_SOCKET_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* Holds each address that a socket of ours can have. */
union tcp_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/*
 * No delay, and a dead peer is found within half a minute: on an idle connection by keepalive (15 s idle,
 * then 3 probes 5 s apart), on a busy one by TCP_USER_TIMEOUT (30 s).
 */
void tcp_socket_tune(int fd);

/* "127.0.0.1:7070", "[::1]:7070"; an IPv4 peer of a socket for both families is written as IPv4. */
void tcp_socket_text(const struct sockaddr *address, char *out_text, size_t size);

#endif
