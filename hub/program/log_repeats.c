/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/log_repeats.h"

#include "hub/base/map.h"
#include "hub/base/random.h"

void log_repeats_init(struct log_repeats *repeats)
{
    *repeats = (struct log_repeats){.due_ms = UINT64_MAX};
    random_fill(repeats->secret, sizeof repeats->secret);
}

/* Never 0. Each part's hash is mixed into the next one's secret, so that parts can't change places. */
static uint64_t hash_of(const struct log_repeats *repeats, const struct log_record *record)
{
    uint64_t secret[2] = {repeats->secret[0], repeats->secret[1] ^ record->level};

    secret[1] ^= map_hash(secret, bytes_of_text(record->event));
    for (size_t i = 0; i < record->n_fields; i++) {
        if (record->fields[i].type == LOG_FIELD_TEXT)
            secret[1] ^= map_hash(secret, record->fields[i].text);
    }
    return secret[1] | 1;
}

static void close_window(struct log_repeat *repeat, log_repeats_tell_fn *tell, void *context)
{
    if (log_repeats_held(repeat) > 0)
        tell(repeat, context);
    repeat->since_ms = 0;
}

void log_repeats_flush(struct log_repeats *repeats, uint64_t wall_ms, log_repeats_tell_fn *tell,
                       void *context)
{
    if (wall_ms < repeats->due_ms)
        return;
    repeats->due_ms = UINT64_MAX;
    for (size_t i = 0; i < LOG_REPEATS_PLACES; i++) {
        struct log_repeat *repeat = &repeats->places[i];
        uint64_t end_ms = repeat->since_ms + LOG_REPEATS_WINDOW_MS;

        if (repeat->since_ms == 0)
            continue;
        if (end_ms <= wall_ms)
            close_window(repeat, tell, context);
        else if (end_ms < repeats->due_ms)
            repeats->due_ms = end_ms;
    }
}

static void open_window(struct log_repeats *repeats, struct log_repeat *repeat, uint64_t hash,
                        const struct log_record *record)
{
    struct bytes text = record->n_fields > 0 ? record->fields[0].text : BYTES_NONE;

    *repeat = (struct log_repeat){
        .hash = hash,
        .since_ms = record->wall_ms,
        .level = record->level,
        .stream = record->stream,
        .event = record->event,
        .text_len = text.len < LOG_REPEATS_TEXT ? text.len : LOG_REPEATS_TEXT,
    };
    if (repeat->text_len > 0)
        memcpy(repeat->text, text.ptr, repeat->text_len);
    if (record->wall_ms + LOG_REPEATS_WINDOW_MS < repeats->due_ms)
        repeats->due_ms = record->wall_ms + LOG_REPEATS_WINDOW_MS;
}

bool log_repeats_pass(struct log_repeats *repeats, const struct log_record *record, log_repeats_tell_fn *tell,
                      void *context)
{
    uint64_t hash = hash_of(repeats, record);
    struct log_repeat *repeat = &repeats->places[hash / 2 % LOG_REPEATS_PLACES];

    log_repeats_flush(repeats, record->wall_ms, tell, context);
    /* A clock that was set back would keep a window open for long. */
    if (repeat->since_ms != 0 && (repeat->hash != hash || record->wall_ms < repeat->since_ms))
        close_window(repeat, tell, context);
    if (repeat->since_ms == 0)
        open_window(repeats, repeat, hash, record);
    repeat->n_seen++;
    repeat->last_ms = record->wall_ms;
    repeat->sequence = record->sequence;
    return log_repeats_held(repeat) == 0;
}
