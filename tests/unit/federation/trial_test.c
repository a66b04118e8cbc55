/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Trying a bridge: what it finds, and that nothing else notices; wrong wishes are in link_step_test.c
 */
#include "federation/trial.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "tests/unit/federation/stand.h"

static int make_certificates(void **state)
{
    struct certificates_signer ca, made;

    (void)state;
    certificates_begin();
    ca = certificates_make("ca", NULL, NULL, 7200);
    made = certificates_make("good", &ca, "IP:127.0.0.1", 7200);
    certificates_signer_clear(&made);
    certificates_signer_clear(&ca);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    certificates_end();
    return 0;
}

static void assert_steps(const struct trial_report *report, const enum link_step *steps, size_t n)
{
    uint64_t sum_us = 0;

    assert_int_equal(report->n_steps, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(report->steps[i].step, steps[i]);
        sum_us += report->steps[i].elapsed_us;
    }
    assert_true(sum_us > 0 && sum_us <= report->elapsed_us);
}

static size_t count_hubs(unsigned i)
{
    struct mesh_hub_list list = {0};
    size_t n;

    while (federation_control_hubs(stand.hubs[i].federation, &list) == FEDERATION_E_GOES_ON)
        ;
    n = list.n;
    federation_control_clear_hubs(&list);
    return n;
}

/* Whatever a trial might have left behind would have come by now. */
static void settle(void)
{
    for (unsigned i = 0; i < 30; i++)
        loop_turn(stand.loop, 5);
}

static void test_a_sound_wish_passes_and_tells_who_answered(void **state)
{
    static const enum link_step steps[] = {LINK_STEP_RESOLVE, LINK_STEP_CONNECT, LINK_STEP_HANDSHAKE,
                                           LINK_STEP_PROOF};
    struct trial_report *report;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_start(1, (struct stand_wish){.secret = "s"});
    report = stand_trial(0, (struct bridge_spec){.address = stand.hubs[1].address});
    assert_true(report->has_passed);
    assert_int_equal(report->kind, BRIDGE_NATIVE);
    assert_string_equal(report->server_id, "hub-1");
    assert_string_equal(report->hub_id, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_string_equal(report->release, "unknown");
    assert_int_equal(report->failed_step, LINK_STEP_NONE);
    assert_string_equal(report->last_error, "");
    assert_steps(report, steps, N_ELEMENTS(steps));
    free(report);
}

static void test_tls_is_a_step_of_its_own(void **state)
{
    static const enum link_step steps[] = {LINK_STEP_RESOLVE, LINK_STEP_CONNECT, LINK_STEP_TLS,
                                           LINK_STEP_HANDSHAKE, LINK_STEP_PROOF};
    struct trial_report *report;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_start(1, (struct stand_wish){.secret = "s", .certificate = "good"});
    report = stand_trial(0, (struct bridge_spec){.address = stand.hubs[1].address,
                                                 .tls = {.ca_file = certificates_path("ca.crt")}});
    assert_true(report->has_passed);
    assert_steps(report, steps, N_ELEMENTS(steps));
    free(report);
}

static void test_neither_hub_keeps_anything_of_a_trial(void **state)
{
    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_start(1, (struct stand_wish){.secret = "s"});
    free(stand_trial(0, (struct bridge_spec){.address = stand.hubs[1].address, .is_paused = true}));
    settle();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(stand_count_links(i), 0);
        assert_int_equal(count_hubs(i), 1);
        assert_int_equal(federation_control_counts(stand.hubs[i].federation).n_origins, 0);
    }
    assert_int_equal(federation_control_remove_bridge(stand.hubs[0].federation, "tried"),
                     FEDERATION_E_UNKNOWN);
}

static void test_a_link_between_the_same_hubs_does_not_notice(void **state)
{
    struct link_status before;
    struct link_status after;
    struct trial_report *report;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_start(1, (struct stand_wish){.secret = "s"});
    stand_bridge(0, (struct bridge_spec){.address = stand.hubs[1].address});
    run_until(stand_status(0, true).state == LINK_UP && stand_status(1, false).state == LINK_UP);
    before = stand_status(1, false);
    report = stand_trial(0, (struct bridge_spec){.address = stand.hubs[1].address});
    settle();
    after = stand_status(1, false);
    assert_true(report->has_passed);
    assert_true(stand_count_links(0) == 1 && stand_count_links(1) == 1);
    assert_int_equal(after.state, LINK_UP);
    assert_true(before.since_ms == after.since_ms && after.cuts == 0);
    free(report);
}

