/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "hub/base/bytes.h"
#include "hub/base/text.h"

#define UNIX_PATH_MOST (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static int refuse(const char **out_why, const char *why)
{
    *out_why = why;
    return -EINVAL;
}

static int parse_unix(const char *path, struct address *out_address, const char **out_why)
{
    /* unix:///run/hub.sock, as some write it, is the same path. */
    if (strncmp(path, "///", 3) == 0)
        path += 2;
    if (!*path)
        return refuse(out_why, "the path is missing; write unix:/run/commhub/hub.sock");
    if (strlen(path) > UNIX_PATH_MOST)
        return refuse(out_why, "the path is too long; a unix socket's path has at most 107 bytes");
    if (path[strlen(path) - 1] == '/')
        return refuse(out_why, "the path is a directory; write the socket's own name behind it");
    *out_address = (struct address){.kind = ADDRESS_UNIX};
    memcpy(out_address->host, path, strlen(path));
    return 0;
}

static bool is_host_character(char c, bool is_bracketed)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    /* Behind % stands the interface of a link-local IPv6 address. */
    return c == '.' || c == '-' || c == '_' || (is_bracketed && (c == ':' || c == '%'));
}

/* Splits host:port or [host]:port into the host and the port's text; NULL where it does not fit. */
static const char *split(const char *rest, struct bytes *out_host)
{
    const char *end;

    if (*rest == '[') {
        end = strchr(rest, ']');
        if (!end || end[1] != ':')
            return NULL;
        *out_host = bytes_of(rest + 1, (size_t)(end - rest - 1));
        return end + 2;
    }
    end = strrchr(rest, ':');
    if (!end)
        return NULL;
    *out_host = bytes_of(rest, (size_t)(end - rest));
    return end + 1;
}

static int parse_inet(enum address_kind kind, const char *rest, struct address *out_address,
                      const char **out_why)
{
    struct bytes host;
    const char *port = split(rest, &host);
    uint64_t number;

    if (!port)
        return refuse(out_why, "the port is missing; write tcp://127.0.0.1:7070 or tcp://[::1]:7070");
    if (host.len == 0)
        return refuse(out_why, "the host is missing; write 127.0.0.1, or 0.0.0.0 to listen everywhere");
    if (host.len >= ADDRESS_HOST_SIZE - 1)
        return refuse(out_why, "the host's name is too long; it has at most 253 characters");
    if (*rest != '[' && memchr(host.ptr, ':', host.len))
        return refuse(out_why, "an IPv6 address stands in brackets; write tcp://[::1]:7070");
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_character((char)host.ptr[i], *rest == '['))
            return refuse(out_why, "the host has a character that no name and no number has");
    if (text_to_u64(port, 0, UINT16_MAX, &number) < 0)
        return refuse(out_why, "the port is no number from 0 to 65535");
    *out_address = (struct address){.kind = kind, .port = (uint16_t)number};
    memcpy(out_address->host, host.ptr, host.len);
    return 0;
}

int address_parse(const char *text, struct address *out_address, const char **out_why)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, out_address, out_why);
    if (strncmp(text, "tcp://", 6) == 0)
        return parse_inet(ADDRESS_TCP, text + 6, out_address, out_why);
    if (strncmp(text, "tls://", 6) == 0)
        return parse_inet(ADDRESS_TLS, text + 6, out_address, out_why);
    return refuse(out_why, "an address begins with unix:, tcp:// or tls://");
}

void address_text(const struct address *address, char out_text[ADDRESS_TEXT_SIZE])
{
    bool is_ipv6 = strchr(address->host, ':');

    switch (address->kind) {
    case ADDRESS_UNIX:
        snprintf(out_text, ADDRESS_TEXT_SIZE, "unix:%s", address->host);
        return;
    case ADDRESS_TCP:
    case ADDRESS_TLS:
        snprintf(out_text, ADDRESS_TEXT_SIZE, is_ipv6 ? "%s://[%s]:%u" : "%s://%s:%u",
                 address->kind == ADDRESS_TCP ? "tcp" : "tls", address->host, (unsigned)address->port);
        return;
    }
}
