/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/route_table.h"

#include <errno.h>

#include "federation/mesh_state.h"
#include "hub/base/check.h"
#include "hub/base/name.h"

/* kind, two lengths and names, origin */
#define KEY_MAX_BYTES (1 + 2 * (2 + NAME_MAX_BYTES) + HUB_ID_BYTES)

static uint8_t *put_name(uint8_t *at, struct bytes name)
{
    *at++ = (uint8_t)(name.len >> 8);
    *at++ = (uint8_t)name.len;
    if (name.len > 0)
        memcpy(at, name.ptr, name.len);
    return at + name.len;
}

/* The key without the origin; the origin goes behind it. */
static struct bytes pack_name(uint8_t buffer[KEY_MAX_BYTES], enum route_kind kind, struct bytes channel,
                              struct bytes name)
{
    uint8_t *at = buffer;

    check(channel.len <= NAME_MAX_BYTES && name.len <= NAME_MAX_BYTES);
    *at++ = (uint8_t)kind;
    at = put_name(at, channel);
    at = put_name(at, name);
    return bytes_of(buffer, (size_t)(at - buffer));
}

static struct bytes pack_key(uint8_t buffer[KEY_MAX_BYTES], const struct route_key *key)
{
    struct bytes packed = pack_name(buffer, key->kind, key->channel, key->name);

    memcpy(buffer + packed.len, key->origin.octets, HUB_ID_BYTES);
    packed.len += HUB_ID_BYTES;
    return packed;
}

int route_table_compare_seq(struct route_seq a, struct route_seq b)
{
    if (a.incarnation != b.incarnation)
        return a.incarnation < b.incarnation ? -1 : 1;
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    return 0;
}

void route_table_init(struct route_table *table)
{
    *table = (struct route_table){0};
    map_init(&table->by_key);
    map_init(&table->by_name);
    list_init(&table->graves);
    path_table_init(&table->paths);
    list_init(&table->missed);
}

static void unbury(struct route_table *table, struct route *route)
{
    if (!route->is_dead)
        return;
    route->is_dead = false;
    list_unlink(&route->in_ended);
    table->n_graves--;
}

static void route_free(struct route_table *table, struct route *route)
{
    if (table->latest == route)
        table->latest = NULL;
    while (!list_is_empty(&route->candidates))
        route_table_drop(table, list_first_entry(&route->candidates, struct candidate, in_route));
    map_remove(&table->by_key, &route->by_key);
    map_remove(&table->by_name, &route->by_name);
    list_unlink(&route->in_origin);
    roll_remove(&table->all, route->serial);
    list_unlink(&route->untold);
    list_unlink(&route->unoffered);
    route_table_found(table, route);
    unbury(table, route);
    list_unlink(&route->rest.held);
    block_unref(route->attributes);
    block_unref(route->first_channel);
    free(route);
}

void route_table_clear(struct route_table *table)
{
    struct route *route;
    uint64_t serial = 0;

    while ((route = roll_next(&table->all, serial, &serial)))
        route_free(table, route);
    map_clear(&table->by_key);
    map_clear(&table->by_name);
    path_table_clear(&table->paths);
    block_unref(table->latest_attributes);
    table->latest_attributes = NULL;
}

struct route *route_table_find(const struct route_table *table, const struct route_key *key)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct map_node *node = map_find(&table->by_key, pack_key(buffer, key));

    return node ? container_of(node, struct route, by_key) : NULL;
}

/* The one that was made behind the latest of its origin; NULL: none was. */
static struct route *next_in_row(const struct route_table *table)
{
    const struct route *latest = table->latest;

    if (!latest || latest->in_origin.next == &latest->origin->routes)
        return NULL;
    return container_of(latest->in_origin.next, struct route, in_origin);
}

struct route *route_table_find_in_row(struct route_table *table, const struct route_key *key)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct bytes packed = pack_key(buffer, key);
    struct route *next = next_in_row(table);
    struct map_node *node;

    if (!next || !bytes_equal(next->by_key.key, packed)) {
        node = map_find(&table->by_key, packed);
        next = node ? container_of(node, struct route, by_key) : NULL;
    }
    table->latest = next;
    return next;
}

static struct route *route_new(const struct route_key *key, struct bytes packed)
{
    struct route *route = calloc(1, sizeof *route + packed.len);

