/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/rewrite.h"

#include "hub/base/check.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

/* The pairs that are left out, in the order in which they stand. */
struct cuts {
    const struct message_field *fields[REWRITE_MAX_CHANGES];
    uint32_t n;
};

static void cut(struct cuts *cuts, const struct message_field *field)
{
    uint32_t i = cuts->n++;

    for (; i > 0 && cuts->fields[i - 1]->key_offset > field->key_offset; i--)
        cuts->fields[i] = cuts->fields[i - 1];
    cuts->fields[i] = field;
}

static void write_kept(struct buffer *out, const struct message *message, const struct cuts *cuts)
{
    const uint8_t *body = message->body.ptr;
    size_t from = message->pairs_offset;

    for (uint32_t i = 0; i < cuts->n; i++) {
        msgpack_write_raw(out, bytes_of(body + from, cuts->fields[i]->key_offset - from));
        from = cuts->fields[i]->end_offset;
    }
    msgpack_write_raw(out, bytes_of(body + from, message->body.len - from));
}

struct block *rewrite_message(const struct message *message, size_t n, const struct rewrite *changes)
{
    struct cuts cuts = {.n = 0};
    struct buffer out = {0};
    uint32_t n_added = 0;

    check(n <= REWRITE_MAX_CHANGES);
    for (size_t i = 0; i < n; i++) {
        if (message_has(message, changes[i].key))
            cut(&cuts, &message->fields[changes[i].key]);
        n_added += changes[i].raw.len > 0;
    }
    frame_begin(&out);
    msgpack_write_map(&out, message->n_pairs - cuts.n + n_added);
    write_kept(&out, message, &cuts);
    for (size_t i = 0; i < n; i++) {
        if (changes[i].raw.len == 0)
            continue;
        msgpack_write_str(&out, bytes_of_text(message_key_name(changes[i].key)));
        msgpack_write_raw(&out, changes[i].raw);
    }
    return frame_finish(&out);
}
