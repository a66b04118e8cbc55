/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Outgoing: one mould for each kind of message, built when the hub has said its id; a message is a copy of it
 * with the id's digits, the names' digits and the payload's number written in.
 *
 * Incoming: ids and names have a fixed width, so that nearly all messages to one connection have the same
 * length and the same layout. A message of the length of the last one that was read in full, with the right
 * marks at the same places, is taken for one of its kind; every other is parsed in full. A hub's refusal
 * never has the length of an answer with data.
 */
#include "hub/bench/commipc_dialect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hub/bench/run.h"
#include "hub/wire/frame.h"
#include "hub/wire/message.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "hub/wire/proof.h"

#define MAX_BODY_BYTES (64U * 1024 * 1024)
#define EVENT "process"
#define GROUP_EVENT "workers.process"
#define TOPIC "ticks"

/* A request_id has 36 characters, like the UUIDs of other clients: the mark of this bench, then the id. */
#define MARK_CHARS 20
#define ID_DIGITS 16
#define INDEX_DIGITS 8
#define NAME_SIZE 48
#define CHANNEL_SIZE 20

struct mould {
    struct buffer frame;
    size_t id_at; /* 0: has none, as for the others */
    size_t sender_at;
    size_t target_at;
    size_t payload_at;
};

struct frames {
    bool is_built;
    char channel[CHANNEL_SIZE];
    char mark[MARK_CHARS + 1];
    struct mould call;
    struct mould reply;
    struct mould chunk;
    struct mould end;
    struct mould message;
};

/* What a connection says until it is ready; the answer to each step leads to the next. */
enum step {
    STEP_IDENTIFY,
    STEP_OPEN,
    STEP_OFFER, /* provides, declares or subscribes */
    STEP_READY,
};

static void put_hex(uint8_t *out, uint64_t value, int n_digits)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = n_digits - 1; i >= 0; i--) {
        out[i] = (uint8_t)digits[value & 15];
        value >>= 4;
    }
}

static uint64_t hex_of(const uint8_t *digits)
{
    uint64_t value = 0;

    /* '0'..'9' are 0x30.., 'a'..'f' are 0x61..: the low four bits, and 9 more for letters. */
    for (int i = 0; i < ID_DIGITS; i++)
        value = value << 4 | ((digits[i] & 15U) + (digits[i] >> 6) * 9U);
    return value;
}

static char role_letter(enum role role)
{
    switch (role) {
    case ROLE_CALLER:
        return 'c';
    case ROLE_PROVIDER:
        return 'p';
    case ROLE_PUBLISHER:
        return 't';
    case ROLE_SUBSCRIBER:
        return 's';
    case ROLE_IDLE:
        return 'i';
    }
    return '?';
}

static struct bytes client_name(const struct run *run, enum role role, uint32_t index, char text[NAME_SIZE])
{
    snprintf(text, NAME_SIZE, "bench-%08" PRIx32 "-%02" PRIx32 "-%c%08" PRIx32, run->nonce, run->process,
             role_letter(role), index);
    return bytes_of_text(text);
}

/* --- moulds --- */

static void begin_mould(struct mould *mould, uint32_t n_pairs, const char *type)
{
    static const uint8_t head[FRAME_HEAD_BYTES] = {0};

    buffer_append(&mould->frame, head, sizeof head);
    msgpack_write_map(&mould->frame, n_pairs);
    msgpack_write_str(&mould->frame, BYTES_LITERAL("type"));
    msgpack_write_str(&mould->frame, bytes_of_text(type));
}

static int finish_mould(struct mould *mould)
{
    uint32_t len;

    if (mould->frame.failed || mould->frame.len < FRAME_HEAD_BYTES)
        return -ENOMEM;
    len = __builtin_bswap32((uint32_t)(mould->frame.len - FRAME_HEAD_BYTES));
    memcpy(mould->frame.ptr, &len, sizeof len);
    return 0;
}

static void key(struct mould *mould, const char *name)
{
    msgpack_write_str(&mould->frame, bytes_of_text(name));
}

static void text_field(struct mould *mould, const char *name, struct bytes value)
{
    key(mould, name);
    msgpack_write_str_or_nil(&mould->frame, value);
}

static void bool_field(struct mould *mould, const char *name, bool value)
{
    key(mould, name);
    msgpack_write_bool(&mould->frame, value);
}