static void test_a_trial_of_the_hub_itself_is_found_out(void **state)
{
    struct trial_report *report;

    (void)state;
    stand_start(0, (struct stand_wish){.secret = "s"});
    report = stand_trial(0, (struct bridge_spec){.address = stand.hubs[0].address});
    assert_int_equal(report->failed_step, LINK_STEP_HANDSHAKE);
    assert_string_equal(report->reason, "itself");
    assert_non_null(strstr(report->last_error, "another hub's address"));
    settle();
    assert_int_equal(stand_count_links(0), 0);
    free(report);
}

static void test_a_wish_that_can_not_be_is_refused_before_anything_is_dialed(void **state)
{
    struct trial_asker asker = {.on_report = stand_take_report};
    const struct bridge_spec spec = {.name = "tried", .cost = 10, .address = "tcp://127.0.0.1:1"};
    struct bridge_fault fault;
    uint64_t id;

    (void)state;
    stand_start(0, (struct stand_wish){.listens_not = true});
    assert_int_equal(federation_control_try_bridge(stand.hubs[0].federation, &spec, &asker, &id, &fault),
                     FEDERATION_E_INVALID);
    assert_string_equal(fault.member, "secret");
    assert_non_null(strstr(fault.why, "secret is missing"));
}

/* --- what accepts and never says a word --- */

struct silence {
    int fd;
    char address[64];
};

static void silence_begin(struct silence *silence)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;

    silence->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(silence->fd, (struct sockaddr *)&any, len), 0);
    assert_int_equal(listen(silence->fd, 16), 0);
    assert_int_equal(getsockname(silence->fd, (struct sockaddr *)&any, &len), 0);
    snprintf(silence->address, sizeof silence->address, "tcp://127.0.0.1:%u", ntohs(any.sin_port));
}

static void test_at_most_eight_are_under_way_and_one_is_forgotten_at_once(void **state)
{
    struct stand_trial trials[TRIAL_MOST_AT_ONCE] = {0};
    struct bridge_spec spec = {.name = "tried", .cost = 10};
    struct trial_asker asker = {.on_report = stand_take_report};
    struct bridge_fault fault;
    struct silence silence;
    uint64_t ids[TRIAL_MOST_AT_ONCE];
    uint64_t id;

    (void)state;
    silence_begin(&silence);
    spec.address = silence.address;
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    for (size_t i = 0; i < TRIAL_MOST_AT_ONCE; i++)
        ids[i] = stand_begin_trial(0, spec, &trials[i]);
    assert_int_equal(federation_control_try_bridge(stand.hubs[0].federation, &spec, &asker, &id, &fault),
                     FEDERATION_E_BUSY);
    settle();
    assert_true(federation_control_forget_trial(stand.hubs[0].federation, ids[3]));
    assert_false(federation_control_forget_trial(stand.hubs[0].federation, ids[3]));
    ids[3] = stand_begin_trial(0, spec, &trials[3]);
    federation_drain(stand.hubs[0].federation);
    for (size_t i = 0; i < TRIAL_MOST_AT_ONCE; i++)
        assert_true(trials[i].is_over && !trials[i].report);
    assert_int_equal(federation_control_try_bridge(stand.hubs[0].federation, &spec, &asker, &id, &fault),
                     FEDERATION_E_BUSY);
    close(silence.fd);
}

static void test_silence_ends_a_trial_in_time_and_names_the_step(void **state)
{
    struct stand_trial trial = {0};
    uint64_t began_ms = clock_monotonic_ms();
    struct silence silence;

    (void)state;
    silence_begin(&silence);
    stand_start(0, (struct stand_wish){.secret = "s", .listens_not = true});
    stand_begin_trial(0, (struct bridge_spec){.address = silence.address}, &trial);
    while (!trial.is_over && clock_monotonic_ms() - began_ms < TRIAL_WAIT_MS + 2000)
        loop_turn(stand.loop, 100);
    assert_non_null(trial.report);
    assert_true(trial.report->elapsed_us >= (uint64_t)(TRIAL_WAIT_MS - 100) * 1000);
    assert_string_equal(trial.report->reason, "timed_out");
    assert_int_equal(trial.report->failed_step, LINK_STEP_HANDSHAKE);
    assert_non_null(strstr(trial.report->last_error, "no answer came within 9 s; what listens there"));
    free(trial.report);
    close(silence.fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_begin, stand_end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_wish_passes_and_tells_who_answered),
        TEST(test_tls_is_a_step_of_its_own),
        TEST(test_neither_hub_keeps_anything_of_a_trial),
        TEST(test_a_link_between_the_same_hubs_does_not_notice),
        TEST(test_a_trial_of_the_hub_itself_is_found_out),
        TEST(test_a_wish_that_can_not_be_is_refused_before_anything_is_dialed),
        TEST(test_at_most_eight_are_under_way_and_one_is_forgotten_at_once),
        TEST(test_silence_ends_a_trial_in_time_and_names_the_step),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
