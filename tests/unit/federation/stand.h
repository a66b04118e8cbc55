/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Hubs with federation on one loop, for tests of links over real sockets: they link on addresses of their own
 */
#ifndef COMMHUB_TESTS_FEDERATION_STAND_H
#define COMMHUB_TESTS_FEDERATION_STAND_H

#include <stdio.h>

#include "federation/federation.h"
#include "federation/link_state.h"
#include "hub/base/clock.h"
#include "tests/support/certificates.h"
#include "tests/support/unit.h"

#define MAX_HUBS 4

struct stand_hub {
    struct hub *hub;
    struct federation *federation;
    struct tls_context *tls;
    char address[ADDRESS_TEXT_SIZE];
};

struct stand {
    struct loop *loop;
    struct mailbox *mailbox;
    struct stand_hub hubs[MAX_HUBS];
};

static struct stand stand;

static void stand_note(void *context, enum log_level level, enum log_stream stream, const char *event,
                       const struct log_field *fields, size_t n_fields)
{
    (void)context;
    (void)level;
    (void)stream;
    (void)event;
    (void)fields;
    (void)n_fields;
}

/* Runs the loop until @condition or 5 s have passed. */
#define run_until(condition)                                                                                 \
    do {                                                                                                     \
        uint64_t until_ = clock_monotonic_ms() + 5000;                                                       \
        while (!(condition) && clock_monotonic_ms() < until_)                                                \
            loop_turn(stand.loop, 20);                                                                       \
        assert_true(condition);                                                                              \
    } while (0)

static int stand_begin(void **state)
{
    (void)state;
    memset(&stand, 0, sizeof stand);
    assert_int_equal(loop_new(&stand.loop), 0);
    assert_int_equal(mailbox_new(&stand.mailbox, stand.loop), 0);
    return 0;
}

static void stand_stop(unsigned i)
{
    struct stand_hub *one = &stand.hubs[i];

    federation_free(one->federation);
    hub_free(one->hub);
    tls_context_unref(one->tls);
    memset(one, 0, sizeof *one);
}

static int stand_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_HUBS; i++)
        stand_stop(i);
    for (unsigned i = 0; i < 5; i++)
        loop_turn(stand.loop, 2);
    mailbox_free(stand.mailbox);
    loop_free(stand.loop);
    return 0;
}

struct stand_wish {
    char id;               /* of which the hub id consists; 0: 'a' and so on */
    const char *server_id; /* NULL: hub-0 and so on */
    const char *secret;
    const char *certificate; /* of the link listener: name of its files; NULL: plain tcp */
    bool asks_certificates;
    const char *peer; /* that may link by its certificate; NULL: no names are asked for */
    bool listens_not; /* it only dials */
};

static void stand_listen(unsigned i, bool is_tls)
{
    struct address address = {.kind = is_tls ? ADDRESS_TLS : ADDRESS_TCP, .host = "127.0.0.1"};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];

    assert_int_equal(federation_listen(stand.hubs[i].federation, &address, &options, why), 0);
    assert_true(federation_listener_text(stand.hubs[i].federation, 0, stand.hubs[i].address));
}

static struct tls_context *stand_server_tls(const struct stand_wish *wish)
{
    struct tls_context *tls;
    struct tls_files files = {.ca = wish->asks_certificates ? certificates_path("ca.crt") : NULL};
    char file[64];
    char why[TLS_WHY_SIZE];

    snprintf(file, sizeof file, "%s.crt", wish->certificate);
    files.certificate = certificates_path(file);
    snprintf(file, sizeof file, "%s.key", wish->certificate);
    files.key = certificates_path(file);
    assert_int_equal(tls_context_new_server(&tls, &files, why), 0);
    return tls;
}

static void stand_start(unsigned i, struct stand_wish wish)
{
    struct stand_hub *one = &stand.hubs[i];
    struct outlet outlet = {.note = stand_note};
    char server_id[16] = "";
    struct hub_options hub_options = {.server_id = bytes_of_text(server_id)};
    struct federation_options options = {
        .incarnation = 1,
        .server_id = bytes_of_text(server_id),
        .link_secret = wish.secret,
        .outlet = outlet,
        .link_peers = &wish.peer,
        .n_link_peers = wish.peer ? 1 : 0,
    };

    snprintf(server_id, sizeof server_id, "hub-%u", i);
    hub_options.server_id = options.server_id = bytes_of_text(wish.server_id ? wish.server_id : server_id);
    memset(options.hub_id, wish.id ? wish.id : (char)('a' + i), 32);
    if (wish.certificate)
        options.link_tls = one->tls = stand_server_tls(&wish);
    assert_int_equal(hub_new(&one->hub, &hub_options, &outlet), 0);
    assert_int_equal(federation_new(&one->federation, stand.loop, stand.mailbox, one->hub, &options), 0);
    if (!wish.listens_not)
        stand_listen(i, wish.certificate != NULL);
}

/* Bridge b of hub @i. */
static int stand_try_bridge(unsigned i, struct bridge_spec spec, struct bridge_fault *fault)
{
    spec.name = "b";
    spec.cost = 10;
    return federation_control_put_bridge(stand.hubs[i].federation, &spec, fault);
}

static void stand_bridge(unsigned i, struct bridge_spec spec)
{
    struct bridge_fault fault;

    if (stand_try_bridge(i, spec, &fault) != 0)
        fail_msg("%s", fault.why);
}

/* The first link that is or is not outgoing; state LINK_PAUSED and no name where there is none. */
static struct link_status stand_status(unsigned i, bool is_outgoing)
{
    struct link_status found = {0};
    struct link_status *links;
    size_t n;

    assert_int_equal(federation_control_links(stand.hubs[i].federation, &links, &n), 0);
    for (size_t at = 0; at < n; at++) {
        if (links[at].is_outgoing == is_outgoing) {
            found = links[at];
            break;
        }
    }
    free(links);
    return found;
}

static inline size_t stand_count_links(unsigned i)
{
    struct link_status *links;
    size_t n;

    assert_int_equal(federation_control_links(stand.hubs[i].federation, &links, &n), 0);
    free(links);
    return n;
}

struct stand_trial {
    bool is_over;
    struct trial_report *report;
};

static inline void stand_take_report(void *context, struct trial_report *report)
{
    struct stand_trial *trial = context;

    assert_false(trial->is_over);
    trial->is_over = true;
    trial->report = report;
}

static inline uint64_t stand_begin_trial(unsigned i, struct bridge_spec spec, struct stand_trial *trial)
{
    struct trial_asker asker = {.on_report = stand_take_report, .context = trial};
    struct bridge_fault fault;
    uint64_t id;

    spec.name = "tried";
    spec.cost = 10;
    if (federation_control_try_bridge(stand.hubs[i].federation, &spec, &asker, &id, &fault) != 0)
        fail_msg("%s", fault.why);
    return id;
}

/* What comes of trying a bridge of hub @i; for free(). */
static inline struct trial_report *stand_trial(unsigned i, struct bridge_spec spec)
{
    struct stand_trial trial = {0};

    stand_begin_trial(i, spec, &trial);
    run_until(trial.is_over);
    assert_non_null(trial.report);
    return trial.report;
}

#endif