static void id_field(struct run *run, struct mould *mould)
{
    const struct frames *frames = (const struct frames *)run->frames;
    char id[MARK_CHARS + ID_DIGITS + 1];

    snprintf(id, sizeof id, "%s%016x", frames->mark, 0U);
    text_field(mould, "request_id", bytes_of_text(id));
    mould->id_at = mould->frame.len - ID_DIGITS;
}

static void name_field(struct run *run, struct mould *mould, const char *name, enum role role, size_t *out_at)
{
    char text[NAME_SIZE];

    text_field(mould, name, client_name(run, role, 0, text));
    *out_at = mould->frame.len - INDEX_DIGITS;
}

static void payload_field(struct run *run, struct mould *mould)
{
    size_t len = run->options->payload_bytes;
    uint8_t *payload = (uint8_t *)malloc(len);

    key(mould, "data");
    if (payload) {
        dialect_fill_payload(payload, len);
        msgpack_write_bin(&mould->frame, bytes_of(payload, len));
    } else {
        mould->frame.failed = true;
    }
    mould->payload_at = mould->frame.len - len;
    free(payload);
}

static struct bytes event_of(const struct run *run)
{
    return bytes_of_text(run->options->n_group > 0 ? GROUP_EVENT : EVENT);
}

static bool is_lean(const struct run *run)
{
    return run->options->envelope == BENCH_ENVELOPE_LEAN;
}

/* What a client's channel object sends: a call or a broadcast. */
static int build_request(struct run *run, struct mould *mould, const char *type, enum role role,
                         struct bytes server_id)
{
    const struct frames *frames = (const struct frames *)run->frames;
    bool is_stream = run->options->mode == MODE_STREAM;
    bool has_id = role == ROLE_CALLER;

    begin_mould(mould, is_lean(run) ? (has_id ? 5 : 4) : 13, type);
    text_field(mould, "channel", bytes_of_text(frames->channel));
    text_field(mould, "event", event_of(run));
    payload_field(run, mould);
    if (!is_lean(run)) {
        name_field(run, mould, "sender_id", role, &mould->sender_at);
        text_field(mould, "server_id", server_id);
        text_field(mould, "origin_server_id", server_id);
        key(mould, "timestamp");
        msgpack_write_u64(&mould->frame, (uint64_t)time(NULL));
        text_field(mould, "target_id", BYTES_NONE);
        bool_field(mould, "is_stream", is_stream);
        bool_field(mould, "is_final", !is_stream);
        text_field(mould, "sub_name", BYTES_NONE);
    }
    if (has_id)
        id_field(run, mould);
    else if (!is_lean(run))
        text_field(mould, "request_id", BYTES_NONE);
    return finish_mould(mould);
}

static int build_reply(struct run *run)
{
    struct mould *mould = &((struct frames *)run->frames)->reply;

    begin_mould(mould, 4, "response");
    id_field(run, mould);
    name_field(run, mould, "target_id", ROLE_CALLER, &mould->target_at);
    payload_field(run, mould);
    return finish_mould(mould);
}

static int build_chunk(struct run *run, struct mould *mould, bool is_end, struct bytes server_id)
{
    const struct frames *frames = (const struct frames *)run->frames;

    begin_mould(mould, is_lean(run) ? 6 : 17, "response");
    id_field(run, mould);
    name_field(run, mould, "target_id", ROLE_CALLER, &mould->target_at);
    if (is_end)
        text_field(mould, "data", BYTES_NONE);
    else
        payload_field(run, mould);
    bool_field(mould, "is_stream", true);
    bool_field(mould, "is_final", is_end);
    if (!is_lean(run)) {
        name_field(run, mould, "sender_id", ROLE_PROVIDER, &mould->sender_at);
        text_field(mould, "server_id", server_id);
        text_field(mould, "channel", bytes_of_text(frames->channel));
        text_field(mould, "event", event_of(run));
        key(mould, "timestamp");
        msgpack_write_u64(&mould->frame, (uint64_t)time(NULL));
        key(mould, "metadata");
        msgpack_write_map(&mould->frame, 0);
        key(mould, "path");
        msgpack_write_array(&mould->frame, 0);
        text_field(mould, "signature", BYTES_NONE);
        text_field(mould, "origin_server_id", BYTES_NONE);
        text_field(mould, "sub_name", BYTES_NONE);
        text_field(mould, "mode", BYTES_LITERAL("client"));
    }
    return finish_mould(mould);
}

