/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/name.h"
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "hub/client/commipc_call.h"
#include "hub/client/commipc_loop.h"
#include "hub/client/offers.h"
#include "hub/client/wish.h"
#include "hub/wire/error_text.h"

#define COMPLAINT_SIZE 1024

/* ------------------------------------------------------------------------------------------- life's end */

static void release(struct commipc_client *client)
{
    struct loop *own = client->owns_loop ? client->loop : NULL;

    loop_undefer(&client->release);
    commipc_call_free_all(client);
    while (!list_is_empty(&client->pendings))
        pending_cancel(list_first_entry(&client->pendings, struct pending, link));
    list_for_each (link, &client->channels)
        channel_free(container_of(link, struct commipc_channel, link));
    connection_clear(&client->connection);
    tls_context_unref(client->connection.options.tls);
    map_clear(&client->pending_by_id);
    map_clear(&client->channel_by_name);
    channel_forget_password(client->secret);
    free(client->mode);
    free(client);
    loop_free(own);
}

static void run_release(struct loop_deferred *deferred)
{
    struct commipc_client *client = container_of(deferred, struct commipc_client, release);

    /* The turn of commipc_turn() needs the client to its end, and then releases it. */
    if (client->n_turns == 0)
        release(client);
}

void commipc_client_free(struct commipc_client *client)
{
    if (!client || client->is_freed)
        return;
    client->is_freed = true;
    if (client->connection.mailbox)
        connection_close(&client->connection);
    list_for_each (link, &client->pendings)
        loop_timer_disarm(client->loop, &container_of(link, struct pending, link)->timer);
    if (client->n_entered == 0 && client->n_turns == 0)
        release(client);
    else
        loop_defer(client->loop, &client->release);
}

void commipc_client_enter(struct commipc_client *client)
{
    client->n_entered++;
}

static void sweep(struct commipc_client *client)
{
    client->has_gone_wishes = false;
    list_for_each (link, &client->channels)
        wish_sweep(container_of(link, struct commipc_channel, link));
}

void commipc_client_leave(struct commipc_client *client)
{
    if (--client->n_entered > 0)
        return;
    /* Outside of a turn, which on a loop of its own is always counted, nobody else would do it. */
    if (client->is_freed && client->owns_loop && client->n_turns == 0)
        release(client);
    else if (!client->is_freed && client->has_gone_wishes)
        sweep(client);
}

static int turn(struct commipc_client *client, int wait_ms, bool *out_is_over)
{
    int r;

    client->n_turns++;
    r = loop_turn(client->loop, wait_ms);
    client->n_turns--;
    *out_is_over = client->is_freed || client->connection.state == COMMIPC_STOPPED;
    if (client->is_freed && client->n_turns == 0)
        release(client);
    return r;
}

int commipc_turn(struct commipc_client *client, int wait_ms)
{
    bool is_over;

    return turn(client, wait_ms, &is_over);
}

int commipc_run(struct commipc_client *client)
{
    struct loop *loop = client->loop;
    bool is_over = client->connection.state == COMMIPC_STOPPED;
    int r = 0;

    while (r == 0 && !is_over && !loop_take_stop(loop))
        r = turn(client, -1, &is_over);
    return r;
}

/* ---------------------------------------------------------------------------------------------- messages */

void commipc_client_complain(struct commipc_client *client, const char *format, ...)
{
    char text[COMPLAINT_SIZE];
    va_list arguments;

    if (!client->on_error || client->is_freed)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    client->on_error(client->user, text);
}

static struct pending *pending_of(struct commipc_client *client, const struct message *message)
{
    struct bytes id;

    return message_text(message, KEY_REQUEST_ID, &id) == 0 ? pending_find(client, id) : NULL;
}

/* An answer that comes after its deadline finds nobody. */
static void take_response(struct commipc_client *client, const struct message *message)
{
    struct pending *pending = pending_of(client, message);

    if (pending)
        pending_answer(pending, message);
}

static void take_call(struct commipc_client *client, const struct message *message)
{
    struct commipc_channel *channel = channel_of(client, message);

    if (channel)
        commipc_call_take(channel, message);
    else
        commipc_call_refuse(client, message, "The channel is not open here");
}

