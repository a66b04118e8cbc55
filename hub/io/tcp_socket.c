/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/tcp_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "hub/base/check.h"

static void set(int fd, int level, int option, int value)
{
    /* A peer that is gone already makes it fail; reading finds that out anyway. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

void tcp_socket_tune(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
}

void tcp_socket_text(const struct sockaddr *address, char *out_text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            check(inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host));
            snprintf(out_text, size, "[%s]:%u", host, (unsigned)ntohs(v6.sin6_port));
            return;
        }
        v4 = (struct sockaddr_in){.sin_port = v6.sin6_port};
        memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof v4.sin_addr);
    } else {
        memcpy(&v4, address, sizeof v4);
    }
    check(inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host));
    snprintf(out_text, size, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
}
