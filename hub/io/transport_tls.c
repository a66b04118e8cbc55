/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * TLS over the stream's descriptor
 *
 * OpenSSL reads and writes the descriptor itself, through a BIO of our own: its socket BIO writes with
 * write(), which raises SIGPIPE.
 *
 * Small pieces are gathered into one record, for a record costs 22 bytes or more and a call of the cipher. A
 * write that found the descriptor full has its record made already, and OpenSSL wants the same bytes offered
 * again, no fewer. They are: what is gathered always begins with the first unsent byte and depends on the
 * first pieces only, to which an outbox adds at the end.
 *
 * OpenSSL reads ahead, so bytes may wait here of which epoll knows nothing; is_pending() tells.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <openssl/x509.h>

#include "hub/io/tls.h"
#include "hub/io/transport.h"

#define MOST_IN_A_RECORD 16384
#define DETAIL_SIZE 256
#define PEER_NAME_SIZE 65 /* a common name has at most 64 characters (RFC 5280) */

struct session {
    struct tls_context *context;
    SSL *ssl;
    ssize_t failure; /* came behind bytes that were read: the next read answers it */
    bool has_failure;
    char detail[DETAIL_SIZE];
    char peer_name[PEER_NAME_SIZE];
};

/* ------------------------------------------------------------------------------------------- the BIO */

static int bio_read(BIO *bio, char *ptr, int size)
{
    ssize_t n = recv((int)(intptr_t)BIO_get_data(bio), ptr, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)n;
}

static int bio_write(BIO *bio, const char *ptr, int len)
{
    ssize_t n = send((int)(intptr_t)BIO_get_data(bio), ptr, (size_t)len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)number;
    (void)ptr;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *made_method;

static void make_method(void)
{
    made_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");
    if (!made_method)
        return;
    (void)BIO_meth_set_read(made_method, bio_read);
    (void)BIO_meth_set_write(made_method, bio_write);
    (void)BIO_meth_set_ctrl(made_method, bio_ctrl);
}

/* One for the process, made at the first use on whichever thread. */
static BIO_METHOD *descriptor_method(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_method);
    return made_method;
}

/* ------------------------------------------------------------------------------------------ failures */

static const char *certificate_trouble(const SSL *ssl)
{
    long result = SSL_get_verify_result(ssl);

    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

/* -EPROTO with the words of OpenSSL, or the errno of the descriptor. */
static int fail(struct session *session, int code, int error)
{
    unsigned long queued = ERR_get_error();
    const char *words = queued ? ERR_reason_error_string(queued) : NULL;
    const char *trouble = certificate_trouble(session->ssl);

    ERR_clear_error();
    if (code == SSL_ERROR_SYSCALL && error)
        return -error;
    if (!words)
        words = code == SSL_ERROR_ZERO_RETURN || code == SSL_ERROR_SYSCALL ? "the peer closed the connection"
                                                                           : "unknown reason";
    if (trouble)
        snprintf(session->detail, sizeof session->detail, "%s (%s)", words, trouble);
    else
        snprintf(session->detail, sizeof session->detail, "%s", words);
    return -EPROTO;
}

/* ----------------------------------------------------------------------------------------- handshake */

static void note_peer(struct session *session)
{
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    unsigned char *utf8;
    X509_NAME *subject;
    int at;
    int len;

    if (!certificate || SSL_get_verify_result(session->ssl) != X509_V_OK)
        return;
    subject = X509_get_subject_name(certificate);
    at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return;
    len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len < 0)
        return;
    /* A zero inside would make it read as another, shorter name. */
    if (len < PEER_NAME_SIZE && !memchr(utf8, 0, (size_t)len)) {
        memcpy(session->peer_name, utf8, (size_t)len);
        session->peer_name[len] = 0;
    }
    OPENSSL_free(utf8);
}

static int tls_handshake(struct transport *transport)
{
    struct session *session = transport->session;
    int code;
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_do_handshake(session->ssl);
    if (r == 1) {
        note_peer(session);
        return 0;
    }
    code = SSL_get_error(session->ssl, r);
    if (code == SSL_ERROR_WANT_READ)
        return TRANSPORT_WANTS_READ;
    if (code == SSL_ERROR_WANT_WRITE)
        return TRANSPORT_WANTS_WRITE;
    return fail(session, code, errno);
}

/* ------------------------------------------------------------------------------------------- reading */

static ssize_t read_record(struct transport *transport, uint8_t *ptr, size_t size)
{
    struct session *session = transport->session;
    size_t n;
    int code;
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_read_ex(session->ssl, ptr, size, &n);
    if (r == 1)
        return (ssize_t)n;
    code = SSL_get_error(session->ssl, r);
    transport->wants_write = code == SSL_ERROR_WANT_WRITE;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    return code == SSL_ERROR_ZERO_RETURN ? 0 : fail(session, code, errno);
}

static ssize_t tls_read(struct transport *transport, void *ptr, size_t size)
{
    struct session *session = transport->session;
    size_t n_read = 0;

    if (session->has_failure)
        return session->failure;
    while (n_read < size) {
        ssize_t n = read_record(transport, (uint8_t *)ptr + n_read, size - n_read);

        if (n > 0) {
            n_read += (size_t)n;
            continue;
        }
        if (n_read == 0)
            return n;
        if (n != -EAGAIN) {
            session->has_failure = true;
            session->failure = n;
        }
        break;
    }
    return (ssize_t)n_read;
}

static bool tls_is_pending(const struct transport *transport)
{
    const struct session *session = transport->session;

    return session->has_failure || SSL_has_pending(session->ssl);
}