static int build_publish(struct run *run)
{
    struct frames *frames = (struct frames *)run->frames;
    struct mould *mould = &frames->message;

    begin_mould(mould, 4, "publish");
    text_field(mould, "channel", bytes_of_text(frames->channel));
    text_field(mould, "sub_name", BYTES_LITERAL(TOPIC));
    payload_field(run, mould);
    return finish_mould(mould);
}

static int build_for_mode(struct run *run, struct bytes server_id)
{
    struct frames *frames = (struct frames *)run->frames;
    int r;

    switch (run->options->mode) {
    case MODE_RPC:
        r = build_request(run, &frames->call, "call", ROLE_CALLER, server_id);
        return r < 0 ? r : build_reply(run);
    case MODE_STREAM:
        r = build_request(run, &frames->call, "call", ROLE_CALLER, server_id);
        r = r < 0 ? r : build_chunk(run, &frames->chunk, false, server_id);
        return r < 0 ? r : build_chunk(run, &frames->end, true, server_id);
    case MODE_PUBSUB:
        return build_publish(run);
    case MODE_BROADCAST:
        return build_request(run, &frames->message, "broadcast", ROLE_PUBLISHER, server_id);
    case MODE_IDLE:
    case N_MODES:
        break;
    }
    return 0;
}

int commipc_dialect_build(struct run *run, struct bytes server_id)
{
    struct frames *frames = (struct frames *)run->frames;

    if (frames->is_built)
        return 0;
    frames->is_built = true;
    return build_for_mode(run, server_id);
}

static int prepare(struct run *run)
{
    struct frames *frames = (struct frames *)calloc(1, sizeof *frames);

    run->frames = frames;
    if (!frames)
        return -ENOMEM;
    snprintf(frames->channel, sizeof frames->channel, "bench-%08" PRIx32 "-%02" PRIx32, run->nonce,
             run->process & 0xff);
    snprintf(frames->mark, sizeof frames->mark, "%08" PRIx32 "-00%02" PRIx32 "-4000-8", run->nonce,
             run->process & 0xff);
    return 0;
}

static void release(struct run *run)
{
    struct frames *frames = (struct frames *)run->frames;

    if (frames) {
        buffer_clear(&frames->call.frame);
        buffer_clear(&frames->reply.frame);
        buffer_clear(&frames->chunk.frame);
        buffer_clear(&frames->end.frame);
        buffer_clear(&frames->message.frame);
    }
    free(frames);
}

/* --- what is sent under load --- */

static void put_mould(struct run *run, struct conduit *conduit, const struct mould *mould, uint64_t id,
                      uint64_t number)
{
    uint8_t *out = run_put(run, conduit, mould->frame.len);

    if (!out)
        return;
    memcpy(out, mould->frame.ptr, mould->frame.len);
    if (mould->id_at > 0)
        put_hex(out + mould->id_at, id, ID_DIGITS);
    if (mould->target_at > 0)
        put_hex(out + mould->target_at, dialect_id_caller(id), INDEX_DIGITS);
    if (mould->sender_at > 0)
        put_hex(out + mould->sender_at, conduit->role_index, INDEX_DIGITS);
    if (mould->payload_at > 0)
        dialect_put_number(out + mould->payload_at, number);
}

static void put_call(struct run *run, struct conduit *conduit, uint64_t id)
{
    put_mould(run, conduit, &((const struct frames *)run->frames)->call, id, id);
}

static void put_reply(struct run *run, struct conduit *conduit, uint64_t id)
{
    put_mould(run, conduit, &((const struct frames *)run->frames)->reply, id, id);
}

static void put_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    put_mould(run, conduit, &((const struct frames *)run->frames)->chunk, id, sequence);
}

static void put_end(struct run *run, struct conduit *conduit, uint64_t id)
{
    put_mould(run, conduit, &((const struct frames *)run->frames)->end, id, 0);
}

static void put_message(struct run *run, struct conduit *conduit, uint64_t sequence)
{
    put_mould(run, conduit, &((const struct frames *)run->frames)->message, 0, sequence);
}

/* --- the handshake --- */

