/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/rate_limit.h"

#include "hub/base/random.h"

void rate_limit_init(struct rate_limit *limit, uint64_t per_s)
{
    *limit = (struct rate_limit){.per_s = per_s, .seed = random_u64()};
    pthread_mutex_init(&limit->mutex, NULL);
}

void rate_limit_clear(struct rate_limit *limit)
{
    pthread_mutex_destroy(&limit->mutex);
}

static struct rate_limit_place *place_of(struct rate_limit *limit, const uint8_t *key)
{
    uint64_t hash = limit->seed;

    for (unsigned i = 0; i < RATE_LIMIT_KEY_BYTES; i++) {
        hash = (hash ^ key[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return &limit->places[hash % RATE_LIMIT_PLACES];
}

static uint64_t up(uint64_t thousandths, uint64_t per_s)
{
    return (thousandths + per_s * 1000 - 1) / (per_s * 1000);
}

bool rate_limit_take(struct rate_limit *limit, const uint8_t key[RATE_LIMIT_KEY_BYTES], uint64_t units,
                     uint64_t now_ms, struct rate_limit_state *out_state)
{
    uint64_t most = 2 * limit->per_s * 1000, wanted = units * 1000, back;
    struct rate_limit_place *place;
    bool is_taken;

    pthread_mutex_lock(&limit->mutex);
    place = place_of(limit, key);
    back = (now_ms - place->last_ms) * limit->per_s;
    place->taken = back < place->taken ? place->taken - back : 0;
    place->last_ms = now_ms;
    is_taken = place->taken + wanted <= most;
    if (is_taken)
        place->taken += wanted;
    out_state->left = (most - place->taken) / 1000;
    out_state->full_s = up(place->taken, limit->per_s);
    out_state->wait_s = is_taken ? 0 : up(place->taken + wanted - most, limit->per_s);
    pthread_mutex_unlock(&limit->mutex);
    return is_taken;
}
