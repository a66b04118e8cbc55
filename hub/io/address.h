/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Addresses as people write them: unix:/path, tcp://host:port, tls://host:port
 *
 * IPv6 hosts stand in brackets. Any thread.
 */
#ifndef COMMHUB_IO_ADDRESS_H
#define COMMHUB_IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum address_kind {
    ADDRESS_UNIX,
    ADDRESS_TCP,
    ADDRESS_TLS,
};

#define ADDRESS_HOST_SIZE                                                                                    \
    256 /* a DNS name has at most 253 characters; also holds a unix path (at most 107) */
#define ADDRESS_TEXT_SIZE (ADDRESS_HOST_SIZE + 32)

struct address {
    enum address_kind kind;
    char host[ADDRESS_HOST_SIZE]; /* host name or number, or the socket's path */
    uint16_t port;                /* 0: any free one (listening only) */
};

/* 0, or -EINVAL and a sentence in @out_why (static storage) that says what is wrong and what is right. */
int address_parse(const char *text, struct address *out_address, const char **out_why);

/* "tcp://127.0.0.1:7070" */
void address_text(const struct address *address, char out_text[ADDRESS_TEXT_SIZE]);

#endif
