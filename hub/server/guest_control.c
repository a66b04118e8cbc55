/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A guest speaks to the core in messages like any client, and reads the core's frames
 *
 * The core answers a register inside hub_handle(), so opening a protected channel (register, challenge,
 * proof) is three straight lines here and no state machine. Its port never calls the core: it notes or passes
 * on.
 */
#include "hub/server/guest_control.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/random.h"
#include "hub/server/server_state.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "hub/wire/proof.h"

#define FIXED_MAP 0x80 /* head of a map of up to 15 pairs */
#define CHALLENGE_SIZE 64

enum step { STEP_OPENING, STEP_DECLARING, STEP_ASKED };

struct guest {
    struct list in_server;
    struct server *server;
    struct client *client;
    const struct guest_events *events;
    void *owner;
    enum guest_verb verb;
    enum step step;
    bool is_over;
    bool is_challenged;
    bool has_key;
    bool is_held;         /* its owner takes nothing now, */
    struct list line;     /* and these wait for that (outlet.h) */
    bool has_brought;     /* all that it had, which the hub has taken; */
    struct waiter waiter; /* whether its owner may bring more depends on who is full */
    struct loop_timer timer;
    uint64_t timeout_ms;
    uint64_t patience_ms;
    char request_id[37];
    char challenge[CHALLENGE_SIZE];
    char challenge_id[CHALLENGE_SIZE];
    struct bytes channel;
    struct bytes name;
    uint8_t storage[]; /* of the two */
};

/* --- what the hub says --- */

static void be_over(struct guest *guest)
{
    guest->is_over = true;
    guest->is_held = false;
    loop_timer_disarm(guest->server->loop, &guest->timer);
    waiters_go(&guest->line);
    list_unlink(&guest->waiter.in_line);
}

/* What was brought is taken, whatever ends the waiting behind it: to say otherwise would have it sent twice.
 */
static void end(struct guest *guest, enum guest_end why, struct bytes text)
{
    if (guest->is_over)
        return;
    be_over(guest);
    if (guest->has_brought)
        guest->events->on_end(guest->owner, GUEST_DONE, BYTES_NONE);
    else
        guest->events->on_end(guest->owner, why, text);
}

/* Texts of the hub that mean more than that it refused. */
static const struct {
    enum error_text text;
    enum guest_end end;
} meanings[] = {
    {ERROR_NO_PROVIDER, GUEST_NO_PROVIDER},         {ERROR_PROVIDER_GONE, GUEST_PROVIDER_LOST},
    {ERROR_PROVIDER_REMOVED, GUEST_PROVIDER_LOST},  {ERROR_BAD_ANSWER, GUEST_PROVIDER_LOST},
    {ERROR_CALL_TIMED_OUT, GUEST_TIMED_OUT},        {ERROR_NOT_A_MEMBER, GUEST_PROTECTED},
    {ERROR_WRONG_PASSWORD, GUEST_WRONG_PASSWORD},   {ERROR_PASSWORD_CHANGED, GUEST_CHANNEL_LOST},
    {ERROR_OWNER_DISCONNECTED, GUEST_CHANNEL_LOST}, {ERROR_OUT_OF_MEMORY, GUEST_OUT_OF_MEMORY},
};

static enum guest_end meaning_of(const struct guest *guest, struct bytes text, enum guest_end otherwise)
{
    char sentence[ERROR_TEXT_SIZE];

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (bytes_equal(text, error_text_format(meanings[i].text, guest->channel, guest->name, sentence)))
            return meanings[i].end;
    return otherwise;
}

/* An answer by a provider bears its id; the hub's own "server" or, where a request was faulty, none. */
static void take_error(struct guest *guest, const struct message *message, struct bytes text)
{
    struct bytes sender;

    message_text(message, KEY_SENDER_ID, &sender);
    if (guest->step != STEP_ASKED || sender.len == 0)
        end(guest, meaning_of(guest, text, GUEST_REFUSED), text);
    else if (bytes_equal_text(sender, "server"))
        end(guest, meaning_of(guest, text, GUEST_PROVIDER_LOST), text);
    else
        end(guest, GUEST_FAILED, text);
}

