/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/api_client.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "hub/program/secret_file.h"

#define TIMEOUT_S 30
#define MOST_ANSWER_BYTES (UINT64_C(256) << 20)
#define READ_BYTES 65536U

struct api_client {
    bool is_tls;
    char host[256];
    char port[8];
    char *token; /* NULL: none */
    char *tls_ca;
    bool has_certificate; /* the hub has shown one */
    int certificate_days; /* that it is good for */
};

struct connection {
    int fd;
    SSL_CTX *context;
    SSL *ssl; /* NULL: plain */
};

/* --- options -------------------------------------------------------------------------------------------- */

int api_client_read_arguments(const char *command, const struct option *rows, size_t n, int argc, char **argv,
                              bool *out_wants_help)
{
    int i = options_read(rows, n, argc, argv, out_wants_help);
    char shown[128];

    if (i == argc)
        return API_STATUS_DONE;
    text_escape(bytes_of_text(argv[i]), shown, sizeof shown);
    fprintf(stderr,
            "commhub %s: %s is not known here, or its value is missing or wrong\n"
            "See commhub %s --help.\n",
            command, shown, command);
    return API_STATUS_USAGE;
}

static const char *given(const char *option, const char *variable)
{
    const char *value = option ? option : getenv(variable);

    return value && *value ? value : NULL;
}

/* http://HOST[:PORT][/], [HOST] for an IPv6 address */
static bool read_url(struct api_client *client, const char *url)
{
    const char *rest = url;
    const char *colon;
    size_t len;

    client->is_tls = strncmp(url, "https://", 8) == 0;
    if (!client->is_tls && strncmp(url, "http://", 7) != 0)
        return false;
    rest += client->is_tls ? 8 : 7;
    len = *rest == '[' ? strcspn(++rest, "]") : strcspn(rest, ":/");
    if (len == 0 || len >= sizeof client->host)
        return false;
    memcpy(client->host, rest, len);
    rest += len + (rest[len] == ']');
    colon = *rest == ':' ? rest + 1 : "";
    len = strcspn(colon, "/");
    rest = *colon ? colon + len : rest;
    if (len >= sizeof client->port || (*rest && strcmp(rest, "/") != 0))
        return false;
    snprintf(client->port, sizeof client->port, "%.*s", (int)len, colon);
    if (len == 0)
        snprintf(client->port, sizeof client->port, "%s", client->is_tls ? "443" : "80");
    return strspn(client->port, "0123456789") == strlen(client->port);
}

static int read_token(struct api_client *client, const char *path, char *out_why)
{
    struct buffer token = {0};
    int r = secret_file_read(path, &token, out_why);

    if (r < 0)
        return r;
    client->token = buffer_take_text(&token);
    buffer_clear(&token);
    if (client->token && strpbrk(client->token, "\r\n")) {
        snprintf(out_why, API_CLIENT_WHY_SIZE, "%s holds more than one line: it is no token", path);
        return -EINVAL;
    }
    return client->token ? 0 : -ENOMEM;
}

int api_client_new(struct api_client **out_client, const struct api_client_options *options,
                   char out_why[API_CLIENT_WHY_SIZE])
{
    cleanup_(api_client_freep) struct api_client *client = calloc(1, sizeof *client);
    const char *url = given(options->url, "COMMHUB_API");
    const char *token_file = given(options->token_file, "COMMHUB_TOKEN_FILE");
    const char *tls_ca = given(options->tls_ca, "COMMHUB_API_CA");

    snprintf(out_why, API_CLIENT_WHY_SIZE, "out of memory");
    if (!client || (tls_ca && !(client->tls_ca = strdup(tls_ca))))
        return API_STATUS_USAGE;
    if (!read_url(client, url ? url : API_CLIENT_DEFAULT_URL)) {
        snprintf(out_why, API_CLIENT_WHY_SIZE,
                 "%s is no address of a hub's API: http://HOST:PORT or https://HOST:PORT", url);
        return API_STATUS_USAGE;
    }
    if (token_file && read_token(client, token_file, out_why) < 0)
        return API_STATUS_USAGE;
    *out_client = take(client);
    return 0;
}

void api_client_free(struct api_client *client)
{
    if (!client)
        return;
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    free(client->tls_ca);
    free(client);
}

/* --- the connection ------------------------------------------------------------------------------------- */

