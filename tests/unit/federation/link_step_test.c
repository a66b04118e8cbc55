/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bridges that can't come up: each shows the step that failed and what to do, and disturbs nothing else
 */
#include "federation/link_step.h"

#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/unit/federation/stand.h"

static int make_certificates(void **state)
{
    struct certificates_signer ca, other_ca, made;

    (void)state;
    certificates_begin();
    ca = certificates_make("ca", NULL, NULL, 7200);
    other_ca = certificates_make("other_ca", NULL, NULL, 7200);
    made = certificates_make("good", &ca, "IP:127.0.0.1", 7200);
    certificates_signer_clear(&made);
    made = certificates_make("expired", &ca, "IP:127.0.0.1", -3600);
    certificates_signer_clear(&made);
    made = certificates_make("misnamed", &ca, "DNS:elsewhere.example", 7200);
    certificates_signer_clear(&made);
    made = certificates_make("foreign", &other_ca, "IP:127.0.0.1", 7200);
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

/* --- something that listens and is no hub --- */

struct impostor {
    struct listener *listener;
    struct bytes says; /* to whoever connects; nothing: it closes */
    char address[ADDRESS_TEXT_SIZE];
};

static const struct stream_marks marks = {1U << 16, 1U << 14, 1U << 20};

static size_t impostor_hears(void *owner, struct bytes in)
{
    (void)owner;
    return in.len;
}

static void impostor_ends(void *owner, enum stream_end end, const char *detail)
{
    struct stream **stream = owner;

    (void)end;
    (void)detail;
    stream_free(*stream);
    free(stream);
}

static void impostor_takes(void *owner, struct listener *listener, int fd, const char *peer)
{
    static const struct stream_events events = {.on_bytes = impostor_hears, .on_end = impostor_ends};
    const struct impostor *impostor = owner;
    struct stream **stream = calloc(1, sizeof *stream);
    struct block *block;

    (void)listener;
    (void)peer;
    assert_non_null(stream);
    assert_int_equal(stream_new(stream, stand.loop, fd, NULL, &events, &marks, stream), 0);
    if (impostor->says.len == 0) {
        stream_end(*stream, 0);
        return;
    }
    block = block_new(impostor->says.len);
    assert_non_null(block);
    memcpy(block->ptr, impostor->says.ptr, impostor->says.len);
    assert_int_equal(stream_send(*stream, block), 0);
    block_unref(block);
}

static void impostor_begin(struct impostor *impostor, struct bytes says)
{
    static const struct listener_events events = {.on_connection = impostor_takes};
    struct address address = {.kind = ADDRESS_TCP, .host = "127.0.0.1"};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];

    impostor->says = says;
    assert_int_equal(
        listener_new(&impostor->listener, stand.loop, &address, &options, &events, impostor, why), 0);
    address_text(listener_address(impostor->listener), impostor->address);
}

/* --- the table --- */

struct row {
    const char *what;
    struct stand_wish far; /* hub 1, where the address is not given */
    const char *address;   /* NULL: that of hub 1 */
    const char *scheme;    /* in place of its own; NULL: its own */
    const char *secret;
    enum link_step step;
    const char *reason;
    const char *advice; /* part of it */
};

static const struct row rows[] = {
    {"a name that nobody knows",
     {.listens_not = true},
     "tcp://no-such-host.invalid:7000",
     NULL,
     "s",
     LINK_STEP_RESOLVE,
     "not_resolved",
     "check the host name"},
    {"nobody listens",
     {.listens_not = true},
     "tcp://127.0.0.1:1",
     NULL,
     "s",
     LINK_STEP_CONNECT,
     "not_connected",
     "is the other hub running"},
    {"a plain address dialed with TLS",
     {.secret = "s"},
     NULL,
     "tls",
     "s",
     LINK_STEP_TLS,
     "tls_failed",
     "use a tcp:// address"},
    {"an address with TLS dialed plainly",
     {.secret = "s", .certificate = "good"},
     NULL,
     "tcp",
     "s",
     LINK_STEP_HANDSHAKE,
     NULL,
     "wants TLS"},
    {"a certificate that has ended",
     {.secret = "s", .certificate = "expired"},
     NULL,
     NULL,
     "s",
     LINK_STEP_TLS,
     "tls_failed",
     "give the other hub a new certificate"},
    {"a certificate for another name",
     {.secret = "s", .certificate = "misnamed"},
     NULL,
     NULL,
     "s",
     LINK_STEP_TLS,
     "tls_failed",
     "set tls.server_name"},
    {"a certificate of an unknown authority",
     {.secret = "s", .certificate = "foreign"},
     NULL,
     NULL,
     "s",
     LINK_STEP_TLS,
     "tls_failed",
     "in tls.ca_file"},
    {"a certificate that is asked for and not shown",
     {.secret = "s", .certificate = "good", .asks_certificates = true},
     NULL,
     NULL,
     "s",
     LINK_STEP_TLS,
     "tls_failed",
     ""},
    {"another secret", {.secret = "t"}, NULL, NULL, "s", LINK_STEP_PROOF, "wrong_secret", "secrets"},
    {"no links taken",
     {.secret = NULL},
     NULL,
     NULL,
     "s",
     LINK_STEP_HANDSHAKE,
     "links_not_enabled",
     "--link-secret-file"},
    {"the hub id of the one that dials",
     {.secret = "s", .id = 'a'},
     NULL,
     NULL,
     "s",
     LINK_STEP_HANDSHAKE,
     "duplicate_hub_id",
     "give it a new one"},
    {"the server id of the one that dials",
     {.secret = "s", .server_id = "hub-0"},
     NULL,
     NULL,
     "s",
     LINK_STEP_HANDSHAKE,
     "duplicate_server_id",
     "--server-id"},
};