/* Of the timer there is one: who is held is not waited for. */
static void arm(struct guest *guest, uint64_t wait_ms)
{
    struct loop *loop = guest->server->loop;

    if (wait_ms && !guest->is_over && loop_timer_arm(loop, &guest->timer, loop_now_ms(loop) + wait_ms) < 0)
        end(guest, GUEST_OUT_OF_MEMORY, BYTES_NONE);
}

static void hold(struct guest *guest)
{
    if (!guest->is_held) {
        guest->is_held = true;
        arm(guest, guest->patience_ms);
    }
    if (guest->is_held)
        hub_hold_producer(guest->server->hub, &guest->line, false);
}

static void tell(struct guest *guest, const struct message *message, bool is_chunk)
{
    struct guest_data data = {
        .raw_data = message_raw(message, KEY_DATA),
        .raw_timestamp = message_raw(message, KEY_TIMESTAMP),
        .is_chunk = is_chunk,
        .signed_body = guest->has_key ? message->body : BYTES_NONE,
    };

    message_text(message, KEY_EVENT, &data.event);
    message_text(message, KEY_SENDER_ID, &data.sender_id);
    message_text(message, KEY_SERVER_ID, &data.server_id);
    switch (guest->events->on_data(guest->owner, &data)) {
    case GUEST_GO_ON:
        break;
    case GUEST_HOLD:
        if (guest->patience_ms)
            hold(guest);
        break;
    case GUEST_ENOUGH:
        be_over(guest);
        break;
    }
}

static void take_answer(struct guest *guest, const struct message *message)
{
    bool is_stream = false;
    bool is_last = true;

    message_bool(message, KEY_IS_STREAM, false, &is_stream);
    message_bool(message, KEY_IS_FINAL, true, &is_last);
    if (is_stream && !is_last) {
        tell(guest, message, true);
        if (!guest->is_held)
            arm(guest, guest->timeout_ms);
        return;
    }
    if (!is_stream)
        tell(guest, message, false);
    end(guest, GUEST_DONE, BYTES_NONE);
}

static void take_response(struct guest *guest, const struct message *message)
{
    struct bytes id;
    struct bytes text;

    if (message_text(message, KEY_REQUEST_ID, &id) != 0 || !bytes_equal_text(id, guest->request_id))
        return;
    if (message_text(message, KEY_ERROR, &text) == 0)
        take_error(guest, message, text);
    else if (message_text(message, KEY_ERROR, &text) == MESSAGE_E_WRONG_TYPE)
        end(guest, GUEST_FAILED, BYTES_LITERAL("the provider answered with an error that is no text"));
    else if (guest->step == STEP_ASKED && (guest->verb == GUEST_CALL || guest->verb == GUEST_STREAM))
        take_answer(guest, message);
}

static void take_challenge(struct guest *guest, const struct message *message)
{
    struct bytes text;
    struct bytes id;

    message_text(message, KEY_CHALLENGE, &text);
    message_text(message, KEY_CHALLENGE_ID, &id);
    check(text.len < CHALLENGE_SIZE && id.len < CHALLENGE_SIZE);
    memcpy(guest->challenge, text.ptr, text.len);
    memcpy(guest->challenge_id, id.ptr, id.len);
    guest->is_challenged = true;
}

static bool takes_messages(const struct guest *guest)
{
    return guest->step == STEP_ASKED && (guest->verb == GUEST_SUBSCRIBE || guest->verb == GUEST_LISTEN);
}

static void hear(struct guest *guest, const struct message *message)
{
    struct bytes text;

    if (message->type == MESSAGE_RESPONSE)
        take_response(guest, message);
    else if (message->type == MESSAGE_AUTH_CHALLENGE)
        take_challenge(guest, message);
    else if (message->type == MESSAGE_ERROR && message_text(message, KEY_MESSAGE, &text) == 0)
        end(guest, meaning_of(guest, text, takes_messages(guest) ? GUEST_CHANNEL_LOST : GUEST_REFUSED), text);
    else if ((message->type == MESSAGE_RECEIVE || message->type == MESSAGE_BROADCAST) &&
             takes_messages(guest))
        tell(guest, message, true);
}

