/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The load for mosquitto: MQTT 3.1.1 with quality of service 0.
 *
 * A call is a message to the provider's topic and a message back to the caller's topic, which is what MQTT 5
 * calls request/response without its two properties. A stream is one call answered by many messages.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/bench.h"
#include "tests/bench/text_frame.h"

#define TOPIC_SIZE 48
#define INBOX_DIGITS 4

enum packet {
    PACKET_CONNECT = 0x10,
    PACKET_CONNACK = 0x20,
    PACKET_PUBLISH = 0x30,
    PACKET_SUBSCRIBE = 0x82,
    PACKET_SUBACK = 0x90,
    PACKET_PINGREQ = 0xc0,
    PACKET_PINGRESP = 0xd0,
};

struct frames {
    char topic[TOPIC_SIZE];
    char inbox[TOPIC_SIZE]; /* without the caller's digits */
    struct text_frame message;
    struct text_frame reply;
    struct text_frame end; /* a short payload ends a stream */
    size_t reply_inbox_at;
    size_t end_inbox_at;
};

static int append_head(struct buffer *out, enum packet packet, size_t n_bytes)
{
    uint8_t byte = (uint8_t)packet;
    int r = buffer_append(out, &byte, 1);

    do {
        byte = (uint8_t)(n_bytes & 0x7f);
        n_bytes >>= 7;
        if (n_bytes > 0)
            byte |= 0x80;
        r = r < 0 ? r : buffer_append(out, &byte, 1);
    } while (n_bytes > 0);
    return r;
}

static int append_text(struct buffer *out, const char *text)
{
    size_t len = strlen(text);
    const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    int r = buffer_append(out, head, sizeof head);

    return r < 0 ? r : buffer_append(out, text, len);
}

static int build(struct text_frame *frame, const char *topic, size_t payload_bytes)
{
    int r = append_head(&frame->bytes, PACKET_PUBLISH, 2 + strlen(topic) + payload_bytes);

    r = r < 0 ? r : append_text(&frame->bytes, topic);
    return r < 0 ? r : text_frame_add_payload(frame, payload_bytes);
}

static int prepare(struct run *run)
{
    struct frames *frames = (struct frames *)calloc(1, sizeof *frames);
    size_t payload_bytes = run->options->payload_bytes;
    char inbox[TOPIC_SIZE + INBOX_DIGITS];
    int r;

    run->frames = frames;
    if (!frames)
        return -ENOMEM;
    snprintf(frames->topic, sizeof frames->topic, "bench-%08x-%02x/process", run->nonce, run->process);
    snprintf(frames->inbox, sizeof frames->inbox, "bench-%08x-%02x/inbox/", run->nonce, run->process);
    snprintf(inbox, sizeof inbox, "%s0000", frames->inbox);
    r = build(&frames->message, frames->topic, payload_bytes);
    r = r < 0 ? r : build(&frames->reply, inbox, payload_bytes);
    r = r < 0 ? r : build(&frames->end, inbox, DIALECT_PAYLOAD_LEAST);
    frames->reply_inbox_at = frames->reply.payload_at - INBOX_DIGITS;
    frames->end_inbox_at = frames->end.payload_at - INBOX_DIGITS;
    if (r == 0 && run->options->mode == MODE_STREAM && payload_bytes < DIALECT_PAYLOAD_LEAST + 1)
        r = -EINVAL;
    return r;
}

static void release(struct run *run)
{
    struct frames *frames = (struct frames *)run->frames;

    if (frames) {
        buffer_clear(&frames->message.bytes);
        buffer_clear(&frames->reply.bytes);
        buffer_clear(&frames->end.bytes);
    }
    free(frames);
}

static void put_message(struct run *run, struct conduit *conduit, uint64_t number)
{
    (void)text_frame_put(run, conduit, &((const struct frames *)run->frames)->message, number);
}

static void put_to_inbox(struct run *run, struct conduit *conduit, const struct text_frame *frame,
                         size_t inbox_at, uint64_t id, uint64_t number)
{
    uint8_t *out = text_frame_put(run, conduit, frame, number);
    uint32_t caller = dialect_id_caller(id);

    for (int i = INBOX_DIGITS - 1; out && i >= 0; i--) {
        out[inbox_at + (size_t)i] = (uint8_t) "0123456789abcdef"[caller & 15];
        caller >>= 4;
    }
}

static void put_reply(struct run *run, struct conduit *conduit, uint64_t id)
{
    const struct frames *frames = (const struct frames *)run->frames;

    put_to_inbox(run, conduit, &frames->reply, frames->reply_inbox_at, id, id);
}

/* A chunk's topic names the caller alone: the stream's turn goes beside the sequence number. */
static uint64_t chunk_number(uint64_t id, uint64_t sequence)
{
    return (uint64_t)dialect_id_turn(id) << 32 | (uint32_t)sequence;
}

static void put_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    const struct frames *frames = (const struct frames *)run->frames;

    put_to_inbox(run, conduit, &frames->reply, frames->reply_inbox_at, id, chunk_number(id, sequence));
}

static void put_end(struct run *run, struct conduit *conduit, uint64_t id)
{
    const struct frames *frames = (const struct frames *)run->frames;

    put_to_inbox(run, conduit, &frames->end, frames->end_inbox_at, id, id);
}

