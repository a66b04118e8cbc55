/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The listening socket of the management plane
 */
#ifndef COMMHUB_MGMT_HTTP_ACCEPTOR_H
#define COMMHUB_MGMT_HTTP_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>

#define ACCEPTOR_ADDRESS_SIZE 300
#define ACCEPTOR_WHY_SIZE 512

/* Whether @address is host:port, without touching anything. 0, or -EINVAL and a sentence. */
int acceptor_check(const char *address, char out_why[ACCEPTOR_WHY_SIZE]);

/* Whether only this machine reaches it. */
bool acceptor_is_loopback(const char *address);

/*
 * Listens on "host:port" ("127.0.0.1:8080", "[::1]:8080", port 0: any free one). 0 with a non-blocking
 * descriptor for the caller to close and the real address as "host:port"; or a negative errno and a sentence.
 */
int acceptor_listen(const char *address, int *out_fd, char out_address[ACCEPTOR_ADDRESS_SIZE],
                    char out_why[ACCEPTOR_WHY_SIZE]);

#endif
