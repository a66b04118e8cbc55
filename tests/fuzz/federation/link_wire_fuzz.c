/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Whatever reads as a link message must read the same after it was written again. */
#include "federation/link_wire.h"
#include "federation/path.h"
#include "hub/base/check.h"
#include "hub/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct link_entry *a, const struct link_entry *b)
{
    check(a->kind == b->kind && a->change == b->change && hub_id_equal(&a->origin, &b->origin));
    check(bytes_equal(a->channel, b->channel) && bytes_equal(a->name, b->name));
    check(bytes_equal(a->first_channel, b->first_channel) && a->replaced == b->replaced);
    check(a->held_back == b->held_back);
    check(a->incarnation == b->incarnation && a->counter == b->counter && a->cost == b->cost);
    if (a->change == LINK_ENTRY_SET)
        check(bytes_equal(a->path, b->path) && bytes_equal(a->raw_attributes, b->raw_attributes));
}

/* The entries of a message, and what they are when they were written again. */
static void read_entries(const struct link_message *message)
{
    struct msgpack_reader first = msgpack_reader_of(message->entries.raw);
    struct link_entries entries = {0};
    struct link_entry entry = {0};
    struct link_entry again = {0};
    struct msgpack_reader second;

    for (uint32_t i = 0; i < message->entries.n && link_wire_next_entry(&first, &entry) == 0; i++) {
        check(entry.channel.len <= 255 && entry.name.len <= 255 && entry.first_channel.len <= 255);
        if (entry.path.len <= PATH_MAX_BYTES)
            link_wire_append_entry(&entries, &entry);
    }
    check(!entries.raw.failed);
    first = msgpack_reader_of(message->entries.raw);
    second = msgpack_reader_of(buffer_bytes(&entries.raw));
    entry = (struct link_entry){0};
    for (uint32_t i = 0; i < message->entries.n && link_wire_next_entry(&first, &entry) == 0; i++) {
        if (entry.path.len > PATH_MAX_BYTES)
            continue;
        check(link_wire_next_entry(&second, &again) == 0);
        check_same(&entry, &again);
    }
    check(msgpack_reader_is_at_end(&second));
    link_wire_clear_entries(&entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link_message message;
    struct link_message again;
    struct block *first;
    struct block *second;

    if (link_wire_read(bytes_of(data, size), &message) != 0)
        return 0;
    if (message.type == LINK_MESSAGE_ENTRIES)
        read_entries(&message);
    first = link_wire_write(&message, message.number);
    check(first);
    /* A service without both names is read, and left to the mesh to refuse; it can't be written. */
    if ((message.type != LINK_MESSAGE_ONE && message.type != LINK_MESSAGE_PROBED) ||
        (message.one.channel.len > 0) == (message.one.event.len > 0)) {
        check(link_wire_read(frame_body(first), &again) == 0);
        second = link_wire_write(&again, again.number);
        check(second && bytes_equal(block_bytes(first), block_bytes(second)));
        block_unref(second);
    }
    block_unref(first);
    return 0;
}
