/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_offer.h"

#include "federation/attributes.h"
#include "federation/hop_time.h"

/* An entry message is sent when it has grown so far. */
#define BATCH_BYTES 49152U

void foreign_offer_flush(struct foreign *foreign)
{
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};
    struct link_entries entries = foreign->entries;

    if (entries.n == 0)
        return;
    message.entries.n = entries.n;
    message.entries.raw = buffer_bytes(&entries.raw);
    /* The mesh may answer with what makes more entries. */
    foreign->entries = (struct link_entries){0};
    if (entries.raw.failed)
        foreign_run_dry(foreign);
    else
        foreign->outlet.tell(foreign->outlet.context, &message);
    link_wire_clear_entries(&entries);
}

static void append(struct foreign *foreign, struct link_entry *entry)
{
    entry->origin = foreign->hub_id;
    entry->incarnation = foreign->incarnation;
    entry->counter = ++foreign->counter;
    if (entry->change == LINK_ENTRY_SET)
        entry->path = bytes_of(foreign->path, sizeof foreign->path);
    link_wire_append_entry(&foreign->entries, entry);
    if (foreign->entries.raw.len >= BATCH_BYTES)
        foreign_offer_flush(foreign);
}

void foreign_offer_hub(struct foreign *foreign)
{
    struct link_entry entry = {.kind = ROUTE_HUB, .change = LINK_ENTRY_SET};
    struct buffer attributes = {0};

    attributes_write_hub(&attributes, bytes_of_text(foreign->server_id), 0, HOP_TIME_LEAST_MS);
    entry.raw_attributes = buffer_bytes(&attributes);
    append(foreign, &entry);
    foreign->entries.raw.failed = foreign->entries.raw.failed || attributes.failed;
    buffer_clear(&attributes);
    foreign_wake(foreign);
}

static bool is_same(const struct block *a, const struct block *b)
{
    return a && b && bytes_equal(block_bytes(a), block_bytes(b));
}

void foreign_offer_item(struct foreign *foreign, struct foreign_item *item)
{
    struct link_entry entry = {
        .kind = (uint8_t)item->kind,
        .change = item->is_theirs ? LINK_ENTRY_SET : LINK_ENTRY_DEAD,
        .channel = item->channel->name,
        .name = item->name,
    };

    if (item->is_theirs == item->is_told &&
        (!item->is_told || is_same(item->their_attributes, item->told_attributes)))
        return;
    if (item->is_theirs)
        entry.raw_attributes = block_bytes(item->their_attributes);
    block_unref(item->told_attributes);
    item->told_attributes = item->is_theirs ? block_ref(item->their_attributes) : NULL;
    item->is_told = item->is_theirs;
    append(foreign, &entry);
}

void foreign_offer_set(struct foreign *foreign, struct foreign_item *item, struct block *attributes)
{
    block_unref(item->their_attributes);
    item->their_attributes = attributes;
    item->is_theirs = attributes != NULL;
    if (!attributes)
        foreign_run_dry(foreign);
    foreign_mark_item(foreign, item);
}

void foreign_offer_withdraw(struct foreign *foreign, struct foreign_item *item)
{
    block_unref(item->their_attributes);
    item->their_attributes = NULL;
    item->is_theirs = false;
    item->is_stream = false;
    foreign_table_remove_owners(item);
    foreign_mark_item(foreign, item);
}

struct block *foreign_offer_attributes(struct buffer *written)
{
    struct block *block = written->failed ? NULL : block_new(written->len);

    if (block)
        memcpy(block->ptr, written->ptr, written->len);
    buffer_clear(written);
    return block;
}