static void port_send(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct guest *guest = owner;
    struct message message;

    (void)frame_class;
    if (guest->is_over)
        return;
    check(message_parse(frame_body(frame), &message) == 0); /* it was written by the hub */
    hear(guest, &message);
}

static void port_end(void *owner, enum end_reason reason)
{
    end(owner, reason == END_OUT_OF_MEMORY ? GUEST_OUT_OF_MEMORY : GUEST_REFUSED,
        bytes_of_text(end_reason_text(reason)));
}

/* Who calls waits for the answer anyway. */
static void port_wait(void *owner, struct list *line, bool is_for_many)
{
    struct guest *guest = owner;

    if (guest->verb != GUEST_SEND && guest->verb != GUEST_BROADCAST && guest->verb != GUEST_PUBLISH)
        return;
    guest->waiter.is_for_many = is_for_many;
    list_unlink(&guest->waiter.in_line);
    list_append(line, &guest->waiter.in_line);
}

static void go(struct waiter *waiter)
{
    struct guest *guest = container_of(waiter, struct guest, waiter);

    list_unlink(&waiter->in_line);
    if (guest->has_brought)
        end(guest, GUEST_DONE, BYTES_NONE);
}

static const struct client_port port = {.send = port_send, .end = port_end, .wait = port_wait};

static void on_due(struct loop_timer *timer)
{
    struct guest *guest = container_of(timer, struct guest, timer);

    end(guest, guest->is_held ? GUEST_TOO_SLOW : GUEST_TIMED_OUT, BYTES_NONE);
}

/* --- what the guest says --- */

static void text_pair(struct buffer *out, const char *key, struct bytes text)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_str_or_nil(out, text);
}

static void bool_pair(struct buffer *out, const char *key, bool value)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_bool(out, value);
}

static void raw_pair(struct buffer *out, const char *key, struct bytes raw)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_raw_or_nil(out, raw);
}

/* Hands over the message in @body, which is cleared. */
static void say(struct guest *guest, struct buffer *body)
{
    struct server *server = guest->server;
    struct message message;
    int r = body->failed ? -ENOMEM : 0;

    if (r == 0 && message_parse(buffer_bytes(body), &message) != 0)
        end(guest, GUEST_REFUSED, BYTES_LITERAL("the data is nested too deep"));
    else if (r == 0)
        r = hub_handle(server->hub, guest->client, &message, server_time(server));
    if (r < 0)
        end(guest, GUEST_OUT_OF_MEMORY, BYTES_NONE);
    buffer_clear(body);
}

static void say_register(struct guest *guest, struct bytes channel, struct bytes proof)
{
    struct buffer body = {0};

    msgpack_write_map(&body, proof.len ? 6 : 4);
    text_pair(&body, "type", BYTES_LITERAL("register"));
    text_pair(&body, "channel", channel);
    bool_pair(&body, "is_provider", false);
    text_pair(&body, "request_id", bytes_of_text(guest->request_id));
    if (proof.len) {
        text_pair(&body, "proof", proof);
        text_pair(&body, "challenge_id", bytes_of_text(guest->challenge_id));
    }
    say(guest, &body);
}

static void open_channel(struct guest *guest, const struct guest_wish *wish)
{
    char proof[PROOF_TEXT];

    say_register(guest, wish->channel, BYTES_NONE);
    if (guest->is_over)
        return;
    if (!guest->is_challenged) {
        if (wish->password.len)
            end(guest, GUEST_UNPROTECTED, BYTES_NONE);
    } else if (!wish->password.len) {
        end(guest, GUEST_PROTECTED, BYTES_NONE);
    } else if (proof_of_channel(wish->password, bytes_of_text(guest->challenge), proof) < 0) {
        end(guest, GUEST_OUT_OF_MEMORY, BYTES_NONE);
    } else {
        say_register(guest, wish->channel, bytes_of_text(proof));
    }
}

