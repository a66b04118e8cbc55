/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Intrusive hash map keyed by bytes
 *
 * The node lives inside the element and borrows the key from it: the key must stay where it is while the
 * element is in the map. Hashing is SipHash-1-3 under the map's own secret, for the keys come from strangers.
 * Several elements may have equal keys; map_find() answers any one of them, map_next_equal() the others.
 * Order of walking is not defined: what must come in order also hangs on a list.
 */
#ifndef COMMHUB_BASE_MAP_H
#define COMMHUB_BASE_MAP_H

#include "hub/base/bytes.h"
#include "hub/base/list.h"

struct map_node {
    struct map_node *next;
    struct bytes key;
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t n_buckets; /* zero or a power of two */
    size_t n_nodes;
    uint64_t secret[2];
};

/* The secret comes from the kernel's random source once a process; no allocation, so it cannot fail. */
void map_init(struct map *map);

/* The map must be empty: it does not own what hangs in it. */
void map_clear(struct map *map);

/* 0 or -ENOMEM, and then the node is not in the map. */
int map_insert(struct map *map, struct map_node *node, struct bytes key);

struct map_node *map_find(const struct map *map, struct bytes key);

/* The same two for who looks first and then inserts, with the key hashed once: by map_hash_of(). */
uint64_t map_hash_of(const struct map *map, struct bytes key);
struct map_node *map_find_hashed(const struct map *map, struct bytes key, uint64_t hash);
int map_insert_hashed(struct map *map, struct map_node *node, struct bytes key, uint64_t hash);

struct map_node *map_next_equal(const struct map_node *node);

/* The node must be in this map. */
void map_remove(struct map *map, struct map_node *node);

/* Any node, NULL if empty; for emptying a map. */
struct map_node *map_any(const struct map *map);

/* Calls @visit for every node; it may remove the node it is given, and no other. */
void map_walk(struct map *map, void (*visit)(struct map_node *node, void *context), void *context);

/* SipHash-1-3 of @bytes under @secret (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). */
uint64_t map_hash(const uint64_t secret[2], struct bytes bytes);

#endif