    if (!route)
        return NULL;
    memcpy(route->key, packed.ptr, packed.len);
    route->kind = key->kind;
    route->channel = bytes_of(route->key + 3, key->channel.len);
    route->name = bytes_of(route->key + 3 + key->channel.len + 2, key->name.len);
    list_init(&route->candidates);
    list_init(&route->in_origin);
    list_init(&route->untold);
    list_init(&route->unoffered);
    list_init(&route->in_ended);
    pacer_rest_init(&route->rest);
    return route;
}

/* Into all that it is found by, or nothing. */
static int enter(struct route_table *table, struct route *route, size_t key_len)
{
    if (map_insert(&table->by_key, &route->by_key, bytes_of(route->key, key_len)) < 0)
        return -ENOMEM;
    if (map_insert(&table->by_name, &route->by_name, bytes_of(route->key, key_len - HUB_ID_BYTES)) == 0) {
        if (roll_add(&table->all, route->serial, route) == 0)
            return 0;
        map_remove(&table->by_name, &route->by_name);
    }
    map_remove(&table->by_key, &route->by_key);
    return -ENOMEM;
}

struct route *route_table_get(struct route_table *table, const struct route_key *key, struct origin *origin,
                              struct list *routes)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct bytes packed = pack_key(buffer, key);
    struct map_node *node = map_find(&table->by_key, packed);
    struct route *route;

    if (node)
        return container_of(node, struct route, by_key);
    route = route_new(key, packed);
    if (!route)
        return NULL;
    route->serial = ++table->last_serial;
    if (enter(table, route, packed.len) < 0) {
        free(route);
        return NULL;
    }
    route->origin = origin;
    list_append(routes, &route->in_origin);
    return route;
}

struct route *route_table_first_named(const struct route_table *table, enum route_kind kind,
                                      struct bytes channel, struct bytes name)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct map_node *node = map_find(&table->by_name, pack_name(buffer, kind, channel, name));

    return node ? container_of(node, struct route, by_name) : NULL;
}

struct route *route_table_next_named(const struct route *route)
{
    struct map_node *node = map_next_equal(&route->by_name);

    return node ? container_of(node, struct route, by_name) : NULL;
}

struct candidate *route_table_candidate_of(const struct route *route, const struct mesh_link *link)
{
    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next) {
        struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (candidate->link == link)
            return candidate;
    }
    return NULL;
}

void route_table_take_word(struct route *route, struct route_seq seq)
{
    route->seq = seq;
    route->is_word_told = false;
    route->is_word_offered = false;
}

static struct candidate *candidate_new(struct route_table *table, struct bytes path)
{
    struct candidate *candidate = malloc(sizeof *candidate);
    struct shared_path *shared = candidate ? path_table_get(&table->paths, path) : NULL;

    if (!shared) {
        free(candidate);
        return NULL;
    }
    *candidate = (struct candidate){.path = shared};
    list_init(&candidate->in_route);
    list_init(&candidate->in_link);
    list_init(&candidate->in_path);
    list_append(&shared->candidates, &candidate->in_path);
    return candidate;
}

static void candidate_free(struct route_table *table, struct candidate *candidate)
{
    list_unlink(&candidate->in_route);
    list_unlink(&candidate->in_link);
    list_unlink(&candidate->in_path);
    path_table_release(&table->paths, candidate->path);
    free(candidate);
}

static struct block *copy_of(struct bytes bytes)
{
    struct block *block = block_new(bytes.len);

    if (block && bytes.len > 0)
        memcpy(block->ptr, bytes.ptr, bytes.len);
    return block;
}

struct bytes route_table_first_channel(const struct route *route)
{
    return route->first_channel ? block_bytes(route->first_channel) : route->channel;
}

int route_table_set_first_channel(struct route *route, struct bytes first_channel)
{
    bool is_other = !bytes_equal(first_channel, route->channel);
    struct block *copy = is_other ? copy_of(first_channel) : NULL;

    if (is_other && !copy)
        return -ENOMEM;
    block_unref(route->first_channel);
    route->first_channel = copy;
    return 0;
}

static struct block *attributes_of(struct route_table *table, struct bytes bytes)
{
    struct block *block = table->latest_attributes;

    if (block && bytes_equal(block_bytes(block), bytes))
        return block_ref(block);
    block = copy_of(bytes);
    block_unref(table->latest_attributes);
    table->latest_attributes = block ? block_ref(block) : NULL;
    return block;
}

static void drop_all(struct route_table *table, struct route *route)
{
    while (!list_is_empty(&route->candidates))
        route_table_drop(table, list_first_entry(&route->candidates, struct candidate, in_route));
}