/* Sends a message of the handshake, which is built for the occasion. */
static void say(struct run *run, struct conduit *conduit, struct mould *mould)
{
    uint8_t *out = NULL;

    if (finish_mould(mould) == 0)
        out = run_put(run, conduit, mould->frame.len);
    else
        run_failed(run, "out of memory");
    if (out)
        memcpy(out, mould->frame.ptr, mould->frame.len);
    buffer_clear(&mould->frame);
}

static void put_ping(struct run *run, struct conduit *conduit)
{
    struct mould mould = {0};

    begin_mould(&mould, 1, "ping");
    say(run, conduit, &mould);
}

static void begin(struct run *run, struct conduit *conduit)
{
    struct mould mould = {0};
    char name[NAME_SIZE];

    conduit->step = STEP_IDENTIFY;
    begin_mould(&mould, 3, "identify");
    text_field(&mould, "client_id", client_name(run, conduit->role, conduit->role_index, name));
    text_field(&mould, "mode", BYTES_LITERAL("client"));
    say(run, conduit, &mould);
}

static void prove(struct run *run, struct conduit *conduit, const struct message *message)
{
    struct bytes secret = bytes_of_text(run->options->secret);
    struct mould mould = {0};
    char proof[PROOF_TEXT];
    struct bytes challenge;

    if (!run->options->has_secret) {
        run_failed(run, "the hub asks for a connection secret: give it by --connection-secret-file");
        return;
    }
    if (message_text(message, KEY_CHALLENGE, &challenge) != 0 ||
        proof_of_connection(secret, challenge, proof) < 0) {
        run_failed(run, "the hub's challenge cannot be answered");
        return;
    }
    begin_mould(&mould, 2, "conn_proof");
    text_field(&mould, "proof", bytes_of_text(proof));
    say(run, conduit, &mould);
}

/* The channel that this connection is to open, or none. */
static struct bytes channel_of(struct run *run, struct conduit *conduit, char text[NAME_SIZE])
{
    const struct frames *frames = (const struct frames *)run->frames;

    if (conduit->role != ROLE_IDLE || run->options->open == BENCH_OPEN_SHARED)
        return bytes_of_text(frames->channel);
    if (run->options->open == BENCH_OPEN_NONE)
        return BYTES_NONE;
    snprintf(text, NAME_SIZE, "%s-%08" PRIx32, frames->channel, conduit->role_index);
    return bytes_of_text(text);
}

static void say_open(struct run *run, struct conduit *conduit, struct bytes channel)
{
    struct mould mould = {0};
    char name[NAME_SIZE];

    begin_mould(&mould, 5, "register");
    text_field(&mould, "channel", channel);
    bool_field(&mould, "is_provider", false);
    text_field(&mould, "client_id", client_name(run, conduit->role, conduit->role_index, name));
    text_field(&mould, "request_id", BYTES_LITERAL("open"));
    say(run, conduit, &mould);
}

static void say_provide(struct run *run, struct conduit *conduit)
{
    const struct frames *frames = (const struct frames *)run->frames;
    struct mould mould = {0};
    char name[NAME_SIZE];

    begin_mould(&mould, 10, "register");
    text_field(&mould, "channel", bytes_of_text(frames->channel));
    bool_field(&mould, "is_provider", true);
    text_field(&mould, "event", event_of(run));
    bool_field(&mould, "is_stream", run->options->mode == MODE_STREAM);
    bool_field(&mould, "is_group", run->options->n_group > 0);
    text_field(&mould, "param_schema", BYTES_NONE);
    text_field(&mould, "return_schema", BYTES_NONE);
    text_field(&mould, "client_id", client_name(run, conduit->role, conduit->role_index, name));
    text_field(&mould, "request_id", BYTES_LITERAL("offer"));
    say(run, conduit, &mould);
}

static void say_topic(struct run *run, struct conduit *conduit)
{
    const struct frames *frames = (const struct frames *)run->frames;
    bool is_owner = conduit->role == ROLE_PUBLISHER;
    struct mould mould = {0};

    begin_mould(&mould, is_owner ? 5 : 4, is_owner ? "add_subscription" : "subscribe");
    text_field(&mould, "channel", bytes_of_text(frames->channel));
    text_field(&mould, "sub_name", BYTES_LITERAL(TOPIC));
    if (is_owner)
        text_field(&mould, "return_schema", BYTES_NONE);
    text_field(&mould, "request_id", BYTES_LITERAL("offer"));
    say(run, conduit, &mould);
}

