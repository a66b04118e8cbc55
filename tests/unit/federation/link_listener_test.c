/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Addresses for links alone, and links that certificates speak for
 */
#include "federation/link_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/federation/stand.h"

static int make_certificates(void **state)
{
    struct certificates_signer ca, other_ca, made;

    (void)state;
    certificates_begin();
    ca = certificates_make("ca", NULL, NULL, 7200);
    other_ca = certificates_make("other_ca", NULL, NULL, 7200);
    made = certificates_make("alpha", &ca, "DNS:alpha.example,IP:127.0.0.1", 7200);
    certificates_signer_clear(&made);
    made = certificates_make("beta", &ca, "DNS:beta.example", 7200);
    certificates_signer_clear(&made);
    made = certificates_make("stranger", &other_ca, "DNS:alpha.example", 7200);
    certificates_signer_clear(&made);
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

/* To hub @to as hub @name would dial it. */
static struct bridge_spec spec_to(unsigned to, const char *name, const char *pinned)
{
    static char certificate[256], key[256], ca[256];
    struct bridge_spec spec = {.address = stand.hubs[to].address};
    char file[64];

    snprintf(ca, sizeof ca, "%s", certificates_path("ca.crt"));
    spec.tls.ca_file = ca;
    spec.tls.pinned_name = pinned;
    if (!name)
        return spec;
    snprintf(file, sizeof file, "%s.crt", name);
    snprintf(certificate, sizeof certificate, "%s", certificates_path(file));
    snprintf(file, sizeof file, "%s.key", name);
    snprintf(key, sizeof key, "%s", certificates_path(file));
    spec.tls.cert_file = certificate;
    spec.tls.key_file = key;
    return spec;
}

#define IS_UP(i, is_outgoing) (stand_status((i), (is_outgoing)).state == LINK_UP)

static void test_certificates_alone_make_a_link(void **state)
{
    (void)state;
    stand_start(0, (struct stand_wish){.listens_not = true});
    stand_start(1, (struct stand_wish){.certificate = "beta", .asks_certificates = true, .peer = "alpha"});
    stand_bridge(0, spec_to(1, "alpha", "beta"));
    run_until(IS_UP(0, true) && IS_UP(1, false));
}

static void test_an_alternative_name_is_as_good_as_the_common_one(void **state)
{
    (void)state;
    stand_start(0, (struct stand_wish){.listens_not = true});
    stand_start(
        1, (struct stand_wish){.certificate = "beta", .asks_certificates = true, .peer = "alpha.example"});
    stand_bridge(0, spec_to(1, "alpha", "beta.example"));
    run_until(IS_UP(0, true));
}

static void test_a_secret_is_used_where_the_bridge_has_one(void **state)
{
    struct bridge_spec spec;

    (void)state;
    stand_start(0, (struct stand_wish){.listens_not = true});
    stand_start(1, (struct stand_wish){.certificate = "beta", .asks_certificates = true, .secret = "s"});
    spec = spec_to(1, "alpha", "beta");
    spec.secret = "s";
    stand_bridge(0, spec);
    run_until(IS_UP(0, true));
}

static void test_what_certificates_do_not_allow_is_refused_and_both_sides_say_why(void **state)
{
    static const struct {
        const char *what;
        struct stand_wish far;
        const char *own_certificate;
        const char *pinned;
        const char *secret;
        const char *reason;
        const char *text;
    } rows[] = {
        {"a name that may not link",
         {.certificate = "beta", .asks_certificates = true, .peer = "gamma"},
         "alpha",
         "beta",
         NULL,
         "name_not_allowed",
         "--link-peer"},
        {"nor with the secret",
         {.certificate = "beta", .asks_certificates = true, .peer = "gamma", .secret = "s"},
         "alpha",
         "beta",
         "s",
         "name_not_allowed",
         "--link-peer"},
        {"another name than the pinned one",
         {.certificate = "alpha", .asks_certificates = true, .peer = "alpha"},
         "alpha",
         "beta",
         NULL,
         "pinned_name",
         "not the pinned beta"},
        {"a certificate of another authority",
         {.certificate = "stranger", .asks_certificates = true, .peer = "alpha"},
         "alpha",
         "alpha.example",
         NULL,
         "tls_failed",
         "issuer"},
        {"no certificate where names are not asked for, and no secret",
         {.certificate = "beta", .asks_certificates = true},
         "alpha",
         "beta",
         NULL,
         "links_not_enabled",
         "--link-secret-file"},
        {"a wrong secret where names are not asked for",
         {.certificate = "beta", .asks_certificates = true, .secret = "s"},
         "alpha",
         "beta",
         "t",
         "wrong_secret",
         "secret"},
    };

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bridge_spec spec;
        struct link_status status;

        stand_begin(state);
        stand_start(0, (struct stand_wish){.listens_not = true});
        stand_start(1, rows[i].far);
        spec = spec_to(1, rows[i].own_certificate, rows[i].pinned);
        spec.secret = rows[i].secret;
        stand_bridge(0, spec);
        run_until(stand_status(0, true).last_error[0]);
        status = stand_status(0, true);
        assert_row(rows[i].what, strcmp(status.reason, rows[i].reason) == 0);
        assert_row(rows[i].what, strstr(status.last_error, rows[i].text) != NULL);
        assert_row(rows[i].what, status.state == LINK_REFUSED);
        stand_end(state);
    }
}

