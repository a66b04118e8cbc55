/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/sim/sim_trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "federation/path.h"
#include "hub/base/check.h"
#include "hub/wire/msgpack_read.h"
#include "tests/sim/sim_state.h"

struct update {
    struct map_node node;
    unsigned n;
    uint8_t key[];
};

void sim_trace_init(struct sim_trace *trace)
{
    *trace = (struct sim_trace){0};
    map_init(&trace->updates);
}

void sim_trace_clear(struct sim_trace *trace)
{
    struct map_node *node;

    while ((node = map_any(&trace->updates))) {
        map_remove(&trace->updates, node);
        free(container_of(node, struct update, node));
    }
    map_clear(&trace->updates);
}

void sim_trace(struct sim *sim)
{
    sim_trace_clear(&sim->trace);
    sim_trace_init(&sim->trace);
    sim->trace.is_on = true;
}

unsigned sim_most_updates(const struct sim *sim)
{
    return sim->trace.most;
}

uint64_t sim_n_updates(const struct sim *sim)
{
    return sim->trace.n_entries;
}

static struct update *update_of(struct sim_trace *trace, struct bytes key)
{
    struct map_node *node = map_find(&trace->updates, key);
    struct update *update;

    if (node)
        return container_of(node, struct update, node);
    update = calloc(1, sizeof *update + key.len);
    check(update);
    memcpy(update->key, key.ptr, key.len);
    check(map_insert(&trace->updates, &update->node, bytes_of(update->key, key.len)) == 0);
    return update;
}

static void count(struct sim_trace *trace, const struct sim_link *link, unsigned end,
                  const struct link_entry *entry)
{
    struct buffer key = {0};
    char place[48];
    struct update *update;

    snprintf(place, sizeof place, "%u %u %u ", link->index, end, entry->kind);
    buffer_append_text(&key, place);
    buffer_append_bytes(&key, hub_id_bytes(&entry->origin));
    buffer_append_bytes(&key, entry->channel);
    buffer_append_bytes(&key, BYTES_LITERAL(":"));
    buffer_append_bytes(&key, entry->name);
    check(!key.failed);
    update = update_of(trace, buffer_bytes(&key));
    buffer_clear(&key);
    trace->n_entries++;
    if (++update->n > trace->most)
        trace->most = update->n;
}

static void hold_against_rules(const struct sim_link *link, unsigned end, const struct link_entry *entry)
{
    struct hub_id receiver = sim_id_of(end ? link->b : link->a);
    struct hub_id sender = sim_id_of(end ? link->a : link->b);
    size_t n_hops = path_n_hops(entry->path);
    struct hop last;

    check(!hub_id_equal(&entry->origin, &receiver));
    if (entry->change != LINK_ENTRY_SET)
        return;
    check(n_hops > 0 && n_hops <= PATH_MAX_HOPS && !path_has_hub(entry->path, &receiver));
    last = path_at(entry->path, n_hops - 1);
    check(hub_id_equal(&last.hub, &sender) && last.session == link->session);
    for (size_t i = 0; i + 1 < n_hops; i++) {
        struct hop hop = path_at(entry->path, i);

        check(!path_has_hub(bytes_from(entry->path, (i + 1) * PATH_HOP_BYTES), &hop.hub));
    }
}

void sim_trace_entries(struct sim *sim, const struct sim_link *link, unsigned end,
                       const struct link_message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message->entries.raw);
    struct link_entry entry = {0};

    for (uint32_t i = 0; i < message->entries.n; i++) {
        check(link_wire_next_entry(&reader, &entry) == 0);
        hold_against_rules(link, end, &entry);
        count(&sim->trace, link, end, &entry);
    }
}