static void say_topic(struct guest *guest, const struct guest_wish *wish, const char *type)
{
    struct buffer body = {0};

    msgpack_write_map(&body, 4);
    text_pair(&body, "type", bytes_of_text(type));
    text_pair(&body, "channel", wish->channel);
    text_pair(&body, "sub_name", wish->name);
    text_pair(&body, "request_id", bytes_of_text(guest->request_id));
    say(guest, &body);
}

static void say_publish(struct guest *guest, const struct guest_wish *wish)
{
    struct buffer body = {0};

    msgpack_write_map(&body, 4);
    text_pair(&body, "type", BYTES_LITERAL("publish"));
    text_pair(&body, "channel", wish->channel);
    text_pair(&body, "sub_name", wish->name);
    raw_pair(&body, "data", wish->raw_data);
    say(guest, &body);
}

/* Adds the pair `signature` to a map of @n_pairs: 0, SIGNATURE_E_NOT_JSON or -ENOMEM. */
static int sign(struct buffer *body, uint8_t n_pairs, const uint8_t *key)
{
    char signature[SIGNATURE_TEXT];
    struct message message;
    int r = body->failed ? -ENOMEM : 0;

    if (r == 0 && message_parse(buffer_bytes(body), &message) != 0)
        return SIGNATURE_E_NOT_JSON;
    if (r == 0)
        r = signature_make(key, &message, signature);
    if (r == 0) {
        text_pair(body, "signature", bytes_of(signature, SIGNATURE_TEXT - 1));
        body->ptr[0] = (uint8_t)(FIXED_MAP | (n_pairs + 1));
    }
    return r;
}

/* Metadata is not signed, and hubs pass it on as it is. */
static void metadata_pair(struct buffer *out, struct bytes traceparent)
{
    msgpack_write_str(out, BYTES_LITERAL("metadata"));
    msgpack_write_map(out, 1);
    text_pair(out, "traceparent", traceparent);
}

/* Every field that is signed stands there, as the receiver fills in what does not. */
static void say_event(struct guest *guest, const struct guest_wish *wish, const char *type)
{
    bool is_call = wish->verb == GUEST_CALL || wish->verb == GUEST_STREAM;
    struct bytes server_id = hub_server_id(guest->server->hub);
    uint8_t n_pairs = wish->traceparent.len ? 14 : 13;
    struct buffer body = {0};
    int r = 0;

    msgpack_write_map(&body, n_pairs);
    text_pair(&body, "type", bytes_of_text(type));
    text_pair(&body, "channel", wish->channel);
    text_pair(&body, "event", wish->name);
    raw_pair(&body, "data", wish->raw_data);
    text_pair(&body, "sender_id", wish->id);
    text_pair(&body, "server_id", server_id);
    text_pair(&body, "origin_server_id", server_id);
    msgpack_write_str(&body, BYTES_LITERAL("timestamp"));
    msgpack_write_u64(&body, server_time(guest->server).wall_s);
    text_pair(&body, "request_id", is_call ? bytes_of_text(guest->request_id) : BYTES_NONE);
    text_pair(&body, "target_id", BYTES_NONE);
    bool_pair(&body, "is_stream", wish->verb == GUEST_STREAM);
    bool_pair(&body, "is_final", wish->verb != GUEST_STREAM);
    text_pair(&body, "sub_name", BYTES_NONE);
    if (wish->traceparent.len)
        metadata_pair(&body, wish->traceparent);
    if (wish->signing_key)
        r = sign(&body, n_pairs, wish->signing_key);
    if (r > 0) {
        end(guest, GUEST_REFUSED,
            BYTES_LITERAL("binary data cannot be signed, which a protected channel asks for"));
        buffer_clear(&body);
        return;
    }
    body.failed = body.failed || r < 0;
    say(guest, &body);
}

static void leave(struct guest *guest)
{
    if (guest->client)
        hub_client_gone(guest->server->hub, guest->client, END_CLOSED_BY_CLIENT, server_time(guest->server));
    guest->client = NULL;
}