static void test_a_pinned_name_is_checked_besides_the_server_name(void **state)
{
    struct bridge_spec spec;

    stand_begin(state);
    stand_start(0, (struct stand_wish){.listens_not = true});
    stand_start(1, (struct stand_wish){.certificate = "alpha", .asks_certificates = true, .peer = "beta"});
    spec = spec_to(1, "beta", "gamma");
    spec.tls.server_name = "alpha.example";
    stand_bridge(0, spec);
    run_until(stand_status(0, true).state == LINK_REFUSED);
    assert_string_equal(stand_status(0, true).reason, "pinned_name");
    assert_non_null(strstr(stand_status(0, true).last_error, "bears the name alpha, not the pinned gamma"));
    stand_end(state);
}

static void test_a_bridge_needs_a_secret_or_certificates(void **state)
{
    struct bridge_spec spec = {.address = "tls://127.0.0.1:7000"};
    struct bridge_fault fault;

    (void)state;
    stand_start(0, (struct stand_wish){.listens_not = true});
    assert_int_equal(stand_try_bridge(0, spec, &fault), FEDERATION_E_INVALID);
    assert_non_null(strstr(fault.why, "tls.pinned_name"));
    spec.tls.pinned_name = "*.example";
    assert_int_equal(stand_try_bridge(0, spec, &fault), FEDERATION_E_INVALID);
    assert_non_null(strstr(fault.why, "without wildcards"));
    spec.address = "tcp://127.0.0.1:7000";
    spec.tls.pinned_name = "beta";
    assert_int_equal(stand_try_bridge(0, spec, &fault), FEDERATION_E_INVALID);
    assert_non_null(strstr(fault.why, "need a tls:// address"));
}

static int dial_plain(const char *address_text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)strtoul(strrchr(address_text, ':') + 1, NULL, 10));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char octet;
    ssize_t n = recv(fd, &octet, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void test_whoever_is_no_hub_is_sent_away(void **state)
{
    static const char *const rows[] = {"GET / HTTP/1.1\r\n\r\n", "\0\0\0\0", "\0\0\x20\0"};
    static const size_t lengths[] = {18, 4, 4};

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s"});
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        int fd = dial_plain(stand.hubs[0].address);

        assert_int_equal(send(fd, rows[i], lengths[i], 0), (ssize_t)lengths[i]);
        run_until(is_closed(fd));
        close(fd);
    }
    assert_int_equal(stand.hubs[0].federation->n_callers, 0);
}

static void test_no_more_than_64_wait_unproven(void **state)
{
    int fds[LINK_LISTENER_MAX_CALLERS];
    int one_more;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s"});
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        fds[i] = dial_plain(stand.hubs[0].address);
    run_until(stand.hubs[0].federation->n_callers == LINK_LISTENER_MAX_CALLERS);
    one_more = dial_plain(stand.hubs[0].address);
    run_until(is_closed(one_more));
    close(one_more);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        close(fds[i]);
    run_until(stand.hubs[0].federation->n_callers == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_begin, stand_end)
    const struct CMUnitTest tests[] = {
        TEST(test_certificates_alone_make_a_link),
        TEST(test_an_alternative_name_is_as_good_as_the_common_one),
        TEST(test_a_secret_is_used_where_the_bridge_has_one),
        cmocka_unit_test(test_what_certificates_do_not_allow_is_refused_and_both_sides_say_why),
        cmocka_unit_test(test_a_pinned_name_is_checked_besides_the_server_name),
        TEST(test_a_bridge_needs_a_secret_or_certificates),
        TEST(test_whoever_is_no_hub_is_sent_away),
        TEST(test_no_more_than_64_wait_unproven),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
