/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Whatever reads as a link message must read the same after it was written again. */
#include "federation/link_wire.h"
#include "hub/base/check.h"
#include "hub/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_entry(const struct link_entry *entry)
{
    struct buffer first = {0};
    struct buffer second = {0};
    struct msgpack_reader reader;
    struct link_entry again;

    link_wire_append_entry(&first, entry);
    reader = msgpack_reader_of(buffer_bytes(&first));
    check(link_wire_next_entry(&reader, &again) == 0 && msgpack_reader_is_at_end(&reader));
    check(again.replaced == entry->replaced && again.counter == entry->counter);
    link_wire_append_entry(&second, &again);
    check(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    buffer_clear(&first);
    buffer_clear(&second);
}

static void read_entries(const struct link_message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message->entries.raw);
    struct link_entry entry;

    for (uint32_t i = 0; i < message->entries.n; i++) {
        if (link_wire_next_entry(&reader, &entry) != 0)
            return;
        check(entry.channel.len <= 255 && entry.name.len <= 255 && entry.first_channel.len <= 255);
        write_entry(&entry);
    }
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
