/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A real hub and the clients of a test on one loop, with a unix socket between them. Included by unit tests
 * only.
 */
#ifndef COMMHUB_TESTS_CLIENT_STAND_H
#define COMMHUB_TESTS_CLIENT_STAND_H

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include "hub/base/buffer.h"
#include "hub/base/clock.h"
#include "hub/client/commipc.h"
#include "hub/client/commipc_loop.h"
#include "hub/server/server.h"
#include "hub/wire/json_text.h"

#define STAND_WAIT_MS 5000

struct stand {
    struct loop *loop;
    struct hub *hub;
    struct server *server;
    const char *secret;
    char folder[32];
    char address[64];
};

static inline void stand_ignore(void *context, enum log_level level, enum log_stream stream,
                                const char *event, const struct log_field *fields, size_t n_fields)
{
    (void)context;
    (void)level;
    (void)stream;
    (void)event;
    (void)fields;
    (void)n_fields;
}

static inline void stand_start_hub(struct stand *stand)
{
    struct outlet outlet = {.note = stand_ignore};
    struct hub_options hub_options = {.server_id = BYTES_LITERAL("hub"), .call_deadline_ms = 60000};
    struct server_options options = {.connection_secret = bytes_of_text(stand->secret),
                                     .idle_timeout_ms = 60000,
                                     .data_timeout_ms = 60000,
                                     .max_frame_bytes = 16U << 20,
                                     .max_connections = 100};
    struct address address;
    char trouble[LISTENER_WHY_SIZE];
    const char *why;

    assert_int_equal(hub_new(&stand->hub, &hub_options, &outlet), 0);
    assert_int_equal(server_new(&stand->server, stand->loop, stand->hub, &options), 0);
    assert_int_equal(address_parse(stand->address, &address, &why), 0);
    assert_int_equal(server_listen(stand->server, &address, trouble), 0);
}

static inline void stand_kill_hub(struct stand *stand)
{
    server_free(stand->server);
    hub_free(stand->hub);
    stand->server = NULL;
    stand->hub = NULL;
}

static inline void stand_up(struct stand *stand, const char *secret)
{
    *stand = (struct stand){.secret = secret, .folder = "/tmp/commipc-test-XXXXXX"};
    assert_non_null(mkdtemp(stand->folder));
    snprintf(stand->address, sizeof stand->address, "unix:%s/hub.sock", stand->folder);
    assert_int_equal(loop_new(&stand->loop), 0);
    stand_start_hub(stand);
}

static inline void stand_down(struct stand *stand)
{
    char lock[96];

    stand_kill_hub(stand);
    loop_free(stand->loop);
    snprintf(lock, sizeof lock, "%s/hub.sock.lock", stand->folder);
    unlink(lock);
    rmdir(stand->folder);
}

/* Turns the loop until the condition holds. */
#define stand_until(stand, condition)                                                                        \
    do {                                                                                                     \
        uint64_t end_ms_ = clock_monotonic_ms() + STAND_WAIT_MS;                                             \
        while (!(condition) && clock_monotonic_ms() < end_ms_)                                               \
            assert_int_equal(loop_turn((stand)->loop, 20), 0);                                               \
        if (!(condition))                                                                                    \
            fail_msg("not in time: %s", #condition);                                                         \
    } while (0)

static inline void stand_wait_ms(struct stand *stand, uint64_t ms)
{
    uint64_t end_ms = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < end_ms)
        assert_int_equal(loop_turn(stand->loop, 5), 0);
}

/* What callbacks have told, in words and counts. */
struct heard {
    int n_done;
    int outcome;
    char text[256];
    int n_answers;
    int n_final;
    int n_messages;
    int n_errors;
    int n_ready;
    enum commipc_state state;
    char json[512];  /* of the last data */
    char event[128]; /* of the last message */
    char sender[128];
    char error[512];
    char detail[512];
};