/* What the hub had to say against it has been said. It leaves now, for its topic should not be its own for
 * longer than it takes; its owner hears of the end when who was full has room again. */
static void have_brought(struct guest *guest)
{
    leave(guest);
    if (guest->is_over)
        return;
    guest->has_brought = true;
    if (list_is_empty(&guest->waiter.in_line))
        end(guest, GUEST_DONE, BYTES_NONE);
    else
        arm(guest, guest->timeout_ms);
}

static void carry_out(struct guest *guest, const struct guest_wish *wish)
{
    if (wish->verb == GUEST_PUBLISH) {
        guest->step = STEP_DECLARING;
        say_topic(guest, wish, "add_subscription");
        if (guest->is_over)
            return;
    }
    guest->step = STEP_ASKED;
    switch (wish->verb) {
    case GUEST_CALL:
    case GUEST_STREAM:
        say_event(guest, wish, "call");
        arm(guest, guest->timeout_ms);
        return;
    case GUEST_SEND:
        say_event(guest, wish, "send");
        break;
    case GUEST_BROADCAST:
        say_event(guest, wish, "broadcast");
        break;
    case GUEST_PUBLISH:
        say_publish(guest, wish);
        break;
    case GUEST_SUBSCRIBE:
        say_topic(guest, wish, "subscribe");
        return;
    case GUEST_LISTEN:
        return;
    }
    have_brought(guest);
}

static void keep_names(struct guest *guest, const struct guest_wish *wish)
{
    uint8_t *name = guest->storage + wish->channel.len;

    memcpy(guest->storage, wish->channel.ptr, wish->channel.len);
    if (wish->name.len)
        memcpy(name, wish->name.ptr, wish->name.len);
    guest->channel = bytes_of(guest->storage, wish->channel.len);
    guest->name = bytes_of(name, wish->name.len);
}

int guest_control_begin(struct server *server, const struct guest_wish *wish,
                        const struct guest_events *events, void *owner, struct guest **out_guest)
{
    struct guest *guest = calloc(1, sizeof *guest + wish->channel.len + wish->name.len);
    int r;

    if (!guest)
        return -ENOMEM;
    keep_names(guest, wish);
    guest->server = server;
    guest->events = events;
    guest->owner = owner;
    guest->verb = wish->verb;
    guest->has_key = wish->signing_key != NULL;
    guest->timeout_ms = wish->timeout_ms;
    guest->patience_ms = wish->patience_ms;
    list_init(&guest->line);
    list_init(&guest->waiter.in_line);
    guest->waiter.go = go;
    random_uuid(guest->request_id);
    loop_timer_init(&guest->timer, on_due);
    r = hub_client_add(server->hub, wish->id, CLIENT_GUEST, &port, guest, server_time(server),
                       &guest->client);
    if (r != 0) {
        check(r == -ENOMEM); /* the id is the caller's to choose well */
        free(guest);
        return r;
    }
    list_append(&server->guests, &guest->in_server);
    *out_guest = guest;
    if (wish->password.len || wish->verb == GUEST_LISTEN)
        open_channel(guest, wish);
    if (!guest->is_over)
        carry_out(guest, wish);
    return 0;
}

void guest_control_go_on(struct guest *guest)
{
    if (!guest->is_held)
        return;
    guest->is_held = false;
    waiters_go(&guest->line);
    loop_timer_disarm(guest->server->loop, &guest->timer);
    arm(guest, guest->timeout_ms);
}

void guest_control_free(struct guest *guest)
{
    be_over(guest);
    list_unlink(&guest->in_server);
    leave(guest);
    guest->events->on_gone(guest->owner);
    free(guest);
}

void guest_control_end_all(struct server *server)
{
    list_for_each (link, &server->guests)
        end(container_of(link, struct guest, in_server), GUEST_HUB_ENDING, BYTES_NONE);
}

void guest_control_free_all(struct server *server)
{
    while (!list_is_empty(&server->guests))
        guest_control_free(list_first_entry(&server->guests, struct guest, in_server));
}
