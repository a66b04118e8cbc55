/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/bench/conduit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 10

static const char *openssl_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text ? text : "no reason given";
}

static int tls_fail(SSL_CTX *context, char out_why[CONDUIT_WHY_SIZE], const char *what, const char *file)
{
    snprintf(out_why, CONDUIT_WHY_SIZE, "%s %s: %s", what, file ? file : "", openssl_text());
    SSL_CTX_free(context);
    return -EINVAL;
}

int conduit_tls_new(struct conduit_tls **out_tls, const struct conduit_tls_files *files,
                    char out_why[CONDUIT_WHY_SIZE])
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context)
        return tls_fail(NULL, out_why, "cannot use TLS", NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (files->ca ? SSL_CTX_load_verify_file(context, files->ca) != 1
                  : SSL_CTX_set_default_verify_paths(context) != 1)
        return tls_fail(context, out_why, "cannot read the authorities in", files->ca);
    if (files->certificate && SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
        return tls_fail(context, out_why, "cannot read the certificate", files->certificate);
    if (files->key && SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1)
        return tls_fail(context, out_why, "cannot read the key", files->key);
    *out_tls = (struct conduit_tls *)context;
    return 0;
}

void conduit_tls_free(struct conduit_tls *tls)
{
    SSL_CTX_free((SSL_CTX *)tls);
}

void conduit_init(struct conduit *conduit)
{
    *conduit = (struct conduit){.fd = -1};
}

/* A connect() that is blocking and bounded: waits while a listener's backlog is full, and needs no state. */
static int connect_to(const struct sockaddr *name, socklen_t len)
{
    const struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
    const int on = 1;
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 || connect(fd, name, len) < 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        (name->sa_family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)) {
        r = errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        close(fd);
        return r;
    }
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    memcpy(name.sun_path, path, strlen(path));
    return connect_to((const struct sockaddr *)&name, sizeof name);
}

static int connect_tcp(const char *host, uint16_t port)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];
    int fd = -EHOSTUNREACH;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &wanted, &found) != 0)
        return -EHOSTUNREACH;
    for (const struct addrinfo *each = found; each && fd < 0; each = each->ai_next)
        fd = connect_to(each->ai_addr, each->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

static int start_tls(struct conduit *conduit, struct conduit_tls *tls, const char *name)
{
    conduit->tls = SSL_new((SSL_CTX *)tls);
    if (!conduit->tls || SSL_set_fd(conduit->tls, conduit->fd) != 1 ||
        SSL_set_tlsext_host_name(conduit->tls, name) != 1)
        return -ENOMEM;
    /* A name that is an IP address is held against the certificate's addresses, another against its names. */
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(conduit->tls), name) != 1 &&
        SSL_set1_host(conduit->tls, name) != 1)
        return -ENOMEM;
    SSL_set_connect_state(conduit->tls);
    return 0;
}

int conduit_open(struct conduit *conduit, const struct address *address, struct conduit_tls *tls,
                 const char *name, char out_why[CONDUIT_WHY_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    int r = 0;

    conduit->fd = address->kind == ADDRESS_UNIX ? connect_unix(address->host)
                                                : connect_tcp(address->host, address->port);
    if (conduit->fd < 0) {
        r = conduit->fd;
        conduit->fd = -1;
    } else if (address->kind == ADDRESS_TLS) {
        r = start_tls(conduit, tls, name);
    }
    if (r < 0) {
        address_text(address, text);
        snprintf(out_why, CONDUIT_WHY_SIZE, "cannot connect to %s: %s%s", text, strerror(-r),
                 r == -EMFILE ? " (raise the limit with ulimit -n)" : "");
        conduit_close(conduit);
    }
    return r;
}

void conduit_close(struct conduit *conduit)
{
    SSL_free(conduit->tls);
    conduit->tls = NULL;
    if (conduit->fd >= 0)
        close(conduit->fd);
    conduit->fd = -1;
    buffer_clear(&conduit->rest);
    buffer_clear(&conduit->out);
}

static ssize_t tls_outcome(struct conduit *conduit, int r)
{
    switch (SSL_get_error(conduit->tls, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return -EPROTO;
    }
}

static ssize_t read_tls(struct conduit *conduit, uint8_t *ptr, size_t size)
{
    size_t n_all = 0;
    size_t n;
    int r;

    /* One call gives one record at most; what OpenSSL has decrypted would not wake epoll again. */
    while (n_all < size) {
        r = SSL_read_ex(conduit->tls, ptr + n_all, size - n_all, &n);
        if (r <= 0)
            return n_all > 0 ? (ssize_t)n_all : tls_outcome(conduit, r);
        n_all += n;
    }
    return (ssize_t)n_all;
}

ssize_t conduit_read(struct conduit *conduit, void *ptr, size_t size)
{
    ssize_t n;

    if (conduit->tls)
        return read_tls(conduit, (uint8_t *)ptr, size);
    n = read(conduit->fd, ptr, size);
    return n < 0 ? -errno : n;
}

uint8_t *conduit_room(struct conduit *conduit, size_t len)
{
    uint8_t *room;

    if (buffer_reserve(&conduit->out, len) < 0)
        return NULL;
    room = conduit->out.ptr + conduit->out.len;
    conduit->out.len += len;
    return room;
}

static ssize_t write_some(struct conduit *conduit)
{
    const uint8_t *ptr = conduit->out.ptr + conduit->n_written;
    size_t len = conduit->out.len - conduit->n_written;
    ssize_t sent;
    size_t n;
    int r;

    if (conduit->tls) {
        r = SSL_write_ex(conduit->tls, ptr, len, &n);
        return r > 0 ? (ssize_t)n : tls_outcome(conduit, r);
    }
    sent = send(conduit->fd, ptr, len, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int conduit_flush(struct conduit *conduit)
{
    ssize_t n;

    while (conduit->n_written < conduit->out.len) {
        n = write_some(conduit);
        if (n == 0)
            return -EPIPE;
        if (n < 0)
            return (int)n;
        conduit->n_written += (size_t)n;
    }
    conduit->out.len = 0;
    conduit->n_written = 0;
    return 0;
}

bool conduit_waits_for_room(const struct conduit *conduit)
{
    return !conduit->tls || SSL_want_write(conduit->tls);
}
