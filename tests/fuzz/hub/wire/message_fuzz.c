/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Any bytes as the body of a message. What parses is forwarded, and the forwarded message must parse, hold
 * each pair that the hub does not answer for byte for byte and in the same order, and end its path with the
 * hub. The first byte of the input says which fields of the envelope are set, and whether the message has
 * passed hubs.
 */
#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/envelope.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_written_anew(struct bytes key, const struct envelope *envelope)
{
    return bytes_equal_text(key, "path") || (envelope->sender_id.ptr && bytes_equal_text(key, "sender_id")) ||
           (envelope->target_id.ptr && bytes_equal_text(key, "target_id"));
}

/* The next pair that the hub leaves alone; false at the end. */
static bool next_kept(struct msgpack_reader *reader, uint32_t *n_left, const struct envelope *envelope,
                      struct bytes *out_pair)
{
    while (*n_left > 0) {
        size_t start = reader->offset;
        struct msgpack_value key;

        --*n_left;
        check(msgpack_read(reader, &key) == 0 && key.type == MSGPACK_STR);
        check(msgpack_skip(reader, NULL) == 0);
        *out_pair = bytes_of(reader->bytes.ptr + start, reader->offset - start);
        if (!is_written_anew(key.raw, envelope))
            return true;
    }
    return false;
}

static void check_kept(const struct message *before, const struct message *after,
                       const struct envelope *envelope)
{
    struct msgpack_reader old = {.bytes = before->body, .offset = before->pairs_offset};
    struct msgpack_reader new = {.bytes = after->body, .offset = after->pairs_offset};
    uint32_t n_old = before->n_pairs;
    uint32_t n_new = after->n_pairs;
    struct bytes old_pair;
    struct bytes new_pair;

    while (next_kept(&old, &n_old, envelope, &old_pair)) {
        check(next_kept(&new, &n_new, envelope, &new_pair));
        check(bytes_equal(old_pair, new_pair));
    }
}

static void check_path(const struct message *before, const struct message *after,
                       const struct envelope *envelope)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(after, KEY_PATH));
    struct msgpack_value path;
    struct msgpack_value hop = {.type = MSGPACK_NIL};
    uint32_t n_hops = 0;

    check(message_path_has(before, BYTES_LITERAL("?"), &n_hops) != MESSAGE_E_WRONG_TYPE);
    check(msgpack_read(&reader, &path) == 0 && path.type == MSGPACK_ARRAY);
    check(path.n_items == n_hops + before->passed.n + 1);
    for (uint32_t i = 0; i < path.n_items; i++)
        check(msgpack_read(&reader, &hop) == 0);
    check(hop.type == MSGPACK_STR && bytes_equal(hop.raw, envelope->server_id));
}

static void check_text(const struct message *message, enum message_key key, struct bytes expected)
{
    struct bytes text;

    if (expected.ptr)
        check(message_text(message, key, &text) == 0 && bytes_equal(text, expected));
}

static void check_forwarded(const struct message *before, const struct envelope *envelope)
{
    struct block *frame = envelope_forward(before, envelope);
    struct message after;

    check(frame);
    check(message_parse(frame_body(frame), &after) == 0);
    check(after.type == before->type);
    check_kept(before, &after, envelope);
    check_path(before, &after, envelope);
    check_text(&after, KEY_SENDER_ID, envelope->sender_id);
    check_text(&after, KEY_TARGET_ID, envelope->target_id);
    check(message_has(&after, KEY_TIMESTAMP) && message_has(&after, KEY_ORIGIN_SERVER_ID));
    if (!message_has(before, KEY_ORIGIN_SERVER_ID))
        check_text(&after, KEY_ORIGIN_SERVER_ID, envelope->server_id);
    block_unref(frame);
}

/* Every field of a parsed message can be asked for in every way. */
static void check_fields(const struct message *message)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        struct bytes raw = message_raw(message, (enum message_key)key);
        struct msgpack_reader reader = msgpack_reader_of(raw);
        struct message nested;
        struct bytes text;
        bool value;

        if (message_text(message, (enum message_key)key, &text) == 0)
            check(text_is_utf8(text));
        message_bool(message, (enum message_key)key, true, &value);
        message_parse_nested(raw, MESSAGE_REGISTER, &nested);
        if (message_has(message, (enum message_key)key))
            check(msgpack_skip(&reader, NULL) == 0 && msgpack_reader_is_at_end(&reader));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope envelope = {.server_id = BYTES_LITERAL("hub-1"), .timestamp_s = 1700000000};
    struct message message;
    int fault;

    if (size == 0)
        return 0;
    if (data[0] & 1)
        envelope.sender_id = BYTES_LITERAL("a sender whose id is longer than thirty-one bytes");
    if (data[0] & 2)
        envelope.target_id = BYTES_LITERAL("target");
    fault = message_parse(bytes_of(data + 1, size - 1), &message);
    if (fault) {
        check(message_fault_text(fault));
        return 0;
    }
    check_fields(&message);
    if (data[0] & 4)
        message.passed = (struct message_hops){.raw = BYTES_LITERAL("\xa5hub-2\xa5hub-3"), .n = 2};
    if (message_path_has(&message, envelope.server_id, NULL) == 0)
        check_forwarded(&message, &envelope);
    return 0;
}
