/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "hub/base/check.h"
#include "hub/base/cleanup.h"

struct tls_context {
    atomic_uint n_refs;
    SSL_CTX *ssl;
    char *server_name; /* NULL: server */
    bool is_number;    /* server_name is an IP address */
    bool leaves_name;  /* the peer's certificate need not bear it */
};

DEFINE_CLEANUP(struct tls_context *, tls_context_unref)

__attribute__((format(printf, 2, 3))) static int refuse(char out_why[TLS_WHY_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out_why, TLS_WHY_SIZE, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* The innermost reason, for the outer ones only say which function passed it on; the queue is empty then. */
static const char *reason(void)
{
    unsigned long error = ERR_get_error();
    const char *text = ERR_SYSTEM_ERROR(error) ? strerrordesc_np((int)ERR_GET_REASON(error))
                                               : ERR_reason_error_string(error);

    ERR_clear_error();
    return text ? text : "unknown reason";
}

/* A key that is locked by a passphrase must fail, not ask on the terminal of a server. */
static int no_passphrase(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static int load_identity(struct tls_context *context, const struct tls_files *files,
                         char out_why[TLS_WHY_SIZE])
{
    if (!files->key)
        return refuse(out_why, "the certificate %s comes without a key file; name its key too",
                      files->certificate);
    if (SSL_CTX_use_certificate_chain_file(context->ssl, files->certificate) != 1)
        return refuse(out_why,
                      "cannot use the certificate file %s: %s; it must be readable PEM, the hub's own "
                      "certificate first",
                      files->certificate, reason());
    if (SSL_CTX_use_PrivateKey_file(context->ssl, files->key, SSL_FILETYPE_PEM) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
        ERR_clear_error();
        return refuse(out_why, "the key in %s does not belong to the certificate in %s; name the pair",
                      files->key, files->certificate);
    }
    return refuse(out_why, "cannot use the key file %s: %s; it must be readable PEM without a passphrase",
                  files->key, reason());
}

static int load_trust(struct tls_context *context, const char *ca, char out_why[TLS_WHY_SIZE])
{
    if (SSL_CTX_load_verify_file(context->ssl, ca) == 1)
        return 0;
    return refuse(out_why, "cannot use the CA file %s: %s; it must be readable PEM", ca, reason());
}

static struct tls_context *new_context(const SSL_METHOD *method)
{
    cleanup_(tls_context_unrefp) struct tls_context *context = calloc(1, sizeof *context);

    if (!context)
        return NULL;
    atomic_init(&context->n_refs, 1);
    ERR_clear_error();
    context->ssl = SSL_CTX_new(method);
    if (!context->ssl || SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1)
        return NULL;
    /*
     * No renegotiation: reading then never waits for our own writing but for a key update. No tickets:
     * connections live for days, and a client that only writes would never read them. A peer that closes
     * without saying so has closed, as on plain tcp: frames tell by themselves whether they are whole.
     */
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_num_tickets(context->ssl, 0);
    (void)SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                             SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context->ssl, 1);
    SSL_CTX_set_default_passwd_cb(context->ssl, no_passphrase);
    return take(context);
}

int tls_context_new_server(struct tls_context **out_context, const struct tls_files *files,
                           char out_why[TLS_WHY_SIZE])
{
    cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
    STACK_OF(X509_NAME) * names;
    int r;

    if (!files->certificate)
        return refuse(out_why, "a TLS server needs a certificate file and a key file");
    context = new_context(TLS_server_method());
    if (!context)
        return -ENOMEM;
    r = load_identity(context, files, out_why);
    if (r == 0 && files->ca)
        r = load_trust(context, files->ca, out_why);
    if (r < 0)
        return r;
    if (files->ca) {
        names = SSL_load_client_CA_file(files->ca);
        if (!names)
            return refuse(out_why, "cannot use the CA file %s: %s", files->ca, reason());
        SSL_CTX_set_client_CA_list(context->ssl, names);
        SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    *out_context = take(context);
    return 0;
}

static bool is_ip_number(const char *text)
{
    struct in6_addr number;

    return inet_pton(AF_INET, text, &number) == 1 || inet_pton(AF_INET6, text, &number) == 1;
}

int tls_context_new_client(struct tls_context **out_context, const struct tls_files *files,
                           char out_why[TLS_WHY_SIZE])
{
    cleanup_(tls_context_unrefp) struct tls_context *context = NULL;
    int r = 0;

    if (!files->server_name || !*files->server_name)
        return refuse(out_why, "a TLS client needs the name that the server's certificate must bear");
    context = new_context(TLS_client_method());
    if (!context)
        return -ENOMEM;
    context->server_name = strdup(files->server_name);
    if (!context->server_name)
        return -ENOMEM;
    context->is_number = is_ip_number(files->server_name);
    context->leaves_name = files->leaves_name;
    if (files->certificate)
        r = load_identity(context, files, out_why);
    if (r < 0)
        return r;
    if (files->ca)
        r = load_trust(context, files->ca, out_why);
    else if (SSL_CTX_set_default_verify_paths(context->ssl) != 1)
        r = refuse(out_why, "cannot use the system's CA certificates: %s", reason());
    if (r < 0)
        return r;
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    *out_context = take(context);
    return 0;
}

/* What the client's side of a session checks; the server's side has it all in the context. */
static bool expect_name(const struct tls_context *context, SSL *session)
{
    if (context->leaves_name)
        return context->is_number || SSL_set_tlsext_host_name(session, context->server_name) == 1;
    if (context->is_number)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), context->server_name) == 1;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, context->server_name) == 1 &&
           SSL_set_tlsext_host_name(session, context->server_name) == 1;
}

struct ssl_st *tls_context_session(struct tls_context *context)
{
    SSL *session = SSL_new(context->ssl);

    if (!session)
        return NULL;
    if (!context->server_name) {
        SSL_set_accept_state(session);
        return session;
    }
    SSL_set_connect_state(session);
    if (expect_name(context, session))
        return session;
    SSL_free(session);
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add(&context->n_refs, 1);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->n_refs, 1) != 1)
        return;
    SSL_CTX_free(context->ssl);
    free(context->server_name);
    free(context);
}
