/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/envelope.h"

#include "hub/base/check.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

/* sender_id, target_id, path */
#define MAX_CUTS 3

/* All that is written beside the body and the ids: map and array heads, five keys, heads of the ids, a
 * timestamp and what the writer reserves ahead. */
#define REWRITTEN_BYTES 160

/* The pairs that are left out, in the order in which they stand. */
struct cuts {
    struct message_field fields[MAX_CUTS];
    uint32_t n;
};

static void cut(struct cuts *cuts, const struct message *message, enum message_key key)
{
    struct message_field field;
    uint32_t i = cuts->n;

    if (!message_has(message, key))
        return;
    field = message->fields[key];
    for (; i > 0 && cuts->fields[i - 1].key_offset > field.key_offset; i--)
        cuts->fields[i] = cuts->fields[i - 1];
    cuts->fields[i] = field;
    cuts->n++;
}

static void write_kept(struct buffer *out, const struct message *message, const struct cuts *cuts)
{
    const uint8_t *body = message->body.ptr;
    size_t from = message->pairs_offset;

    for (uint32_t i = 0; i < cuts->n; i++) {
        msgpack_write_raw(out, bytes_of(body + from, cuts->fields[i].key_offset - from));
        from = cuts->fields[i].end_offset;
    }
    msgpack_write_raw(out, bytes_of(body + from, message->body.len - from));
}

/* The elements of the path that came in, and their number. */
static struct bytes old_hops(const struct message *message, uint32_t *out_n_hops)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_PATH));
    struct msgpack_value path = {.type = MSGPACK_NIL};

    *out_n_hops = 0;
    if (message_has(message, KEY_PATH))
        check(msgpack_read(&reader, &path) == 0);
    if (path.type == MSGPACK_NIL)
        return BYTES_NONE;
    check(path.type == MSGPACK_ARRAY);
    *out_n_hops = path.n_items;
    return bytes_from(reader.bytes, reader.offset);
}

static void write_path(struct buffer *out, const struct message *message, const struct envelope *envelope)
{
    bool names_hub = envelope->server_id.ptr;
    uint32_t n_hops = 0;
    struct bytes hops = old_hops(message, &n_hops);

    msgpack_write_raw(out, BYTES_LITERAL("\xa4path"));
    msgpack_write_array(out, n_hops + message->passed.n + names_hub);
    msgpack_write_raw(out, hops);
    msgpack_write_raw(out, message->passed.raw);
    if (names_hub)
        msgpack_write_str(out, envelope->server_id);
}

struct block *envelope_forward(const struct message *message, const struct envelope *envelope)
{
    bool sets_sender = envelope->sender_id.ptr;
    bool sets_target = envelope->target_id.ptr;
    bool adds_timestamp = !message_has(message, KEY_TIMESTAMP);
    bool adds_origin = envelope->server_id.ptr && !message_has(message, KEY_ORIGIN_SERVER_ID);
    uint32_t n_added = 1U + sets_sender + sets_target + adds_timestamp + adds_origin;
    struct cuts cuts = {.n = 0};
    struct buffer out = {0};

    if (sets_sender)
        cut(&cuts, message, KEY_SENDER_ID);
    if (sets_target)
        cut(&cuts, message, KEY_TARGET_ID);
    cut(&cuts, message, KEY_PATH);

    frame_begin_sized(&out, message->body.len + envelope->sender_id.len + envelope->target_id.len +
                                2 * envelope->server_id.len + message->passed.raw.len + REWRITTEN_BYTES);
    msgpack_write_map(&out, message->n_pairs - cuts.n + n_added);
    write_kept(&out, message, &cuts);
    if (sets_sender) {
        msgpack_write_raw(&out, BYTES_LITERAL("\xa9sender_id"));
        msgpack_write_str(&out, envelope->sender_id);
    }
    if (sets_target) {
        msgpack_write_raw(&out, BYTES_LITERAL("\xa9target_id"));
        msgpack_write_str(&out, envelope->target_id);
    }
    if (adds_timestamp) {
        msgpack_write_raw(&out, BYTES_LITERAL("\xa9timestamp"));
        msgpack_write_u64(&out, envelope->timestamp_s);
    }
    if (adds_origin) {
        msgpack_write_raw(&out, BYTES_LITERAL("\xb0origin_server_id"));
        msgpack_write_str(&out, envelope->server_id);
    }
    write_path(&out, message, envelope);
    return frame_finish(&out);
}
