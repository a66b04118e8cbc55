/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The load for redis-server: PUBLISH and SUBSCRIBE of RESP2 (redis.io, "Redis serialization protocol").
 *
 * Redis has no request/reply: what programs build for it from lists costs several commands and a blocking
 * read for each call, and says nothing about passing messages on. So there is no mode rpc here.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/bench.h"
#include "tests/bench/text_frame.h"

#define CHANNEL_SIZE 32
#define MAX_ITEMS 3

struct frames {
    char channel[CHANNEL_SIZE];
    struct text_frame message;
};

static int prepare(struct run *run)
{
    struct frames *frames = (struct frames *)calloc(1, sizeof *frames);
    int r;

    run->frames = frames;
    if (!frames)
        return -ENOMEM;
    snprintf(frames->channel, sizeof frames->channel, "bench-%08x-%02x", run->nonce, run->process);
    r = buffer_append_format(&frames->message.bytes, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
                             strlen(frames->channel), frames->channel, run->options->payload_bytes);
    r = r < 0 ? r : text_frame_add_payload(&frames->message, run->options->payload_bytes);
    return r < 0 ? r : buffer_append_text(&frames->message.bytes, "\r\n");
}

static void release(struct run *run)
{
    struct frames *frames = (struct frames *)run->frames;

    if (frames)
        buffer_clear(&frames->message.bytes);
    free(frames);
}

static void put_ping(struct run *run, struct conduit *conduit)
{
    text_frame_say(run, conduit, "PING\r\n", 6);
}

static void put_message(struct run *run, struct conduit *conduit, uint64_t sequence)
{
    (void)text_frame_put(run, conduit, &((const struct frames *)run->frames)->message, sequence);
}

static void begin(struct run *run, struct conduit *conduit)
{
    const struct frames *frames = (const struct frames *)run->frames;
    char text[64];
    int len;

    if (conduit->role == ROLE_SUBSCRIBER) {
        len = snprintf(text, sizeof text, "SUBSCRIBE %s\r\n", frames->channel);
        text_frame_say(run, conduit, text, (size_t)len);
    }
    put_ping(run, conduit);
}

/* The number behind the first byte of a line and, in @out_line_bytes, the line's length; SIZE_MAX:
 * incomplete. */
static size_t number_of(struct bytes in, size_t *out_line_bytes)
{
    const uint8_t *end = in.len > 0 ? (const uint8_t *)memchr(in.ptr, '\n', in.len) : NULL;
    size_t value = 0;

    if (!end)
        return SIZE_MAX;
    *out_line_bytes = (size_t)(end - in.ptr) + 1;
    for (const uint8_t *digit = in.ptr + 1; *digit >= '0' && *digit <= '9'; digit++)
        value = value * 10 + (size_t)(*digit - '0');
    return value;
}

/* Reads one array of texts and numbers: its length in bytes, 0 when it is not all there. */
static size_t read_array(struct bytes in, struct bytes items[MAX_ITEMS])
{
    size_t n_line = 0;
    size_t n_items = number_of(in, &n_line);
    size_t used = n_line;
    size_t len;

    if (n_items == SIZE_MAX || n_items > MAX_ITEMS)
        return 0;
    for (size_t i = 0; i < n_items; i++) {
        len = number_of(bytes_from(in, used), &n_line);
        if (len == SIZE_MAX)
            return 0;
        if (in.ptr[used] != '$') {
            items[i] = bytes_of(in.ptr + used, n_line);
            used += n_line;
            continue;
        }
        if (in.len - used < n_line + len + 2)
            return 0;
        items[i] = bytes_of(in.ptr + used + n_line, len);
        used += n_line + len + 2;
    }
    return used;
}

static void on_array(struct run *run, struct conduit *conduit, const struct bytes items[MAX_ITEMS])
{
    if (bytes_equal(items[0], BYTES_LITERAL("message"))) {
        if (dialect_is_payload(items[2]))
            run_on_message(run, conduit, dialect_number(items[2].ptr));
        else
            run_failed(run, "a message came that nobody sent");
    } else if (bytes_equal(items[0], BYTES_LITERAL("pong"))) {
        run_joined(run, conduit);
        run_settled(run, conduit);
    }
}

static size_t take_messages(struct run *run, struct conduit *conduit, struct bytes in)
{
    struct bytes items[MAX_ITEMS] = {0};
    size_t n_line = 0;
    size_t used = 0;
    struct bytes left;
    size_t n;

    while (!run->tally->has_failed && used < in.len) {
        left = bytes_from(in, used);
        if (left.ptr[0] == '*') {
            n = read_array(left, items);
            if (n == 0)
                break;
            used += n;
            on_array(run, conduit, items);
            continue;
        }
        if (number_of(left, &n_line) == SIZE_MAX)
            break;
        used += n_line;
        if (left.ptr[0] == '-')
            run_failed(run, "redis-server says: %.*s", (int)n_line - 2, (const char *)left.ptr);
        if (left.ptr[0] == '+') {
            run_joined(run, conduit);
            run_settled(run, conduit);
        }
    }
    return used;
}

int main(int argc, char **argv)
{
    static const struct dialect dialect = {
        .program = "redis_load",
        .server = "redis-server",
        .modes = 1U << MODE_PUBSUB | 1U << MODE_IDLE,
        .prepare = prepare,
        .release = release,
        .begin = begin,
        .take = take_messages,
        .put_ping = put_ping,
        .put_message = put_message,
    };

    return bench_main_with(&dialect, argc, argv);
}