/* Says what is next; what there is nothing to say for is passed over. */
static void advance(struct run *run, struct conduit *conduit)
{
    char text[NAME_SIZE];
    struct bytes channel = channel_of(run, conduit, text);

    conduit->step++;
    if (conduit->step == STEP_OPEN) {
        if (channel.len > 0) {
            say_open(run, conduit, channel);
            return;
        }
        conduit->step++;
    }
    if (conduit->step == STEP_OFFER) {
        if (conduit->role == ROLE_PROVIDER) {
            say_provide(run, conduit);
            return;
        }
        if (run->options->mode == MODE_PUBSUB) {
            say_topic(run, conduit);
            return;
        }
        conduit->step++;
    }
    run_joined(run, conduit);
}

static void on_setup_answer(struct run *run, struct conduit *conduit, struct bytes request_id)
{
    /* A register may be answered twice: the second answer finds the step passed. */
    if ((conduit->step == STEP_OPEN && bytes_equal_text(request_id, "open")) ||
        (conduit->step == STEP_OFFER && bytes_equal_text(request_id, "offer")))
        advance(run, conduit);
}

/* --- what comes in --- */

static void fail_with(struct run *run, const struct conduit *conduit, struct bytes text)
{
    run_failed(run, "the hub refused %s %u: %.*s", run_role_name(conduit->role), conduit->role_index,
               (int)text.len, (const char *)text.ptr);
}

/* The payload in `data`, or BYTES_NONE where that is something else. */
static struct bytes payload_of(const struct message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_DATA));
    struct msgpack_value value;

    if (reader.bytes.len == 0 || msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_BIN ||
        !dialect_is_payload(value.raw))
        return BYTES_NONE;
    return value.raw;
}

/* The digits of a request_id of ours, or NULL. */
static const uint8_t *id_of(const struct run *run, const struct message *message, struct bytes *out_text)
{
    const struct frames *frames = (const struct frames *)run->frames;

    if (message_text(message, KEY_REQUEST_ID, out_text) != 0 || out_text->len != MARK_CHARS + ID_DIGITS ||
        memcmp(out_text->ptr, frames->mark, MARK_CHARS) != 0)
        return NULL;
    return out_text->ptr + MARK_CHARS;
}

static void on_traffic(struct run *run, struct conduit *conduit, struct bytes body)
{
    const struct conduit_shape *shape = &conduit->shape;
    uint64_t id = shape->id_at > 0 ? hex_of(body.ptr + shape->id_at) : 0;
    uint64_t number = dialect_number(body.ptr + shape->payload_at);

    if (conduit->role == ROLE_PROVIDER)
        run_on_call(run, conduit, id);
    else if (shape->id_at == 0)
        run_on_message(run, conduit, number);
    else if (run->options->mode == MODE_STREAM)
        run_on_chunk(run, conduit, id, number);
    else if (number != id)
        run_failed(run, "caller %u was sent the data of another call", conduit->role_index);
    else
        run_on_reply(run, conduit, id);
}

/* Remembers where things stand in this message, and takes it as the first of its shape. */
static void learn(struct run *run, struct conduit *conduit, const struct message *message, const uint8_t *id)
{
    struct bytes payload = payload_of(message);

    if (!payload.ptr) {
        run_failed(run, "%s %u was sent data that nobody sent", run_role_name(conduit->role),
                   conduit->role_index);
        return;
    }
    conduit->shape = (struct conduit_shape){
        .n_bytes = message->body.len,
        .id_at = id ? (size_t)(id - message->body.ptr) : 0,
        .payload_at = (size_t)(payload.ptr - message->body.ptr),
    };
    on_traffic(run, conduit, message->body);
}

static void on_response(struct run *run, struct conduit *conduit, const struct message *message)
{
    struct bytes request_id;
    struct bytes error;
    bool is_final;
    const uint8_t *id = id_of(run, message, &request_id);

    if (message_text(message, KEY_ERROR, &error) == 0 && id && run->is_rehearsing)
        run_on_refusal(run, conduit, hex_of(id));
    else if (message_text(message, KEY_ERROR, &error) == 0)
        fail_with(run, conduit, error);
    else if (!id)
        on_setup_answer(run, conduit, request_id);
    else if (run->options->mode == MODE_STREAM && message_bool(message, KEY_IS_FINAL, true, &is_final) == 0 &&
             is_final)
        run_on_end(run, conduit, hex_of(id));
    else
        learn(run, conduit, message, id);
}

