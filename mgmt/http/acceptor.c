/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/text.h"

#define BACKLOG 128

struct target {
    char host[256];
    char port[6];
};

/* The last colon parts host and port; an IPv6 address stands in brackets. */
static bool split(const char *address, struct target *out_target)
{
    const char *colon = strrchr(address, ':');
    const char *end = colon;
    uint64_t port;

    if (!colon || colon == address || strlen(colon + 1) >= sizeof out_target->port ||
        text_to_u64(colon + 1, 0, 65535, &port) < 0)
        return false;
    if (*address == '[') {
        if (end[-1] != ']')
            return false;
        address++;
        end--;
    } else if (memchr(address, ':', (size_t)(end - address))) {
        return false;
    }
    if (end == address || (size_t)(end - address) >= sizeof out_target->host)
        return false;
    memcpy(out_target->host, address, (size_t)(end - address));
    out_target->host[end - address] = '\0';
    memcpy(out_target->port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int read_target(const char *address, struct target *out_target, char out_why[ACCEPTOR_WHY_SIZE])
{
    if (split(address, out_target))
        return 0;
    snprintf(
        out_why, ACCEPTOR_WHY_SIZE,
        "The management address \"%s\" is not host:port, as in --mgmt 127.0.0.1:8080 or --mgmt [::1]:8080",
        address);
    return -EINVAL;
}

bool acceptor_is_loopback(const char *address)
{
    struct target target;
    struct in_addr four;
    struct in6_addr six;

    if (!split(address, &target))
        return false;
    if (inet_pton(AF_INET, target.host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, target.host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return strcmp(target.host, "localhost") == 0;
}

int acceptor_check(const char *address, char out_why[ACCEPTOR_WHY_SIZE])
{
    struct target target;

    return read_target(address, &target, out_why);
}

static int listen_at(const struct addrinfo *place, int *out_fd)
{
    int yes = 1;
    int error;
    int fd = socket(place->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, place->ai_addr, place->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        *out_fd = fd;
        return 0;
    }
    error = errno;
    close(fd);
    return -error;
}

static void tell_address(int fd, char out_address[ACCEPTOR_ADDRESS_SIZE])
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char host[128] = "?", port[16] = "0";

    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out_address, ACCEPTOR_ADDRESS_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int acceptor_listen(const char *address, int *out_fd, char out_address[ACCEPTOR_ADDRESS_SIZE],
                    char out_why[ACCEPTOR_WHY_SIZE])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *places;
    struct target target;
    int r;

    r = read_target(address, &target, out_why);
    if (r < 0)
        return r;
    r = getaddrinfo(target.host, target.port, &hints, &places);
    if (r) {
        snprintf(out_why, ACCEPTOR_WHY_SIZE, "The host of the management address %s cannot be found: %s",
                 address, gai_strerror(r));
        return -EADDRNOTAVAIL;
    }
    r = -EADDRNOTAVAIL;
    for (const struct addrinfo *place = places; r < 0 && place; place = place->ai_next)
        r = listen_at(place, out_fd);
    freeaddrinfo(places);
    if (r < 0)
        snprintf(out_why, ACCEPTOR_WHY_SIZE, "The management plane cannot listen on %s: %s", address,
                 r == -EADDRINUSE ? "another program has the port; give --mgmt another one" : strerror(-r));
    else
        tell_address(*out_fd, out_address);
    return r;
}