static void take_receive(struct commipc_client *client, const struct message *message)
{
    struct commipc_channel *channel = channel_of(client, message);

    if (channel)
        channel_hear(channel, message);
}

/* The text alone names the channel. */
static struct commipc_channel *channel_ended_by(struct commipc_client *client, struct bytes text)
{
    char buffer[ERROR_TEXT_SIZE];

    list_for_each (link, &client->channels) {
        struct commipc_channel *channel = container_of(link, struct commipc_channel, link);

        if (bytes_equal(text, error_text_format(ERROR_OWNER_DISCONNECTED, bytes_of_text(channel->name),
                                                BYTES_NONE, buffer)))
            return channel;
    }
    return NULL;
}

static void take_error(struct commipc_client *client, const struct message *message)
{
    struct pending *pending = pending_of(client, message);
    struct commipc_channel *channel;
    struct bytes text = BYTES_NONE;

    if (pending) {
        pending_answer(pending, message);
        return;
    }
    message_text(message, KEY_MESSAGE, &text);
    commipc_client_complain(client, "%.*s", text.len > COMPLAINT_SIZE ? COMPLAINT_SIZE : (int)text.len,
                            text.len ? (const char *)text.ptr : "");
    channel = client->is_freed ? NULL : channel_ended_by(client, text);
    if (channel)
        channel_reopen(channel);
}

static void take_offers(struct commipc_client *client, const struct message *message)
{
    struct commipc_channel *channel = channel_of(client, message);

    if (!channel)
        return;
    if (message->type == MESSAGE_CHANNEL_SYNC)
        offers_sync(channel, message);
    else
        offers_update(channel, message);
}

static const struct {
    enum message_type type;
    void (*run)(struct commipc_client *client, const struct message *message);
} takers[] = {
    {MESSAGE_RESPONSE, take_response},
    {MESSAGE_CALL, take_call},
    {MESSAGE_RECEIVE, take_receive},
    {MESSAGE_BROADCAST, take_receive},
    {MESSAGE_SEND, take_receive},
    {MESSAGE_CHANNEL_SYNC, take_offers},
    {MESSAGE_METADATA_UPDATE, take_offers},
    {MESSAGE_AUTH_CHALLENGE, channel_prove},
    {MESSAGE_ERROR, take_error},
};

/* Types that are not there (pong, and what later hubs may say) need no answer. */
static void on_message(void *owner, const struct message *message)
{
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++)
        if (takers[i].type == message->type) {
            takers[i].run(owner, message);
            return;
        }
}

/* ------------------------------------------------------------------------------------------------ states */

static void lose_all(struct commipc_client *client, const char *detail)
{
    commipc_call_orphan_all(client);
    list_for_each (link, &client->channels)
        channel_lose(container_of(link, struct commipc_channel, link));
    pending_fail_all(client, COMMIPC_E_DISCONNECTED, detail);
}

static void on_state(void *owner, enum commipc_state state, const char *detail)
{
    struct commipc_client *client = owner;

    if (state == COMMIPC_WAITING || state == COMMIPC_STOPPED)
        lose_all(client, detail);
    if (client->on_state && !client->is_freed)
        client->on_state(client->user, state, detail);
    if (state != COMMIPC_READY)
        return;
    list_for_each (link, &client->channels)
        if (!client->is_freed)
            channel_restore(container_of(link, struct commipc_channel, link));
}

static void on_drained(void *owner)
{
    struct commipc_client *client = owner;

    if (client->on_drained)
        client->on_drained(client->user);
}

static void enter(void *owner)
{
    commipc_client_enter(owner);
}

static void leave(void *owner)
{
    commipc_client_leave(owner);
}

static const struct connection_events connection_events = {
    .on_enter = enter,
    .on_leave = leave,
    .on_state = on_state,
    .on_message = on_message,
    .on_drained = on_drained,
};

/* ------------------------------------------------------------------------------------------------ making */

static int refuse(char *out_why, const char *subject, const char *why)
{
    if (out_why)
        snprintf(out_why, COMMIPC_WHY_SIZE, "%s: %s", subject, why);
    return -EINVAL;
}