static void on_delivery(struct run *run, struct conduit *conduit, const struct message *message)
{
    /* The publisher is told when its first subscriber comes. */
    if (conduit->role == ROLE_SUBSCRIBER)
        learn(run, conduit, message, NULL);
}

static void on_call(struct run *run, struct conduit *conduit, const struct message *message)
{
    struct bytes request_id;
    const uint8_t *id = id_of(run, message, &request_id);

    if (id)
        learn(run, conduit, message, id);
    else
        run_failed(run, "a provider was sent a call that nobody made");
}

static void on_identified(struct run *run, struct conduit *conduit, const struct message *message)
{
    struct bytes server_id;

    if (message_text(message, KEY_SERVER_ID, &server_id) != 0 || commipc_dialect_build(run, server_id) < 0)
        run_failed(run, "the hub does not say who it is, or memory is short");
    else if (conduit->step == STEP_IDENTIFY)
        advance(run, conduit);
}

static void on_error(struct run *run, struct conduit *conduit, const struct message *message)
{
    struct bytes text = BYTES_LITERAL("without a reason");

    if (message_text(message, KEY_MESSAGE, &text) != 0)
        text = BYTES_LITERAL("without a reason");
    fail_with(run, conduit, text);
}

static void read_in_full(struct run *run, struct conduit *conduit, struct bytes body)
{
    struct message message;

    if (message_parse(body, &message) != 0) {
        run_failed(run, "the hub sent a body that is no message");
        return;
    }
    if (message.type == MESSAGE_RESPONSE)
        on_response(run, conduit, &message);
    else if (message.type == MESSAGE_RECEIVE || message.type == MESSAGE_BROADCAST)
        on_delivery(run, conduit, &message);
    else if (message.type == MESSAGE_CALL)
        on_call(run, conduit, &message);
    else if (message.type == MESSAGE_PONG)
        run_settled(run, conduit);
    else if (message.type == MESSAGE_IDENTIFIED)
        on_identified(run, conduit, &message);
    else if (message.type == MESSAGE_CONN_CHALLENGE)
        prove(run, conduit, &message);
    else if (message.type == MESSAGE_ERROR)
        on_error(run, conduit, &message);
    /* channel_sync and metadata_update tell nothing that a bench needs to know. */
}

static bool has_known_shape(const struct run *run, const struct conduit *conduit, struct bytes body)
{
    const struct frames *frames = (const struct frames *)run->frames;
    const struct conduit_shape *shape = &conduit->shape;

    return body.len == shape->n_bytes &&
           memcmp(body.ptr + shape->payload_at, DIALECT_MAGIC, DIALECT_MAGIC_BYTES) == 0 &&
           (shape->id_at == 0 || memcmp(body.ptr + shape->id_at - MARK_CHARS, frames->mark, MARK_CHARS) == 0);
}

static size_t take_frames(struct run *run, struct conduit *conduit, struct bytes in)
{
    size_t n_frame_bytes;
    size_t used = 0;
    struct bytes body;
    int r;

    while (!run->tally->has_failed) {
        r = frame_next(bytes_of(in.ptr + used, in.len - used), MAX_BODY_BYTES, &body, &n_frame_bytes);
        if (r == FRAME_E_INCOMPLETE)
            break;
        if (r != 0) {
            run_failed(run, "the hub sent bytes that are no frame");
            break;
        }
        used += n_frame_bytes;
        if (has_known_shape(run, conduit, body))
            on_traffic(run, conduit, body);
        else
            read_in_full(run, conduit, body);
    }
    return used;
}

const struct dialect commipc_dialect = {
    .program = "commhub bench",
    .server = "hub",
    .modes = 1U << MODE_RPC | 1U << MODE_PUBSUB | 1U << MODE_BROADCAST | 1U << MODE_STREAM | 1U << MODE_IDLE,
    .has_secret = true,
    .has_groups = true,
    .has_mesh = true,
    .prepare = prepare,
    .release = release,
    .begin = begin,
    .take = take_frames,
    .put_ping = put_ping,
    .put_call = put_call,
    .put_reply = put_reply,
    .put_chunk = put_chunk,
    .put_end = put_end,
    .put_message = put_message,
};