static struct bridge_spec spec_of(const struct row *row, char address[ADDRESS_TEXT_SIZE], char ca[256])
{
    const char *own = stand.hubs[1].address;

    snprintf(ca, 256, "%s", certificates_path("ca.crt"));
    if (row->address)
        snprintf(address, ADDRESS_TEXT_SIZE, "%s", row->address);
    else if (row->scheme)
        snprintf(address, ADDRESS_TEXT_SIZE, "%s%s", row->scheme, strstr(own, "://"));
    else
        snprintf(address, ADDRESS_TEXT_SIZE, "%s", own);
    return (struct bridge_spec){.address = address, .secret = row->secret, .tls = {.ca_file = ca}};
}

static void assert_fails_as(const char *what, enum link_step step, const char *reason, const char *advice)
{
    struct link_status status;

    run_until(stand_status(0, true).last_error[0]);
    status = stand_status(0, true);
    if (status.failed_step != step || (reason && strcmp(status.reason, reason) != 0) ||
        !strstr(status.last_error, advice))
        fail_msg("%s: %s at step %s: %s", what, status.reason, link_step_name(status.failed_step),
                 status.last_error);
}

/* What stays as it is whatever bridge b of hub 0 does: the link that hub 2 has made to it. */
static void begin_good_link(void)
{
    stand_start(0, (struct stand_wish){.secret = "s"});
    stand_start(2, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_bridge(2, (struct bridge_spec){.address = stand.hubs[0].address});
    run_until(stand_status(2, true).state == LINK_UP);
}

static void test_each_wrong_wish_shows_the_step_that_failed_and_what_to_do(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char address[ADDRESS_TEXT_SIZE];
        char ca[256];

        stand_begin(state);
        begin_good_link();
        stand_start(1, rows[i].far);
        stand_bridge(0, spec_of(&rows[i], address, ca));
        assert_fails_as(rows[i].what, rows[i].step, rows[i].reason, rows[i].advice);
        assert_row(rows[i].what, stand_status(2, true).state == LINK_UP);
        stand_end(state);
    }
}

static void test_a_trial_of_each_wrong_wish_ends_at_the_same_step_with_the_same_words(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct trial_report *report;
        char address[ADDRESS_TEXT_SIZE];
        char ca[256];

        stand_begin(state);
        begin_good_link();
        stand_start(1, rows[i].far);
        report = stand_trial(0, spec_of(&rows[i], address, ca));
        if (report->has_passed || report->failed_step != rows[i].step ||
            report->steps[report->n_steps - 1].step != rows[i].step ||
            (rows[i].reason && strcmp(report->reason, rows[i].reason) != 0) ||
            !strstr(report->last_error, rows[i].advice))
            fail_msg("%s: %s at step %s: %s", rows[i].what, report->reason,
                     link_step_name(report->failed_step), report->last_error);
        assert_row(rows[i].what, stand_count_links(0) == 1 && stand_status(2, true).state == LINK_UP);
        free(report);
        stand_end(state);
    }
}

static void test_a_bridge_to_the_hub_itself_is_found_out(void **state)
{
    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s"});
    stand_bridge(0, (struct bridge_spec){.address = stand.hubs[0].address});
    assert_fails_as("itself", LINK_STEP_HANDSHAKE, "itself", "another hub's address");
}