static void default_address(struct address *out_address)
{
    const char *given = getenv("COMM_IPC_SOCKET");
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    const char *user = getenv("USER");

    *out_address = (struct address){.kind = ADDRESS_UNIX};
    if (given && *given)
        snprintf(out_address->host, sizeof out_address->host, "%s", given);
    else if (runtime_dir && *runtime_dir)
        snprintf(out_address->host, sizeof out_address->host, "%s/comm-ipc.default.sock", runtime_dir);
    else
        snprintf(out_address->host, sizeof out_address->host, "/tmp/comm-ipc.%s.sock",
                 user && *user ? user : "default");
}

static int read_address(const char *text, struct address *out_address, char *out_why)
{
    const char *why;

    if (!text) {
        default_address(out_address);
        return strlen(out_address->host) <= 107
                   ? 0
                   : refuse(out_why, "default address", "a unix socket's path has at most 107 bytes");
    }
    if (address_parse(text, out_address, &why) < 0)
        return refuse(out_why, text, why);
    if (out_address->kind != ADDRESS_UNIX && out_address->port == 0)
        return refuse(out_why, text, "port 0 cannot be connected to");
    return 0;
}

static int make_tls(struct commipc_client *client, const struct commipc_options *options, char *out_why)
{
    struct connection_options *to = &client->connection.options;
    struct tls_files files = {.certificate = options->tls_certificate,
                              .key = options->tls_key,
                              .ca = options->tls_ca,
                              .server_name = options->tls_server_name};
    char why[TLS_WHY_SIZE] = "";
    int r;

    if (to->address.kind != ADDRESS_TLS)
        return 0;
    if (!files.server_name)
        files.server_name = to->address.host;
    r = tls_context_new_client(&to->tls, &files, why);
    if (r < 0)
        (void)refuse(out_why, "tls", why);
    return r;
}

static uint32_t or_else(uint32_t given, uint32_t otherwise)
{
    return given ? given : otherwise;
}

static void fill_options(struct commipc_client *client, const struct commipc_options *options)
{
    struct connection_options *to = &client->connection.options;

    to->mode = client->mode;
    to->secret = client->secret;
    to->connect_timeout_ms = or_else(options->connect_timeout_ms, 10000);
    to->heartbeat_ms = or_else(options->heartbeat_ms, 30000);
    to->idle_timeout_ms = or_else(options->idle_timeout_ms, 60000);
    to->least_wait_ms = or_else(options->reconnect_least_ms, 1000);
    to->most_wait_ms = or_else(options->reconnect_most_ms, 60000);
    to->is_single_attempt = options->is_single_attempt;
    to->max_frame_bytes = options->max_frame_bytes ? options->max_frame_bytes : 16U << 20;
    to->max_queued_bytes = options->max_queued_bytes ? options->max_queued_bytes : 16U << 20;
    client->call_timeout_ms = or_else(options->call_timeout_ms, 60000);
    client->max_pending = or_else(options->max_pending, 4096);
    client->max_held = or_else(options->max_held, 4096);
    client->on_state = options->on_state;
    client->on_error = options->on_error;
    client->on_drained = options->on_drained;
    client->user = options->user;
}

static int copy_texts(struct commipc_client *client, const struct commipc_options *options, char *out_why)
{
    char random_id[16] = "cli-";
    const char *id = options->client_id;

    if (!id) {
        random_hex(random_id + 4, 4);
        id = random_id;
    }
    if (!name_is_valid(bytes_of_text(id)))
        return refuse(out_why, "client id", "1 to 255 bytes of UTF-8 without control characters");
    if (options->mode && !name_is_valid(bytes_of_text(options->mode)))
        return refuse(out_why, "mode", "1 to 255 bytes of UTF-8 without control characters");
    if (options->connection_secret && !text_is_utf8(bytes_of_text(options->connection_secret)))
        return refuse(out_why, "connection secret", "is not UTF-8");
    memcpy(client->connection.client_id, id, strlen(id) + 1);
    client->mode = strdup(options->mode ? options->mode : "client");
    client->secret = options->connection_secret ? strdup(options->connection_secret) : NULL;
    return client->mode && (client->secret || !options->connection_secret) ? 0 : -ENOMEM;
}

