/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The load for nats-server: publish, subscribe and request/reply of the NATS client protocol
 * (docs.nats.io, "Client Protocol").
 *
 * A call is a message with a reply subject, which lies in the caller's inbox; its answer is a message to that
 * subject. A stream is one call that is answered by many messages.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/bench.h"
#include "tests/bench/text_frame.h"

#define SUBJECT_SIZE 64
#define INBOX_DIGITS 4
#define LINE_MOST 4096

enum step {
    STEP_INFO,
    STEP_SUBSCRIBED,
};

struct frames {
    char subject[SUBJECT_SIZE];
    char inbox[SUBJECT_SIZE]; /* without the caller's digits */
    struct text_frame call;
    size_t call_inbox_at;
    struct text_frame reply;
    size_t reply_inbox_at;
    struct text_frame end; /* a short payload ends a stream */
    struct text_frame message;
};

static int build(struct text_frame *frame, const char *subject, const char *reply_to, size_t payload_bytes)
{
    int r = buffer_append_format(&frame->bytes, "PUB %s %s%s%zu\r\n", subject, reply_to, *reply_to ? " " : "",
                                 payload_bytes);

    r = r < 0 ? r : text_frame_add_payload(frame, payload_bytes);
    return r < 0 ? r : buffer_append_text(&frame->bytes, "\r\n");
}

static int prepare(struct run *run)
{
    struct frames *frames = (struct frames *)calloc(1, sizeof *frames);
    size_t payload_bytes = run->options->payload_bytes;
    char inbox[SUBJECT_SIZE + INBOX_DIGITS];
    int r;

    run->frames = frames;
    if (!frames)
        return -ENOMEM;
    snprintf(frames->subject, sizeof frames->subject, "bench-%08x-%02x.process", run->nonce, run->process);
    snprintf(frames->inbox, sizeof frames->inbox, "_INBOX.bench-%08x-%02x.", run->nonce, run->process);
    snprintf(inbox, sizeof inbox, "%s0000", frames->inbox);
    r = build(&frames->call, frames->subject, inbox, payload_bytes);
    r = r < 0 ? r : build(&frames->reply, inbox, "", payload_bytes);
    r = r < 0 ? r : build(&frames->end, inbox, "", DIALECT_PAYLOAD_LEAST);
    r = r < 0 ? r : build(&frames->message, frames->subject, "", payload_bytes);
    frames->call_inbox_at = strlen("PUB ") + strlen(frames->subject) + 1 + strlen(frames->inbox);
    frames->reply_inbox_at = strlen("PUB ") + strlen(frames->inbox);
    if (r == 0 && run->options->mode == MODE_STREAM && payload_bytes < DIALECT_PAYLOAD_LEAST + 1)
        r = -EINVAL;
    return r;
}

static void release(struct run *run)
{
    struct frames *frames = (struct frames *)run->frames;

    if (frames) {
        buffer_clear(&frames->call.bytes);
        buffer_clear(&frames->reply.bytes);
        buffer_clear(&frames->end.bytes);
        buffer_clear(&frames->message.bytes);
    }
    free(frames);
}