static int no_connection(const struct api_client *client, const char *what, char *out_why)
{
    snprintf(out_why, API_CLIENT_WHY_SIZE, "%s://%s:%s cannot be asked: %s",
             client->is_tls ? "https" : "http", client->host, client->port, what);
    return errno == EAGAIN || errno == ETIMEDOUT ? API_STATUS_TIMEOUT : API_STATUS_NO_CONNECTION;
}

static int open_socket(const struct addrinfo *address)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    close(fd);
    return -1;
}

static int dial(const struct api_client *client, struct connection *connection, char *out_why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    int r = getaddrinfo(client->host, client->port, &hints, &addresses);

    errno = 0;
    if (r != 0)
        return no_connection(client, gai_strerror(r), out_why);
    connection->fd = -1;
    for (const struct addrinfo *at = addresses; at && connection->fd < 0; at = at->ai_next)
        connection->fd = open_socket(at);
    freeaddrinfo(addresses);
    return connection->fd < 0 ? no_connection(client, strerror(errno), out_why) : 0;
}

static bool set_up_tls(const struct api_client *client, struct connection *connection)
{
    int trusts;

    connection->context = SSL_CTX_new(TLS_client_method());
    if (!connection->context)
        return false;
    SSL_CTX_set_verify(connection->context, SSL_VERIFY_PEER, NULL);
    trusts = client->tls_ca ? SSL_CTX_load_verify_file(connection->context, client->tls_ca)
                            : SSL_CTX_set_default_verify_paths(connection->context);
    connection->ssl = trusts == 1 ? SSL_new(connection->context) : NULL;
    if (!connection->ssl || SSL_set_fd(connection->ssl, connection->fd) != 1)
        return false;
    /* A number is compared with the certificate's addresses, anything else with its names. */
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection->ssl), client->host) == 1)
        return true;
    return SSL_set_tlsext_host_name(connection->ssl, client->host) == 1 &&
           SSL_set1_host(connection->ssl, client->host) == 1;
}

static void note_certificate(struct api_client *client, SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    int seconds;

    client->has_certificate = certificate && ASN1_TIME_diff(&client->certificate_days, &seconds, NULL,
                                                            X509_get0_notAfter(certificate)) == 1;
}

static int begin_tls(struct api_client *client, struct connection *connection, char *out_why)
{
    const char *what = "TLS cannot be set up: see --tls-ca";
    long verdict;

    errno = 0;
    if (set_up_tls(client, connection)) {
        if (SSL_connect(connection->ssl) == 1) {
            note_certificate(client, connection->ssl);
            return 0;
        }
        verdict = SSL_get_verify_result(connection->ssl);
        what = verdict == X509_V_OK ? "it does not speak TLS" : X509_verify_cert_error_string(verdict);
    }
    return no_connection(client, what, out_why);
}

static void hang_up(struct connection *connection)
{
    SSL_free(connection->ssl);
    SSL_CTX_free(connection->context);
    if (connection->fd >= 0)
        close(connection->fd);
}

static ssize_t put(struct connection *connection, struct bytes bytes)
{
    if (connection->ssl)
        return SSL_write(connection->ssl, bytes.ptr, (int)bytes.len);
    return send(connection->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
}

static bool put_all(struct connection *connection, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = put(connection, bytes);

        if (n <= 0)
            return false;
        bytes = bytes_from(bytes, (size_t)n);
    }
    return true;
}

/* Until the hub closes. */
static bool get_all(struct connection *connection, struct buffer *out)
{
    for (;;) {
        ssize_t n;

        if (out->len > MOST_ANSWER_BYTES || buffer_reserve(out, READ_BYTES) < 0)
            return false;
        n = connection->ssl ? SSL_read(connection->ssl, out->ptr + out->len, READ_BYTES)
                            : recv(connection->fd, out->ptr + out->len, READ_BYTES, 0);
        if (n == 0 ||
            (n < 0 && connection->ssl && SSL_get_error(connection->ssl, (int)n) != SSL_ERROR_SYSCALL))
            return true;
        if (n < 0)
            return false;
        out->len += (size_t)n;
    }
}

/* --- asking --------------------------------------------------------------------------------------------- */