/* Whether the entry says what the route is. Where no way but @previous stands, its words count at the same
 * number too: what is remembered may be of another hub with this id, a copy that has gone meanwhile. */
static bool is_news(const struct route *route, const struct candidate *previous, struct route_seq seq,
                    struct bytes attributes)
{
    const struct list *first = route->candidates.next;
    bool has_others = previous ? first != &previous->in_route || first->next != &route->candidates
                               : !list_is_empty(&route->candidates);

    if (!route->attributes || route_table_compare_seq(seq, route->seq) > 0)
        return true;
    return !has_others && !bytes_equal(block_bytes(route->attributes), attributes);
}

int route_table_put(struct route_table *table, struct route *route, struct mesh_link *link,
                    struct list *candidates_of_link, struct route_seq seq, struct bytes path, uint64_t cost,
                    struct bytes attributes)
{
    struct candidate *previous = route_table_candidate_of(route, link);
    bool is_newer = is_news(route, previous, seq, attributes);
    struct candidate *candidate = candidate_new(table, path);
    struct block *block = is_newer ? attributes_of(table, attributes) : NULL;

    if (!candidate || (is_newer && !block)) {
        if (candidate)
            candidate_free(table, candidate);
        block_unref(block);
        return -ENOMEM;
    }
    candidate->route = route;
    candidate->link = link;
    candidate->cost = cost & (UINT64_MAX >> 9);
    if (is_newer) {
        drop_all(table, route);
        unbury(table, route);
        block_unref(route->attributes);
        route->attributes = block;
        route_table_take_word(route, seq);
    } else if (previous) {
        route_table_drop(table, previous);
    }
    list_append(&route->candidates, &candidate->in_route);
    if (candidates_of_link)
        list_append(candidates_of_link, &candidate->in_link);
    table->n_candidates++;
    return 0;
}

void route_table_drop(struct route_table *table, struct candidate *candidate)
{
    if (candidate->route->best == candidate)
        candidate->route->best = NULL;
    if (candidate->link)
        candidate->link->digests.ways -= candidate->digest;
    table->n_candidates--;
    candidate_free(table, candidate);
}

void route_table_bury(struct route_table *table, struct route *route, struct route_seq seq, uint64_t now_ms)
{
    drop_all(table, route);
    unbury(table, route);
    route_table_found(table, route);
    block_unref(route->attributes);
    route->attributes = NULL;
    route_table_take_word(route, seq);
    route->is_dead = true;
    route->ended_at_ms = now_ms;
    list_append(&table->graves, &route->in_ended);
    table->n_graves++;
}

void route_table_clear_graves(struct route_table *table, uint64_t now_ms)
{
    while (!list_is_empty(&table->graves)) {
        struct route *route = list_first_entry(&table->graves, struct route, in_ended);

        if (table->n_graves <= ROUTE_TABLE_MAX_GRAVES && now_ms - route->ended_at_ms < ROUTE_TABLE_GRAVE_MS)
            return;
        unbury(table, route);
        route_table_release(table, route);
    }
}

void route_table_miss(struct route_table *table, struct route *route, uint64_t now_ms)
{
    if (route->is_missed)
        return;
    check(!route->is_dead);
    route->is_missed = true;
    route->ended_at_ms = now_ms;
    list_append(&table->missed, &route->in_ended);
    table->n_missed++;
}

void route_table_found(struct route_table *table, struct route *route)
{
    if (!route->is_missed)
        return;
    route->is_missed = false;
    list_unlink(&route->in_ended);
    table->n_missed--;
}

void route_table_forget_missed(struct route_table *table, uint64_t now_ms)
{
    while (!list_is_empty(&table->missed)) {
        struct route *route = list_first_entry(&table->missed, struct route, in_ended);

        if (table->n_missed <= ROUTE_TABLE_MAX_MISSED && now_ms - route->ended_at_ms < ROUTE_TABLE_MISSED_MS)
            return;
        route_table_found(table, route);
        route_table_release(table, route);
    }
}

bool route_table_is_idle(const struct route *route)
{
    bool is_waiting = !list_is_empty(&route->untold) || !list_is_empty(&route->unoffered);

    return !route->is_dead && !is_waiting && !route->is_offered && list_is_empty(&route->candidates) &&
           link_set_is_empty(&route->told) && !route->is_missed && route->n_parked == 0;
}

void route_table_release(struct route_table *table, struct route *route)
{
    if (route->kind != ROUTE_HUB && route_table_is_idle(route))
        route_free(table, route);
}

void route_table_remove(struct route_table *table, struct route *route)
{
    route_free(table, route);
}