static void put_digits(uint8_t *out, uint32_t value)
{
    for (int i = INBOX_DIGITS - 1; i >= 0; i--) {
        out[i] = (uint8_t) "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static void put_call(struct run *run, struct conduit *conduit, uint64_t id)
{
    const struct frames *frames = (const struct frames *)run->frames;
    uint8_t *out = text_frame_put(run, conduit, &frames->call, id);

    if (out)
        put_digits(out + frames->call_inbox_at, dialect_id_caller(id));
}

static void put_to_inbox(struct run *run, struct conduit *conduit, const struct text_frame *frame,
                         uint64_t id, uint64_t number)
{
    const struct frames *frames = (const struct frames *)run->frames;
    uint8_t *out = text_frame_put(run, conduit, frame, number);

    if (out)
        put_digits(out + frames->reply_inbox_at, dialect_id_caller(id));
}

static void put_reply(struct run *run, struct conduit *conduit, uint64_t id)
{
    put_to_inbox(run, conduit, &((const struct frames *)run->frames)->reply, id, id);
}

/* A chunk's subject names the caller alone: the stream's turn goes beside the sequence number. */
static uint64_t chunk_number(uint64_t id, uint64_t sequence)
{
    return (uint64_t)dialect_id_turn(id) << 32 | (uint32_t)sequence;
}

static void put_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    put_to_inbox(run, conduit, &((const struct frames *)run->frames)->reply, id, chunk_number(id, sequence));
}

static void put_end(struct run *run, struct conduit *conduit, uint64_t id)
{
    put_to_inbox(run, conduit, &((const struct frames *)run->frames)->end, id, id);
}

static void put_message(struct run *run, struct conduit *conduit, uint64_t sequence)
{
    (void)text_frame_put(run, conduit, &((const struct frames *)run->frames)->message, sequence);
}

static void put_ping(struct run *run, struct conduit *conduit)
{
    text_frame_say(run, conduit, "PING\r\n", 6);
}

/* The server speaks first. */
static void begin(struct run *run, struct conduit *conduit)
{
    (void)run;
    conduit->step = STEP_INFO;
}

static void subscribe(struct run *run, struct conduit *conduit)
{
    const struct frames *frames = (const struct frames *)run->frames;
    char text[512];
    int len;

    len = snprintf(text, sizeof text, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\"}\r\n");
    text_frame_say(run, conduit, text, (size_t)len);
    len = 0;
    if (conduit->role == ROLE_CALLER)
        len = snprintf(text, sizeof text, "SUB %s%04x 1\r\n", frames->inbox, conduit->role_index);
    else if (conduit->role == ROLE_PROVIDER && run->options->n_group > 0)
        len = snprintf(text, sizeof text, "SUB %s workers 1\r\n", frames->subject);
    else if (conduit->role == ROLE_PROVIDER || conduit->role == ROLE_SUBSCRIBER)
        len = snprintf(text, sizeof text, "SUB %s 1\r\n", frames->subject);
    if (len > 0)
        text_frame_say(run, conduit, text, (size_t)len);
    put_ping(run, conduit);
}

static void on_payload(struct run *run, struct conduit *conduit, struct bytes payload)
{
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

/* "MSG subject sid [reply-to] bytes": the last word. */
static size_t payload_bytes_of(struct bytes line)
{
    size_t value = 0;
    size_t i = line.len;

    while (i > 0 && line.ptr[i - 1] != ' ')
        i--;
    for (; i < line.len; i++)
        value = value * 10 + (size_t)(line.ptr[i] - '0');
    return value;
}

static void on_line(struct run *run, struct conduit *conduit, struct bytes line)
{
    if (bytes_start_with(line, BYTES_LITERAL("PONG"))) {
        run_joined(run, conduit);
        run_settled(run, conduit);
    } else if (bytes_start_with(line, BYTES_LITERAL("PING"))) {
        text_frame_say(run, conduit, "PONG\r\n", 6);
    } else if (bytes_start_with(line, BYTES_LITERAL("INFO"))) {
        if (!conduit->has_joined)
            subscribe(run, conduit);
    } else if (bytes_start_with(line, BYTES_LITERAL("-ERR"))) {
        run_failed(run, "nats-server says: %.*s", (int)line.len, (const char *)line.ptr);
    }
}

static size_t take_messages(struct run *run, struct conduit *conduit, struct bytes in)
{
    const uint8_t *end;
    struct bytes line;
    size_t used = 0;
    size_t n_bytes;

    while (!run->tally->has_failed && used < in.len) {
        end = (const uint8_t *)memchr(in.ptr + used, '\n', in.len - used);
        if (!end)
            break;
        line = bytes_of(in.ptr + used, (size_t)(end - (in.ptr + used)) - 1);
        if (line.ptr[0] != 'M') {
            used += line.len + 2;
            on_line(run, conduit, line);
            continue;
        }
        n_bytes = payload_bytes_of(line);
        if (in.len - used < line.len + 2 + n_bytes + 2)
            break;
        on_payload(run, conduit, bytes_of(line.ptr + line.len + 2, n_bytes));
        used += line.len + 2 + n_bytes + 2;
    }
    return used;
}

int main(int argc, char **argv)
{
    static const struct dialect dialect = {
        .program = "nats_load",
        .server = "nats-server",
        .modes = 1U << MODE_RPC | 1U << MODE_PUBSUB | 1U << MODE_STREAM | 1U << MODE_IDLE,
        .has_groups = true,
        .prepare = prepare,
        .release = release,
        .begin = begin,
        .take = take_messages,
        .put_ping = put_ping,
        .put_call = put_call,
        .put_reply = put_reply,
        .put_chunk = put_chunk,
        .put_end = put_end,
        .put_message = put_message,
    };

    return bench_main_with(&dialect, argc, argv);
}
