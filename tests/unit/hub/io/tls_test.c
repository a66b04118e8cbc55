/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/io/recorder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "hub/io/tls.h"
#include "tests/support/allocation.h"
#include "tests/support/certificates.h"

static void write_text(const char *name, const char *text)
{
    FILE *out = fopen(certificates_path(name), "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void write_locked_key(const char *name, EVP_PKEY *key)
{
    FILE *out = fopen(certificates_path(name), "w");

    assert_non_null(out);
    assert_int_equal(
        PEM_write_PrivateKey(out, key, EVP_aes_128_cbc(), NULL, 0, NULL, (void *)(uintptr_t) "secret"), 1);
    fclose(out);
}

static int make_certificates(void **state)
{
    struct certificates_signer ca;
    struct certificates_signer other_ca;
    struct certificates_signer made[4];

    (void)state;
    certificates_begin();
    ca = certificates_make("ca", NULL, NULL, 7200);
    other_ca = certificates_make("other_ca", NULL, NULL, 7200);
    made[0] = certificates_make("hub", &ca, "DNS:hub.example.org,IP:127.0.0.1", 7200);
    made[1] = certificates_make("expired", &ca, "DNS:hub.example.org", -3600);
    made[2] = certificates_make("client-7", &ca, NULL, 7200);
    made[3] = certificates_make("stranger", &other_ca, "DNS:hub.example.org", 7200);
    write_text("garbage.pem", "this is no PEM\n");
    write_locked_key("locked.key", made[0].key);
    for (size_t i = 0; i < N_ELEMENTS(made); i++)
        certificates_signer_clear(&made[i]);
    certificates_signer_clear(&ca);
    certificates_signer_clear(&other_ca);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certificates_end();
    return 0;
}

/* ---------------------------------------------------------------------------------------- two ends, one loop
 */

struct pair {
    struct loop *loop;
    struct recorder server;
    struct recorder client;
    struct tls_context *server_tls;
    struct tls_context *client_tls;
    int server_fd;
    int client_fd;
};

static int set_up(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);

    *state = pair;
    return pair ? loop_new(&pair->loop) : -1;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;

    recorder_clear(&pair->server);
    recorder_clear(&pair->client);
    tls_context_unref(pair->server_tls);
    tls_context_unref(pair->client_tls);
    loop_free(pair->loop);
    free(pair);
    return 0;
}

static void make_contexts(struct pair *pair, const char *server, const char *server_ca, const char *client,
                          const char *name)
{
    char names[4][64];
    char why[TLS_WHY_SIZE] = "";
    struct tls_files files = {0};

    snprintf(names[0], sizeof names[0], "%s.crt", server);
    snprintf(names[1], sizeof names[1], "%s.key", server);
    files.certificate = certificates_path(names[0]);
    files.key = certificates_path(names[1]);
    files.ca = server_ca ? certificates_path(server_ca) : NULL;
    if (tls_context_new_server(&pair->server_tls, &files, why) < 0)
        fail_msg("%s", why);
    files = (struct tls_files){.ca = certificates_path("ca.crt"), .server_name = name};
    if (client) {
        snprintf(names[2], sizeof names[2], "%s.crt", client);
        snprintf(names[3], sizeof names[3], "%s.key", client);
        files.certificate = certificates_path(names[2]);
        files.key = certificates_path(names[3]);
    }
    if (tls_context_new_client(&pair->client_tls, &files, why) < 0)
        fail_msg("%s", why);
}

static void new_tcp_pair(int out_fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listening, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    out_fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(out_fds[1], (struct sockaddr *)&address, size), 0);
    out_fds[0] = accept(listening, NULL, NULL);
    assert_int_equal(fcntl(out_fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(out_fds[1], F_SETFL, O_NONBLOCK), 0);
    close(listening);
}

static void connect_fds(struct pair *pair, const int fds[2])
{
    pair->server_fd = fds[0];
    pair->client_fd = fds[1];
    assert_int_equal(stream_new(&pair->server.stream, pair->loop, fds[0], pair->server_tls, &recorder_events,
                                &recorder_marks, &pair->server),
                     0);
    assert_int_equal(stream_new(&pair->client.stream, pair->loop, fds[1], pair->client_tls, &recorder_events,
                                &recorder_marks, &pair->client),
                     0);
}

static void connect_pair(struct pair *pair)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    connect_fds(pair, fds);
}

