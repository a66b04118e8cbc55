/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/map.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/random.h"

#define FIRST_BUCKETS 8

static uint64_t process_secret[2];
static pthread_once_t process_secret_once = PTHREAD_ONCE_INIT;

static void make_process_secret(void)
{
    random_fill(process_secret, sizeof process_secret);
}

static inline uint64_t rotate(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t map_hash(const uint64_t secret[2], struct bytes bytes)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575U, secret[1] ^ 0x646f72616e646f6dU,
                     secret[0] ^ 0x6c7967656e657261U, secret[1] ^ 0x7465646279746573U};
    const uint8_t *ptr = bytes.ptr;
    size_t left = bytes.len;
    uint64_t last = (uint64_t)bytes.len << 56;
    uint64_t word;

    for (; left >= 8; ptr += 8, left -= 8) {
        memcpy(&word, ptr, 8);
        word = le64toh(word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)ptr[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *map)
{
    pthread_once(&process_secret_once, make_process_secret);
    *map = (struct map){.secret = {process_secret[0], process_secret[1]}};
}

void map_clear(struct map *map)
{
    check(map->n_nodes == 0);
    free(map->buckets);
    map->buckets = NULL;
    map->n_buckets = 0;
}

static inline struct map_node **bucket_of(const struct map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->n_buckets - 1)];
}

static int grow(struct map *map)
{
    struct map larger = *map;

    larger.n_buckets = map->n_buckets ? map->n_buckets * 2 : FIRST_BUCKETS;
    larger.buckets = calloc(larger.n_buckets, sizeof *larger.buckets);
    if (!larger.buckets)
        return -ENOMEM;
    for (size_t i = 0; i < map->n_buckets; i++) {
        struct map_node *node = map->buckets[i];

        while (node) {
            struct map_node *next = node->next;
            struct map_node **bucket = bucket_of(&larger, node->hash);

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(map->buckets);
    *map = larger;
    return 0;
}

uint64_t map_hash_of(const struct map *map, struct bytes key)
{
    return map_hash(map->secret, key);
}

int map_insert_hashed(struct map *map, struct map_node *node, struct bytes key, uint64_t hash)
{
    struct map_node **bucket;

    /* A full table that cannot grow still works, only slower; an absent one does not. */
    if (map->n_nodes >= map->n_buckets && grow(map) < 0 && map->n_buckets == 0)
        return -ENOMEM;
    node->key = key;
    node->hash = hash;
    bucket = bucket_of(map, hash);
    node->next = *bucket;
    *bucket = node;
    map->n_nodes++;
    return 0;
}

int map_insert(struct map *map, struct map_node *node, struct bytes key)
{
    return map_insert_hashed(map, node, key, map_hash_of(map, key));
}

static struct map_node *first_equal(struct map_node *node, uint64_t hash, struct bytes key)
{
    while (node && !(node->hash == hash && bytes_equal(node->key, key)))
        node = node->next;
    return node;
}

struct map_node *map_find_hashed(const struct map *map, struct bytes key, uint64_t hash)
{
    return map->n_nodes > 0 ? first_equal(*bucket_of(map, hash), hash, key) : NULL;
}

struct map_node *map_find(const struct map *map, struct bytes key)
{
    return map->n_nodes > 0 ? map_find_hashed(map, key, map_hash_of(map, key)) : NULL;
}

struct map_node *map_next_equal(const struct map_node *node)
{
    return first_equal(node->next, node->hash, node->key);
}

void map_remove(struct map *map, struct map_node *node)
{
    struct map_node **place;

    check(map->n_buckets > 0);
    for (place = bucket_of(map, node->hash); *place != node; place = &(*place)->next)
        check(*place);
    *place = node->next;
    node->next = NULL;
    map->n_nodes--;
}

struct map_node *map_any(const struct map *map)
{
    for (size_t i = 0; map->n_nodes && i < map->n_buckets; i++)
        if (map->buckets[i])
            return map->buckets[i];
    return NULL;
}

void map_walk(struct map *map, void (*visit)(struct map_node *node, void *context), void *context)
{
    for (size_t i = 0; i < map->n_buckets; i++) {
        struct map_node *node = map->buckets[i];

        while (node) {
            struct map_node *next = node->next;

            visit(node, context);
            node = next;
        }
    }
}