static void put_ping(struct run *run, struct conduit *conduit)
{
    const uint8_t packet[] = {PACKET_PINGREQ, 0};

    text_frame_say(run, conduit, packet, sizeof packet);
}

static void say(struct run *run, struct conduit *conduit, enum packet packet, const struct buffer *body)
{
    struct buffer whole;

    buffer_init(&whole);
    if (!body->failed && append_head(&whole, packet, body->len) == 0 &&
        buffer_append_bytes(&whole, buffer_bytes(body)) == 0)
        text_frame_say(run, conduit, whole.ptr, whole.len);
    else
        run_failed(run, "out of memory");
    buffer_clear(&whole);
}

static void begin(struct run *run, struct conduit *conduit)
{
    /* Protocol 4, a clean session, no keepalive. */
    static const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
    struct buffer body;
    char name[TOPIC_SIZE];

    buffer_init(&body);
    snprintf(name, sizeof name, "b%08x%02x%d%08x", run->nonce, run->process, (int)conduit->role,
             conduit->role_index);
    (void)buffer_append(&body, head, sizeof head);
    (void)append_text(&body, name);
    say(run, conduit, PACKET_CONNECT, &body);
    buffer_clear(&body);
}

static void subscribe(struct run *run, struct conduit *conduit)
{
    const struct frames *frames = (const struct frames *)run->frames;
    static const uint8_t packet_id[] = {0, 1};
    static const uint8_t quality = 0;
    char topic[TOPIC_SIZE + INBOX_DIGITS + 8];
    struct buffer body;

    if (conduit->role == ROLE_PUBLISHER || conduit->role == ROLE_IDLE) {
        run_joined(run, conduit);
        return;
    }
    if (conduit->role == ROLE_CALLER)
        snprintf(topic, sizeof topic, "%s%04x", frames->inbox, conduit->role_index);
    else
        snprintf(topic, sizeof topic, "%s", frames->topic);
    buffer_init(&body);
    (void)buffer_append(&body, packet_id, sizeof packet_id);
    (void)append_text(&body, topic);
    (void)buffer_append(&body, &quality, 1);
    say(run, conduit, PACKET_SUBSCRIBE, &body);
    buffer_clear(&body);
}

static void on_publish(struct run *run, struct conduit *conduit, struct bytes body)
{
    size_t topic_bytes = body.len >= 2 ? (size_t)body.ptr[0] << 8 | body.ptr[1] : 0;
    struct bytes payload = bytes_from(body, 2 + topic_bytes);
    uint64_t number;

    if (!dialect_is_payload(payload)) {
        run_failed(run, "a message came that nobody sent");
        return;
    }
    number = dialect_number(payload.ptr);
    if (conduit->role == ROLE_PROVIDER)
        run_on_call(run, conduit, number);
    else if (conduit->role == ROLE_SUBSCRIBER)
        run_on_message(run, conduit, number);
    else if (run->options->mode != MODE_STREAM)
        run_on_reply(run, conduit, number);
    else if (payload.len == run->options->payload_bytes)
        run_on_chunk(run, conduit, dialect_id(conduit->role_index, 0, (uint32_t)(number >> 32)),
                     number & UINT32_MAX);
    else
        run_on_end(run, conduit, number);
}

static void on_packet(struct run *run, struct conduit *conduit, uint8_t packet, struct bytes body)
{
    if ((packet & 0xf0) == PACKET_PUBLISH) {
        on_publish(run, conduit, body);
    } else if (packet == PACKET_CONNACK) {
        if (body.len == 2 && body.ptr[1] == 0)
            subscribe(run, conduit);
        else
            run_failed(run, "mosquitto refused the connection");
    } else if (packet == PACKET_SUBACK) {
        run_joined(run, conduit);
    } else if (packet == PACKET_PINGRESP) {
        run_settled(run, conduit);
    }
}

static size_t take_packets(struct run *run, struct conduit *conduit, struct bytes in)
{
    size_t used = 0;
    size_t at;
    size_t len;
    int shift;

    while (!run->tally->has_failed) {
        at = used + 1;
        len = 0;
        shift = 0;
        while (at < in.len && in.ptr[at] & 0x80) {
            len |= (size_t)(in.ptr[at++] & 0x7f) << shift;
            shift += 7;
        }
        if (at >= in.len)
            break;
        len |= (size_t)in.ptr[at++] << shift;
        if (in.len - at < len)
            break;
        on_packet(run, conduit, in.ptr[used], bytes_of(in.ptr + at, len));
        used = at + len;
    }
    return used;
}

int main(int argc, char **argv)
{
    static const struct dialect dialect = {
        .program = "mqtt_load",
        .server = "mosquitto",
        .modes = 1U << MODE_RPC | 1U << MODE_PUBSUB | 1U << MODE_STREAM | 1U << MODE_IDLE,
        .prepare = prepare,
        .release = release,
        .begin = begin,
        .take = take_packets,
        .put_ping = put_ping,
        .put_call = put_message,
        .put_reply = put_reply,
        .put_chunk = put_chunk,
        .put_end = put_end,
        .put_message = put_message,
    };

    return bench_main_with(&dialect, argc, argv);
}