static void make_ready(struct pair *pair)
{
    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    connect_pair(pair);
    turn_until(pair->loop, pair->server.n_ready == 1 && pair->client.n_ready == 1);
}

static void test_bytes_go_both_ways_after_the_handshake(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    connect_pair(pair);
    /* Queued before the handshake is done. */
    recorder_send(&pair->client, "early", 5, 0);
    turn_until(pair->loop, pair->server.n_ready == 1 && pair->client.n_ready == 1);
    recorder_send(&pair->server, "hello", 5, 0);
    turn_until(pair->loop, pair->client.in.len == 5 && pair->server.in.len == 5);
    assert_text(buffer_bytes(&pair->client.in), "hello");
    assert_text(buffer_bytes(&pair->server.in), "early");
    assert_string_equal(stream_peer_name(pair->client.stream), "hub");
    assert_string_equal(stream_peer_name(pair->server.stream), "");
    assert_int_equal(stream_written_bytes(pair->server.stream), 5);
    assert_int_equal(stream_read_bytes(pair->server.stream), 5);
}

static void test_an_ip_number_is_checked_as_one(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "127.0.0.1");
    connect_pair(pair);
    turn_until(pair->loop, pair->client.n_ready == 1);
}

static void expect_refusal(struct pair *pair, const char *words)
{
    connect_pair(pair);
    turn_until(pair->loop, pair->client.n_end == 1 && pair->server.n_end == 1);
    assert_int_equal(pair->client.end, STREAM_ENDED_BY_TLS);
    assert_int_equal(pair->client.n_ready, 0);
    assert_int_equal(pair->client.n_offers, 0);
    if (!strstr(pair->client.detail, "TLS handshake failed") || !strstr(pair->client.detail, words))
        fail_msg("\"%s\" does not say \"%s\"", pair->client.detail, words);
    /* The alert has reached the other side: it can name the reason too. */
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
}

static void test_an_expired_certificate_is_refused(void **state)
{
    make_contexts(*state, "expired", NULL, NULL, "hub.example.org");
    expect_refusal(*state, "certificate has expired");
}

static void test_a_certificate_for_another_name_is_refused(void **state)
{
    make_contexts(*state, "hub", NULL, NULL, "other.example.org");
    expect_refusal(*state, "hostname mismatch");
}

static void test_a_certificate_for_another_ip_number_is_refused(void **state)
{
    make_contexts(*state, "hub", NULL, NULL, "127.0.0.2");
    expect_refusal(*state, "IP address mismatch");
}

static void test_a_certificate_of_an_unknown_authority_is_refused(void **state)
{
    make_contexts(*state, "stranger", NULL, NULL, "hub.example.org");
    expect_refusal(*state, "unable to get local issuer certificate");
}

static void test_a_required_client_certificate_names_the_client(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", "ca.crt", "client-7", "hub.example.org");
    connect_pair(pair);
    turn_until(pair->loop, pair->server.n_ready == 1);
    assert_string_equal(stream_peer_name(pair->server.stream), "client-7");
}