/* HTTP/1.0: the answer ends with the connection, and no proxy cuts it into pieces. */
static void write_request(const struct api_client *client, const char *method, const char *path,
                          const char *body, struct buffer *out)
{
    buffer_append_format(out, "%s %s HTTP/1.0\r\nHost: %s:%s\r\nAccept: application/json\r\n", method, path,
                         client->host, client->port);
    if (client->token)
        buffer_append_format(out, "Authorization: Bearer %s\r\n", client->token);
    if (body)
        buffer_append_format(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buffer_append_text(out, "\r\n");
    if (body)
        buffer_append_text(out, body);
}

/* The status, and the body moved to the front; false: that is no HTTP. */
static bool read_answer(struct buffer *raw, struct api_answer *answer)
{
    struct bytes whole = buffer_bytes(raw);
    const uint8_t *end = memmem(whole.ptr, whole.len, "\r\n\r\n", 4);

    if (!end || whole.len < 13 || memcmp(whole.ptr, "HTTP/1.", 7) != 0)
        return false;
    answer->status = (unsigned)strtoul((const char *)whole.ptr + 9, NULL, 10);
    if (buffer_append_bytes(&answer->body, bytes_from(whole, (size_t)(end + 4 - whole.ptr))) < 0 ||
        buffer_append_bytes(&answer->body, BYTES_LITERAL("\0")) < 0)
        return false;
    answer->body.len--;
    answer->json = json_loadb((const char *)answer->body.ptr, answer->body.len, JSON_DECODE_ANY, NULL);
    return true;
}

static int exchange(struct api_client *client, struct connection *connection, const struct buffer *request,
                    struct api_answer *answer, char *out_why)
{
    struct buffer raw = {0};
    int r = dial(client, connection, out_why);

    if (r == 0 && client->is_tls)
        r = begin_tls(client, connection, out_why);
    errno = 0;
    if (r == 0 &&
        (request->failed || !put_all(connection, buffer_bytes(request)) || !get_all(connection, &raw)))
        r = no_connection(client, errno ? strerror(errno) : "the connection was closed", out_why);
    else if (r == 0 && !read_answer(&raw, answer))
        r = no_connection(
            client, raw.len ? "what answers there is no hub's API" : "it closed without an answer", out_why);
    buffer_clear(&raw);
    return r;
}

bool api_client_certificate_days(const struct api_client *client, int *out_days)
{
    *out_days = client->certificate_days;
    return client->has_certificate;
}

int api_client_ask(struct api_client *client, const char *method, const char *path, const json_t *body,
                   struct api_answer *out_answer, char out_why[API_CLIENT_WHY_SIZE])
{
    struct connection connection = {.fd = -1};
    struct buffer request = {0};
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    int r;

    *out_answer = (struct api_answer){0};
    write_request(client, method, path, text, &request);
    r = exchange(client, &connection, &request, out_answer, out_why);
    hang_up(&connection);
    if (request.ptr)
        explicit_bzero(request.ptr, request.len);
    buffer_clear(&request);
    free(text);
    return r;
}

void api_client_answer_clear(struct api_answer *answer)
{
    json_decref(answer->json);
    buffer_clear(&answer->body);
    *answer = (struct api_answer){0};
}

void api_client_escape(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);

        buffer_append_format(out, is_plain ? "%c" : "%%%02X", c);
    }
}

/* --- what is wrong -------------------------------------------------------------------------------------- */

static void say(const char *command, const char *before, const char *text)
{
    char shown[2048];

    text_escape(bytes_of_text(text), shown, sizeof shown);
    fprintf(stderr, "commhub %s: %s%s\n", command, before, shown);
}

void api_client_complain(const char *command, const struct api_answer *answer)
{
    const char *detail = json_string_value(json_object_get(answer->json, "detail"));
    const char *title = json_string_value(json_object_get(answer->json, "title"));
    json_t *fault;
    size_t i;

    if (answer->status == 401)
        title = "the hub wants a token: see --token-file";
    if (answer->status != 401 && detail)
        title = detail;
    if (title)
        say(command, "", title);
    else
        fprintf(stderr, "commhub %s: the hub answered %u\n", command, answer->status);
    json_array_foreach(json_object_get(answer->json, "errors"), i, fault)
    {
        char pointer[300];

        snprintf(pointer, sizeof pointer, "%s: ", json_string_value(json_object_get(fault, "pointer")));
        say(command, pointer, json_string_value(json_object_get(fault, "detail")));
    }
}
