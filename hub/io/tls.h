/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * TLS contexts (OpenSSL; TLS 1.2 and 1.3)
 *
 * Counted, from any thread; a stream holds a reference, so that a reload leaves running connections alone.
 * Contexts may be made on any thread, for files are read. Only tls.c and the TLS transport know OpenSSL.
 */
#ifndef COMMHUB_IO_TLS_H
#define COMMHUB_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct tls_context;

struct tls_files {
    const char *certificate; /* PEM chain; NULL for a client without one */
    const char *key;         /* PEM */
    const char *ca; /* PEM; server: ask clients for a certificate signed by it and require it; client: trust
                       it instead of the system's */
    const char *server_name; /* client: the name that the peer's certificate must bear (SNI and check); NULL:
                                no check is an error */
    bool leaves_name; /* client: the name only says whom it wants; whose certificate it is, the caller checks
                         by stream_peer_bears() as soon as the stream is ready */
};

#define TLS_WHY_SIZE 512

/* 0, or -EINVAL with a sentence in @out_why that names the file and what to do, or -ENOMEM. */
int tls_context_new_server(struct tls_context **out_context, const struct tls_files *files,
                           char out_why[TLS_WHY_SIZE]);
int tls_context_new_client(struct tls_context **out_context, const struct tls_files *files,
                           char out_why[TLS_WHY_SIZE]);

/* For the transport: a session in the context's role that checks the peer as the context says; NULL: out of
 * memory. It is freed by SSL_free(). */
struct ssl_st;
struct ssl_st *tls_context_session(struct tls_context *context);

struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

#endif