static void test_a_client_without_the_required_certificate_is_refused_and_told_why(void **state)
{
    static const char much[300000];
    struct pair *pair = *state;
    int fds[2];

    make_contexts(pair, "hub", "ca.crt", NULL, "hub.example.org");
    /* Over tcp, where closing with unread bytes would reset the connection, and the alert with it. */
    new_tcp_pair(fds);
    connect_fds(pair, fds);
    /* In TLS 1.3 the client believes itself through, and writes. */
    recorder_send(&pair->client, much, sizeof much, 0);
    turn_until(pair->loop, pair->client.n_end == 1 && pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    assert_non_null(strstr(pair->server.detail, "peer did not return a certificate"));
    assert_int_equal(pair->server.n_offers, 0);
    assert_int_equal(pair->client.end, STREAM_ENDED_BY_TLS);
    assert_non_null(strstr(pair->client.detail, "certificate required"));
}

static void test_a_client_certificate_of_another_authority_is_refused(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", "ca.crt", "stranger", "hub.example.org");
    connect_pair(pair);
    turn_until(pair->loop, pair->client.n_end == 1 && pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    assert_non_null(strstr(pair->server.detail, "unable to get local issuer certificate"));
}

/* ------------------------------------------------------------------------------------------------ the bytes
 */

static void fill_pattern(uint8_t *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ptr[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void test_many_blocks_arrive_in_order_through_a_tiny_socket_buffer(void **state)
{
    struct pair *pair = *state;
    size_t len = 1500000;
    uint8_t *pattern = malloc(len);
    int size = 1;
    size_t step = 1;

    check(pattern);
    fill_pattern(pattern, len);
    make_ready(pair);
    assert_int_equal(setsockopt(pair->server_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    for (size_t at = 0; at < len; step = step * 7 % 40009 + 1) {
        size_t n = step < len - at ? step : len - at;

        recorder_send(&pair->server, pattern + at, n, 0);
        at += n;
        if (at % 3 == 0)
            assert_int_equal(loop_turn(pair->loop, 0), 0);
    }
    turn_until(pair->loop, pair->client.in.len == len);
    assert_bytes(buffer_bytes(&pair->client.in), bytes_of(pattern, len));
    assert_int_equal(stream_outbox_bytes(pair->server.stream), 0);
    free(pattern);
}

/* Bytes that TLS has read ahead are not seen by epoll. */
static void test_nothing_stays_behind_in_the_tls_layer(void **state)
{
    struct pair *pair = *state;
    size_t len = 900000;
    uint8_t *pattern = malloc(len);

    check(pattern);
    fill_pattern(pattern, len);
    make_ready(pair);
    for (int round = 1; round <= 20; round++) {
        stream_pause(pair->client.stream);
        recorder_send(&pair->server, pattern, len / 20, 0);
        turn_a_little(pair->loop);
        stream_resume(pair->client.stream);
        turn_until(pair->loop, pair->client.in.len == (size_t)round * (len / 20));
    }
    recorder_send(&pair->server, pattern, len, 0);
    turn_until(pair->loop, pair->client.in.len == 2 * len);
    assert_memory_equal(pair->client.in.ptr + len, pattern, len);
    free(pattern);
}

/* The last record lies across the end of the scratch: its rest is known to TLS alone. */
static void test_the_rest_of_a_record_behind_a_scratch_full_does_not_wait_for_more(void **state)
{
    struct pair *pair = *state;
    static const uint8_t bytes[256 * 1024];
    int size = 4 << 20;

    make_ready(pair);
    assert_int_equal(setsockopt(pair->server_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
    for (size_t first = 1; first < 16384; first += 4001) {
        pair->client.in.len = 0;
        stream_pause(pair->client.stream);
        recorder_send(&pair->server, bytes, first, 0);
        turn_a_little(pair->loop);
        recorder_send(&pair->server, bytes, sizeof bytes - first, 0);
        recorder_send(&pair->server, "0123456789", 10, 0);
        turn_a_little(pair->loop);
        assert_int_equal(stream_outbox_bytes(pair->server.stream), 0);
        stream_resume(pair->client.stream);
        turn_until(pair->loop, pair->client.in.len == sizeof bytes + 10);
    }
}

static void test_bytes_before_a_broken_record_are_heard_and_the_reason_is_kept(void **state)
{
    struct pair *pair = *state;
    static const char garbage[64] = "this is no record at all";

    make_ready(pair);
    turn_a_little(pair->loop);
    stream_pause(pair->server.stream);
    recorder_send(&pair->client, "good", 4, 0);
    turn_a_little(pair->loop);
    assert_int_equal(write(pair->client_fd, garbage, sizeof garbage), sizeof garbage);
    stream_resume(pair->server.stream);
    turn_until(pair->loop, pair->server.n_end == 1);
    assert_text(buffer_bytes(&pair->server.in), "good");
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    assert_string_equal(pair->server.detail, "TLS failed: wrong version number");
}

/* OpenSSL wants a blocked record offered again; by then it lies in other memory, with more behind it. */
static void test_a_blocked_write_goes_on_from_other_memory(void **state)
{
    struct pair *pair = *state;
    static uint8_t pattern[3000];
    size_t n_sent = 0;
    int size = 1;

    make_ready(pair);
    fill_pattern(pattern, sizeof pattern);
    assert_int_equal(setsockopt(pair->server_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    stream_pause(pair->client.stream);
    for (; stream_outbox_bytes(pair->server.stream) == 0; n_sent++) {
        recorder_send(&pair->server, pattern, sizeof pattern, 0);
        turn_a_little(pair->loop);
    }
    for (int i = 0; i < 5; i++, n_sent++)
        recorder_send(&pair->server, pattern, sizeof pattern, 0);
    stream_resume(pair->client.stream);
    turn_until(pair->loop, pair->client.in.len == n_sent * sizeof pattern);
    for (size_t i = 0; i < n_sent; i++)
        assert_memory_equal(pair->client.in.ptr + i * sizeof pattern, pattern, sizeof pattern);
}

static void test_a_message_larger_than_the_scratch_arrives(void **state)
{
    struct pair *pair = *state;
    size_t len = 3000000;
    uint8_t *pattern = malloc(len);

    check(pattern);
    fill_pattern(pattern, len);
    make_ready(pair);
    pair->client.n_at_a_time = len;
    recorder_send(&pair->server, pattern, len, 0);
    turn_until(pair->loop, pair->client.in.len == len);
    assert_bytes(buffer_bytes(&pair->client.in), bytes_of(pattern, len));
    free(pattern);
}

/* ---------------------------------------------------------------------------------------------------- ends
 */

static void test_an_end_is_told_to_both_sides(void **state)
{
    struct pair *pair = *state;

    make_ready(pair);
    recorder_send(&pair->server, "bye", 3, 0);
    recorder_send(&pair->client, "unread", 6, 0);
    stream_end(pair->server.stream, 5000);
    turn_until(pair->loop, pair->server.n_end == 1 && pair->client.n_end == 1);
    assert_text(buffer_bytes(&pair->client.in), "bye");
    assert_int_equal(pair->client.end, STREAM_ENDED_BY_PEER);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_OWNER);
}

static void test_a_peer_that_closes_without_farewell_has_closed(void **state)
{
    struct pair *pair = *state;

    make_ready(pair);
    recorder_free_stream(&pair->client);
    turn_until(pair->loop, pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_PEER);
}

static void test_writing_to_a_peer_that_is_gone_raises_no_signal(void **state)
{
    struct pair *pair = *state;

    make_ready(pair);
    recorder_free_stream(&pair->client);
    recorder_send(&pair->server, "x", 1, 0);
    turn_until(pair->loop, pair->server.n_end == 1);
}

/* A peer of plain bytes at a TLS stream, and the other way round. */
static void write_raw_and_expect(struct pair *pair, const char *raw, const char *words)
{
    int fds[2];

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(stream_new(&pair->server.stream, pair->loop, fds[0], pair->server_tls, &recorder_events,
                                &recorder_marks, &pair->server),
                     0);
    assert_int_equal(write(fds[1], raw, strlen(raw)), strlen(raw));
    shutdown(fds[1], SHUT_WR);
    turn_until(pair->loop, pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    if (!strstr(pair->server.detail, words))
        fail_msg("\"%s\" does not say \"%s\"", pair->server.detail, words);
    close(fds[1]);
}

static void test_plain_bytes_are_no_handshake(void **state)
{
    write_raw_and_expect(*state, "{\"type\":\"identify\"} and some more bytes", "wrong version number");
}

static void test_a_peer_whose_handshake_failed_has_a_moment_to_read_why(void **state)
{
    struct pair *pair = *state;
    int fds[2];
    char seen[64];

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(stream_new(&pair->server.stream, pair->loop, fds[0], pair->server_tls, &recorder_events,
                                &recorder_marks, &pair->server),
                     0);
    assert_int_equal(write(fds[1], "this is no handshake", 20), 20);
    turn_a_little(pair->loop);
    assert_int_equal(pair->server.n_end, 0);
    assert_int_equal(recv(fds[1], seen, sizeof seen, 0), 0);
    turn_until(pair->loop, pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    close(fds[1]);
}

static void test_an_http_request_is_named_as_such(void **state)
{
    write_raw_and_expect(*state, "GET / HTTP/1.1\r\n\r\n", "http request");
}

static void test_a_peer_that_closes_within_the_handshake_is_a_tls_end(void **state)
{
    write_raw_and_expect(*state, "", "closed the connection");
}

static void test_a_stream_may_be_freed_when_it_becomes_ready(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    connect_pair(pair);
    pair->server.frees_in_ready = true;
    turn_until(pair->loop, pair->server.n_ready == 1);
    turn_a_little(pair->loop);
    assert_int_equal(pair->server.n_end, 0);
}

static void test_a_stream_may_be_freed_in_the_middle_of_the_handshake(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    connect_pair(pair);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    recorder_free_stream(&pair->server);
    turn_until(pair->loop, pair->client.n_end == 1);
    assert_int_equal(pair->client.end, STREAM_ENDED_BY_TLS);
}

static void test_running_streams_keep_a_context_that_is_given_up(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    connect_pair(pair);
    tls_context_unref(pair->server_tls);
    tls_context_unref(pair->client_tls);
    pair->server_tls = NULL;
    pair->client_tls = NULL;
    turn_until(pair->loop, pair->server.n_ready == 1 && pair->client.n_ready == 1);
}

/* ------------------------------------------------------------------------------------------------- contexts
 */

static void test_bad_files_are_refused_with_their_name_and_the_reason(void **state)
{
    const struct {
        const char *what;
        bool is_client;
        const char *certificate, *key, *ca, *name;
        const char *words;
    } rows[] = {
        {"server without certificate", false, NULL, NULL, NULL, NULL, "needs a certificate file"},
        {"server without key", false, "hub.crt", NULL, NULL, NULL, "without a key file"},
        {"missing certificate", false, "nowhere.crt", "hub.key", NULL, NULL, "No such file"},
        {"missing key", false, "hub.crt", "nowhere.key", NULL, NULL, "No such file"},
        {"missing CA", false, "hub.crt", "hub.key", "nowhere.crt", NULL, "nowhere.crt"},
        {"garbage certificate", false, "garbage.pem", "hub.key", NULL, NULL, "garbage.pem"},
        {"garbage key", false, "hub.crt", "garbage.pem", NULL, NULL, "garbage.pem"},
        {"garbage CA", false, "hub.crt", "hub.key", "garbage.pem", NULL, "garbage.pem"},
        {"key of another", false, "hub.crt", "client-7.key", NULL, NULL, "does not belong"},
        {"locked key", false, "hub.crt", "locked.key", NULL, NULL, "passphrase"},
        {"client without name", true, NULL, NULL, "ca.crt", NULL, "name"},
        {"client with empty name", true, NULL, NULL, "ca.crt", "", "name"},
        {"client with missing CA", true, NULL, NULL, "nowhere.crt", "hub", "nowhere.crt"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tls_files files = {
            .certificate = rows[i].certificate ? certificates_path(rows[i].certificate) : NULL,
            .key = rows[i].key ? certificates_path(rows[i].key) : NULL,
            .ca = rows[i].ca ? certificates_path(rows[i].ca) : NULL,
            .server_name = rows[i].name,
        };
        struct tls_context *context = NULL;
        char why[TLS_WHY_SIZE] = "";
        int r = rows[i].is_client ? tls_context_new_client(&context, &files, why)
                                  : tls_context_new_server(&context, &files, why);

        assert_row(rows[i].what, r == -EINVAL && !context);
        if (!strstr(why, rows[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].what, why, rows[i].words);
    }
}

static void test_a_client_trusts_the_systems_authorities_by_default(void **state)
{
    struct tls_files files = {.server_name = "hub.example.org"};
    struct pair *pair = *state;
    char why[TLS_WHY_SIZE];

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    tls_context_unref(pair->client_tls);
    assert_int_equal(tls_context_new_client(&pair->client_tls, &files, why), 0);
    /* Which do not know ours. */
    expect_refusal(pair, "unable to get local issuer certificate");
}

static void test_without_memory_no_stream_is_made(void **state)
{
    struct pair *pair = *state;

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct stream *stream = NULL;
        int fds[2];
        int r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        r = stream_new(&stream, pair->loop, fds[0], pair->server_tls, &recorder_events, &recorder_marks,
                       &pair->server);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        stream_free(stream);
        close(fds[1]);
    }
}

static void test_old_versions_are_refused(void **state)
{
    struct pair *pair = *state;
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    int fds[2];

    make_contexts(pair, "hub", NULL, NULL, "hub.example.org");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(stream_new(&pair->server.stream, pair->loop, fds[0], pair->server_tls, &recorder_events,
                                &recorder_marks, &pair->server),
                     0);
    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    ssl = SSL_new(old);
    SSL_set_fd(ssl, fds[1]);
    assert_true(SSL_connect(ssl) < 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(loop_turn(pair->loop, 5), 0);
        (void)SSL_connect(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(old);
    close(fds[1]);
    turn_until(pair->loop, pair->server.n_end == 1);
    assert_int_equal(pair->server.end, STREAM_ENDED_BY_TLS);
    assert_non_null(strstr(pair->server.detail, "unsupported protocol"));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_go_both_ways_after_the_handshake),
        TEST(test_an_ip_number_is_checked_as_one),
        TEST(test_an_expired_certificate_is_refused),
        TEST(test_a_certificate_for_another_name_is_refused),
        TEST(test_a_certificate_for_another_ip_number_is_refused),
        TEST(test_a_certificate_of_an_unknown_authority_is_refused),
        TEST(test_a_required_client_certificate_names_the_client),
        TEST(test_a_client_without_the_required_certificate_is_refused_and_told_why),
        TEST(test_a_client_certificate_of_another_authority_is_refused),
        TEST(test_many_blocks_arrive_in_order_through_a_tiny_socket_buffer),
        TEST(test_nothing_stays_behind_in_the_tls_layer),
        TEST(test_the_rest_of_a_record_behind_a_scratch_full_does_not_wait_for_more),
        TEST(test_bytes_before_a_broken_record_are_heard_and_the_reason_is_kept),
        TEST(test_a_blocked_write_goes_on_from_other_memory),
        TEST(test_a_message_larger_than_the_scratch_arrives),
        TEST(test_an_end_is_told_to_both_sides),
        TEST(test_a_peer_that_closes_without_farewell_has_closed),
        TEST(test_writing_to_a_peer_that_is_gone_raises_no_signal),
        TEST(test_plain_bytes_are_no_handshake),
        TEST(test_a_peer_whose_handshake_failed_has_a_moment_to_read_why),
        TEST(test_an_http_request_is_named_as_such),
        TEST(test_a_peer_that_closes_within_the_handshake_is_a_tls_end),
        TEST(test_a_stream_may_be_freed_when_it_becomes_ready),
        TEST(test_a_stream_may_be_freed_in_the_middle_of_the_handshake),
        TEST(test_running_streams_keep_a_context_that_is_given_up),
        TEST(test_bad_files_are_refused_with_their_name_and_the_reason),
        TEST(test_a_client_trusts_the_systems_authorities_by_default),
        TEST(test_without_memory_no_stream_is_made),
        TEST(test_old_versions_are_refused),
    };

    return cmocka_run_group_tests_name("tls", tests, make_certificates, remove_certificates);
}