static int fill(struct commipc_client *client, const struct commipc_options *options, char *out_why)
{
    struct connection_options *to = &client->connection.options;
    struct connection_options filled;
    int r = copy_texts(client, options, out_why);

    if (r == 0)
        r = read_address(options->address, &to->address, out_why);
    if (r == 0)
        r = make_tls(client, options, out_why);
    if (r < 0)
        return r;
    fill_options(client, options);
    filled = *to;
    return connection_init(&client->connection, client->loop, &filled, &connection_events, client);
}

static struct commipc_client *make(struct loop *loop)
{
    struct commipc_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    client->loop = loop;
    list_init(&client->pendings);
    list_init(&client->channels);
    list_init(&client->calls);
    map_init(&client->pending_by_id);
    map_init(&client->channel_by_name);
    random_hex(client->id_front, 6);
    random_hex(client->id_middle, 3);
    loop_deferred_init(&client->release, run_release);
    return client;
}

static int make_on_loop(struct commipc_options *full, struct commipc_client **out_client, char *out_why)
{
    struct loop *loop = commipc_loop_inside(full->loop);
    struct commipc_client *client;
    int r = loop ? 0 : loop_new(&loop);

    if (r < 0)
        return r;
    client = make(loop);
    if (!client) {
        loop_free(full->loop ? NULL : loop);
        return -ENOMEM;
    }
    client->owns_loop = !full->loop;
    r = fill(client, full, out_why);
    if (r < 0)
        release(client);
    else
        *out_client = client;
    return r;
}

int commipc_client_new(struct commipc_client **out_client, const struct commipc_options *options,
                       char out_why[COMMIPC_WHY_SIZE])
{
    struct commipc_options full = {0};
    char why[COMMIPC_WHY_SIZE] = "";
    int r;

    if (options && options->size < sizeof options->size)
        return refuse(out_why, "options", "begin with COMMIPC_OPTIONS_INIT");
    if (options)
        memcpy(&full, options, options->size < sizeof full ? options->size : sizeof full);
    r = make_on_loop(&full, out_client, why);
    if (r < 0 && out_why)
        snprintf(out_why, COMMIPC_WHY_SIZE, "%s", why[0] ? why : strerrordesc_np(-r));
    return r;
}

/* ----------------------------------------------------------------------------------------------- looking */

enum commipc_state commipc_client_state(const struct commipc_client *client)
{
    return client->connection.state;
}

const char *commipc_client_id(const struct commipc_client *client)
{
    return client->connection.client_id;
}

const char *commipc_client_server_id(const struct commipc_client *client)
{
    return client->connection.server_id;
}

size_t commipc_client_queued_bytes(const struct commipc_client *client)
{
    return client->connection.stream ? stream_outbox_bytes(client->connection.stream) : 0;
}

const char *commipc_version(void)
{
    return COMMHUB_VERSION;
}

static const char *const outcome_texts[] = {
    [COMMIPC_DONE] = "done",
    [COMMIPC_E_NOT_CONNECTED] = "not connected",
    [COMMIPC_E_NOT_OPEN] = "the channel is not open",
    [COMMIPC_E_DISCONNECTED] = "the connection ended before the answer came",
    [COMMIPC_E_REFUSED] = "refused",
    [COMMIPC_E_TIMEOUT] = "no answer within the time for it",
    [COMMIPC_E_FULL] = "the outgoing queue is full",
    [COMMIPC_E_TOO_MANY] = "too many requests are outstanding",
    [COMMIPC_E_UNPROTECTED] = "the channel is unprotected, but a password was provided",
    [COMMIPC_E_UNSIGNABLE] = "bytes cannot be signed, as a protected channel asks",
    [COMMIPC_E_FORGED] = "the signature is wrong",
    [COMMIPC_E_STOPPED] = "the client has stopped",
    [COMMIPC_E_WRONG_TYPE] = "the value is of another type",
    [COMMIPC_E_ABSENT] = "not there",
};

const char *commipc_outcome_text(int outcome)
{
    const char *text = outcome < 0 ? strerrordesc_np(-outcome) : NULL;

    if (outcome >= 0 && (size_t)outcome < sizeof outcome_texts / sizeof outcome_texts[0])
        text = outcome_texts[outcome];
    return text ? text : "unknown outcome";
}