/* ------------------------------------------------------------------------------------------- writing */

static ssize_t write_record(struct session *session, const void *ptr, size_t len)
{
    size_t n;
    int code;
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_write_ex(session->ssl, ptr, len, &n);
    if (r == 1)
        return (ssize_t)n;
    code = SSL_get_error(session->ssl, r);
    /* Without renegotiation writing never waits for reading. */
    return code == SSL_ERROR_WANT_WRITE ? -EAGAIN : fail(session, code, errno);
}

/* Where the writing stands: @offset bytes of the first of @n pieces are written. */
struct cursor {
    const struct iovec *pieces;
    int n;
    size_t offset;
};

static void cursor_advance(struct cursor *cursor, size_t len)
{
    cursor->offset += len;
    while (cursor->n > 0 && cursor->offset >= cursor->pieces->iov_len) {
        cursor->offset -= cursor->pieces->iov_len;
        cursor->pieces++;
        cursor->n--;
    }
}

/* One record's worth from the cursor on, in place if one piece fills it, else gathered into @memory. */
static const void *cursor_gather(const struct cursor *cursor, uint8_t memory[MOST_IN_A_RECORD],
                                 size_t *out_len)
{
    size_t first = cursor->pieces->iov_len - cursor->offset;
    size_t offset = cursor->offset;
    size_t len = 0;

    if (first >= MOST_IN_A_RECORD || cursor->n == 1) {
        *out_len = first < MOST_IN_A_RECORD ? first : MOST_IN_A_RECORD;
        return (const uint8_t *)cursor->pieces->iov_base + offset;
    }
    for (int i = 0; i < cursor->n && len < MOST_IN_A_RECORD; i++) {
        size_t room = MOST_IN_A_RECORD - len;
        size_t n = cursor->pieces[i].iov_len - offset;

        n = n < room ? n : room;
        memcpy(memory + len, (const uint8_t *)cursor->pieces[i].iov_base + offset, n);
        len += n;
        offset = 0;
    }
    *out_len = len;
    return memory;
}

static ssize_t tls_writev(struct transport *transport, const struct iovec *pieces, int n_pieces)
{
    struct cursor cursor = {.pieces = pieces, .n = n_pieces};
    size_t n_written = 0;

    while (cursor.n > 0) {
        uint8_t memory[MOST_IN_A_RECORD];
        size_t len;
        const void *ptr = cursor_gather(&cursor, memory, &len);
        ssize_t n = write_record(transport->session, ptr, len);

        if (n < 0)
            return n_written > 0 && n == -EAGAIN ? (ssize_t)n_written : n;
        n_written += (size_t)n;
        cursor_advance(&cursor, (size_t)n);
    }
    return (ssize_t)n_written;
}

static int tls_shutdown(struct transport *transport)
{
    struct session *session = transport->session;
    int r;

    ERR_clear_error();
    r = SSL_shutdown(session->ssl);
    if (r < 0 && SSL_get_error(session->ssl, r) == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    ERR_clear_error();
    /* Whatever else it says: the descriptor's own end of file tells the peer as well. */
    return shutdown(transport->fd, SHUT_WR) < 0 ? -errno : 0;
}

/* -------------------------------------------------------------------------------------------- making */

static const char *tls_detail(const struct transport *transport)
{
    const struct session *session = transport->session;

    return session->detail[0] ? session->detail : NULL;
}

static const char *tls_peer_name(const struct transport *transport)
{
    const struct session *session = transport->session;

    return session->peer_name;
}

/* No wildcards on either side: this answers who the peer is, not which host it may serve. */
static bool tls_peer_bears(const struct transport *transport, const char *name)
{
    const unsigned flags = X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
    const struct session *session = transport->session;
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    bool is_found;

    /* The library takes a leading dot for "any name below". */
    if (!certificate || SSL_get_verify_result(session->ssl) != X509_V_OK || name[0] == '.')
        return false;
    is_found = X509_check_host(certificate, name, strlen(name), flags, NULL) == 1 ||
               X509_check_ip_asc(certificate, name, 0) == 1;
    ERR_clear_error();
    return is_found;
}

static void tls_clear(struct transport *transport)
{
    struct session *session = transport->session;

    SSL_free(session->ssl);
    tls_context_unref(session->context);
    free(session);
    transport->session = NULL;
}

static const struct transport_table tls_table = {
    .handshake = tls_handshake,
    .read = tls_read,
    .is_pending = tls_is_pending,
    .writev = tls_writev,
    .shutdown = tls_shutdown,
    .detail = tls_detail,
    .peer_name = tls_peer_name,
    .peer_bears = tls_peer_bears,
    .clear = tls_clear,
};

static BIO *new_bio(int fd)
{
    BIO_METHOD *method = descriptor_method();
    BIO *bio = method ? BIO_new(method) : NULL;

    if (!bio)
        return NULL;
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    return bio;
}

int transport_tls_init(struct transport *transport, int fd, struct tls_context *tls)
{
    struct session *session = calloc(1, sizeof *session);
    BIO *bio = new_bio(fd);

    if (session)
        session->ssl = tls_context_session(tls);
    if (!session || !session->ssl || !bio) {
        if (session)
            SSL_free(session->ssl);
        free(session);
        BIO_free(bio);
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_bio(session->ssl, bio, bio);
    session->context = tls_context_ref(tls);
    *transport = (struct transport){.table = &tls_table, .fd = fd, .session = session};
    return 0;
}
