/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/throttle.h"

#include <string.h>

#define MOST_DEBT_MS ((uint64_t)THROTTLE_BURST * THROTTLE_REFILL_MS)

void throttle_init(struct throttle *throttle)
{
    memset(throttle->places, 0, sizeof throttle->places);
    pthread_mutex_init(&throttle->mutex, NULL);
}

void throttle_clear(struct throttle *throttle)
{
    pthread_mutex_destroy(&throttle->mutex);
}

static struct throttle_place *find(struct throttle *throttle, const uint8_t *key)
{
    for (size_t i = 0; i < THROTTLE_PLACES; i++) {
        struct throttle_place *place = &throttle->places[i];

        if (place->last_ms && memcmp(place->key, key, THROTTLE_KEY_BYTES) == 0)
            return place;
    }
    return NULL;
}

static struct throttle_place *oldest(struct throttle *throttle)
{
    struct throttle_place *found = &throttle->places[0];

    for (size_t i = 1; i < THROTTLE_PLACES; i++) {
        if (throttle->places[i].last_ms < found->last_ms)
            found = &throttle->places[i];
    }
    return found;
}

static uint64_t debt(const struct throttle_place *place, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - place->last_ms;

    return passed_ms >= place->debt_ms ? 0 : place->debt_ms - passed_ms;
}

uint64_t throttle_wait_ms(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES], uint64_t now_ms)
{
    struct throttle_place *place;
    uint64_t owed_ms;

    pthread_mutex_lock(&throttle->mutex);
    place = find(throttle, key);
    owed_ms = place ? debt(place, now_ms) : 0;
    pthread_mutex_unlock(&throttle->mutex);
    owed_ms += THROTTLE_REFILL_MS; /* with one more try */
    return owed_ms > MOST_DEBT_MS ? owed_ms - MOST_DEBT_MS : 0;
}

void throttle_count_wrong(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES], uint64_t now_ms)
{
    struct throttle_place *place;
    uint64_t owed_ms = 0;

    pthread_mutex_lock(&throttle->mutex);
    place = find(throttle, key);
    if (place)
        owed_ms = debt(place, now_ms);
    else
        place = oldest(throttle);
    owed_ms += THROTTLE_REFILL_MS;
    memcpy(place->key, key, THROTTLE_KEY_BYTES);
    place->last_ms = now_ms ? now_ms : 1;
    place->debt_ms = owed_ms > MOST_DEBT_MS ? MOST_DEBT_MS : owed_ms;
    pthread_mutex_unlock(&throttle->mutex);
}
