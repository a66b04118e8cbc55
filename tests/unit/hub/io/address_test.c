/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <errno.h>

#include "hub/io/address.h"

static void test_good_addresses_are_read_and_written_back(void **state)
{
    static const struct {
        const char *what;
        enum address_kind kind;
        const char *host;
        uint16_t port;
        const char *text; /* NULL: as given */
    } rows[] = {
        {"unix:/run/commhub/hub.sock", ADDRESS_UNIX, "/run/commhub/hub.sock", 0, NULL},
        {"unix:hub.sock", ADDRESS_UNIX, "hub.sock", 0, NULL},
        {"unix:///run/hub.sock", ADDRESS_UNIX, "/run/hub.sock", 0, "unix:/run/hub.sock"},
        {"tcp://127.0.0.1:7070", ADDRESS_TCP, "127.0.0.1", 7070, NULL},
        {"tcp://hub-1.example.org:1", ADDRESS_TCP, "hub-1.example.org", 1, NULL},
        {"tcp://0.0.0.0:0", ADDRESS_TCP, "0.0.0.0", 0, NULL},
        {"tls://hub_two:65535", ADDRESS_TLS, "hub_two", 65535, NULL},
        {"tls://[::1]:7443", ADDRESS_TLS, "::1", 7443, NULL},
        {"tcp://[fe80::1%eth0]:7443", ADDRESS_TCP, "fe80::1%eth0", 7443, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct address address;
        const char *why = NULL;
        char text[ADDRESS_TEXT_SIZE];

        assert_row(rows[i].what, address_parse(rows[i].what, &address, &why) == 0);
        assert_row(rows[i].what, address.kind == rows[i].kind && address.port == rows[i].port);
        assert_string_equal(address.host, rows[i].host);
        address_text(&address, text);
        assert_string_equal(text, rows[i].text ? rows[i].text : rows[i].what);
    }
}

static void test_bad_addresses_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *what;
        const char *why; /* a part of the sentence */
    } rows[] = {
        {"", "begins with"},
        {"127.0.0.1:7070", "begins with"},
        {"http://127.0.0.1:7070", "begins with"},
        {"unix:", "path is missing"},
        {"unix:/run/commhub/", "directory"},
        {"tcp://", "port is missing"},
        {"tcp://127.0.0.1", "port is missing"},
        {"tcp://:7070", "host is missing"},
        {"tcp://[]:7070", "host is missing"},
        {"tcp://[::1]", "port is missing"},
        {"tcp://[::1:7070", "port is missing"},
        {"tcp://::1:7070", "brackets"},
        {"tcp://127.0.0.1:", "no number"},
        {"tcp://127.0.0.1:65536", "no number"},
        {"tcp://127.0.0.1:-1", "no number"},
        {"tcp://127.0.0.1:70x", "no number"},
        {"tcp://a b:7070", "character"},
        {"tcp://user@host:7070", "character"},
        {"tls://host/path:7070", "character"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct address address;
        const char *why = NULL;

        assert_row(rows[i].what, address_parse(rows[i].what, &address, &why) == -EINVAL);
        assert_non_null(why);
        if (!strstr(why, rows[i].why))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].what, why, rows[i].why);
    }
}

static void test_the_longest_path_and_name_are_taken_and_a_longer_one_is_refused(void **state)
{
    char text[400] = "unix:/";
    struct address address;
    const char *why;

    (void)state;
    memset(text + 6, 'a', 106);
    assert_int_equal(address_parse(text, &address, &why), 0);
    assert_int_equal(strlen(address.host), 107);
    text[6 + 106] = 'a';
    assert_int_equal(address_parse(text, &address, &why), -EINVAL);

    memset(text, 0, sizeof text);
    memcpy(text, "tcp://", 6);
    memset(text + 6, 'a', 254);
    memcpy(text + 6 + 254, ":1", 2);
    assert_int_equal(address_parse(text, &address, &why), 0);
    memset(text + 6, 'a', 255);
    memcpy(text + 6 + 255, ":1", 2);
    assert_int_equal(address_parse(text, &address, &why), -EINVAL);
    assert_non_null(strstr(why, "too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_addresses_are_read_and_written_back),
        cmocka_unit_test(test_bad_addresses_are_refused_with_the_reason),
        cmocka_unit_test(test_the_longest_path_and_name_are_taken_and_a_longer_one_is_refused),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