static inline void heard_json(struct heard *heard, struct commipc_value value)
{
    struct buffer out = {0};

    heard->json[0] = '\0';
    if (value.len && json_text_append(bytes_of(value.ptr, value.len), &out) == 0)
        snprintf(heard->json, sizeof heard->json, "%.*s", (int)out.len, (const char *)out.ptr);
    buffer_clear(&out);
}

static inline void heard_done(void *user, int outcome, const char *text)
{
    struct heard *heard = user;

    heard->n_done++;
    heard->outcome = outcome;
    snprintf(heard->text, sizeof heard->text, "%s", text);
}

static inline void heard_answer(void *user, const struct commipc_answer *answer)
{
    struct heard *heard = user;

    heard->n_answers++;
    heard->n_final += answer->is_final;
    heard->outcome = answer->outcome;
    snprintf(heard->text, sizeof heard->text, "%s", answer->text);
    if (answer->data.len)
        heard_json(heard, answer->data);
}

static inline void heard_message(void *user, const struct commipc_message *message)
{
    struct heard *heard = user;

    heard->n_messages++;
    heard_json(heard, message->data);
    snprintf(heard->event, sizeof heard->event, "%.*s", (int)message->event.len, message->event.ptr);
    snprintf(heard->sender, sizeof heard->sender, "%.*s", (int)message->sender_id.len,
             message->sender_id.ptr);
}

static inline void heard_state(void *user, enum commipc_state state, const char *detail)
{
    struct heard *heard = user;

    heard->state = state;
    heard->n_ready += state == COMMIPC_READY;
    snprintf(heard->detail, sizeof heard->detail, "%s", detail);
}

static inline void heard_error(void *user, const char *text)
{
    struct heard *heard = user;

    heard->n_errors++;
    snprintf(heard->error, sizeof heard->error, "%s", text);
}

static inline struct commipc_options stand_options(struct stand *stand, const char *id, struct heard *heard)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;

    options.address = stand->address;
    options.client_id = id;
    options.connection_secret = stand->secret;
    options.loop = commipc_loop_of(stand->loop);
    options.reconnect_least_ms = 10;
    options.reconnect_most_ms = 40;
    options.on_state = heard_state;
    options.on_error = heard_error;
    options.user = heard;
    return options;
}

/* A client that is READY. */
static inline struct commipc_client *stand_client(struct stand *stand, const char *id, struct heard *heard)
{
    struct commipc_options options = stand_options(stand, id, heard);
    struct commipc_client *client;

    *heard = (struct heard){0};
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    stand_until(stand, commipc_client_state(client) == COMMIPC_READY);
    return client;
}

static inline struct commipc_channel *stand_open(struct stand *stand, struct commipc_client *client,
                                                 const char *name, const char *password)
{
    struct heard heard = {0};
    struct commipc_channel *channel;

    assert_int_equal(commipc_channel_open(client, name, password, heard_done, &heard, &channel), 0);
    stand_until(stand, heard.n_done == 1);
    assert_string_equal(heard.text, "");
    assert_int_equal(heard.outcome, 0);
    return channel;
}

static const struct commipc_value stand_one = {"\x01", 1};
static const struct commipc_value stand_hello = {"\xa5hello", 6};

/* An event that answers with what it was called with. */
static inline void stand_echo(void *user, struct commipc_call *call)
{
    (void)user;
    commipc_call_reply(call, commipc_call_data(call));
}

/* The calls are given no user: what is told of the registration is looked at here. */
static inline void stand_provide(struct stand *stand, struct commipc_channel *channel, const char *name,
                                 bool is_stream, commipc_call_fn *on_call)
{
    struct commipc_event event = COMMIPC_EVENT_INIT;
    static struct heard heard;

    heard = (struct heard){0};
    event.name = name;
    event.is_stream = is_stream;
    event.on_call = on_call;
    event.on_done = heard_done;
    event.user = &heard;
    assert_int_equal(commipc_channel_provide(channel, &event), 0);
    stand_until(stand, heard.n_done == 1);
    assert_int_equal(heard.outcome, 0);
}

#endif
