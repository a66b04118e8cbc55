/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/tickets.h"

#include <string.h>

#include "hub/base/random.h"

void tickets_init(struct tickets *tickets)
{
    *tickets = (struct tickets){0};
    pthread_mutex_init(&tickets->mutex, NULL);
}

void tickets_clear(struct tickets *tickets)
{
    explicit_bzero(tickets->places, sizeof tickets->places);
    pthread_mutex_destroy(&tickets->mutex);
}

void tickets_make(struct tickets *tickets, const struct principal *by, uint64_t now_ms,
                  char out_word[TICKETS_WORD_SIZE])
{
    struct ticket *place;

    random_alphanumeric(out_word, TICKETS_WORD_SIZE - 1);
    pthread_mutex_lock(&tickets->mutex);
    place = &tickets->places[tickets->next++ % TICKETS_MOST];
    *place = (struct ticket){.until_ms = now_ms + TICKETS_MS, .by = *by};
    memcpy(place->word, out_word, TICKETS_WORD_SIZE);
    pthread_mutex_unlock(&tickets->mutex);
}

bool tickets_take(struct tickets *tickets, struct bytes word, uint64_t now_ms, struct principal *out_by)
{
    bool is_found = false;

    if (word.len != TICKETS_WORD_SIZE - 1)
        return false;
    pthread_mutex_lock(&tickets->mutex);
    for (size_t i = 0; i < TICKETS_MOST && !is_found; i++) {
        struct ticket *place = &tickets->places[i];

        if (!bytes_equal_secret(bytes_of_text(place->word), word))
            continue;
        is_found = now_ms < place->until_ms;
        if (is_found)
            *out_by = place->by;
        explicit_bzero(place, sizeof *place);
    }
    pthread_mutex_unlock(&tickets->mutex);
    return is_found;
}