static void test_what_is_no_hub_is_told_as_such(void **state)
{
    struct buffer error = {0};
    struct impostor impostors[3];
    struct block *frame;

    (void)state;
    frame_begin(&error);
    msgpack_write_map(&error, 2);
    msgpack_write_str(&error, BYTES_LITERAL("type"));
    msgpack_write_str(&error, BYTES_LITERAL("error"));
    msgpack_write_str(&error, BYTES_LITERAL("message"));
    msgpack_write_str(&error, BYTES_LITERAL("identify first"));
    stand_start(0, (struct stand_wish){.secret = "s"});
    frame = frame_finish(&error);
    impostor_begin(&impostors[0], BYTES_LITERAL("HTTP/1.1 400 Bad Request\r\n\r\n"));
    impostor_begin(&impostors[1], block_bytes(frame));
    impostor_begin(&impostors[2], BYTES_NONE);
    stand_bridge(0, (struct bridge_spec){.address = impostors[0].address});
    assert_fails_as("a web server", LINK_STEP_HANDSHAKE, "not_a_hub", "set kind to reference");
    stand_bridge(0, (struct bridge_spec){.address = impostors[1].address});
    assert_fails_as("a Python hub", LINK_STEP_HANDSHAKE, "not_a_hub", "set kind to reference");
    stand_bridge(0, (struct bridge_spec){.address = impostors[2].address});
    assert_fails_as("it closes", LINK_STEP_HANDSHAKE, NULL, "perhaps no CommHub");
    federation_control_remove_bridge(stand.hubs[0].federation, "b");
    for (unsigned i = 0; i < 20; i++)
        loop_turn(stand.loop, 5);
    for (size_t i = 0; i < N_ELEMENTS(impostors); i++)
        listener_free(impostors[i].listener);
    block_unref(frame);
}

static void test_a_hub_id_that_the_mesh_has_already_is_refused_by_whoever_is_dialed(void **state)
{
    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .id = 'd'});
    stand_start(1, (struct stand_wish){.secret = "s"});
    stand_start(2, (struct stand_wish){.secret = "s"});
    stand_start(3, (struct stand_wish){.secret = "s", .id = 'd'});
    stand_bridge(0, (struct bridge_spec){.address = stand.hubs[1].address});
    stand_bridge(1, (struct bridge_spec){.address = stand.hubs[2].address});
    run_until(stand_status(0, true).state == LINK_UP && stand_status(1, true).state == LINK_UP);
    run_until(federation_control_counts(stand.hubs[2].federation).n_origins == 2);
    stand_bridge(3, (struct bridge_spec){.address = stand.hubs[2].address});
    run_until(stand_status(3, true).state == LINK_REFUSED);
    assert_string_equal(stand_status(3, true).reason, "duplicate_hub_id");
    assert_non_null(strstr(stand_status(3, true).last_error, "another hub of the mesh has the same hub id"));
    assert_int_equal(stand_status(0, true).state, LINK_UP);
}

static void test_of_two_meshes_that_meet_both_hubs_with_one_id_leave_and_say_why(void **state)
{
    struct link_status left;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .id = 'd'});
    stand_start(1, (struct stand_wish){.secret = "s"});
    stand_start(2, (struct stand_wish){.secret = "s"});
    stand_start(3, (struct stand_wish){.secret = "s", .id = 'd'});
    stand_bridge(0, (struct bridge_spec){.address = stand.hubs[1].address});
    stand_bridge(3, (struct bridge_spec){.address = stand.hubs[2].address});
    run_until(stand_status(0, true).state == LINK_UP && stand_status(3, true).state == LINK_UP);
    stand_bridge(1, (struct bridge_spec){.address = stand.hubs[2].address});
    run_until(stand_status(0, true).state == LINK_REFUSED || stand_status(3, true).state == LINK_REFUSED);
    left = stand_status(stand_status(0, true).state == LINK_REFUSED ? 0 : 3, true);
    assert_string_equal(left.reason, "duplicate_hub_id");
    assert_int_equal(left.failed_step, LINK_STEP_SYNC);
    run_until(stand_status(1, true).state == LINK_UP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_begin, stand_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_wrong_wish_shows_the_step_that_failed_and_what_to_do),
        cmocka_unit_test(test_a_trial_of_each_wrong_wish_ends_at_the_same_step_with_the_same_words),
        TEST(test_a_bridge_to_the_hub_itself_is_found_out),
        TEST(test_what_is_no_hub_is_told_as_such),
        TEST(test_a_hub_id_that_the_mesh_has_already_is_refused_by_whoever_is_dialed),
        TEST(test_of_two_meshes_that_meet_both_hubs_with_one_id_leave_and_say_why),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
